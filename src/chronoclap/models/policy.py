"""What happens to a recording before a network of fixed windows hears it."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chronoclap.audio import LAION_MEL, FillPolicy, MelConfig
from chronoclap.errors import ModelError

FUSED_MEL = replace(LAION_MEL, mel_scale="htk", norm=None)
"""The front end of LAION's fused checkpoints: other filters, the same spectrogram."""

_FILL: dict[str, FillPolicy] = {"pad": "silence", "repeat": "repeat", "repeatpad": "repeatpad"}
_PADDING = {fill: padding for padding, fill in _FILL.items()}


@dataclass(frozen=True, slots=True)
class AudioPolicy:
    """What happens to a recording before the network hears it.

    Attributes:
        rate: sampling rate at which the network hears, in Hz.
        mel: the log-mel front end; its own rate, which places its bands, is another for one network.
        window: seconds that one embedding covers.
        window_hop: seconds from one window of a longer recording to the next. The checkpoints' own code cuts
            one window out at random instead.
        fill: what follows a recording shorter than a window.
        int16: round samples to 16 bits first, as laion_clap's functions for files and arrays do.
    """

    rate: int = LAION_MEL.rate
    mel: MelConfig = LAION_MEL
    window: float = 10.0
    window_hop: float = 5.0
    fill: FillPolicy = "repeatpad"
    int16: bool = False

    @property
    def fused(self) -> bool:
        """Whether the front end is that of fused checkpoints."""
        return self.mel.mel_scale == "htk"

    @classmethod
    def from_extractor(cls, extractor: dict[str, Any]) -> "AudioPolicy":
        """The policy that the settings of transformers' `ClapFeatureExtractor` amount to.

        Raises:
            ModelError: a setting is missing or unknown.
        """
        try:
            fused = {"fusion": True, "rand_trunc": False}[extractor["truncation"]]
            mel = replace(
                FUSED_MEL if fused else LAION_MEL,
                rate=extractor["sampling_rate"],
                n_fft=extractor["fft_window_size"],
                window_length=extractor["fft_window_size"],
                hop_length=extractor["hop_length"],
                n_mels=extractor["feature_size"],
                f_min=float(extractor["frequency_min"]),
                f_max=float(extractor["frequency_max"]),
            )
            fill, window = _FILL[extractor["padding"]], float(extractor["max_length_s"])
        except (KeyError, TypeError) as error:
            raise ModelError(f"the feature extractor's settings lack or do not know {error}.") from error
        if extractor.get("top_db") is not None:
            raise ModelError(
                "the feature extractor limits the range of its spectrogram (top_db); none is known to."
            )
        return cls(mel.rate, mel, window, window / 2, fill)

    def to_extractor(self) -> dict[str, Any]:
        """The settings with which transformers' `ClapFeatureExtractor` does the same."""
        return {
            "feature_extractor_type": "ClapFeatureExtractor",
            "processor_class": "ClapProcessor",
            "feature_size": self.mel.n_mels,
            "sampling_rate": self.mel.rate,
            "hop_length": self.mel.hop_length,
            "max_length_s": int(self.window) if self.window.is_integer() else self.window,
            "fft_window_size": self.mel.n_fft,
            "frequency_min": self.mel.f_min,
            "frequency_max": self.mel.f_max,
            "padding": _PADDING[self.fill],
            "padding_value": 0.0,
            "return_attention_mask": False,
            "top_db": None,
            "truncation": "fusion" if self.fused else "rand_trunc",
        }


def round_to_int16(samples: np.ndarray) -> np.ndarray:
    """(n,) float32 samples as 16-bit integers hold them, cut towards zero.

    Source:
        what laion_clap does to every recording before it embeds it.
    """
    return (np.clip(samples, -1.0, 1.0) * 32767.0).astype(np.int16).astype(np.float32) / np.float32(32767.0)
