"""A quick tower is used where it runs and gives the vectors of the plain one: it is tried first."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from torch import Tensor
from torch.nn import functional as F

TOLERANCE = 1e-5
"""How far any number of a unit vector may be off: ten times what the order of summing makes of it."""
LEAST_COSINE = 0.999
"""How like the vectors of bfloat16 must be to those of float32."""

T = TypeVar("T")


def first_that_agrees(
    makers: Mapping[str, Callable[[], T]], plain: tuple[str, T], embed: Callable[[T], Tensor]
) -> tuple[str, T]:
    """The first of several towers that runs here and agrees with the plain one, or else that one.

    Args:
        makers: by name, the best first; those in bfloat16 need only be alike.
        plain: name and tower that are right.
        embed: what a tower makes of a trial.

    Returns:
        Name and tower.
    """
    expected = F.normalize(embed(plain[1]), dim=-1)
    for name, make in makers.items():
        try:
            tower = make()
            vectors = F.normalize(embed(tower), dim=-1)
        except (RuntimeError, AttributeError, NotImplementedError):
            continue  # this torch, or this machine, does not have the operation
        if name.endswith("bfloat16"):
            agrees = (vectors * expected).sum(-1).min() >= LEAST_COSINE
        else:
            agrees = (vectors - expected).abs().max() <= TOLERANCE
        if agrees:  # which NaN is not
            return name, tower
    return plain
