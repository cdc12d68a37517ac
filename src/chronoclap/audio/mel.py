"""One log-mel front end in torch; every model's front end is a configuration of it, a frozen dataclass."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from chronoclap.errors import ModelError

_SMALLEST_POWER = 1e-10  # "db" never looks below this
_CPU_FRAMES = 256  # frames transformed together: they and their spectrum stay in a core's cache
_ACCELERATOR_CLIPS = 32


@dataclass(frozen=True, slots=True)
class MelConfig:
    """A log-mel spectrogram, spelt out.

    Attributes:
        rate: sampling rate in Hz.
        n_fft: length of the Fourier transform in samples; frames are zero-padded to it.
        window_length: length of the periodic Hann window, hence of a frame, in samples.
        hop_length: from one frame to the next, in samples.
        n_mels: number of bands.
        f_min: lower edge of the lowest band in Hz.
        f_max: upper edge of the highest band in Hz.
        mel_scale: "htk" has bands equally spaced in 1127 ln(1 + f / 700), triangular in mel; "slaney" has the
            Auditory Toolbox's scale (linear to 1 kHz, then logarithmic), triangular in Hz.
        norm: "slaney" divides each band by half its width in Hz, for equal areas; None leaves peaks of 1.
        power: 1.0 for magnitudes, 2.0 for powers.
        log: "log_offset" is ln(x + offset); "db" is 10 log10(max(x, 1e-10)).
        offset: used by "log_offset".
        center: True centres frame t on sample t * hop_length, padding half a window at both ends; False
            starts it there.
        pad_mode: what `center` pads with, "reflect" or "constant" (zeros).
    """

    rate: int
    n_fft: int
    window_length: int
    hop_length: int
    n_mels: int
    f_min: float
    f_max: float
    mel_scale: Literal["htk", "slaney"]
    norm: Literal["slaney"] | None
    power: float
    log: Literal["log_offset", "db"]
    offset: float
    center: bool
    pad_mode: Literal["reflect", "constant"]

    def __post_init__(self) -> None:
        problems = {
            "window_length must be between 1 and n_fft": not 1 <= self.window_length <= self.n_fft,
            "hop_length and n_mels must be at least 1": min(self.hop_length, self.n_mels) < 1,
            "0 <= f_min < f_max <= rate / 2 must hold": not 0 <= self.f_min < self.f_max <= self.rate / 2,
            'mel_scale must be "htk" or "slaney"': self.mel_scale not in ("htk", "slaney"),
            'norm must be "slaney" or None': self.norm not in ("slaney", None),
            "power must be 1 or 2": self.power not in (1, 2),
            'log must be "log_offset" or "db"': self.log not in ("log_offset", "db"),
            'pad_mode must be "reflect" or "constant"': self.pad_mode not in ("reflect", "constant"),
        }
        if wrong := [rule for rule, broken in problems.items() if broken]:
            raise ModelError(f"{self}: {'; '.join(wrong)}.")


COMPACT_MEL = MelConfig(
    rate=16_000,
    n_fft=512,
    window_length=400,
    hop_length=160,
    n_mels=64,
    f_min=125.0,
    f_max=7500.0,
    mel_scale="htk",
    norm=None,
    power=1.0,
    log="log_offset",
    offset=0.001,
    center=False,
    pad_mode="constant",
)
"""The compact model's front end, which is YAMNet's."""

LAION_MEL = MelConfig(
    rate=48_000,
    n_fft=1024,
    window_length=1024,
    hop_length=480,
    n_mels=64,
    f_min=50.0,
    f_max=14_000.0,
    mel_scale="slaney",
    norm="slaney",
    power=2.0,
    log="db",
    offset=0.0,
    center=True,
    pad_mode="reflect",
)
"""The front end of LAION's unfused CLAP checkpoints, as transformers' ClapFeatureExtractor computes it."""


class LogMel(nn.Module):
    """Log-mel spectrograms of a batch of waveforms.

    Always computed in float32, under autocast too, and without gradients. A clip gives the same numbers alone
    and in a batch.

    Args:
        config: which spectrogram.
    """

    window: torch.Tensor
    filters: torch.Tensor

    def __init__(self, config: MelConfig) -> None:
        super().__init__()
        self.config = config
        window = np.zeros(config.n_fft)
        # A window padded to n_fft reads the padding itself: faster than padding every frame.
        window[: config.window_length] = np.hanning(config.window_length + 1)[:-1]
        filters = _mel_filters(config)
        used = np.flatnonzero(filters.any(axis=1))
        # Bins that no band hears are never squared or multiplied.
        self.heard = slice(int(used[0]), int(used[-1]) + 1)
        self.register_buffer("window", torch.from_numpy(window).float(), persistent=False)
        self.register_buffer("filters", torch.from_numpy(filters[self.heard]).float(), persistent=False)

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Self:
        # Follows the model to another device but not to half precision, whose rounded window leaks by 0.3.
        window, filters = self.window, self.filters
        super()._apply(fn, recurse)
        self.window, self.filters = window.to(self.window.device), filters.to(self.filters.device)
        return self

    def frames(self, n: int) -> int:
        """Number of frames that n samples give; a clip shorter than a window counts as one window."""
        half = self.config.window_length // 2 if self.config.center else 0
        length = max(n, self.config.window_length) + 2 * half
        return 1 + (length - self.config.window_length) // self.config.hop_length

    @torch.no_grad()
    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        """Compute log-mel spectrograms.

        Args:
            samples: (batch, n) float, at `config.rate`; clips shorter than a window are filled with silence
                to one.

        Returns:
            (batch, frames(n), n_mels) float32.

        Raises:
            ModelError: the samples are not two-dimensional.
        """
        if samples.ndim != 2:
            raise ModelError(
                f"samples have shape {tuple(samples.shape)}; log-mel takes (batch, n), a row a clip."
            )
        # On a CPU a whole batch at once falls out of the cache and is slower than clip by clip.
        on_cpu = samples.device.type == "cpu"
        clips = samples.split(1 if on_cpu else _ACCELERATOR_CLIPS)
        with torch.autocast(samples.device.type, enabled=False):
            return torch.cat([self._log_mel(clip.float(), _CPU_FRAMES if on_cpu else None) for clip in clips])

    def _log_mel(self, samples: torch.Tensor, block: int | None) -> torch.Tensor:
        config = self.config
        short = max(config.window_length - samples.shape[-1], 0)
        padded = functional.pad(samples, (0, short))
        if config.center:
            half = config.window_length // 2
            padded = functional.pad(padded, (half, half), mode=config.pad_mode)
        padded = functional.pad(padded, (0, config.n_fft - config.window_length))
        frames = padded.unfold(-1, config.n_fft, config.hop_length)  # (clips, frames, n_fft), a view
        parts = frames.split(block or frames.shape[1], dim=1)
        return torch.cat([self._transformed(part) for part in parts], dim=1)

    def _transformed(self, frames: torch.Tensor) -> torch.Tensor:
        spectrum = torch.fft.rfft(frames * self.window)[..., self.heard]
        return self.banded(spectrum.real.square() + spectrum.imag.square())

    def banded(self, power: torch.Tensor) -> torch.Tensor:
        """(..., bins) powers of the bins in `heard` to (..., n_mels) log-mel."""
        mel = (power if self.config.power == 2 else power.sqrt()) @ self.filters
        if self.config.log == "db":
            return 10 * torch.log10(mel.clamp(min=_SMALLEST_POWER))
        return torch.log(mel + self.config.offset)


def _mel_filters(config: MelConfig) -> np.ndarray:
    """Triangular filters, (n_fft // 2 + 1, n_mels) float64."""
    bins_hz = np.linspace(0, config.rate / 2, config.n_fft // 2 + 1)
    to_mel, to_hz = (_hz_to_htk, _htk_to_hz) if config.mel_scale == "htk" else (_hz_to_slaney, _slaney_to_hz)
    edges_mel = np.linspace(to_mel(np.array(config.f_min)), to_mel(np.array(config.f_max)), config.n_mels + 2)
    edges_hz = to_hz(edges_mel)
    bins, edges = (to_mel(bins_hz), edges_mel) if config.mel_scale == "htk" else (bins_hz, edges_hz)
    rising = (bins[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    filters = np.maximum(0, np.minimum(rising, falling))
    if config.norm == "slaney":
        filters *= 2 / (edges_hz[2:] - edges_hz[:-2])
    return filters


def _hz_to_htk(hz: np.ndarray) -> np.ndarray:
    return 1127.0 * np.log1p(hz / 700.0)


def _htk_to_hz(mel: np.ndarray) -> np.ndarray:
    return 700.0 * np.expm1(mel / 1127.0)


_KNEE_HZ, _KNEE_MEL, _LOG_STEP = 1000.0, 15.0, np.log(6.4) / 27


def _hz_to_slaney(hz: np.ndarray) -> np.ndarray:
    above = _KNEE_MEL + np.log(np.maximum(hz, _KNEE_HZ) / _KNEE_HZ) / _LOG_STEP
    return np.where(hz < _KNEE_HZ, hz * _KNEE_MEL / _KNEE_HZ, above)


def _slaney_to_hz(mel: np.ndarray) -> np.ndarray:
    above = _KNEE_HZ * np.exp(_LOG_STEP * (np.maximum(mel, _KNEE_MEL) - _KNEE_MEL))
    return np.where(mel < _KNEE_MEL, mel * _KNEE_HZ / _KNEE_MEL, above)
