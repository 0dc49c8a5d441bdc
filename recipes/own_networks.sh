#!/bin/sh
# Networks of six public families (recipes/families): trained two epochs on synthetic scenes, quantised
# (ranges alone), exported in both formats and three precisions, each file compared with torch and evaluated.
# Usage: recipes/own_networks.sh [FOLDER [NETWORK...]]   About ten minutes on two cores; goes on where it was
# interrupted. NETWORK: of those below [all]; figures of the others stay as they are.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=${1:-$here/out/own-networks}
[ $# -eq 0 ] || shift
wanted=" $* "
results=$here/artifacts/own-networks/results.json
export PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}"

[ -f "$work/data/synthetic.csv" ] || edge-asc data synth "$work/data"

family() { # NAME NETWORK
    case "$wanted" in *" $1 "* | "  ") ;; *) return 0 ;; esac
    run=$work/$1
    [ -f "$run/weights.pt" ] ||
        edge-asc train "$here/families/two-epochs.toml" --set "model.name=families.$2" \
            --data "$work/data" --fold 1 --out "$work" --name "$1" --resume
    [ -f "$run/quantized/weights.pt" ] || edge-asc quantize "$run" --ptq
    [ -f "$run/figures.json" ] || python "$here/own_networks_table.py" measure "$run" "$work/data"
}

family mobilenet mobilenet:MobileNet
family efficientnet efficientnet:EfficientNet
family bcresnet bcresnet:BCResNet
family tfsepnet tfsepnet:TFSepNet
family dscnn dscnn:DSCNN
family tcn tcn:TCN

python "$here/own_networks_table.py" collect "$work" "$results"
python "$here/own_networks_table.py" table "$results" |
    python "$here/tables.py" fill "$here/../RESULTS.md" own-networks
