"""How the fast towers multiply matrices.

torch's own `linear` gives float32 products to MKL, which on AMD processors with AVX-512 reaches less than
half of what oneDNN, in the same wheel, does. oneDNN is reached by an operation that is not part of torch's
public face, so it is tried first and never relied on.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

Layer = Callable[[Tensor], Tensor]
"""(..., in) to (..., out)."""


After = Literal["none", "gelu", "relu"]
"""What follows a product, and is computed with it where that is quicker."""


class MakeLayer(Protocol):
    """Makes a layer of fixed weights."""

    def __call__(self, weight: Tensor, bias: Tensor | None, after: After = "none") -> Layer:
        """A layer of (out, in) weights and (out,) biases."""


class Products(NamedTuple):
    """A way to multiply matrices."""

    name: str
    linear: MakeLayer


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


def _bfloat16_linear(weight: Tensor, bias: Tensor | None, after: After = "none") -> Layer:
    half = _torch_linear(weight.bfloat16(), None if bias is None else bias.bfloat16(), after)
    return lambda x: half(x.bfloat16()).float()


TORCH = Products("torch", _torch_linear)
BFLOAT16 = Products("torch in bfloat16", _bfloat16_linear)
ONEDNN = Products("oneDNN", _onednn_linear)


def exact_products() -> tuple[Products, ...]:
    """How torch is to multiply matrices of float32 on this processor, the best first.

    Not by timing them: another choice on another day would change the last bits of every embedding.
    """
    avx512 = torch.backends.cpu.get_cpu_capability().startswith("AVX512")
    return (ONEDNN, TORCH) if avx512 else (TORCH,)


def joined(attention: Any) -> tuple[Tensor, Tensor | None]:
    """Queries, keys and values of an attention of transformers as one layer: (3 dim, dim) weights, (3 dim,)
    biases."""
    parts = (attention.query, attention.key, attention.value)
    biases = [part.bias for part in parts]
    return torch.cat([part.weight for part in parts]), None if biases[0] is None else torch.cat(biases)
