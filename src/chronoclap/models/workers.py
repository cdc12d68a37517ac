"""Threads that embed or train side by side, each on one core.

The products of a tower are too small to be shared out among cores: on two of them, two windows side by side,
each on its own core, take little more than half of the time that they take one after the other on both. And
a vector that is always computed on one core does not depend on how many there are.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from itertools import islice
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


def side_by_side(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    mode: Callable[[], AbstractContextManager[object]] = torch.inference_mode,
    pool: ThreadPoolExecutor | None = None,
) -> Iterator[Result]:
    """What `work` makes of each item, in order, made by as many threads as torch would use itself.

    Args:
        work: computes with torch on the CPU; releases Python's lock where it is slow.
        items: are read as they are needed, a few ahead, by the caller's thread.
        mode: what `work` is done in, which is a thread's own: `torch.enable_grad` keeps the way back.
        pool: threads from `threads_of_one_core` that stay; None: threads for this call.

    Yields:
        One result an item. What `work` or the items raise is raised here, and what is left is not begun.
    """
    threads = torch.get_num_threads()
    source = iter(items)

    def inside(item: Item) -> Result:
        with mode():
            return work(item)

    workers = pool or threads_of_one_core(threads)
    made: deque[Future[Result]] = deque()
    try:
        for item in islice(source, 2 * threads):
            made.append(workers.submit(inside, item))
        while made:
            yield made.popleft().result()
            made.extend(workers.submit(inside, item) for item in islice(source, 1))
    finally:
        for left in made:
            left.cancel()
        if workers is not pool:
            workers.shutdown()
        # A thread's number is its own, but new threads begin with the last one.
        torch.set_num_threads(threads)


@contextmanager
def threads_of_torch(count: int) -> Iterator[None]:
    """While it lasts, torch computes with so many threads in this one."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def threads_of_one_core(count: int) -> ThreadPoolExecutor:
    """Threads in each of which torch computes on one core.

    Numbers below float32's full precision are zero there. Attention makes them of places that it must not
    see, and some processors take fifty times as long for a product in which there is one.
    """
    return ThreadPoolExecutor(count, initializer=_on_one_core)


def _on_one_core() -> None:
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)


def small_numbers_are_zero() -> bool:
    """Whether torch, in this thread, takes numbers below float32's full precision for zero."""
    return not bool(torch.tensor(1e-38) * 0.01)
