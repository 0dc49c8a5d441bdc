"""Probabilities averaged over crops, and the figures made of them."""

import math

import pytest
import torch
from torch import nn

from edge_asc.training.inputs.torch_frontend import TorchFrontEnd
from edge_asc.training.validate import predict, score
from small_training import CROP, FRONT_END, small_network, store


def test_scores_by_hand() -> None:
    probabilities = (torch.tensor([[0.9, 0.1], [0.4, 0.6], [0.8, 0.2], [0.7, 0.3]]),)
    scores = score(probabilities, (torch.tensor([0, 1, 1, 0]),))
    assert scores.confusion.tolist() == [[2, 0], [1, 1]]
    assert (scores.accuracy, scores.macro_accuracy, scores.clips) == (0.75, 0.75, 4)
    expected = -(math.log(0.9) + math.log(0.6) + math.log(0.2) + math.log(0.7)) / 4
    assert scores.mean_log_loss == pytest.approx(expected, abs=1e-6)


def test_prediction_averages_the_crops_and_keeps_the_mode() -> None:
    network: nn.Module = small_network().train()
    some = store(5)
    normalize = TorchFrontEnd(FRONT_END).normalize
    got = predict(network, normalize, some, CROP, batch_size=2)
    assert network.training
    network.eval()
    crops = [normalize(some.memory[:, None, :, s : s + CROP]) for s in (0, 2, 4)]
    with torch.no_grad():
        expected = sum(network(x)[0].softmax(1) for x in crops) / 3
    assert torch.allclose(got[0], expected, atol=1e-6)
