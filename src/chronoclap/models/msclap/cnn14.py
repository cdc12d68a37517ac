"""Cnn14, the convolutional network of PANNs (Kong et al. 2020), from log-mel to a map over time."""

from torch import Tensor, nn
from torch.nn import functional as F

WIDTHS = (64, 128, 256, 512, 1024, 2048)


class ConvBlock(nn.Module):
    """Two convolutions with batch norm, and a mean over squares of the map."""

    def __init__(self, before: int, width: int, pool: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(width), nn.BatchNorm2d(width)
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        """(b, before, frames, mels) to (b, width, frames / pool, mels / pool)."""
        x = F.relu_(self.bn1(self.conv1(x)))
        x = F.relu_(self.bn2(self.conv2(x)))
        return F.avg_pool2d(x, self.pool)


class Cnn14(nn.Module):
    """Log-mel to a map over time, and from there to one vector.

    Args:
        mels: bands of the log-mel.
        out: width of the vector.
        widths: of the blocks; all but the last halve the map.
    """

    def __init__(self, mels: int = 64, out: int = 2048, widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__()
        self.bn0 = nn.BatchNorm2d(mels)
        sizes = zip((1, *widths), widths, strict=False)
        last = len(widths) - 1
        self.blocks = nn.ModuleList(
            ConvBlock(before, width, 1 if k == last else 2) for k, (before, width) in enumerate(sizes)
        )
        self.fc1 = nn.Linear(widths[-1], out)

    def forward(self, mel: Tensor) -> Tensor:
        """(b, frames, mels) to (b, parts, width)."""
        x = self.bn0(mel[:, None].transpose(1, 3)).transpose(1, 3)
        for block in self.blocks:
            x = F.dropout(block(x), 0.2, self.training)
        return x.mean(3).transpose(1, 2)

    def pool(self, heard: Tensor) -> Tensor:
        """(b, parts, width) to (b, out): the loudest and the mean of each channel over time."""
        return self._out(heard.amax(1) + heard.mean(1))

    def columns(self, heard: Tensor) -> Tensor:
        """(b, parts, width) to (b, parts, out): each part as if it were all there is."""
        return self._out(2 * heard)

    def _out(self, x: Tensor) -> Tensor:
        x = F.relu(self.fc1(F.dropout(x, 0.5, self.training)))
        return F.dropout(x, 0.5, self.training)
