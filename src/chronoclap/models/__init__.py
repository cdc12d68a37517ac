"""The models: `Clap`, the architectures behind it, and their checkpoints."""

from chronoclap.models.checkpoint import shipped_names
from chronoclap.models.clap import Clap, Frames, load

__all__ = ["Clap", "Frames", "load", "shipped_names"]
