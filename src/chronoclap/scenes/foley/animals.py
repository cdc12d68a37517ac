"""Animals and a baby."""

import numpy as np

from chronoclap.scenes.foley.cries import Cry, cries, voice
from chronoclap.scenes.foley.dsp import (
    Array,
    band,
    count,
    curve,
    formants,
    noise,
    place,
    rolloff,
    room,
    times,
    tone,
    unit,
    wander,
)
from chronoclap.scenes.foley.registry import sound

DOG = Cry(
    calls=(2, 5),
    seconds=0.15,
    gap=0.29,
    pitch=765,
    start=0.72,
    peak_at=0.34,
    peak=1.12,
    end=0.81,
    attack=0.12,
    sustain=0.8,
    breath=0.55,
    rough=0.08,
    grit=0.26,
    tilt=0.71,
    throat=((1220, 250, 1.0), (1850, 680, 1.08), (2980, 1160, 0.3)),
    decay=0.42,
    wet=0.26,
    spread=0.2,
)
CROW = Cry(
    calls=(2, 5),
    seconds=0.22,
    gap=0.24,
    pitch=722,
    start=0.8,
    peak_at=0.3,
    peak=1.04,
    end=0.62,
    attack=0.21,
    sustain=0.82,
    breath=1.0,
    rough=0.01,
    grit=0.1,
    tilt=0.66,
    throat=((808, 170, 1.0), (2140, 272, 0.86), (3400, 1220, 0.5)),
    decay=0.31,
    wet=0.12,
)
CAT = Cry(
    calls=(1, 3),
    seconds=0.76,
    gap=0.35,
    pitch=795,
    start=1.06,
    peak_at=0.49,
    peak=1.18,
    end=0.42,
    attack=0.05,
    sustain=0.45,
    breath=0.17,
    rough=0.026,
    grit=0.06,
    tilt=0.11,
    throat=((414, 150, 1.0), (1550, 600, 0.13), (3390, 1030, 0.8)),
    decay=0.21,
    wet=0.18,
)
OWL = Cry(
    calls=(3, 6),
    seconds=0.22,
    gap=0.13,
    pitch=414,
    start=0.6,
    peak_at=0.2,
    peak=1.08,
    end=0.6,
    attack=0.23,
    sustain=0.92,
    breath=0.02,
    rough=0.02,
    grit=0.0,
    tilt=3.8,
    throat=((500, 600, 1.0), (1220, 560, 1.26), (3410, 560, 0.49)),
    decay=0.66,
    wet=0.13,
)
SHEEP = Cry(
    calls=(1, 3),
    seconds=0.85,
    gap=0.3,
    pitch=268,
    start=0.97,
    peak_at=0.39,
    peak=1.3,
    end=0.55,
    attack=0.22,
    sustain=0.66,
    breath=0.54,
    rough=0.17,
    grit=0.5,
    tilt=0.3,
    throat=((1070, 420, 1.0), (2460, 350, 0.98), (2770, 700, 0.38)),
    decay=0.76,
    wet=0.12,
    tremor=0.88,
    tremor_rate=10.8,
)


@sound("dog", "dog barking")
def dog(rng: np.random.Generator) -> Array:
    """Two to five barks; a big dog is lower and slower."""
    return cries(rng, DOG)


@sound("crow", "crow cawing")
def crow(rng: np.random.Generator) -> Array:
    """Two to five harsh caws."""
    return cries(rng, CROW)


@sound("cat", "cat meowing")
def cat(rng: np.random.Generator) -> Array:
    """One to three meows that fall from a high, open vowel."""
    return cries(rng, CAT)


@sound("birds", "birds chirping")
def birds(rng: np.random.Generator) -> Array:
    """A few birds, each with a motif of its own that it repeats."""
    seconds = rng.uniform(3.5, 5.0)
    out = np.zeros(count(seconds))
    for _ in range(int(rng.integers(2, 5))):
        base = rng.uniform(2600, 5200)
        notes = []
        for _ in range(int(rng.integers(2, 6))):
            length = rng.uniform(0.05, 0.16)
            a, b, c = base * rng.uniform(0.75, 1.3, 3)
            pitch = curve(length, [(0, a), (0.5, b), (1, c)]) * (
                1 + 0.04 * rng.uniform() * np.sin(2 * np.pi * 40 * times(length))
            )
            notes.append(tone(pitch, [1, 0.1, 0.03]) * np.sin(np.pi * np.linspace(0, 1, len(pitch))) ** 0.8)
        pace = rng.uniform(0.1, 0.2)
        level = rng.uniform(0.3, 1.0)
        start = rng.uniform(0.05, 0.8)
        while start + len(notes) * pace < seconds - 0.2:
            out += level * place(seconds, start + pace * np.arange(len(notes)), notes)
            start += len(notes) * pace + rng.uniform(0.3, 1.0)
    return out


@sound("crickets", "crickets")
def crickets(rng: np.random.Generator) -> Array:
    """One near cricket's fast chirps of several pulses each, and others behind it."""
    seconds = rng.uniform(3.5, 5.0)
    t = times(seconds)
    carrier, rate, width = rng.uniform(6100, 6600), rng.uniform(38, 55), rng.uniform(0.3, 0.4)
    out = np.zeros_like(t)
    for i in range(3):
        chirps = rng.uniform(5.5, 6.3) * (1 + 0.1 * i)
        within = (t * chirps + rng.uniform()) % 1.0 / chirps
        pulse = np.sin(np.pi * np.minimum(within * rate % 1.0 / width, 1.0)) * (within < 6 / rate)
        out += (
            np.sin(2 * np.pi * carrier * (1 + 0.04 * i) * t)
            * pulse
            * (1.0 if i == 0 else rng.uniform(0.35, 0.55))
        )
    return room(rng, out + 0.035 * noise(rng, seconds, 1.0), rng.uniform(0.6, 1.0), 0.35)


@sound("baby", "baby crying")
def baby(rng: np.random.Generator) -> Array:
    """Wails that rise and fall, each followed by a gasp for breath."""
    p = rng.uniform(400, 520)
    grains, at, start = [], [], 0.08
    for _ in range(int(rng.integers(2, 5))):
        seconds = rng.uniform(0.6, 1.0)
        q = p * rng.uniform(0.95, 1.1)
        source = voice(
            rng,
            seconds,
            [(0, 0.8 * q), (0.2, 1.1 * q), (0.6, 1.05 * q), (1, 0.75 * q)],
            [(0, 0), (0.12, 1), (0.7, 0.9), (1, 0)],
            breath=0.06,
            rough=0.025,
            tilt=0.35,
        )
        grains.append(formants(source, [1050, 1750, 3300, 4600], [250, 300, 500, 700], [1, 0.6, 0.5, 0.2]))
        at.append(start)
        gasp = noise(rng, 0.18) * np.sin(np.pi * np.linspace(0, 1, count(0.18)))
        grains.append(0.12 * formants(gasp, [900, 2200, 4000], [500, 700, 1500], [1, 1, 0.6]))
        at.append(start + seconds + 0.06)
        start += seconds + rng.uniform(0.3, 0.45)
    return place(min(5.0, start + 0.4), at, grains)


@sound("duck", "duck quacking")
def duck(rng: np.random.Generator) -> Array:
    """Three to seven nasal quacks, falling a little."""
    p = rng.uniform(190, 260)
    n = int(rng.integers(3, 8))
    grains = []
    for i in range(n):
        seconds = rng.uniform(0.14, 0.2)
        q = p * (1 - 0.02 * i)
        source = voice(
            rng,
            seconds,
            [(0, q), (0.3, 1.1 * q), (1, 0.85 * q)],
            [(0, 0), (0.1, 1), (0.6, 0.8), (1, 0)],
            breath=0.25,
            rough=0.06,
            tilt=0.1,
        )
        grains.append(formants(source, [1200, 2100, 3300], [250, 350, 600], [1, 0.7, 0.4]))
    at = 0.08 + np.arange(n) * rng.uniform(0.28, 0.4)
    return place(float(at[-1]) + 0.8, at, grains)


@sound("owl", "owl hooting")
def owl(rng: np.random.Generator) -> Array:
    """Three to six hoots, nearly pure tones."""
    return cries(rng, OWL)


@sound("sheep", "sheep bleating")
def sheep(rng: np.random.Generator) -> Array:
    """One to three bleats, chopped by a fast tremor."""
    return cries(rng, SHEEP)


@sound("insect", "insect buzzing")
def insect(rng: np.random.Generator) -> Array:
    """A fly about the ear: wing-beat harmonics that come, go and bend."""
    seconds = rng.uniform(3.0, 5.0)
    pitch = rng.uniform(270, 320) * (1 + 0.066 * wander(rng, seconds, 7.7))
    wings = formants(tone(pitch, rolloff(60, 0.0)), [835, 2400, 5900], [500, 1000, 2000], [1, 0.65, 0.75])
    air = band(noise(rng, seconds, 1.45), 70, 5000, 1)
    near = 1 + rng.uniform(0.7, 0.8) * wander(rng, seconds, rng.uniform(3.5, 5.5))
    return room(rng, (0.77 * unit(wings) + 0.23 * unit(air)) * near, 0.4, 0.05)
