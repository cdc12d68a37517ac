"""The compact audio tower: log-mel patches, a MobileNet trunk, content vectors, event moments."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from chronoclap.models.compact.config import AudioConfig, CompactConfig, EventConfig
from chronoclap.models.compact.events import Context, affinity, event_moments

WIDTHS = (32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
STRIDES = (2, 1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)


class Trunk(nn.Module):
    """MobileNet v1 with batch norm folded in: (n, patch, mels) log-mel to (n, 1024)."""

    def __init__(self) -> None:
        super().__init__()
        convs: list[nn.Module] = [nn.Conv2d(1, WIDTHS[0], 3, STRIDES[0])]
        for before, width, stride in zip(WIDTHS, WIDTHS[1:], STRIDES[1:], strict=False):
            convs += [nn.Conv2d(before, before, 3, stride, groups=before), nn.Conv2d(before, width, 1)]
        self.convs = nn.ModuleList(convs)

    def forward(self, patches: Tensor) -> Tensor:
        hidden = patches[:, None].contiguous(memory_format=torch.channels_last)
        for conv in self.convs:
            if conv.kernel_size == (3, 3):
                # TensorFlow's SAME: a stride of 2 on an even size pads at the end only.
                hidden = F.pad(hidden, (0, 1, 0, 1) if conv.stride == (2, 2) else (1, 1, 1, 1))
            hidden = F.relu_(conv(hidden))
        return hidden.mean((2, 3))


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
    """Finds which patches belong to one event: keys from content, refined by a look at the whole window."""

    def __init__(self, config: EventConfig, dim: int) -> None:
        super().__init__()
        self.key = nn.Linear(dim, config.key_dim, bias=False)
        self.context = Context(
            2 * dim,
            config.key_dim + 1,
            config.context_dim,
            config.context_layers,
            config.context_heads,
            config.dropout,
        )
        self.log_temperature = nn.Parameter(torch.tensor(0.5).log())
        # Unrelated contents start about 1.2 apart (affinity 0.25), like ones near 0.
        nn.init.normal_(self.key.weight, std=1.0 / config.key_dim**0.5)
        nn.init.zeros_(self.context.out.weight)
        nn.init.zeros_(self.context.out.bias)

    def forward(self, content: Tensor, saliency: Tensor, time: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Content (b, p, dim) and saliency, time, mask (b, p) to affinity (b, p, p) and saliency (b, p)."""
        direction = F.normalize(content, dim=-1)
        mean = F.normalize((saliency[..., None] * content).sum(1, keepdim=True), dim=-1)
        refined = self.context(torch.cat([direction, direction - mean], -1), time, mask)
        key, bias = refined.split([refined.shape[-1] - 1, 1], dim=-1)
        return affinity(self.key(direction) + key), saliency * torch.exp(bias[..., 0].clamp(-8, 4))


class AudioTower(nn.Module):
    """Log-mel windows to embeddings; `trunk` is the expensive, frozen part, `pool` the rest."""

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        self.config = config
        self.trunk = Trunk()
        self.content = Content(config.audio, config.dim)
        self.moments = config.events.moments
        self.events = AudioEvents(config.events, config.dim) if self.moments > 1 else None

    def patches(self, mel: Tensor) -> Tensor:
        """(b, frames, mels) log-mel, at least one patch long, to (b, p, patch, mels) overlapping patches."""
        size, hop = self.config.audio.patch, self.config.audio.patch_hop
        return mel.unfold(1, size, hop).transpose(2, 3)

    def features(self, mel: Tensor) -> Tensor:
        """(b, frames, mels) log-mel to (b, p, trunk_dim) patch features."""
        # One window at a time: its patches fit the cache, a batch of windows does not and runs slower.
        return torch.stack([self.trunk(window) for window in self.patches(mel)])

    def pool(self, features: Tensor, mask: Tensor) -> Tensor:
        """(b, p, trunk_dim) patch features and (b, p) bool mask of those in use to (b, moments, dim)."""
        content, saliency = self.content(features)
        saliency = saliency * mask
        hop = self.config.audio.patch_hop * self.config.audio.mel.hop_length / self.config.audio.mel.rate
        time = (torch.arange(features.shape[1], device=features.device) * hop).expand(features.shape[:2])
        if self.events is None:
            same = torch.ones_like(saliency)[:, :, None].expand(-1, -1, saliency.shape[1])
            return event_moments(content, saliency, same, time, torch.ones(()), 1)
        same, saliency = self.events(content, saliency, time, mask)
        temperature = self.events.log_temperature.exp()
        return event_moments(content, saliency * mask, same, time, temperature, self.moments)
