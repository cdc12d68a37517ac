"""Musical instruments: strings, bars, skins."""

import numpy as np

from chronoclap.scenes.foley.dsp import Array, band, modes, noise, phase, place, room, strike, times
from chronoclap.scenes.foley.registry import sound


def note(semitones: float) -> float:
    """Frequency in Hz of a pitch that many semitones above A4 = 440 Hz."""
    return float(440 * 2 ** (semitones / 12))


def plucked(rng: np.random.Generator, f: float, seconds: float, decay: float) -> Array:
    """Plucked string: harmonics of a triangle released off-centre, the higher the sooner gone."""
    k = np.arange(1, 30)
    spot = rng.uniform(0.15, 0.3)
    gains = np.abs(np.sin(np.pi * k * spot)) / k**1.2
    stretched = f * k * np.sqrt(1 + 6e-5 * k**2)
    return modes(seconds, stretched, decay / (1 + 0.25 * k), gains)


@sound("guitar", "guitar")
def guitar(rng: np.random.Generator) -> Array:
    """Strummed chords."""
    shapes = ((0, 7, 12, 16, 19, 24), (0, 7, 12, 15, 19, 24), (0, 5, 12, 17, 21))
    root = int(rng.integers(-29, -22))
    grains, at = [], []
    n = int(rng.integers(2, 5))
    pace = rng.uniform(0.7, 1.0)
    for i in range(n):
        chord = shapes[rng.integers(len(shapes))]
        move = int(rng.choice([0, 5, 7, -2]))
        for j, s in enumerate(chord):
            grains.append(
                plucked(rng, note(root + move + s), 1.8, rng.uniform(1.2, 1.8)) * rng.uniform(0.7, 1)
            )
            at.append(0.06 + i * pace + j * rng.uniform(0.012, 0.02))
    return place(n * pace + 1.0, at, grains)


@sound("piano", "piano")
def piano(rng: np.random.Generator) -> Array:
    """A slow figure of struck strings."""
    scale = np.array([0, 2, 4, 5, 7, 9, 11, 12, 14, 16])
    root = int(rng.integers(-21, -5))
    n = int(rng.integers(5, 9))
    pace = rng.uniform(0.28, 0.45)
    grains = []
    for _ in range(n):
        f = note(root + int(rng.choice(scale)))
        k = np.arange(1, 22)
        stretched = f * k * np.sqrt(1 + 4e-4 * k**2)
        gains = np.exp(-0.28 * k) * (1 + 0.3 * rng.uniform(-1, 1, len(k)))
        decays = 1.3 * (260 / f) ** 0.5 / (1 + 0.22 * k)
        both = modes(
            1.8, np.concatenate([stretched, stretched * 1.0006]), np.tile(decays, 2), np.tile(gains, 2)
        )
        thump = band(noise(rng, 1.8, 1.0), 60, 900, 1) * strike(1.8, 0.001, 0.02)
        grains.append(both * -np.expm1(-times(1.8) / 0.002) + 0.25 * thump)
    return room(rng, place(n * pace + 1.2, 0.06 + pace * np.arange(n), grains), 0.9, 0.15)


@sound("drum", "drum")
def drum(rng: np.random.Generator) -> Array:
    """A kick and a snare in a simple beat."""
    beat = rng.uniform(0.24, 0.34)
    n = int(rng.integers(8, 13))
    low, skin = rng.uniform(50, 65), rng.uniform(170, 210)
    grains = []
    for i in range(n):
        if i % 4 == 2:
            rattle = band(noise(rng, 0.35), 1200, 10000, 1) * strike(0.35, 0.0005, rng.uniform(0.05, 0.08))
            grains.append(
                0.5 * rattle + modes(0.35, skin * np.array([1, 1.6, 2.1]), [0.05, 0.04, 0.03], [1, 0.6, 0.4])
            )
        elif i % 2 == 0 or rng.uniform() < 0.3:
            t = times(0.4)
            grains.append(
                1.4 * np.sin(2 * np.pi * phase(low * (1 + 2.5 * np.exp(-t / 0.02)))) * np.exp(-t / 0.1)
            )
        else:
            grains.append(0.25 * band(noise(rng, 0.1), 6000, 15000) * strike(0.1, 0.0005, 0.03))
    return room(rng, place(n * beat + 0.5, 0.06 + beat * np.arange(n), grains), 0.4, 0.12)
