# Runs inside the container of boot.sh, as root, with sh -eux.

show() { # PROPERTY
    systemctl show --value -p "$1" edge-asc
}

until_true() { # SECONDS COMMAND...
    deadline=$(($(date +%s) + $1))
    shift
    until "$@"; do
        if [ "$(date +%s)" -gt $deadline ]; then return 1; fi
        sleep 0.2
    done
}

is() { # PROPERTY PATTERN
    case $(show "$1") in $2) return 0 ;; *) return 1 ;; esac
}

mkdir -p /etc/systemd/system/edge-asc.service.d
printf '[Service]\nWatchdogSec=4\nRestartSec=1\n' >/etc/systemd/system/edge-asc.service.d/quick.conf

edge-asc live --model /mnt/model.tflite --source /mnt/walk.wav --realtime --floor 0 \
    --log scenes.jsonl --install-service
is ActiveState active
pid=$(show MainPID)
[ "$(stat -c %U /proc/$pid)" != root ]
cmp /mnt/model.tflite /usr/local/share/edge-asc/model.tflite
echo "ok: installed, started, ready as a user of its own"

until_true 15 is StatusText '*walk.wav*'
until_true 20 is StatusText '[!l]*' # "listening" until the first decision
echo "ok: status: $(show StatusText)"

kill -STOP "$pid"
until_true 15 is NRestarts 1
until_true 15 is ActiveState active
[ "$(show MainPID)" != "$pid" ]
journalctl -u edge-asc --no-pager | grep -q 'Watchdog timeout'
echo "ok: a process that hangs is ended by the watchdog and started again"

until_true 15 is StatusText '*walk.wav*'
started=$(date +%s%N)
systemctl stop edge-asc
echo "ok: stopped in $((($(date +%s%N) - started) / 1000000)) ms"
[ "$(show Result) $(show ExecMainStatus)" = 'success 0' ]
grep -q '"scene"' /var/lib/edge-asc/scenes.jsonl
edge-asc log summary /var/lib/edge-asc/scenes.jsonl
[ "$(stat -Lc %a /var/lib/edge-asc/scenes.jsonl)" = 600 ]
echo "ok: the log can be read, by root"

edge-asc live --model /mnt/model.tflite --install-service
is ActiveState active
sleep 10
[ "$(show ActiveState) $(show NRestarts)" = 'active 0' ]
is StatusText 'lost*'
echo "ok: without a microphone it waits, and is not restarted: $(show StatusText)"

mkdir -p /etc/edge-asc
printf '%s\n' EDGE_ASC_MQTT_USER=asc EDGE_ASC_WEB_TOKEN=not-a-secret-0123456789 >/etc/edge-asc/environment
echo 's3cret' >/etc/edge-asc/mqtt-password
chmod 600 /etc/edge-asc/*
edge-asc live --model /mnt/model.onnx --source /mnt/walk.wav --realtime --web 0.0.0.0:8765 \
    --metrics 127.0.0.1:9100 --mqtt mqtt://127.0.0.1 --install-service
is ActiveState active
test -s /run/credentials/edge-asc.service/mqtt-password
! systemctl cat edge-asc | grep -q s3cret
python3 - <<'P'
from urllib.request import Request, urlopen
metrics = urlopen("http://127.0.0.1:9100/metrics").read().decode()
assert "edge_asc_" in metrics
page = Request("http://127.0.0.1:8765/", headers={"Authorization": "Bearer not-a-secret-0123456789"})
assert "<html" in urlopen(page).read().decode()
P
systemctl disable --now edge-asc
[ "$(show Result)" = success ]
echo "ok: page, metrics and MQTT with their secrets from files; disabled again"
