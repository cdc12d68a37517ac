"""The models: `Clap`, the architectures behind it, and their checkpoints."""

from chronoclap.models.checkpoint import shipped_names
from chronoclap.models.clap import Clap, Frames, compact_of, load, trainable

__all__ = ["Clap", "Frames", "compact_of", "load", "shipped_names", "trainable"]
