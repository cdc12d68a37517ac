"""Machines that run on: trains of combustion or blade pulses, motors and the noise they move."""

import numpy as np

from chronoclap.scenes.foley.dsp import (
    Array,
    band,
    convolve,
    count,
    curve,
    formants,
    noise,
    phase,
    place,
    rolloff,
    room,
    times,
    tone,
    unit,
    wander,
)
from chronoclap.scenes.foley.registry import sound


def firing(rng: np.random.Generator, rate: Array, cylinders: int, kernel: Array) -> Array:
    """Exhaust of an engine: one kernel for each firing, cylinders of unequal strength.

    Args:
        rng: source of chance.
        rate: firings a second over time, shape (n,).
        cylinders: how many unequal firings repeat.
        kernel: sound of one firing.

    Returns:
        Samples, shape (n,).
    """
    strength = rng.uniform(0.6, 1.0, cylinders)
    cycle = np.floor(phase(rate)).astype(int)
    train = np.diff(cycle, prepend=0) * strength[cycle % cylinders]
    train = train * (1 + 0.15 * rng.standard_normal(len(train)))
    return convolve(train, kernel)


@sound("engine", "engine running")
def engine(rng: np.random.Generator) -> Array:
    """A heavy engine that idles and is revved a little."""
    seconds = rng.uniform(3.5, 5.0)
    rate = (
        rng.uniform(17, 21) * np.exp(0.32 * wander(rng, seconds, 1.7)) * (1 + 0.03 * wander(rng, seconds, 40))
    )
    t = times(0.09)
    puff = (
        np.sin(2 * np.pi * rng.uniform(240, 300) * t)
        + 0.56 * np.sin(2 * np.pi * 1280 * t)
        + 1.34 * noise(rng, 0.09, 0.2)
    )
    gears = band(noise(rng, seconds, 1.17), 1160, 6480, 1)
    return room(rng, unit(firing(rng, rate, 2, puff * np.exp(-t / 0.018))) + 0.35 * unit(gears), 0.35, 0.23)


@sound("motorcycle", "motorcycle")
def motorcycle(rng: np.random.Generator) -> Array:
    """A twin that is revved again and again."""
    seconds = rng.uniform(3.5, 5.0)
    rate = (
        rng.uniform(52, 63) * np.exp(0.35 * wander(rng, seconds, 3.0)) * (1 + 0.04 * wander(rng, seconds, 40))
    )
    t = times(0.01)
    puff = np.sin(2 * np.pi * 212 * t) + 0.06 * np.sin(2 * np.pi * 1010 * t) + 0.26 * noise(rng, 0.01, 0.16)
    chain = band(noise(rng, seconds, 0.95), 950, 7800, 1)
    return room(rng, unit(firing(rng, rate, 2, puff * np.exp(-t / 0.002))) + 0.36 * unit(chain), 0.76, 0.31)


@sound("chainsaw", "chainsaw")
def chainsaw(rng: np.random.Generator) -> Array:
    """A small two-stroke that screams, bogs down in the wood and recovers."""
    seconds = rng.uniform(3.5, 5.0)
    rate = (
        rng.uniform(112, 135)
        * np.exp(0.49 * wander(rng, seconds, 3.0))
        * (1 + 0.01 * wander(rng, seconds, 40))
    )
    t = times(0.015)
    puff = np.sin(2 * np.pi * 94 * t) + 1.17 * np.sin(2 * np.pi * rng.uniform(520, 800) * t)
    kernel = (puff + 0.77 * noise(rng, 0.015, 0.73)) * np.exp(-t / rng.uniform(0.0023, 0.004))
    chain = band(noise(rng, seconds, 0.26), 1350, 7230, 1)
    return room(rng, unit(firing(rng, rate, 4, kernel)) + 0.4 * unit(chain), 0.55, 0.3)


@sound("helicopter", "helicopter")
def helicopter(rng: np.random.Generator) -> Array:
    """Blade slap at ten to twenty beats a second over the turbine."""
    seconds = rng.uniform(3.5, 5.0)
    rate = np.full(count(seconds), rng.uniform(10, 17))
    beat = phase(rate) % 1.0
    chop = np.exp(-beat / 0.22) * -np.expm1(-beat / 0.04)
    slap = unit(band(noise(rng, seconds, 1.0), 40, 900, 1)) * chop
    t = times(0.07)
    thump = convolve(
        np.diff(np.floor(phase(rate)), prepend=0.0), np.sin(2 * np.pi * 65 * t) * np.exp(-t / 0.02)
    )
    whine = tone(np.full(count(seconds), rng.uniform(350, 600)), [1, 0.5, 0.3])
    near = curve(seconds, [(0, rng.uniform(0.5, 1)), (0.5, 1), (1, rng.uniform(0.5, 1))])
    return (
        unit(slap)
        + 0.7 * unit(thump)
        + 0.25 * unit(band(noise(rng, seconds, 0.7), 200, 4000, 1))
        + 0.03 * whine
    ) * near


@sound("vacuum", "vacuum cleaner")
def vacuum(rng: np.random.Generator) -> Array:
    """Rushing air over a motor's whine."""
    seconds = rng.uniform(3.5, 5.0)
    pitch = rng.uniform(400, 435) * (1 + 0.034 * wander(rng, seconds, rng.uniform(2.5, 4.5)))
    motor = formants(tone(pitch, rolloff(60, 1.35)), [390, 2250, 5080], [500, 1000, 2000], [1, 0.75, 0.86])
    air = band(noise(rng, seconds), 1080, 9600, 1)
    mix = 0.26 * unit(motor) + 0.74 * unit(air)
    return room(rng, mix * (1 + 0.12 * wander(rng, seconds, 0.95)), 0.79, 0.2)


@sound("hand_saw", "hand saw")
def hand_saw(rng: np.random.Generator) -> Array:
    """Push and pull: teeth that rasp through wood, the push louder."""
    stroke = rng.uniform(0.24, 0.38)
    n = int(rng.integers(8, 12))
    wood = rng.uniform(900, 1600)
    grains = []
    for i in range(n):
        seconds = stroke * 0.85
        speed = np.sin(np.pi * np.linspace(0, 1, count(seconds))) ** 0.5
        teeth = 1 + 0.8 * np.sin(2 * np.pi * phase(rng.uniform(90, 130) * speed))
        rasp = formants(
            noise(rng, seconds) * teeth, [wood, 2.6 * wood, 4.6 * wood], [500, 1500, 3000], [0.7, 1, 0.8]
        )
        grains.append(unit(rasp) * speed**2 * (1.0 if i % 2 == 0 else 0.55))
    return place(min(5.0, n * stroke + 0.4), 0.1 + stroke * np.arange(n), grains)
