"""Signals made to be heard: horns, sirens, bells and beepers."""

import numpy as np

from chronoclap.scenes.foley.dsp import (
    Array,
    band,
    count,
    curve,
    fade,
    formants,
    modes,
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


def beep(pitch: float, seconds: float, amplitudes: Array) -> Array:
    """A steady tone with soft ends."""
    return fade(tone(np.full(count(seconds), pitch), amplitudes), 0.003, 0.003)


def beeps(
    rng: np.random.Generator, pitch: float, on: float, starts: Array, seconds: float, amplitudes: Array
) -> Array:
    """The same beep at each start."""
    return place(seconds, starts, [beep(pitch, on, amplitudes)] * len(starts))


@sound("siren", "siren")
def siren(rng: np.random.Generator) -> Array:
    """Wail, yelp or two tones, as an emergency vehicle drives by."""
    seconds = rng.uniform(4.0, 5.0)
    t = times(seconds)
    low = rng.uniform(550, 750)
    kind = rng.integers(3)
    if kind == 0:
        pitch = low * (1 + 0.5 * (1 - np.cos(2 * np.pi * t / rng.uniform(2.5, 4.5))))
    elif kind == 1:
        pitch = low * (1 + 0.9 * np.abs(2 * (t * rng.uniform(2.0, 3.5) % 1) - 1))
    else:
        switch = np.tanh(40 * np.sin(2 * np.pi * t / rng.uniform(0.9, 1.3)))
        pitch = low * (1 + 0.16 * (1 + switch))
    near = curve(seconds, [(0, rng.uniform(0.4, 1)), (0.5, 1), (1, rng.uniform(0.4, 1))])
    return formants(tone(pitch, rolloff(20, 1.0)), [900, 1800, 3200], [900, 900, 1500], [1, 0.5, 0.25]) * near


@sound("car_horn", "car horn")
def car_horn(rng: np.random.Generator) -> Array:
    """Two reedy tones a third apart, honked one to four times."""
    p = rng.uniform(360, 440)
    n = int(rng.integers(1, 5))
    grains, at, start = [], [], 0.08
    for _ in range(n):
        on = rng.uniform(0.18, 0.45) if n > 1 else rng.uniform(0.8, 1.6)
        low, high = (tone(np.full(count(on), f), rolloff(30, 0.5)) for f in (p, p * rng.uniform(1.23, 1.27)))
        grains.append(
            fade(formants(low + high, [900, 2200, 3400], [900, 1200, 1500], [0.8, 1, 0.5]), 0.012, 0.03)
        )
        at.append(start)
        start += on + rng.uniform(0.1, 0.25)
    return place(start + 0.6, at, grains)


@sound("smoke_alarm", "smoke alarm")
def smoke_alarm(rng: np.random.Generator) -> Array:
    """Three piercing half-second beeps and a pause (the temporal-three pattern of ISO 8201)."""
    seconds = rng.uniform(4.0, 5.0)
    starts = np.add.outer(np.array([0.08, 4.08]), np.arange(3)).ravel()
    starts = starts[starts < seconds - 0.55]
    return beeps(rng, rng.uniform(2900, 3400), 0.5, starts, seconds, rolloff(5, 1.3))


@sound("telephone", "telephone ringing")
def telephone(rng: np.random.Generator) -> Array:
    """A clapper between two brass bells, twenty-odd strokes a second."""
    p = rng.uniform(950, 1250)
    on = rng.uniform(1.0, 1.6)
    strokes = rng.uniform(22, 28)
    bells = [
        modes(
            0.6, f * np.array([1, 2.05, 3.1, 4.3, 5.4]), [0.3, 0.25, 0.15, 0.1, 0.07], [1, 0.8, 0.7, 0.4, 0.3]
        )
        for f in (p, p * rng.uniform(1.15, 1.3))
    ]
    at = np.arange(0.08, 0.08 + on, 1 / strokes)
    ring = place(on + 0.8, at, [bells[i % 2] * rng.uniform(0.85, 1) for i in range(len(at))])
    n = 1 if on > 1.3 else 2
    return place(n * (on + 0.8), (on + 0.7) * np.arange(n), [ring] * n)


@sound("reversing", "reversing beeps")
def reversing(rng: np.random.Generator) -> Array:
    """A lorry backing: steady beeps over its engine."""
    seconds = rng.uniform(4.0, 5.0)
    period = rng.uniform(0.8, 1.1)
    tones = beeps(
        rng,
        rng.uniform(1100, 1350),
        period / 2,
        np.arange(0.1, seconds - period / 2, period),
        seconds,
        rolloff(9, 1.2, odd=True),
    )
    motor = tone(rng.uniform(28, 40) * (1 + 0.03 * wander(rng, seconds, 5)), rolloff(30, 0.5))
    return unit(tones) + 0.2 * unit(band(unit(motor) + 0.7 * noise(rng, seconds, 1.0), 40, 900, 1))


@sound("whistle", "whistle blowing")
def whistle(rng: np.random.Generator) -> Array:
    """A referee's pea whistle, blown once long or a few times."""
    p = rng.uniform(2500, 3000)
    n = int(rng.integers(1, 4))
    trill, depth = rng.uniform(20, 34), rng.uniform(0.035, 0.055)
    chambers = rng.uniform(0.1, 0.7)
    grains, at, start = [], [], 0.08
    for _ in range(n):
        on = rng.uniform(0.35, 0.7) if n > 1 else rng.uniform(0.9, 1.6)
        flutter = np.sin(2 * np.pi * trill * times(on))
        pitch = p * (1 + depth * flutter) * curve(on, [(0, 0.92), (0.1, 1), (0.9, 1), (1, 0.94)])
        air = unit(band(noise(rng, on), 0.7 * p, 2 * p, 1))
        blow = tone(pitch, [1, 0.14, 0.05]) + chambers * tone(pitch * 1.155, [1, 0.1]) + 0.28 * air
        grains.append(fade(blow * (1 + 0.09 * flutter), 0.03, 0.06))
        at.append(start)
        start += on + rng.uniform(0.2, 0.3)
    return room(rng, place(start + 0.5, at, grains), rng.uniform(0.8, 1.0), 0.09)


@sound("dial_tone", "dial tone")
def dial_tone(rng: np.random.Generator) -> Array:
    """The steady pair of tones of a telephone line, a little different at every exchange."""
    seconds = rng.uniform(2.0, 4.0)
    t = times(seconds)
    exchange = rng.uniform(0.99, 1.01)
    low, high = ((350, 440), (440, 480))[rng.integers(2)]
    pair = [np.sin(2 * np.pi * (f * exchange * t + rng.uniform())) for f in (low, high)]
    return pair[0] + rng.uniform(0.85, 1.0) * pair[1] + 0.02 * band(noise(rng, seconds), 300, 3400)


@sound("bicycle_bell", "bicycle bell")
def bicycle_bell(rng: np.random.Generator) -> Array:
    """A thumb lever that strikes a small steel dome several times."""
    p = rng.uniform(1700, 2500)
    dome = modes(1.0, p * np.array([1, 1.006, 2.3, 3.9]), [0.35, 0.33, 0.2, 0.1], [1, 0.8, 0.6, 0.4])
    n = int(rng.integers(2, 4))
    at = np.add.outer(0.08 + 0.6 * np.arange(n), rng.uniform(0.06, 0.09) * np.arange(4)).ravel()
    return place(float(at[-1]) + 1.0, at, [dome * rng.uniform(0.5, 1) for _ in at])
