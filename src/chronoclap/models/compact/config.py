"""Every size and constant of the compact architecture, stored in the checkpoint as JSON."""

from dataclasses import asdict, dataclass, field
from typing import Any

from chronoclap.audio import COMPACT_MEL, MelConfig


@dataclass(frozen=True, slots=True)
class AudioConfig:
    """The audio tower: patches of log-mel, a MobileNet trunk, one content vector a patch."""

    mel: MelConfig = COMPACT_MEL
    patch: int = 96
    """Mel frames in a patch (0.96 s)."""
    patch_hop: int = 48
    """Mel frames from one patch to the next (0.48 s)."""
    edge: int = 72
    """Mel frames of silence (0.72 s) put before and after a window, so that a short event at an edge gets a
    patch of its own; without it, an event of 0.3 s is heard only together with its neighbour."""
    trunk_dim: int = 1024
    classes: int = 521
    """Units of the first content layer: the AudioSet classes that the trunk was trained to tell apart."""
    residual_dim: int = 256
    dropout: float = 0.3


@dataclass(frozen=True, slots=True)
class TextConfig:
    """The text tower: a MiniLM encoder and a head."""

    vocab_size: int = 30522
    hidden: int = 384
    layers: int = 6
    heads: int = 12
    intermediate: int = 1536
    max_tokens: int = 128
    layer_norm_eps: float = 1e-12
    head_dim: int = 512
    dropout: float = 0.1


@dataclass(frozen=True, slots=True)
class EventConfig:
    """How patches and tokens are gathered into events and events into moments (see `events.py`).

    The context is that of the text tower, which reads when the words say that each event sounds.
    """

    moments: int = 1
    """Cosine moments kept of the content over event time; 1 is the plain mean of an order-blind CLAP."""
    context_dim: int = 128
    context_layers: int = 2
    context_heads: int = 4
    dropout: float = 0.1


@dataclass(frozen=True, slots=True)
class CompactConfig:
    """The compact model: about 27 M parameters, real time on one laptop core."""

    dim: int = 384
    """Width of a content vector; an embedding has `dim * events.moments` numbers."""
    window: float = 120.0
    """Seconds that are heard as one; longer recordings are cut into windows. The moments of a minute know its
    order, the mean of the vectors of its windows of ten seconds does not (docs/method.md)."""
    window_hop: float = 60.0
    audio: AudioConfig = field(default_factory=AudioConfig)
    text: TextConfig = field(default_factory=TextConfig)
    events: EventConfig = field(default_factory=EventConfig)

    def to_dict(self) -> dict[str, Any]:
        """The nested plain values that `from_dict` reads back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "CompactConfig":
        """Inverse of `to_dict`."""
        audio = dict(values["audio"])
        mel = MelConfig(**audio.pop("mel"))
        return cls(
            **{k: v for k, v in values.items() if k not in {"audio", "text", "events"}},
            audio=AudioConfig(mel=mel, **audio),
            text=TextConfig(**values["text"]),
            events=EventConfig(**values["events"]),
        )
