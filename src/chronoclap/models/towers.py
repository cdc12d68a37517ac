"""The architectures behind `Clap`, as one type."""

from typing import TypeAlias

from chronoclap.models.compact import CompactModel
from chronoclap.models.windowed import WindowedModel

Towers: TypeAlias = CompactModel | WindowedModel
"""Two towers into one space, and the scale of its cosines."""
