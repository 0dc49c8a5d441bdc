"""What a training process imports of others, once for all processes of `warm_start.py`.

Nothing of ours: each process imports that itself.
"""

import os

os.environ["NNCF_CI"] = "1"  # else its import phones home

import lightning.pytorch
import nncf.torch
import optuna
import torch._dynamo

__all__ = ["lightning", "nncf", "optuna", "torch"]
