"""Sounds made of plain arrays, so that scenes can be tested sample by sample."""

import numpy as np

from chronoclap.scenes import Event, Sounds

RATE = 1000


class Arrays(Sounds):
    """Sounds given as arrays by recording name; everything else as in Sounds."""

    def __init__(self, arrays: dict[str, np.ndarray], rate: int = RATE) -> None:
        super().__init__(rate)
        self.arrays = {name: np.asarray(array, np.float32) for name, array in arrays.items()}

    def samples(self, event: Event) -> np.ndarray:
        return self.arrays[event.recording]


def event(name: str, phrase: str = "") -> Event:
    return Event(phrase or name, name, name)
