"""The front end on batches, for training: torchaudio's MelSpectrogram with our edges and bank.

Framing, spectrum, power and the sum into mels are torchaudio's and not written here again: so the
numpy front end that ships is tested against code of others, and a file against its run. Window and
bank are handed over as tables, since torchaudio's own depend on the processor in their last bits.

Letters: B clips, N samples, M mels, F frames.
"""

import torch
from torch import Tensor, nn

from edge_asc.audio.samples import MAX_SAMPLE, reflected
from edge_asc.frontend.front_end import LEAST_POWER, STD_FLOOR, FrontEnd
from edge_asc.training.inputs.torchaudio_transforms import mel_spectrogram


def _mel_spectrogram(frontend: FrontEnd) -> nn.Module:
    mel = mel_spectrogram(
        sample_rate=frontend.sample_rate_hz,
        n_fft=frontend.n_fft,
        win_length=frontend.n_fft,  # the window below brings its zeros along
        hop_length=frontend.hop_length,
        f_min=frontend.f_min_hz,
        f_max=frontend.top_hz,
        n_mels=frontend.n_mels,
        window_fn=lambda _: torch.from_numpy(frontend.window_weights),
        power=2.0,
        center=False,
        norm=frontend.mel_norm,
        mel_scale=frontend.mel_scale,
    )
    # Neither table belongs into a checkpoint: both follow from the front end's description.
    weights = torch.from_numpy(frontend.mel_weights.T.copy())
    mel.mel_scale.register_buffer("fb", weights, persistent=False)
    mel.spectrogram.register_buffer("window", mel.spectrogram.window.clone(), persistent=False)
    return mel.double()


class TorchFrontEnd(nn.Module):
    """Features of a batch of clips, as `FrontEnd` describes and within 1e-5 of what it computes.

    It has no parameters and adds nothing to a state dict. It computes in float64 and gives float32;
    after `.float()` it is quicker on GPUs and right to 1e-5 of each frame's strongest mel only.

    Args:
        frontend: what to compute.
    """

    def __init__(self, frontend: FrontEnd) -> None:
        super().__init__()
        self.frontend = frontend
        self.mel = _mel_spectrogram(frontend)

    def forward(self, audio: Tensor) -> Tensor:
        """Normalised features [B, 1, M, F] of audio [B, N]."""
        return self.normalize(self.raw(audio))

    def raw(self, audio: Tensor) -> Tensor:
        """Mel power or its logarithm, not normalised.

        Args:
            audio: clips [B, N], floating point, full scale 1.

        Returns:
            Features [B, 1, M, n_frames(N)], float32.

        Raises:
            ValueError: the clips are empty, or a sample is NaN, infinite or beyond ±1e10.
        """
        frontend = self.frontend
        _check(audio, frontend.min_samples)
        audio = audio.float().to(next(self.mel.buffers()).dtype)
        if frontend.pre_emphasis:
            audio = audio[:, 1:] - frontend.pre_emphasis * audio[:, :-1]
        pad = frontend.n_fft // 2
        ends = audio[:, torch.from_numpy(reflected(audio.shape[1], pad, pad)).to(audio.device)]
        features = self.mel(torch.cat([ends[:, :pad], audio, ends[:, pad:]], dim=1)).unsqueeze(1)
        features = features.clamp(min=frontend.log_floor).log() if frontend.log else features
        return features.float()

    def levelled(self, raw: Tensor) -> Tensor:
        """`FrontEnd.levelled` of raw features [B, 1, M, F], float64."""
        features = raw.double()
        if not self.frontend.relative:
            return features
        power = features.exp() if self.frontend.log else features
        power = power / power.mean(-1, keepdim=True).clamp(min=LEAST_POWER)
        return power.log() if self.frontend.log else power

    def normalize(self, raw: Tensor) -> Tensor:
        """Normalise raw features [B, 1, M, F], clip by clip and mel by mel: the same shape."""
        frontend = self.frontend
        features = self.levelled(raw)  # float64: a floor of 0.001 magnifies rounding of the mean
        if frontend.normalization == "none":
            return features.to(raw.dtype)
        if frontend.normalization == "dataset":
            frontend.require_statistics()
            mean = features.new_tensor(frontend.mean)[:, None]
            std = features.new_tensor(frontend.std)[:, None]
        else:
            mean = features.mean(-1, keepdim=True)
            square = (features - mean).square().sum(-1, keepdim=True)
            std = (square / max(features.shape[-1] - 1, 1)).sqrt()
        return ((features - mean) / std.clamp(min=STD_FLOOR)).to(raw.dtype)


def _check(audio: Tensor, min_samples: int) -> None:
    if audio.ndim != 2 or audio.shape[1] < min_samples:
        shape = list(audio.shape)
        raise ValueError(f"audio must have the shape [B, N ≥ {min_samples}], not {shape}")
    usable = audio.abs() <= MAX_SAMPLE
    if not usable.all():
        clip, sample = (~usable).nonzero()[0].tolist()
        found = f"sample {sample} of clip {clip} is {audio[clip, sample].item()}"
        raise ValueError(f"{found}: samples must be finite and within ±{MAX_SAMPLE:g}")
