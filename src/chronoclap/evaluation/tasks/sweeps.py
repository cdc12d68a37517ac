"""Curves: where does order get lost as two sounds are moved apart, pushed together, made unlike or long?

At every point T-Classify is asked again (`t_classify`: the texts "A followed by B" and "B followed by A", its
choices, its chance, ties wrong), on other sounds:

| task          | `Row.at` counts                              | points                         |
|---------------|----------------------------------------------|--------------------------------|
| sweep_gap     | seconds of silence between the two sounds    | 0, 0.25, 0.5, 1, 2, 4          |
| sweep_overlap | share of the shorter one that both sound for | 0, 0.25, 0.5, 0.75, 0.9        |
| sweep_level   | dB that the first is louder than the second  | -18, -12, -6, 0, 6, 12, 18     |
| sweep_length  | seconds that each of the two lasts           | 0.25, 0.5, 1, 2, 5, 10, 15, 30 |

All points of all curves have the same pairs, and differ in what the curve names alone. Each sound is cut to
its active span and, but in `sweep_length`, to the first 3 s of that, so that the longest gap still fits a
window of 10 s. It is brought to one level (root mean square of what is heard, -23 dBFS), and nothing is faded
or put around. No gap, no overlap and no difference in level are therefore one and the same sound.

- Overlap: the order is that of the onsets. The second sound begins later than the first by 1 - share of the
  first's length or more, and ends later by 1 - share of its own or more. So each share below 1 has a first
  and a second; at 1, which is not asked, two sounds of equal length would begin at once. Of short sounds
  0.9 leaves little: two of 0.5 s begin 50 ms apart.
- Level: half of the difference is added to the first sound, half taken from the second. In [B; A] it is B
  that is louder. Who hears no order, but gives weight to the louder sound and to the name that comes first,
  gets above chance on the right and as far below it on the left: the lower side tells.
- Length: recordings of single events are short. One that is shorter than asked is repeated end to end, as one
  continuing event: the bark becomes a dog that goes on barking. One that is longer is cut to its beginning:
  a quarter of a second is often too little to know a sound by, even alone. What is longer
  than a model's window (10 s, mostly) it hears in pieces: 10, 15 and 30 s ask what is left of the order then.

Chance is that of T-Classify, with what is said there of `joint`. Neighbouring points share their pairs: that
two differ is surer than their intervals, which are those of single points, make it look.

Source: ours.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from chronoclap.audio import Waveform
from chronoclap.evaluation.embedder import Embedder, embed_sounds
from chronoclap.evaluation.items import PAIR_SLICES, Pair
from chronoclap.evaluation.metrics import pair_similarity
from chronoclap.evaluation.rows import ALL, Row
from chronoclap.evaluation.tasks.t_classify import embed_pair_texts, grouping, score
from chronoclap.scenes.compose import LEVEL_DBFS
from chronoclap.scenes.sounds import Sounds

SECONDS = 3.0  # of each sound at most, where its length is not what is swept
N_PAIRS = 6
"""Pairs for each slice, 18 in all, where curves are one suite of several: a minute where a model embeds 100 s
of sound in a second, and wide intervals. Their sounds last about 8,100 s, and 11,000 s in overlapping windows
of 10 s, two thirds of that `sweep_length`."""

Join = Callable[[np.ndarray, np.ndarray, float, int], np.ndarray]
"""Makes (samples,) of the active spans of the first and the second sound, a point, and the rate in Hz."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """One curve.

    Attributes:
        task: name for the rows.
        unit: what `Row.at` counts.
        points: its values, ascending.
        join: plays a first and a second sound at a point.
    """

    task: str
    unit: str
    points: tuple[float, ...]
    join: Join


def apart(first: np.ndarray, second: np.ndarray, seconds: float, rate: int) -> np.ndarray:
    """Put silence between two sounds.

    Args:
        first: (n,) float32, the active span of the first.
        second: (m,) that of the second.
        seconds: of silence.
        rate: in Hz.

    Returns:
        (samples,) float32.
    """
    first, second = _short(first, rate), _short(second, rate)
    return _mixed(first, second, len(first) + round(seconds * rate))


def overlapped(first: np.ndarray, second: np.ndarray, share: float, rate: int) -> np.ndarray:
    """Let the second sound begin before the first has ended.

    Args:
        first: (n,) float32, the active span of the first.
        second: (m,) that of the second.
        share: of the shorter one that both sound for, below 1.
        rate: in Hz.

    Returns:
        (samples,) float32.
    """
    first, second = _short(first, rate), _short(second, rate)
    return _mixed(first, second, len(first) - round(share * min(len(first), len(second))))


def unlike(first: np.ndarray, second: np.ndarray, decibels: float, rate: int) -> np.ndarray:
    """Make one of two sounds louder than the other.

    Args:
        first: (n,) float32, the active span of the first.
        second: (m,) that of the second.
        decibels: by which the first is louder; below 0 it is the second that is.
        rate: in Hz.

    Returns:
        (samples,) float32.
    """
    gain = np.float32(10 ** (decibels / 2 / 20))
    return np.concatenate([_short(first, rate) * gain, _short(second, rate) / gain])


def lasting(first: np.ndarray, second: np.ndarray, seconds: float, rate: int) -> np.ndarray:
    """Let two sounds last equally long, repeated end to end where they are shorter.

    Args:
        first: (n,) float32, the active span of the first.
        second: (m,) that of the second.
        seconds: that each lasts.
        rate: in Hz.

    Returns:
        (samples,) float32.
    """
    return np.concatenate([_levelled(np.resize(own, round(seconds * rate))) for own in (first, second)])


SWEEPS = (
    Sweep("sweep_gap", "silence between the sounds, s", (0.0, 0.25, 0.5, 1.0, 2.0, 4.0), apart),
    Sweep("sweep_overlap", "share of the shorter sound overlapped", (0.0, 0.25, 0.5, 0.75, 0.9), overlapped),
    Sweep("sweep_level", "first louder than second, dB", (-18.0, -12.0, -6.0, 0.0, 6.0, 12.0, 18.0), unlike),
    Sweep("sweep_length", "length of each sound, s", (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0), lasting),
)


def first_pairs(pairs: Sequence[Pair], n_pairs: int) -> list[Pair]:
    """Keep the first pairs of each slice: those that `items.draw_pairs` draws where asked for fewer.

    Args:
        pairs: the pairs of T-Classify.
        n_pairs: how many to keep for each slice.

    Returns:
        The pairs, slice after slice.
    """
    return [pair for name in PAIR_SLICES for pair in [own for own in pairs if own.slice == name][:n_pairs]]


def sweep_sounds(sweep: Sweep, pairs: Sequence[Pair], sounds: Sounds) -> Iterator[Waveform]:
    """Make the sounds of a curve, one at a time.

    Args:
        sweep: the curve.
        pairs: the pairs.
        sounds: where the recordings come from.

    Yields:
        Point after point, for each pair the sound in which A is first, then that in which B is. What goes
        beyond full scale is brought down, in both orders by one gain, so that it does not tell them apart.
    """
    for at in sweep.points:
        for pair in pairs:
            a, b = sounds.samples(pair.first), sounds.samples(pair.second)
            orders = [sweep.join(a, b, at, sounds.rate), sweep.join(b, a, at, sounds.rate)]
            peak = max(float(np.abs(samples).max(initial=1.0)) for samples in orders)
            for samples in orders:
                yield Waveform(samples / np.float32(peak), sounds.rate)


def evaluate(
    embedder: Embedder,
    pairs: Sequence[Pair],
    sounds: Sounds,
    *,
    n_pairs: int = N_PAIRS,
    seed: int = 0,
    progress: bool = False,
) -> list[Row]:
    """Draw the four curves of a model.

    Args:
        embedder: the model.
        pairs: the pairs of T-Classify, at least one.
        sounds: where the recordings come from.
        n_pairs: how many of them to ask about for each slice, see `first_pairs`.
        seed: of the bootstrap over sources.
        progress: show the model's progress bar, once for each curve.

    Returns:
        Rows of the tasks of `SWEEPS`, point by point: `audio_to_text`, `text_to_audio` and `joint` for "all",
        `Row.at` the point.

    Source:
        Ours, see the head of this module.
    """
    pairs = first_pairs(pairs, n_pairs)
    groups = grouping(pairs, (ALL,), seed)
    texts = embed_pair_texts(embedder, pairs)
    rows: list[Row] = []
    for sweep in SWEEPS:
        count = len(sweep.points) * len(pairs) * 2
        audio = embed_sounds(embedder, sweep_sounds(sweep, pairs, sounds), count, progress=progress)
        for at, own in zip(sweep.points, audio.reshape(len(sweep.points), len(pairs), 2, -1), strict=True):
            similarity = pair_similarity(own, texts)
            rows += [replace(row, at=at) for row in score(embedder.name, similarity, groups, sweep.task)]
    return rows


def _short(span: np.ndarray, rate: int) -> np.ndarray:
    """What is heard of an active span, at the common level."""
    return _levelled(span[: round(SECONDS * rate)])


def _levelled(samples: np.ndarray) -> np.ndarray:
    """Bring samples to the common level; silence stays silent."""
    level = np.sqrt(np.mean(np.square(samples, dtype=np.float64)))
    return samples * np.float32(10 ** (LEVEL_DBFS / 20) / level) if level else samples


def _mixed(first: np.ndarray, second: np.ndarray, onset: int) -> np.ndarray:
    """Add the second sound to the first from a sample on."""
    mix = np.zeros(max(len(first), onset + len(second)), np.float32)
    mix[: len(first)] = first
    mix[onset : onset + len(second)] += second
    return mix
