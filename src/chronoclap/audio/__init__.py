"""A recording becomes arrays: decoding, resampling, active spans, windows, fill, and log-mel spectrograms."""

from chronoclap.audio.activity import ActivityConfig, active_span
from chronoclap.audio.decode import AUDIO_SUFFIXES, AudioSource, Waveform, decode, read_audio, resample
from chronoclap.audio.mel import COMPACT_MEL, LAION_MEL, LogMel, MelConfig
from chronoclap.audio.windows import FillPolicy, Window, cut_windows, fill

__all__ = [
    "AUDIO_SUFFIXES",
    "COMPACT_MEL",
    "LAION_MEL",
    "ActivityConfig",
    "AudioSource",
    "FillPolicy",
    "LogMel",
    "MelConfig",
    "Waveform",
    "Window",
    "active_span",
    "cut_windows",
    "decode",
    "fill",
    "read_audio",
    "resample",
]
