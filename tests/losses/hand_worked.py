"""What the loss tests share: a case worked by hand, random unit vectors, and a comparison with gradients."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

# The hand-worked case: cosines can be read off, the scale is 2, so
#   2 A T' = [[1.2, 0.0],     audio 1 with text 1, text 2
#             [1.6, 2.0]]     audio 2
#   2 A N' = [[1.6, 1.2],     audio 1 with contradiction 1, contradiction 2
#             [1.2, -1.6]]    audio 2
AUDIO = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
TEXT = torch.tensor([[0.6, 0.8], [0.0, 1.0]], dtype=torch.float64)
FALSE = torch.tensor([[[0.8, 0.6]], [[0.6, -0.8]]], dtype=torch.float64)
SCALE = 2.0


def unit_rows(seed: int, *shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(*shape, generator=generator, dtype=torch.float64), dim=-1)


def coin_flips(seed: int, chance: float, *shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) < chance


def dot(a: Tensor, b: Tensor) -> float:
    return sum(float(x) * float(y) for x, y in zip(a, b, strict=True))


def assert_same_with_gradients(
    fast: Callable[..., Tensor], slow: Callable[..., Tensor], *inputs: Tensor
) -> None:
    """Two scalar functions of the same inputs have the same value and the same gradients."""
    results = []
    for loss in (fast, slow):
        leaves = [x.detach().clone().requires_grad_() for x in inputs]
        value = loss(*leaves)
        results.append([value.detach(), *torch.autograd.grad(value, leaves, materialize_grads=True)])
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-10)


def assert_zero_with_gradients(loss: Callable[..., Tensor], *inputs: Tensor) -> None:
    """A function that is 0 and has gradients of 0, not NaN."""
    leaves = [x.detach().clone().requires_grad_() for x in inputs]
    value = loss(*leaves)
    assert value.item() == 0
    for gradient in torch.autograd.grad(value, leaves):
        assert torch.equal(gradient, torch.zeros_like(gradient))
