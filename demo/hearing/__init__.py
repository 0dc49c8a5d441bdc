"""From samples to a scene that can be shown.

`listener` computes each frame of features once and asks the network about each window, `smoothing`
makes its flickering answers into a scene, `levels` says how loud it is.
"""
