"""Networks of six public families, written anew, small: examples of networks of one's own.

`PYTHONPATH=recipes edge-asc train quickstart --set model.name=families.mobilenet:MobileNet …`
"""

FAMILIES = {
    "MobileNetV2": "families.mobilenet:MobileNet",
    "EfficientNet": "families.efficientnet:EfficientNet",
    "BC-ResNet": "families.bcresnet:BCResNet",
    "TF-SepNet": "families.tfsepnet:TFSepNet",
    "DS-CNN": "families.dscnn:DSCNN",
    "TCN": "families.tcn:TCN",
}
