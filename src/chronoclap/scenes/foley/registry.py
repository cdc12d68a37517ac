"""The book of sounds: each maker is entered under its name with the phrase that describes it."""

from collections.abc import Callable

import numpy as np

Maker = Callable[[np.random.Generator], np.ndarray]

MAKERS: dict[str, Maker] = {}
PHRASES: dict[str, str] = {}


def sound(name: str, phrase: str) -> Callable[[Maker], Maker]:
    """Enter a maker, which draws samples at `dsp.RATE` from a generator, under a name and an event phrase."""

    def enter(maker: Maker) -> Maker:
        MAKERS[name] = maker
        PHRASES[name] = phrase
        return maker

    return enter
