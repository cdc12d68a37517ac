"""Windows that are trained on side by side: every thread has its own, on the way there and on the way back.

As in embedding (`models/workers.py`), the products of a tower are too small to be shared out among cores.
So each thread takes some of a batch's windows through the sound tower, keeps what autograd needs, and later
takes the gradients of its own windows back; only their sum over the threads is the batch's.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from chronoclap.models.windowed import WindowedModel
from chronoclap.models.workers import side_by_side, threads_of_one_core

TOGETHER = 2
"""Windows that a thread takes at a time: more would leave its cache, one makes products small."""


def embed_side_by_side(model: WindowedModel, features: Tensor) -> Tensor:
    """`model.embed_features`, with gradients, on as many threads as torch uses, one core each.

    Dropout depends on torch's seed alone, not on the number of threads, which shows in last bits only.

    Args:
        model: on the CPU.
        features: (b, ...).

    Returns:
        (b, dim) unit vectors.
    """
    seed = int(torch.randint(2**60, ()))
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    return _SideBySide.apply(model.embed_features, features, seed, *weights)


class _SideBySide(torch.autograd.Function):
    """Several pieces of a graph as one node."""

    @staticmethod
    def forward(
        ctx: Any, embed: Callable[[Tensor], Tensor], features: Tensor, seed: int, *weights: Tensor
    ) -> Tensor:
        parts = list(enumerate(features.split(TOGETHER), start=seed))
        shares = np.array_split(np.arange(len(parts)), min(torch.get_num_threads(), len(parts)))
        cast = _autocast()

        def hear(share: np.ndarray) -> list[Tensor]:
            vectors = []
            for seed, part in (parts[k] for k in share):
                with cast(), draw_from(torch.Generator().manual_seed(seed)):
                    vectors.append(embed(part))
            return vectors

        ctx.weights = weights
        ctx.heard = list(side_by_side(hear, shares, torch.enable_grad, _pool()))
        return torch.cat([vector.detach() for share in ctx.heard for vector in share])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        rows = iter(gradients[0].split([len(vector) for share in ctx.heard for vector in share]))
        tasks = [(share, [next(rows) for _ in share]) for share in ctx.heard]

        def go_back(task: tuple[list[Tensor], list[Tensor]]) -> tuple[Tensor | None, ...]:
            return torch.autograd.grad(task[0], ctx.weights, task[1], allow_unused=True)

        total, *others = side_by_side(go_back, tasks, torch.enable_grad, _pool())
        for found in others:
            # A weight that has no part in it has none in any thread.
            total = tuple(
                None if a is None or b is None else a + b for a, b in zip(total, found, strict=True)
            )
        return None, None, None, *total


def _pool() -> ThreadPoolExecutor:
    """Threads that stay for all steps: new ones for each would keep a heap each, a gigabyte in all."""
    return _kept_pool(torch.get_num_threads(), os.getpid())


@cache
def _kept_pool(count: int, process: int) -> ThreadPoolExecutor:
    """A process that was forked has none of the threads of the one it comes from."""
    return threads_of_one_core(count)


def _autocast() -> Callable[[], AbstractContextManager[None]]:
    """What makes the caller's autocast hold in another thread too."""
    if not torch.is_autocast_enabled("cpu"):
        return nullcontext
    dtype = torch.get_autocast_dtype("cpu")
    return lambda: torch.autocast("cpu", dtype, cache_enabled=False)  # the cache is one for all threads


_generator: ContextVar[torch.Generator | None] = ContextVar("generator", default=None)


@contextmanager
def draw_from(generator: torch.Generator) -> Iterator[None]:
    """While it lasts, dropout in this thread draws from a generator, not from the one that all threads share
    and draw from in no order."""
    before = _generator.set(generator)
    try:
        with _Drawn(generator):
            yield
    finally:
        _generator.reset(before)


def drawn_again() -> AbstractContextManager[None]:
    """What makes dropout from now on draw once more, at any later time, what comes next now."""
    generator = _generator.get()
    if generator is None:
        return nullcontext()
    return draw_from(torch.Generator().set_state(generator.get_state()))


class _Drawn(TorchFunctionMode):
    """Calls of torch that draw at random, in this thread, given a generator of their own."""

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.generator = generator

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is F.dropout:
            return self._dropout(*args, **kwargs)
        if func is torch.rand:  # of layers that are left out as a whole
            kwargs = kwargs | {"generator": self.generator}
        return func(*args, **kwargs)

    def _dropout(self, input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
        if not training or p == 0:
            return input
        kept = torch.empty_like(input).bernoulli_(1 - p, generator=self.generator)
        return input * kept.div_(1 - p)
