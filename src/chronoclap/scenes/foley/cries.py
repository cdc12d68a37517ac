"""How an animal calls: a voiced source with a pitch of its own, through a throat, in a place."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chronoclap.scenes.foley.dsp import (
    RATE,
    Array,
    band,
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

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Cry:
    """A call that an animal repeats; each take varies all of it a little.

    Attributes:
        calls: fewest and most calls in a take.
        seconds: length of a call.
        gap: seconds between calls.
        pitch: fundamental, Hz.
        start, peak, end: pitch at the beginning, the highest point and the end, relative to `pitch`.
        peak_at: where the highest point lies, a fraction of the call.
        attack: fraction of the call after which it is at full level.
        sustain: level at 60 % of the call, relative to the full level.
        breath: RMS of the noise in the source, relative to the tone.
        rough: share by which the pitch trembles.
        grit: depth of the noise that modulates the level.
        tilt: harmonics of the source fall as 1/k**tilt.
        throat: resonances as (Hz, bandwidth in Hz, gain).
        decay, wet: the room it is heard in, as for `dsp.room`.
        tremor, tremor_rate: depth and Hz of a regular modulation of the level.
        spread: largest logarithmic deviation of the animal's size.
    """

    calls: tuple[int, int]
    seconds: float
    gap: float
    pitch: float
    start: float
    peak_at: float
    peak: float
    end: float
    attack: float
    sustain: float
    breath: float
    rough: float
    grit: float
    tilt: float
    throat: tuple[tuple[float, float, float], ...]
    decay: float
    wet: float
    tremor: float = 0.0
    tremor_rate: float = 0.0
    spread: float = 0.08


def voice(
    rng: np.random.Generator,
    seconds: float,
    pitch: Points,
    loud: Points,
    breath: float,
    rough: float,
    tilt: float,
) -> Array:
    """Source of a cry before the throat.

    Args:
        rng: source of chance.
        seconds: length.
        pitch: (fraction, Hz) points.
        loud: (fraction, gain) points.
        breath: RMS of the noise relative to the tone.
        rough: share by which the pitch trembles.
        tilt: harmonics fall as 1/k**tilt.

    Returns:
        Samples, shape (n,), RMS near one where `loud` is one.
    """
    f = curve(seconds, pitch) * (
        1 + rough * wander(rng, seconds, 45) + 0.4 * rough * wander(rng, seconds, 130)
    )
    source = unit(tone(f, rolloff(60, tilt)))
    return (source + breath * noise(rng, seconds)) * curve(seconds, loud)


def call(rng: np.random.Generator, cry: Cry, size: float) -> Array:
    """One call of an animal of a relative size, peak one."""
    seconds = cry.seconds * size * rng.uniform(0.9, 1.1)
    p = cry.pitch / size * rng.uniform(0.95, 1.05)
    settled = cry.peak_at + 0.6 * (1 - cry.peak_at)
    source = voice(
        rng,
        seconds,
        [(0, cry.start * p), (cry.peak_at, cry.peak * p), (settled, p), (1, cry.end * p)],
        [(0, 0), (cry.attack, 1), (0.6, cry.sustain), (1, 0)],
        cry.breath,
        cry.rough,
        cry.tilt,
    )
    source *= 1 + cry.tremor * np.sin(2 * np.pi * cry.tremor_rate * times(seconds)[: len(source)])
    source *= 1 + cry.grit * unit(band(noise(rng, seconds), 20, 0.7 * p))
    centres, widths, gains = zip(*cry.throat, strict=True)
    out = formants(source, [c / size for c in centres], widths, gains)
    return out / np.abs(out).max()


def cries(rng: np.random.Generator, cry: Cry) -> Array:
    """A take: one animal that calls several times."""
    size = float(np.exp(rng.uniform(-cry.spread, cry.spread)))
    calls = [call(rng, cry, size) for _ in range(rng.integers(cry.calls[0], cry.calls[1] + 1))]
    gaps = cry.gap * rng.uniform(0.8, 1.3, len(calls))
    lengths = np.array([len(c) for c in calls]) / RATE
    at = 0.08 + np.concatenate([[0.0], np.cumsum(lengths + gaps)])
    dry = place(min(5.0, max(1.0, float(at[-1]) + 0.3)), at[:-1], calls)
    return room(rng, dry, cry.decay * rng.uniform(0.8, 1.2), cry.wet * rng.uniform(0.7, 1.2))
