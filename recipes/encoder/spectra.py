"""Log-mels of a batch of sounds for the teachers and for the student, from one Fourier transform.

Letters: B windows, N samples, F frames, M mels. 16 kHz; a window of 15,600 samples has 96 frames.
"""

import numpy as np
import torch
from torch import Tensor

from edge_asc.frontend.front_end import FrontEnd

RATE_HZ = 16000
WINDOW_SAMPLES = 15600
WINDOW_FRAMES = 96
N_MELS = 64
FRAME, HOP, N_FFT = 400, 160, 512
LOWEST_HZ, HIGHEST_HZ = 125.0, 7500.0
YAMNET_FLOOR = 0.001  # added to YAMNet's mel magnitudes before the logarithm

FRONT_END = FrontEnd(
    sample_rate_hz=RATE_HZ,
    n_fft=N_FFT,
    win_length=FRAME,
    hop_length=HOP,
    n_mels=N_MELS,
    f_min_hz=LOWEST_HZ,
    f_max_hz=HIGHEST_HZ,
    window="hann",
    log_floor=1e-5,
    normalization="none",
)

# Stored features: 256 steps between the logarithm of the floor and what full scale can reach.
LOWEST, STEP = float(np.log(1e-5)), 0.09


def yamnet_bank() -> np.ndarray:
    """YAMNet's mel filters [257, M], float32: triangles linear in mel, no lowest bin."""
    mel = 1127.0 * np.log1p(np.linspace(0.0, RATE_HZ / 2, N_FFT // 2 + 1) / 700.0)[:, None]
    ends = 1127.0 * np.log1p(np.array([LOWEST_HZ, HIGHEST_HZ]) / 700.0)
    corners = np.linspace(ends[0], ends[1], N_MELS + 2)
    low, middle, high = corners[:-2], corners[1:-1], corners[2:]
    rising, falling = (mel - low) / (middle - low), (high - mel) / (high - middle)
    bank = np.maximum(0.0, np.minimum(rising, falling))
    bank[0] = 0.0
    return bank.astype(np.float32)


class Spectra:
    """Turns sounds into what teachers and student hear; all frames lie inside the sound."""

    def __init__(self) -> None:
        self.taper = torch.hann_window(FRAME, periodic=True)
        self.teacher_bank = torch.from_numpy(yamnet_bank())
        self.student_bank = torch.from_numpy(FRONT_END.mel_weights.T.copy())

    def magnitudes(self, sounds: Tensor) -> Tensor:
        """Magnitude spectra [B, F, 257] of sounds [B, N]."""
        frames = sounds.unfold(1, FRAME, HOP) * self.taper
        return torch.fft.rfft(frames, N_FFT).abs()

    def teacher(self, magnitudes: Tensor) -> Tensor:
        """YAMNet's log-mels [B, 1, F, M]."""
        return torch.log(magnitudes @ self.teacher_bank + YAMNET_FLOOR)[:, None]

    def student(self, magnitudes: Tensor) -> Tensor:
        """`FRONT_END.raw` of the inner frames, [B, M, F]."""
        power = magnitudes.square() @ self.student_bank
        return power.clamp(min=FRONT_END.log_floor).log().transpose(1, 2)


def packed(log_mels: Tensor) -> Tensor:
    """Log-mels as bytes; the integer network's own input is as coarse."""
    return ((log_mels - LOWEST) / STEP).round().clamp(0, 255).byte()


def unpacked(stored: Tensor) -> Tensor:
    """What `packed` stored, float32."""
    return stored.float() * STEP + LOWEST
