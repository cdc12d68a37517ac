"""The compact audio tower: log-mel patches, a MobileNet trunk, content vectors, event moments."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from chronoclap.models.compact.config import AudioConfig, CompactConfig
from chronoclap.models.compact.events import affinity, event_moments, unparted
from chronoclap.models.compact.fast_trunk import FastTrunk
from chronoclap.models.compute import Precision
from chronoclap.models.products import products
from chronoclap.models.trial import first_that_agrees

WIDTHS = (32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
STRIDES = (2, 1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)

BLOCK = 32
"""Patches that the trunk hears at a time: sixteen seconds."""

Quick = Callable[[Tensor], Tensor]
"""(n, patch, mels) log-mel to (n, 1024)."""


class Trunk(nn.Module):
    """MobileNet v1 with batch norm folded in: (n, patch, mels) log-mel to (n, 1024)."""

    def __init__(self) -> None:
        super().__init__()
        convs: list[nn.Module] = [nn.Conv2d(1, WIDTHS[0], 3, STRIDES[0])]
        for before, width, stride in zip(WIDTHS, WIDTHS[1:], STRIDES[1:], strict=False):
            # TensorFlow's SAME: a stride of 2 on an even size pads at the end only, see `forward`.
            depthwise = nn.Conv2d(before, before, 3, stride, padding=stride % 2, groups=before)
            convs += [depthwise, nn.Conv2d(before, width, 1)]
        self.convs = nn.ModuleList(convs)

        self.precision: Precision = "float32"
        self._quick: tuple[list[tuple[int, int]], Quick] | None = None

    def forward(self, patches: Tensor) -> Tensor:
        if self.may_be_quick() and patches.dtype == torch.float32:
            return self.quick()(patches)
        return self.plain(patches)

    def plain(self, patches: Tensor) -> Tensor:
        """The same by torch's own layers, on any device and with gradients."""
        hidden = patches[:, None].contiguous(memory_format=torch.channels_last)
        for conv in self.convs:
            if conv.stride == (2, 2):
                hidden = F.pad(hidden, (0, 1, 0, 1))
            hidden = F.relu_(conv(hidden))
        return hidden.mean((2, 3))

    def multiply_in(self, precision: Precision) -> None:
        """What the quick trunk's products are computed in from now on, where that does well enough."""
        self.precision, self._quick = precision, None

    def may_be_quick(self) -> bool:
        """Whether the quick trunk would do: on a CPU, in float32, where nothing asks for gradients."""
        weight = self.convs[0].weight
        ready = weight.device.type == "cpu" and weight.dtype == torch.float32
        return ready and not torch.is_grad_enabled() and not torch.compiler.is_exporting()

    @torch.no_grad()
    def quick(self) -> Quick:
        """What computes this trunk on a CPU: tried once, and made anew when weights have changed."""
        made_of = [(p.data_ptr(), 0 if p.is_inference() else p._version) for p in self.parameters()]
        if self._quick is None or self._quick[0] != made_of:
            half = self.precision == "bfloat16"
            convs = [conv for conv in self.convs if isinstance(conv, nn.Conv2d)]
            makers = {way.name: partial(FastTrunk, convs, way) for way in products(half)}
            trial = torch.randn(2, 96, 64, generator=torch.Generator().manual_seed(0)) * 2 - 3
            self._quick = made_of, first_that_agrees(makers, ("plain", self.plain), lambda t: t(trial))[1]
        return self._quick[1]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_quick": None}  # packed weights cannot be copied or sent


class Content(nn.Module):
    """Trunk features to content vectors, and how much each patch matters.

    The first path starts as the training-free bridge: AudioSet class scores weighting the text embeddings of
    the class names; the second adds what the classes cannot say.
    """

    def __init__(self, config: AudioConfig, dim: int) -> None:
        super().__init__()
        self.classes = nn.Linear(config.trunk_dim, config.classes)
        self.meanings = nn.Linear(config.classes, dim, bias=False)
        self.residual = nn.Sequential(
            nn.Dropout(config.dropout),
            nn.Linear(config.trunk_dim, config.residual_dim),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.residual_dim, dim),
        )
        self.saliency = nn.Linear(config.trunk_dim, 1)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """(b, p, trunk_dim) to content (b, p, dim) and saliency (b, p) in (0, 1)."""
        content = self.meanings(torch.sigmoid(self.classes(features))) + self.residual(features)
        return content, torch.sigmoid(self.saliency(features))[..., 0]


class AudioEvents(nn.Module):
    """Finds which patches belong to one event: those that sound alike, wherever they stand.

    What sounds alike is measured on the trunk's features, not on contents: contents tell the classes of the
    training data apart, the trunk hears where any sound gives way to another. A transformer that looked at
    the whole window found worse events in recordings that it had not been trained on than this does.
    """

    def __init__(self, trunk_dim: int) -> None:
        super().__init__()
        # As the cosine of two patches falls from 1 to 0, affinity falls from 1 to exp(-6).
        self.timbre = nn.Parameter(torch.full((trunk_dim,), 3.0**0.5))
        self.log_temperature = nn.Parameter(torch.tensor(0.5).log())

    def forward(self, features: Tensor) -> Tensor:
        """(b, p, trunk_dim) features, not negative, to keys of the same shape (see `events.py`)."""
        return self.timbre * F.normalize(torch.log1p(features), dim=-1)


class AudioTower(nn.Module):
    """Log-mel windows to embeddings; `trunk` is the expensive, frozen part, `pool` the rest."""

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        self.config = config
        self.trunk = Trunk()
        self.content = Content(config.audio, config.dim)
        self.moments = config.events.moments
        self.events = AudioEvents(config.audio.trunk_dim) if self.moments > 1 else None

    def patches(self, mel: Tensor) -> Tensor:
        """(b, frames, mels) log-mel, at least one patch long, to (b, p, patch, mels) overlapping patches."""
        size, hop = self.config.audio.patch, self.config.audio.patch_hop
        return mel.unfold(1, size, hop).transpose(2, 3)

    def features(self, mel: Tensor) -> Tensor:
        """(b, frames, mels) log-mel to (b, p, trunk_dim) patch features."""
        # A block of a window at a time: its patches fit the cache, a batch of windows would be slower.
        return torch.stack(
            [torch.cat([self.trunk(block) for block in window.split(BLOCK)]) for window in self.patches(mel)]
        )

    def pool(self, features: Tensor, mask: Tensor) -> Tensor:
        """(b, p, trunk_dim) patch features and (b, p) bool mask of those in use to (b, moments, dim)."""
        content, saliency = self.content(features)
        saliency = saliency * mask
        hop = self.config.audio.patch_hop * self.config.audio.mel.hop_length / self.config.audio.mel.rate
        time = (torch.arange(features.shape[1], device=features.device) * hop).expand(features.shape[:2])
        if self.events is None:
            same = torch.ones_like(saliency)[:, :, None].expand(-1, -1, saliency.shape[1])
            return event_moments(content, saliency, same, time, torch.ones(()), 1)
        key, temperature = self.events(features), self.events.log_temperature.exp()
        same = affinity(key)
        moments = event_moments(content, saliency, same, time, temperature, self.moments)
        # A model trained with the cut told pairs apart as well, and three events worse (docs/method.md).
        if self.training:
            return moments
        same = same * unparted(key, saliency)
        return (moments + event_moments(content, saliency, same, time, temperature, self.moments)) / 2
