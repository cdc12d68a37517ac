"""Things that are struck, broken or fired."""

import numpy as np

from chronoclap.scenes.foley.dsp import (
    RATE,
    Array,
    band,
    formants,
    modes,
    noise,
    place,
    room,
    strike,
    unit,
)
from chronoclap.scenes.foley.registry import sound


def impact(
    rng: np.random.Generator, low: float, high: float, decay: float, dull: float, burst: Array, mix: float
) -> Array:
    """A blow on a body with many modes, such as a door or a floor.

    Args:
        rng: source of chance: every blow lands elsewhere and excites other modes.
        low, high: range of the modes, Hz.
        decay: time constant of the lowest mode, seconds; the others' are shorter by their frequency.
        dull: gains of the modes fall as frequency**-dull.
        burst: noise of the contact, shape (n,).
        mix: share of the burst.

    Returns:
        Samples, shape (n,), RMS near one.
    """
    f = low * (high / low) ** rng.uniform(0, 1, 14)
    ring = modes(len(burst) / RATE, f, decay * low / f, rng.uniform(0.3, 1, 14) * (f / low) ** -dull)
    return (1 - mix) * unit(ring) + mix * unit(burst)


@sound("knock", "door knock")
def knock(rng: np.random.Generator) -> Array:
    """Knuckles on a wooden door, in one or two groups."""
    low = rng.uniform(190, 240)
    n = int(rng.integers(3, 6))
    pace = rng.uniform(0.2, 0.29)
    groups = int(rng.integers(1, 3))
    at = np.add.outer(0.08 + (n * pace + 0.5) * np.arange(groups), pace * np.arange(n)).ravel()
    at += pace * 0.08 * rng.uniform(-1, 1, len(at))
    hard = rng.uniform(0.72, 0.88)
    blows = []
    for _ in at:
        burst = band(noise(rng, 0.5, 1.45), 0.7 * low, 870, 1) * strike(0.5, 0.0004, 0.03)
        blows.append(
            impact(rng, low, rng.uniform(1100, 2200), 0.065, 0.45, burst, hard) * rng.uniform(0.75, 1)
        )
    return room(rng, place(float(at[-1]) + 0.8, at, blows), 0.28, 0.12)


@sound("church_bells", "church bells")
def church_bells(rng: np.random.Generator) -> Array:
    """A swinging bell with the partials of a tuned one: hum, prime, minor third, fifth, nominal and above."""
    seconds = rng.uniform(4.0, 5.0)
    ratios = np.tile([0.5, 1.0, 1.2, 1.5, 2.0, 2.52, 3.0, 4.1, 5.2, 6.3], 2)
    gains = np.tile([0.35, 0.7, 0.7, 0.3, 1.0, 0.4, 0.5, 0.35, 0.25, 0.2], 2) * ratios**-0.7
    # Each partial is a pair a little apart, for no bell is perfectly round: the beats sound like bronze.
    partials = rng.uniform(590, 640) * ratios * (1 + 0.0016 * rng.standard_normal(len(ratios)))
    bell = modes(3.5, partials, rng.uniform(1.9, 2.4) / ratios**0.57, gains)
    bell += rng.uniform(0, 0.6) * band(noise(rng, 3.5, 0.5), 800, 6000, 1) * strike(3.5, 0.001, 0.015)
    at = np.arange(0.05, seconds - 0.8, rng.uniform(0.8, 1.15))
    at[1:] += 0.03 * rng.uniform(-1, 1, len(at) - 1)
    return room(
        rng, place(seconds, at, [bell * rng.uniform(0.8, 1) for _ in at]), rng.uniform(0.33, 0.5), 0.39
    )


@sound("glass", "glass breaking")
def glass(rng: np.random.Generator) -> Array:
    """One impact, then shards that ring and fall."""
    seconds = rng.uniform(1.4, 2.4)
    crash = band(noise(rng, seconds), 1500, 14000, 1) * strike(seconds, 0.0005, 0.06)
    hit = band(noise(rng, seconds, 1.0), 200, 3000, 1) * strike(seconds, 0.0005, 0.02)
    n = int(rng.integers(40, 80))
    at = 0.05 + rng.exponential(0.22, n)
    at = at[at < seconds - 0.15]
    shards = []
    for _ in at:
        f = rng.uniform(2200, 7500)
        d = rng.uniform(0.01, 0.05)
        shards.append(
            rng.uniform(0.1, 0.8)
            * modes(0.15, f * np.array([1, 1.43, 2.1]), [d, 0.7 * d, 0.5 * d], [1, 0.7, 0.5])
        )
    return place(seconds, [0.04], [unit(crash) * 0.6 + 0.3 * unit(hit)]) + 0.7 * place(seconds, at, shards)


def clap(rng: np.random.Generator) -> Array:
    """One clap: cupped hands colour a burst of noise."""
    centre = rng.uniform(900, 1700)
    burst = noise(rng, 0.08) * strike(0.08, 0.0005, rng.uniform(0.006, 0.011))
    return unit(formants(burst, [centre, 2.3 * centre], [700, 2500], [1, 0.5])) * rng.uniform(0.6, 1.0)


@sound("clapping", "hands clapping")
def clapping(rng: np.random.Generator) -> Array:
    """Somebody claps: two palms that meet a little differently each time."""
    seconds = rng.uniform(3.0, 4.5)
    period = rng.uniform(0.23, 0.27)
    at = np.arange(0.09, seconds - 0.4, period)
    at += 0.02 * period * rng.uniform(-1, 1, len(at))
    palm = rng.uniform(0.93, 1.05)
    pair = [
        unit(band(noise(rng, 0.06), 800 * r * palm, 3000 * r * palm, 2) * strike(0.06, 0.0003, 0.0015))
        for r in (1.0, 0.85)
    ]
    claps = [pair[i % 2] for i in range(len(at))]
    slaps = [0.4 * pair[(i + 1) % 2] for i in range(len(at))]
    return room(rng, place(seconds, at, claps) + place(seconds, at + 0.02, slaps), 0.25, 0.1)


def shot(rng: np.random.Generator, seconds: float, decay: float) -> Array:
    """Muzzle blast: a burst of noise and a low thump, clipped as a microphone clips it, shape (n,)."""
    crack = noise(rng, seconds, 0.4) * strike(seconds, 0.0003, decay)
    boom = unit(band(noise(rng, seconds, 1.0), 60, 900, 1)) * strike(seconds, 0.001, 2.5 * decay)
    return np.tanh(1.7 * crack + 2.0 * boom)


@sound("gunfire", "gunfire")
def gunfire(rng: np.random.Generator) -> Array:
    """Bursts of an automatic weapon at eight to fourteen rounds a second."""
    rate = rng.uniform(8, 14)
    at: list[float] = []
    start = 0.08
    for _ in range(int(rng.integers(1, 4))):
        at += list(start + np.arange(int(rng.integers(5, 11))) / rate)
        start = at[-1] + rng.uniform(0.4, 0.7)
    at = [a for a in at if a < 4.2]
    return place(at[-1] + 0.8, at, [shot(rng, 0.4, 0.03) for _ in at])


@sound("hammer", "hammer")
def hammer(rng: np.random.Generator) -> Array:
    """Blows on steel at a brisk, uneven pace, in a hard room."""
    period = rng.uniform(0.34, 0.42)
    n = int(rng.integers(4, 9))
    low = rng.uniform(800, 1050)
    at = 0.1 + period * (np.arange(n) + 0.1 * rng.uniform(-1, 1, n))
    blows = []
    for _ in at:
        burst = band(noise(rng, 0.3, 1.3), 0.7 * low, 8500, 1) * strike(0.3, 0.0004, 0.055)
        blows.append(impact(rng, low, 3.5 * low, 0.017, 0.6, burst, 0.76) * rng.uniform(0.7, 1))
    return room(rng, place(float(at[-1]) + 0.7, at, blows), rng.uniform(1.3, 1.5), 0.55)
