"""Weather, water and fire: showers of small grains over coloured noise."""

import numpy as np

from chronoclap.scenes.foley.dsp import (
    Array,
    band,
    curve,
    noise,
    phase,
    place,
    room,
    shower,
    strike,
    times,
    unit,
    wander,
)
from chronoclap.scenes.foley.registry import sound


def tick(frequency: float, decay: float) -> Array:
    """One short damped sine: a drop on a hard surface, a crackle, a click."""
    t = times(6 * decay)
    return np.sin(2 * np.pi * frequency * t) * np.exp(-t / decay)


def ticks(rng: np.random.Generator, low: float, high: float, decay: float, kinds: int = 6) -> list[Array]:
    """Ticks of `kinds` frequencies between two limits in Hz."""
    return [tick(f, decay * rng.uniform(0.6, 1.5)) for f in rng.uniform(low, high, kinds)]


@sound("rain", "rain")
def rain(rng: np.random.Generator) -> Array:
    """The patter of near drops in the hiss of all the far ones."""
    seconds = rng.uniform(3.0, 5.0)
    rate = rng.uniform(1700, 2400)
    patter = shower(rng, seconds, rate, ticks(rng, 500, 6320, 0.0003), 1.3)
    splashes = shower(
        rng, seconds, rate / 2, [noise(rng, 0.01) * strike(0.01, 0.0003, 0.0018) for _ in range(6)], 1.3
    )
    hiss = band(noise(rng, seconds), 1500, 9000, 1)
    low = band(noise(rng, seconds, 1.0), 40, 600, 1)
    mix = (
        unit(patter)
        + rng.uniform(0.2, 0.35) * splashes
        + rng.uniform(1.4, 1.8) * unit(hiss)
        + 0.24 * unit(low)
    )
    return room(rng, mix * (1 + 0.1 * wander(rng, seconds, 1.5)), 0.41, 0.16)


@sound("thunder", "thunder")
def thunder(rng: np.random.Generator) -> Array:
    """A clap that grows and rolls away, over the first thin rain."""
    seconds = rng.uniform(3.5, 5.0)
    t = times(seconds)
    roll = unit(band(noise(rng, seconds, 1.77), 25, rng.uniform(300, 350), 1))
    roll *= strike(seconds, 0.23, rng.uniform(1.0, 1.3)) * (1 + 0.2 * wander(rng, seconds, 5))
    crack = noise(rng, seconds, 0.9) * strike(seconds, 0.001, rng.uniform(0.065, 0.09))
    thump = np.sin(2 * np.pi * phase(40 + 130 * np.exp(-t / 0.08))) * strike(seconds, 0.004, 0.1)
    clap = np.tanh(rng.uniform(1.4, 2.1) * (roll + 0.155 * crack + 0.37 * thump))
    drops = 0.5 * shower(rng, seconds, 1500, ticks(rng, 500, 6300, 0.0003), 1.3)
    rainfall = unit(band(noise(rng, seconds), 1500, 9000, 1) + drops)
    placed = room(rng, place(seconds, [0.05], [clap]), rng.uniform(1.2, 1.35), 0.32)
    return placed + rng.uniform(0.009, 0.014) * rainfall


@sound("wind", "wind")
def wind(rng: np.random.Generator) -> Array:
    """Gusts: turbulence that whistles higher as it grows stronger."""
    seconds = rng.uniform(4.0, 5.0)
    gust = 0.5 + 0.5 * wander(rng, seconds, rng.uniform(0.5, 1.0))
    source = noise(rng, seconds, 1.0)
    centre = rng.uniform(250, 450)
    low, middle, high = (
        unit(band(source, centre * ratio * 0.8, centre * ratio * 1.25, 2)) for ratio in (0.6, 1.0, 1.7)
    )
    body = low * (1 - gust) * 0.5 + middle * gust + high * gust**3 * 0.6
    return (body + 0.35 * unit(band(source, 60, 900, 1))) * (0.2 + gust)


@sound("sea_waves", "sea waves")
def sea_waves(rng: np.random.Generator) -> Array:
    """Breakers: a low roar that swells, then hisses away as foam."""
    seconds = rng.uniform(4.5, 5.0)
    source = noise(rng, seconds, 0.6)
    roar = unit(band(source, 80, 900, 1))
    foam = unit(band(noise(rng, seconds, 0.3), 700, 9000, 1))
    peak = rng.uniform(0.3, 0.5)
    swell = curve(seconds, [(0, 0.15), (peak * 0.6, 0.3), (peak, 1.0), (peak + 0.25, 0.45), (1, 0.15)])
    hiss = curve(seconds, [(0, 0.2), (peak * 0.8, 0.15), (peak + 0.07, 1.0), (peak + 0.35, 0.5), (1, 0.15)])
    return (roar * swell + 0.8 * foam * hiss) * (1 + 0.2 * wander(rng, seconds, 6))


@sound("fire", "crackling fire")
def fire(rng: np.random.Generator) -> Array:
    """Wood that bursts in cracks and snaps, over the flutter and the hiss of the flames."""
    seconds = rng.uniform(4.0, 5.0)
    rate = rng.uniform(65, 95)
    cracks = shower(rng, seconds, rate, ticks(rng, rng.uniform(1100, 1500), 2720, 0.0003), 1.16)
    snaps = shower(
        rng, seconds, rate / 2, [noise(rng, 0.02) * strike(0.02, 0.0003, 0.0039) for _ in range(6)], 1.16
    )
    flames = unit(band(noise(rng, seconds, 1.0), 40, 600, 1)) * (1 + 0.5 * wander(rng, seconds, 9))
    hiss = unit(band(noise(rng, seconds), 1500, 9000, 1))
    return room(rng, unit(cracks) + 1.75 * snaps + 0.7 * flames + 0.26 * hiss, 0.52, 0.2)


@sound("whoosh", "whoosh")
def whoosh(rng: np.random.Generator) -> Array:
    """Something swung fast through the air, two to four times: the faster, the louder and the brighter."""
    n = int(rng.integers(2, 5))
    low = rng.uniform(850, 1050)
    grains, at, start = [], [], 0.1
    for _ in range(n):
        one = 0.65 * rng.uniform(0.75, 1.15)
        source = noise(rng, one, 0.87)
        speed = np.sin(np.pi * np.linspace(0, 1, len(source)) ** 1.45) ** 2.9
        slow, fast = (unit(band(source, 0.5 * c, 2.65 * c, 2)) for c in (low, 3.85 * low))
        grains.append((slow * (1 - speed) + fast * speed) * speed)
        at.append(start)
        start += one + rng.uniform(0.12, 0.2)
    return room(rng, place(start + 0.2, at, grains), 0.3, 0.03)


@sound("explosion", "explosion")
def explosion(rng: np.random.Generator) -> Array:
    """A blast: a low burst that overdrives the microphone, a sinking thump, and debris."""
    seconds = rng.uniform(3.0, 4.5)
    fireball = unit(band(noise(rng, seconds, 1.55), 25, rng.uniform(150, 230), 1)) * strike(
        seconds, 0.034, 0.66
    )
    blast = noise(rng, seconds, 0.55) * strike(seconds, 0.001, rng.uniform(0.27, 0.33))
    thump = np.sin(2 * np.pi * phase(40 + 60 * np.exp(-times(seconds) / 0.08))) * strike(seconds, 0.004, 0.44)
    debris = unit(shower(rng, seconds, 98, ticks(rng, 500, 4000, 0.003), 0.8)) * strike(seconds, 0.2, 0.41)
    mix = np.tanh(2.5 * (fireball + 0.4 * blast + 0.45 * thump + 0.09 * debris))
    return room(rng, place(seconds, [0.05], [mix]), rng.uniform(0.8, 1.1), 0.26)


@sound("pouring_water", "pouring water")
def pouring_water(rng: np.random.Generator) -> Array:
    """Water that falls from a small height and spatters, poured for a while."""
    seconds = rng.uniform(3.0, 5.0)
    hiss = band(noise(rng, seconds, rng.uniform(0.3, 0.9)), rng.uniform(300, 900), 11000, 1)
    spatter = shower(rng, seconds, rng.uniform(200, 900), ticks(rng, 1200, 6500, 0.002), 0.9)
    level = curve(seconds, [(0, 0), (0.04, 1), (0.93, 0.9), (1, 0)])
    return (unit(hiss) + rng.uniform(0.7, 1.1) * unit(spatter)) * level
