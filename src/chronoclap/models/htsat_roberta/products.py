"""How the fast towers multiply matrices.

torch's own `linear` gives float32 products to MKL, which on AMD processors with AVX-512 reaches less than
half of what oneDNN, in the same wheel, does. oneDNN is reached by an operation that is not part of torch's
public face, so it is tried first and never relied on.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

Layer = Callable[[Tensor], Tensor]
"""(..., in) to (..., out)."""


class MakeLayer(Protocol):
    """Makes a layer of fixed weights."""

    def __call__(self, weight: Tensor, bias: Tensor | None, gelu: bool = False) -> Layer:
        """A layer of (out, in) weights and (out,) biases, and with a GELU after it."""


class Products(NamedTuple):
    """A way to multiply matrices."""

    name: str
    linear: MakeLayer


def _torch_linear(weight: Tensor, bias: Tensor | None, gelu: bool = False) -> Layer:
    if gelu:
        return lambda x: F.gelu(F.linear(x, weight, bias))
    return lambda x: F.linear(x, weight, bias)


def _onednn_linear(weight: Tensor, bias: Tensor | None, gelu: bool = False) -> Layer:
    operation = torch.ops.mkldnn._linear_pointwise.default
    after: tuple[str, list[float], str] = ("gelu", [], "none") if gelu else ("none", [], "")
    packed = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous())
    return lambda x: operation(x, packed, bias, *after)


def _bfloat16_linear(weight: Tensor, bias: Tensor | None, gelu: bool = False) -> Layer:
    half = _torch_linear(weight.bfloat16(), None if bias is None else bias.bfloat16(), gelu)
    return lambda x: half(x.bfloat16()).float()


TORCH = Products("torch", _torch_linear)
BFLOAT16 = Products("torch in bfloat16", _bfloat16_linear)
ONEDNN = Products("oneDNN", _onednn_linear)


def joined(attention: Any) -> tuple[Tensor, Tensor | None]:
    """Queries, keys and values of an attention of transformers as one layer: (3 dim, dim) weights, (3 dim,)
    biases."""
    parts = (attention.query, attention.key, attention.value)
    biases = [part.bias for part in parts]
    return torch.cat([part.weight for part in parts]), None if biases[0] is None else torch.cat(biases)
