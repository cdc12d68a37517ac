"""The compact architecture: ours, shipped inside the package, real time on one laptop core."""

from chronoclap.models.compact.config import AudioConfig, CompactConfig, EventConfig, TextConfig
from chronoclap.models.compact.model import CompactModel, stack_features

__all__ = ["AudioConfig", "CompactConfig", "CompactModel", "EventConfig", "TextConfig", "stack_features"]
