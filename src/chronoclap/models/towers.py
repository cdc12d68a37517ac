"""What `Clap` asks of an architecture, whichever it is."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, Self, TypeAlias

import numpy as np
import torch
from torch import Tensor

from chronoclap.audio import FillPolicy

if TYPE_CHECKING:
    from chronoclap.models.compact import CompactModel
    from chronoclap.models.windowed import WindowedModel

Trainable: TypeAlias = "CompactModel | WindowedModel"
"""The architectures, as training knows them."""


class Towers(Protocol):
    """Two towers into one space, and the scale of its cosines."""

    @property
    def architecture(self) -> str:
        """Its name, in recipes and reports."""

    @property
    def dim(self) -> int:
        """Width of an embedding."""

    @property
    def rate(self) -> int:
        """Sampling rate of the waveforms, in Hz."""

    @property
    def window(self) -> float:
        """Seconds that one embedding covers."""

    @property
    def window_hop(self) -> float:
        """Seconds from one window of a longer recording to the next."""

    @property
    def fill(self) -> FillPolicy:
        """What follows a recording shorter than what the audio tower takes."""

    def scale(self) -> Tensor:
        """The learned factor on cosines."""

    def encode_windows(self, windows: Sequence[np.ndarray]) -> Tensor:
        """Windows of (n_i,) float32 samples, none longer than `window`, to (b, dim) unit vectors."""

    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        """Texts to (b, dim) unit vectors."""

    def encode_moments(self, samples: np.ndarray) -> tuple[Tensor, np.ndarray]:
        """A recording of any length to (m, dim) unit vectors of its moments, and where each begins and ends:
        (m, 2), in samples."""

    def change_policy(self, fill: FillPolicy | None, int16: bool | None) -> None:
        """Treat recordings otherwise from now on, see `load`; None leaves things as they are.

        Raises:
            ModelError: the architecture has no such choice.
        """

    def to(self, device: str | torch.device) -> Self:
        """The same towers elsewhere."""
