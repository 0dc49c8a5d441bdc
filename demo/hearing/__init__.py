"""From predictions to a scene that can be shown.

`smoothing` makes flickering predictions into a scene, `levels` says how loud it is, `health` counts
how listening goes (and asks `machine`), `trial` tells whether a model answers at all.
"""
