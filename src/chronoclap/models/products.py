"""How the fast towers multiply matrices.

torch's own `linear` gives float32 products to MKL, which on AMD processors with AVX-512 reaches four fifths
(Zen 4) or less than half (Zen 5) of what oneDNN, in the same wheel, does. oneDNN is reached by an operation
that is not part of torch's public face, so it is tried first and never relied on.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

Layer = Callable[[Tensor], Tensor]
"""(..., in) to (..., out)."""


After = Literal["none", "gelu", "relu"]
"""What follows a product, and is computed with it where that is quicker; then another product follows."""


class MakeLayer(Protocol):
    """Makes a layer of fixed weights."""

    def __call__(self, weight: Tensor, bias: Tensor | None, after: After = "none") -> Layer:
        """A layer of (out, in) weights and (out,) biases."""


class Products(NamedTuple):
    """A way to multiply matrices.

    Attributes:
        name: ends with "in bfloat16" if `linear` rounds to that.
        linear: makes layers.
        exact: makes layers in float32, for what rounding would harm most.
    """

    name: str
    linear: MakeLayer
    exact: MakeLayer


def _torch_linear(weight: Tensor, bias: Tensor | None, after: After = "none") -> Layer:
    if after == "gelu":
        return lambda x: F.gelu(F.linear(x, weight, bias))
    if after == "relu":
        return lambda x: F.relu_(F.linear(x, weight, bias))
    return lambda x: F.linear(x, weight, bias)


def _onednn_linear(weight: Tensor, bias: Tensor | None, after: After = "none") -> Layer:
    operation = torch.ops.mkldnn._linear_pointwise.default
    exact: Any = "none" if after == "gelu" else ""  # not GELU's approximation by tanh
    packed = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous())
    return lambda x: operation(x, packed, bias, after, [], exact)


def _in_bfloat16(make: MakeLayer) -> MakeLayer:
    def linear(weight: Tensor, bias: Tensor | None, after: After = "none") -> Layer:
        half = make(weight.bfloat16(), None if bias is None else bias.bfloat16(), after)
        if after == "none":
            return lambda x: half(x.bfloat16()).float()
        return lambda x: half(x.bfloat16())  # the next product takes it so

    return linear


TORCH = Products("torch", _torch_linear, _torch_linear)
ONEDNN = Products("oneDNN", _onednn_linear, _onednn_linear)
TORCH_HALF = Products("torch in bfloat16", _in_bfloat16(_torch_linear), _torch_linear)
ONEDNN_HALF = Products("oneDNN in bfloat16", _in_bfloat16(_onednn_linear), _onednn_linear)


def products(half: bool = False) -> tuple[Products, ...]:
    """How torch is to multiply float32 matrices on this processor, the best first.

    Not by timing them: another choice on another day would change the last bits of every embedding.

    Args:
        half: in bfloat16, where that does well enough.
    """
    avx512 = torch.backends.cpu.get_cpu_capability().startswith("AVX512")
    exact = (ONEDNN, TORCH) if avx512 else (TORCH,)
    return ((ONEDNN_HALF, TORCH_HALF) if avx512 else (TORCH_HALF,)) + exact if half else exact


def joined(attention: Any) -> tuple[Tensor, Tensor | None]:
    """Queries, keys and values of an attention of transformers as one layer: (3 dim, dim) weights, (3 dim,)
    biases."""
    parts = (attention.query, attention.key, attention.value)
    biases = [part.bias for part in parts]
    return torch.cat([part.weight for part in parts]), None if biases[0] is None else torch.cat(biases)
