"""What a run saves memory and time by, with the same result but for rounding."""

import ctypes
import platform
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

from chronoclap.errors import DataError
from chronoclap.models.compact import CompactModel
from chronoclap.models.compute import Precision
from chronoclap.models.towers import Towers
from chronoclap.models.workers import small_numbers_are_zero
from chronoclap.training.side_by_side import drawn_again


@dataclass(frozen=True, slots=True)
class Economy:
    """What a run saves by.

    Attributes:
        checkpointing: keep of each layer of HTSAT and RoBERTa only its input, and compute the rest again on
            the way back: a third slower, with room for larger batches. The gradients are the same.
        precision: "bfloat16" multiplies matrices in bfloat16 (autocast; losses and weights stay float32):
            quicker where the processor or the GPU has it, and a little less exact.
    """

    checkpointing: bool = False
    precision: Precision = "float32"


DEFAULT_ECONOMY = Economy()


@contextmanager
def recomputed(model: Towers) -> Iterator[None]:
    """While it lasts, the layers of a model's towers keep only their inputs for the way back.

    Raises:
        DataError: the model has no such layers.
    """
    if isinstance(model, CompactModel):
        raise DataError("Checkpointing is for HTSAT and RoBERTa; a compact model has nothing to save by it.")
    layers: list[Any] = model.tower_layers()
    for layer in layers:
        # In place of the layer's own, which its class still has.
        layer.forward = partial(checkpoint, layer.forward, use_reentrant=False, context_fn=_there_and_again)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


def _there_and_again() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """What a layer is computed in the first and the second time: dropout must be the same."""
    return nullcontext(), drawn_again()


@contextmanager
def quick_arithmetic() -> Iterator[None]:
    """While it lasts, float32 is computed as this processor does it soonest, exact to float32's precision.

    In this thread numbers below float32's full precision (1.2e-38) are zero: processors that work them out in
    software are many times slower wherever one turns up, as in AdamW's averages of what is met once.
    """
    before = small_numbers_are_zero()
    with quick_products():
        torch.set_flush_denormal(True)
        try:
            yield
        finally:
            torch.set_flush_denormal(before)


@contextmanager
def kept_memory() -> Iterator[None]:
    """While it lasts, memory that is freed stays with the process; afterwards it goes back.

    Every step frees what the next needs again. glibc gives large pieces back to the system, which fills each
    with zeros before it hands it out again: a fifth of a step of HTSAT and RoBERTa. Other libraries are left
    as they are.
    """
    if platform.libc_ver()[0] != "glibc":
        yield
        return
    libc = ctypes.CDLL(None)
    for parameter, value in _KEEP:
        libc.mallopt(parameter, value)
    try:
        yield
    finally:
        for parameter, value in _GIVE_BACK:
            libc.mallopt(parameter, value)
        libc.malloc_trim(0)


_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names of malloc.h
# Older versions refuse a threshold of more than half a heap, 32 MiB: then that holds.
_KEEP = ((_TRIM_THRESHOLD, 2**31 - 1), (_MMAP_THRESHOLD, 2**25), (_MMAP_THRESHOLD, 2**30))
# What glibc comes to by itself once it has seen large pieces freed.
_GIVE_BACK = ((_TRIM_THRESHOLD, 2**26), (_MMAP_THRESHOLD, 2**25))


@contextmanager
def quick_products() -> Iterator[None]:
    """While it lasts, torch's float32 products go to oneDNN where that is quicker than MKL, and as exact.

    That is so on AMD processors with AVX-512. The switch permits oneDNN to compute in bfloat16, which some
    processors would really do, so a product is tried first.
    """
    switch: Any = getattr(torch.backends.mkldnn, "matmul", None)
    before = getattr(switch, "fp32_precision", None)
    # None: this torch has no such switch; "bf16": it is on already.
    if before in (None, "bf16") or not torch.backends.cpu.get_cpu_capability().startswith("AVX512"):
        yield
        return
    try:
        switch.fp32_precision = "bf16"
        if not _switched_are_exact():
            switch.fp32_precision = before
        yield
    finally:
        switch.fp32_precision = before


@cache
def _switched_are_exact() -> bool:
    """With the switch on; what a process has found holds for it."""
    return products_are_exact()


def products_are_exact() -> bool:
    """Whether a product of float32 matrices is right to float32, and not to a coarser format."""
    noise = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 768, 768, generator=noise).unbind()
    exact = a.double() @ b.double()
    return bool(((a @ b).double() - exact).abs().max() < 1e-5 * exact.abs().max())
