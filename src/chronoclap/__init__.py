"""Contrastive language-audio pretraining that knows what came first."""

from chronoclap.errors import ChronoclapError
from chronoclap.models import Clap, load

__all__ = ["ChronoclapError", "Clap", "load"]
__version__ = "0.1.0"
