"""From predictions to a scene that can be shown.

`smoothing` makes flickering predictions into a scene, `levels` says how loud it is, `trial` whether
a model answers at all.
"""
