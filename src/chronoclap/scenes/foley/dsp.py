"""What every synthetic sound is made of: noise, filters, envelopes, oscillators and rooms.

Everything runs at one internal rate; `resample` makes the last step to the rate that was asked for, so that a
seed means the same sound at every rate.
"""

from collections.abc import Callable, Sequence

import numpy as np

RATE = 32000
"""Samples per second at which every sound is synthesised."""

Array = np.ndarray


def count(seconds: float) -> int:
    """Number of samples in a time."""
    return max(1, round(seconds * RATE))


def times(seconds: float) -> Array:
    """Time axis in seconds, shape (count(seconds),)."""
    return np.arange(count(seconds)) / RATE


def fast_length(n: int) -> int:
    """Smallest length >= n of the form k * 2**m, k <= 16, for which the FFT is fast."""
    unit = 1 << max(0, (n - 1).bit_length() - 4)
    return -(-n // unit) * unit


# --- noise and filters


def shape(x: Array, response: Callable[[Array], Array], tail: float = 0.05) -> Array:
    """Filter a signal with a zero-phase magnitude response.

    Args:
        x: samples, shape (n,).
        response: magnitudes at frequencies in Hz, shape (bins,) -> (bins,).
        tail: seconds of silence that keep the end from wrapping to the beginning.

    Returns:
        Filtered samples, shape (n,).
    """
    length = fast_length(len(x) + count(tail))
    spectrum = np.fft.rfft(x, length)
    spectrum *= response(np.fft.rfftfreq(length, 1 / RATE).astype(np.float32))
    return np.fft.irfft(spectrum, length)[: len(x)]


def band(x: Array, low: float = 0.0, high: float = RATE / 2, order: int = 2) -> Array:
    """Keep what lies between two frequencies in Hz (Butterworth slopes; 0 and Nyquist leave a side open)."""

    def response(f: Array) -> Array:
        gain = np.ones_like(f)
        if low > 0:
            ratio = (f / low) ** (2 * order)
            gain *= np.sqrt(ratio / (1 + ratio))
        if high < RATE / 2:
            gain /= np.sqrt(1 + (f / high) ** (2 * order))
        return gain

    return shape(x, response)


def noise(rng: np.random.Generator, seconds: float, colour: float = 0.0) -> Array:
    """Noise of unit RMS, power falling as 1/f**colour (0 white, 1 pink, 2 brown) above 20 Hz, shape (n,)."""
    white = rng.standard_normal(count(seconds), dtype=np.float32)
    if colour == 0:
        return white
    return unit(shape(white, lambda f: np.maximum(f, 20.0) ** (-colour / 2)))


def unit(x: Array) -> Array:
    """Scale to an RMS of one; silence stays silence."""
    level = np.sqrt(np.mean(np.square(x)))
    return x / level if level > 0 else x


def formants(x: Array, centres: Sequence[float], widths: Sequence[float], gains: Sequence[float]) -> Array:
    """Pass a source through parallel resonances: the vocal tract of a person or an animal.

    Args:
        x: source samples, shape (n,).
        centres: resonance frequencies, Hz.
        widths: -3 dB bandwidths, Hz.
        gains: linear gain of each resonance.

    Returns:
        Filtered samples, shape (n,).
    """

    def response(f: Array) -> Array:
        c, w, g = (np.asarray(v, dtype=float)[:, None] for v in (centres, widths, gains))
        return (g / np.sqrt(1 + ((f - c) / (w / 2)) ** 2)).sum(0)

    return shape(x, response)


def convolve(x: Array, kernel: Array) -> Array:
    """Linear convolution, cut to the length of `x`."""
    length = fast_length(len(x) + len(kernel))
    return np.fft.irfft(np.fft.rfft(x, length) * np.fft.rfft(kernel, length), length)[: len(x)]


# --- envelopes and events


def curve(seconds: float, points: Sequence[tuple[float, float]]) -> Array:
    """Straight lines through (fraction of the whole, value) points, shape (n,)."""
    x, y = zip(*points, strict=True)
    return np.interp(np.linspace(0, 1, count(seconds)), x, y)


def strike(seconds: float, attack: float, decay: float) -> Array:
    """Quick rise and exponential fall: `attack` and `decay` are time constants in seconds, shape (n,)."""
    t = times(seconds)
    return -np.expm1(-t / attack) * np.exp(-t / decay)


def wander(rng: np.random.Generator, seconds: float, pace: float) -> Array:
    """Smooth random movement between -1 and 1 with about `pace` turns a second, shape (n,)."""
    knots = rng.uniform(-1, 1, int(seconds * pace) + 3)
    where = times(seconds) * pace
    left = where.astype(int)
    part = where - left
    part = part * part * (3 - 2 * part)
    return knots[left] * (1 - part) + knots[left + 1] * part


def place(seconds: float, onsets: Sequence[float] | Array, grains: Sequence[Array]) -> Array:
    """Add each grain at its onset in seconds; what runs over the end is cut, shape (n,)."""
    out = np.zeros(count(seconds))
    for onset, grain in zip(onsets, grains, strict=True):
        start = round(onset * RATE)
        part = grain[: max(0, len(out) - start)]
        out[start : start + len(part)] += part
    return out


def shower(
    rng: np.random.Generator, seconds: float, rate: float, kernels: Sequence[Array], spread: float = 1.0
) -> Array:
    """Poisson shower of grains, e.g. drops or crackles.

    Args:
        rng: source of chance.
        seconds: length.
        rate: mean number of grains a second.
        kernels: grain shapes, each used for an equal share.
        spread: log-normal standard deviation of the grains' level.

    Returns:
        Samples, shape (n,).
    """
    n = count(seconds)
    out = np.zeros(n)
    hits = rng.poisson(seconds * rate)
    starts = rng.integers(0, n, hits)
    levels = np.exp(spread * rng.standard_normal(hits)) * rng.choice((-1.0, 1.0), hits)
    for start, level, kind in zip(starts, levels, rng.integers(0, len(kernels), hits), strict=True):
        part = kernels[kind][: n - start]
        out[start : start + len(part)] += level * part
    return out


# --- oscillators


def phase(pitch: Array) -> Array:
    """Cycles elapsed under a pitch curve in Hz, shape (n,)."""
    return np.cumsum(pitch) / RATE


def tone(pitch: Array, amplitudes: Sequence[float] | Array) -> Array:
    """Harmonic tone under a pitch curve, band-limited.

    Args:
        pitch: fundamental in Hz, shape (n,).
        amplitudes: of harmonics 1, 2, ...; those that would pass the Nyquist frequency are left out.

    Returns:
        Samples, shape (n,).
    """
    top = max(1, int(0.48 * RATE / float(pitch.max())))
    kept = np.asarray(amplitudes, dtype=float)[:top]
    size = 4096
    spectrum = np.zeros(size // 2 + 1, dtype=complex)
    spectrum[1 : len(kept) + 1] = -0.5j * size * kept * np.exp(1j * np.arange(len(kept)) ** 2 * 0.7)
    table = np.fft.irfft(spectrum, size)
    position = (phase(pitch) % 1.0) * size
    left = position.astype(np.int64) % size
    part = position - np.floor(position)
    return table[left] * (1 - part) + table[(left + 1) % size] * part


def rolloff(n: int, power: float, odd: bool = False) -> Array:
    """Amplitudes 1/k**power of harmonics k = 1..n; `odd` leaves out the even ones, as in a square wave."""
    k = np.arange(1, n + 1)
    return k**-power * (k % 2 if odd else 1)


def modes(
    seconds: float,
    frequencies: Sequence[float] | Array,
    decays: Sequence[float] | Array,
    gains: Sequence[float] | Array,
) -> Array:
    """Struck body: a sum of damped sines.

    Args:
        seconds: length.
        frequencies: of the modes, Hz; those above the Nyquist frequency are left out.
        decays: time constants, seconds.
        gains: linear amplitudes.

    Returns:
        Samples, shape (n,).
    """
    f, d, g = (np.asarray(v, dtype=float) for v in (frequencies, decays, gains))
    kept = f < 0.48 * RATE
    pole = -1 / (d[kept] * RATE) + 2j * np.pi * f[kept] / RATE
    # exp(pole * (i * block + j)) = exp(pole * i * block) * exp(pole * j): two short tables and one matrix
    # product instead of a sine and an exponential for every sample of every mode.
    n, block = count(seconds), 256
    coarse = np.exp(np.outer(np.arange(-(-n // block)) * block, pole)) * g[kept]
    fine = np.exp(np.outer(pole, np.arange(block)))
    return (coarse.astype(np.complex64) @ fine.astype(np.complex64)).imag.ravel()[:n].astype(float)


# --- rooms and the way out


def room(rng: np.random.Generator, x: Array, decay: float, wet: float, bright: float = 5000.0) -> Array:
    """Add the diffuse reverberation of a room.

    Args:
        rng: source of chance.
        x: dry samples, shape (n,).
        decay: time for the level to fall by 60 dB, seconds.
        wet: RMS of the reverberation relative to the dry sound.
        bright: upper frequency of the reverberation, Hz.

    Returns:
        Samples, shape (n,): the tail beyond the end is cut.
    """
    t = times(min(1.2 * decay, 4.0))
    reflection = rng.standard_normal(len(t)) * np.exp(-6.9 * t / decay) * (t > 0.004)
    tail = convolve(x, band(reflection, 120, bright, 1))
    return x + wet * unit(tail) * np.sqrt(np.mean(np.square(x)))


def fade(x: Array, rise: float = 0.005, fall: float = 0.03) -> Array:
    """Raised-cosine ends, in seconds, so that nothing clicks."""
    out = x.copy()
    for n, part in ((count(rise), slice(None)), (count(fall), slice(None, None, -1))):
        n = min(n, len(out))
        out[part][:n] *= 0.5 - 0.5 * np.cos(np.pi * np.arange(n) / n)
    return out


def resample(x: Array, rate: int) -> Array:
    """Change from the internal rate by cutting or extending the spectrum, shape (round(n * rate / RATE),)."""
    if rate == RATE:
        return x
    n = round(len(x) * rate / RATE)
    divisor = int(np.gcd(rate, RATE))
    block = RATE // divisor
    length = -(-fast_length(len(x) + count(0.05)) // block) * block
    spectrum = np.fft.rfft(x, length)
    to = length // block * (rate // divisor)
    out = np.zeros(to // 2 + 1, dtype=complex)
    kept = min(len(out), len(spectrum))
    out[:kept] = spectrum[:kept]
    return np.fft.irfft(out, to)[:n] * (to / length)
