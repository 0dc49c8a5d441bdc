"""Networks of five public families, written anew, small: examples of networks of one's own.

`PYTHONPATH=recipes edge-asc train quickstart --set model.name=networks.mobilenet:MobileNet …`
"""

FAMILIES = {
    "MobileNetV2": "networks.mobilenet:MobileNet",
    "EfficientNet": "networks.efficientnet:EfficientNet",
    "BC-ResNet": "networks.bcresnet:BCResNet",
    "TF-SepNet": "networks.tfsepnet:TFSepNet",
    "DS-CNN": "networks.dscnn:DSCNN",
}
