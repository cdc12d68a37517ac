"""Everyday sounds from physics and noise: no recordings, no data, as many variants as there are seeds."""

from collections.abc import Mapping
from types import MappingProxyType
from zlib import crc32

import numpy as np

from chronoclap.errors import DataError
from chronoclap.scenes.foley import (  # noqa: F401  (importing a family enters its sounds in the registry)
    animals,
    elements,
    engines,
    music,
    objects,
    signals,
)
from chronoclap.scenes.foley.dsp import RATE, band, fade, noise, resample, room
from chronoclap.scenes.foley.registry import MAKERS, PHRASES

__all__ = ["FOLEY", "synthesise"]

FOLEY: Mapping[str, str] = MappingProxyType(PHRASES)
"""Name of each sound -> the phrase that describes the event, e.g. "dog" -> "dog barking"."""


def synthesise(name: str, seed: int, rate: int = 16000) -> np.ndarray:
    """Make one variant of an everyday sound.

    Args:
        name: a key of `FOLEY`.
        seed: which variant; pitch, pace, material, distance and level vary with it. Non-negative.
        rate: samples per second. Nothing sounds above 16 kHz, whatever the rate.

    Returns:
        Mono samples, shape (n,), float32, peak at most 1, 1 to 5 seconds long; the same for the same
        arguments.

    Raises:
        DataError: no sound has that name.
    """
    if name not in MAKERS:
        raise DataError(f"No synthetic sound is called {name!r}; choose one of: {', '.join(sorted(MAKERS))}.")
    rng = np.random.default_rng([seed, crc32(name.encode())])
    dry = MAKERS[name](rng)
    out = resample(fade(_at_a_distance(rng, dry)), rate)
    return (out * (rng.uniform(0.5, 0.95) / np.abs(out).max())).astype(np.float32)


def _at_a_distance(rng: np.random.Generator, x: np.ndarray) -> np.ndarray:
    """Put a sound some way off: the air takes the treble, the place adds reverberation and a noise floor."""
    distance = rng.uniform() ** 2
    far = band(x, 0, RATE / 2 * 0.9 ** (1 + 8 * distance), 1)
    placed = room(rng, far, rng.uniform(0.15, 0.6), 0.02 + 0.12 * distance)
    floor = band(noise(rng, len(x) / RATE), 0, 2000, 1)
    return placed + floor * np.abs(placed).max() * 10 ** (rng.uniform(-75, -60) / 20)
