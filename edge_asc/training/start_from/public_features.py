"""Features as the paper's public code computes them: torchaudio, float32, rounding for rounding.

For comparisons. Our own front ends compute in float64, so that they agree on every processor; from
these they differ by what float32 loses, less than 1e-5 of a clip's largest feature.
Letters: N samples, M mels, F frames.
"""

from functools import cache

import torch
from torch import Tensor, nn

from edge_asc.config.schema import load_preset
from edge_asc.frontend.front_end import STD_FLOOR, FrontEnd
from edge_asc.training.inputs.torchaudio_transforms import mel_spectrogram

PRESET = "amfm-full"


@torch.no_grad()
def public_features(audio: Tensor) -> Tensor:
    """What the public code feeds its network.

    The standard deviation over time has n - 1 in its denominator, as `torch.std` unless told
    otherwise.

    Args:
        audio: samples [N] at 44.1 kHz, full scale 1, before pre-emphasis.

    Returns:
        Features [M, 1 + (N - 1) // 882], float32.
    """
    frontend = _front_end()
    power = _mel_spectrogram()((audio[1:] - frontend.pre_emphasis * audio[:-1]).float())
    deviation = power.std(dim=1, keepdim=True).clamp(min=STD_FLOOR)
    return (power - power.mean(dim=1, keepdim=True)) / deviation


@cache
def _front_end() -> FrontEnd:
    return load_preset(PRESET).front_end()


@cache
def _mel_spectrogram() -> nn.Module:
    frontend = _front_end()
    return mel_spectrogram(
        sample_rate=frontend.sample_rate_hz,
        n_fft=frontend.n_fft,
        win_length=frontend.win_length,
        hop_length=frontend.hop_length,
        n_mels=frontend.n_mels,
        window_fn=torch.hamming_window,
    )
