"""The trunk on a CPU, without gradients: the same arithmetic with quicker products and nothing copied.

Products may be in bfloat16, but for the first, which moved the worst of 210 embeddings more than all others
did together; what is between products stays in float32.
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from chronoclap.models.products import MakeLayer, Products

Step = Callable[[Tensor], Tensor]
"""(n, in, rows, columns) map to the next, channels last in memory."""


class FastTrunk:
    """(n, patch, mels) log-mel to (n, channels), in float32.

    Args:
        convs: whose weights are used as they are now; a ReLU follows each.
        products: how matrix products are computed.
    """

    def __init__(self, convs: Iterable[nn.Conv2d], products: Products) -> None:
        self.steps: list[Step] = []
        make = products.exact
        for conv in convs:
            if conv.kernel_size == (1, 1):
                self.steps.append(_pointwise(conv, make))
                make = products.linear
            else:
                self.steps.append(_spatial(conv))

    def __call__(self, patches: Tensor) -> Tensor:
        hidden = patches[:, None].contiguous(memory_format=torch.channels_last)
        for step in self.steps:
            hidden = step(hidden)
        return hidden.mean((2, 3))


def _pointwise(conv: nn.Conv2d, make: MakeLayer) -> Step:
    layer = make(conv.weight[:, :, 0, 0], conv.bias, "relu")
    return lambda x: layer(x.permute(0, 2, 3, 1)).float().permute(0, 3, 1, 2)


def _spatial(conv: nn.Conv2d) -> Step:
    weight, stride = conv.weight, conv.stride
    if stride == (2, 2):
        # Padding at the end only wants a copy of the map. With a row and a column of zeros before the
        # kernel's, padding all round sees the same.
        weight = F.pad(weight, (1, 0, 1, 0))
    weight = weight.contiguous(memory_format=torch.channels_last)
    return lambda x: F.relu_(F.conv2d(x, weight, conv.bias, stride, 1, groups=conv.groups))
