"""Numbers from similarities: choices with ties wrong, ranks, and intervals over the sources of the sounds.

Conventions: a similarity is higher for a better match; items run along the first axis; a score is a float
in [0, 1] per item, so that a metric is the mean of its scores. No model, file or global state is touched.
"""

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np


class PairScores(NamedTuple):
    """What an order test gives each pair of recordings; every field is a float64 array of shape (pairs,).

    Attributes:
        audio_to_text: 0, 0.5 or 1: the share of the two sounds whose true text won.
        text_to_audio: 0, 0.5 or 1: the share of the two texts whose true sound won.
        joint: 1 where all four choices are right, else 0.
    """

    audio_to_text: np.ndarray
    text_to_audio: np.ndarray
    joint: np.ndarray


class CompaScores(NamedTuple):
    """What CompA's order test gives each pair, 0 or 1; every field is a float64 array of shape (pairs,).

    Attributes:
        text: 1 where both sounds choose their true text.
        audio: 1 where both texts choose their true sound.
        group: 1 where all four choices are right.
    """

    text: np.ndarray
    audio: np.ndarray
    group: np.ndarray


class Estimate(NamedTuple):
    """A mean (or ratio of means) with the ends of its interval."""

    value: float
    low: float
    high: float


class Difference(NamedTuple):
    """A difference of two means with the ends of its interval, and how likely chance makes one as large.

    Attributes:
        value: the first mean less the second.
        low: lower end of the 95 % interval.
        high: upper end.
        p: two-sided p-value, in (0, 1].
    """

    value: float
    low: float
    high: float
    p: float


def wins(true: np.ndarray, false: np.ndarray) -> np.ndarray:
    """Say where the true candidate beats the false one; a tie, or a NaN, is no win.

    Args:
        true: similarities of the true candidates, any shape.
        false: similarities of the false candidates, the same shape.

    Returns:
        A boolean array of that shape.

    Source:
        CompA (Ghosh et al. 2024), whose published benchmark code uses strict inequalities.
    """
    return np.greater(true, false)


def pair_scores(similarity: np.ndarray) -> PairScores:
    """Score the four choices that two orders of the same two sounds allow.

    Args:
        similarity: (pairs, 2, 2); the second axis is the sound (AB, BA), the third the text (AB, BA), so that
            the diagonal is true.

    Returns:
        The scores of each pair.

    Raises:
        ValueError: the array has another shape.
    """
    if similarity.ndim != 3 or similarity.shape[1:] != (2, 2):
        raise ValueError(f"the similarities have the shape {similarity.shape}, they must be (pairs, 2, 2)")
    ab_ab, ab_ba = similarity[:, 0, 0], similarity[:, 0, 1]
    ba_ab, ba_ba = similarity[:, 1, 0], similarity[:, 1, 1]
    texts = np.stack([wins(ab_ab, ab_ba), wins(ba_ba, ba_ab)], axis=1)
    sounds = np.stack([wins(ab_ab, ba_ab), wins(ba_ba, ab_ba)], axis=1)
    joint = np.logical_and.reduce([*texts.T, *sounds.T])
    return PairScores(texts.mean(axis=1), sounds.mean(axis=1), joint.astype(np.float64))


def compa_scores(similarity: np.ndarray) -> CompaScores:
    """Score both choices of a direction together, as CompA does.

    Args:
        similarity: as `pair_scores` takes it.

    Returns:
        The scores of each pair.

    Raises:
        ValueError: the array has another shape.

    Source:
        CompA (Ghosh et al. 2024): its text score f, audio score g and group score.
    """
    scores = pair_scores(similarity)
    text, audio = scores.audio_to_text == 1, scores.text_to_audio == 1
    return CompaScores(text.astype(np.float64), audio.astype(np.float64), scores.joint)


def similarities(audio: np.ndarray, text: np.ndarray) -> np.ndarray:
    """Compare every sound with every text; see `pair_similarity` for the precision.

    Args:
        audio: (sounds, dim) embeddings.
        text: (texts, dim) embeddings.

    Returns:
        (sounds, texts) float32 similarities.
    """
    return (audio.astype(np.float64) @ text.astype(np.float64).T).astype(np.float32)


def pair_similarity(audio: np.ndarray, text: np.ndarray) -> np.ndarray:
    """Compare the sounds of each pair with the texts of the same pair.

    The dot products are summed in double precision and rounded to single: two equal vectors then tie exactly,
    where the order of a single-precision sum could have made one win by luck.

    Args:
        audio: (pairs, sounds, dim) embeddings.
        text: (pairs, texts, dim) embeddings.

    Returns:
        (pairs, sounds, texts) float32 similarities.
    """
    return np.einsum("pad,ptd->pat", audio.astype(np.float64), text.astype(np.float64)).astype(np.float32)


def top1(similarity: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Score 1 where the true label beats every other one, ties wrong.

    Args:
        similarity: (items, labels), at least two labels.
        truth: (items,) index of the true label.

    Returns:
        (items,) float64 scores, 0 or 1.
    """
    return top_set(similarity, truth[:, None])


def top_set(similarity: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Score 1 where each of the true labels beats every other label, ties wrong.

    Args:
        similarity: (items, labels), more labels than true ones.
        truth: (items, true labels) their indices, distinct; which of them is ahead of which does not matter.

    Returns:
        (items,) float64 scores, 0 or 1.
    """
    items = np.arange(len(truth))[:, None]
    others = similarity.astype(np.float64)
    others[items, truth] = -np.inf
    return wins(similarity[items, truth].min(axis=1), others.max(axis=1)).astype(np.float64)


def source_weights(sources: Sequence[Collection[str]], resamples: int, seed: int) -> np.ndarray:
    """Redraw the sources with replacement and say how often each item is then present.

    Args:
        sources: for each item the sources it is made of (one, or two for a pair).
        resamples: number of redraws.
        seed: of the redraws.

    Returns:
        (resamples, items) int64, read-only: the product of the multiplicities of the item's distinct sources.

    Source:
        Owen, The pigeonhole bootstrap (2007), for items that cross two sources.
    """
    return _weights(tuple(tuple(sorted(set(item))) for item in sources), resamples, seed)


@lru_cache(maxsize=8)
def _weights(distinct: tuple[tuple[str, ...], ...], resamples: int, seed: int) -> np.ndarray:
    """`source_weights`, remembered: the metrics of a task have the same items."""
    names = sorted({name for item in distinct for name in item})
    column = {name: index for index, name in enumerate(names)}
    # An item with fewer sources than the widest points at one more column, which holds ones.
    columns = np.full((len(distinct), max(map(len, distinct))), len(names))
    for row, item in enumerate(distinct):
        columns[row, : len(item)] = [column[name] for name in item]
    generator = np.random.default_rng([seed, len(names)])
    counts = generator.multinomial(len(names), np.full(len(names), 1 / len(names)), size=resamples)
    counts = np.concatenate([counts, np.ones((resamples, 1), dtype=counts.dtype)], axis=1)
    weights = counts[:, columns].prod(axis=2)
    weights.setflags(write=False)
    return weights


def bootstrap(
    values: np.ndarray,
    sources: Sequence[Collection[str]],
    *,
    denominators: np.ndarray | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> Estimate:
    """Give the mean of per-item values with its 95 % percentile interval over resampled sources.

    Args:
        values: (items,) scores, at least one.
        sources: for each item the sources it is made of; items that share one stand or fall together.
        denominators: (items,) of a ratio of means, non-negative and not all 0; None is the plain mean.
        resamples: number of redraws; those that leave no item (or only a zero denominator) are dropped.
        seed: of the redraws.

    Returns:
        The value on all items, and the 2.5th and 97.5th percentiles of the redrawn ones. Where all scores are
        equal the interval has no width, which says nothing of scores not seen.

    Raises:
        ValueError: there are no values, their number differs from that of the sources, or no redraw is
            usable.
    """
    bottom = np.ones(len(values)) if denominators is None else denominators
    redrawn = _redrawn(values, bottom, sources, resamples, seed)
    low, high = np.percentile(redrawn, [2.5, 97.5])
    return Estimate(float(values.sum() / bottom.sum()), float(low), float(high))


def paired_bootstrap(
    first: np.ndarray,
    second: np.ndarray,
    sources: Sequence[Collection[str]],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Difference:
    """Compare two models on the same items: the difference of their means over resampled sources.

    Both are averaged over the same redraws, so that what makes an item hard for both cancels out. The p-value
    is twice the share of redraws in which neither side, or the other, is ahead; one such is always counted,
    so that it is at least 2 / (resamples + 1).

    Args:
        first: (items,) scores of one model, at least one.
        second: (items,) scores of the other, item by item.
        sources: as `bootstrap` takes them.
        resamples: number of redraws.
        seed: of the redraws.

    Returns:
        The mean of the first less that of the second, its interval and p-value.

    Raises:
        ValueError: the two have not as many values, or `bootstrap` would refuse them.

    Source:
        The percentile interval turned into a test: p is the level at which it begins to hold 0.
    """
    if first.shape != second.shape:
        raise ValueError(f"{len(first)} and {len(second)} values: both models need the same items")
    gains = first - second
    redrawn = _redrawn(gains, np.ones(len(gains)), sources, resamples, seed)
    low, high = np.percentile(redrawn, [2.5, 97.5])
    # Sums of thirds and the like miss 0 by rounding.
    tails = [1 + int((sign * redrawn <= 1e-12).sum()) for sign in (1, -1)]
    p = min(1.0, 2 * min(tails) / (len(redrawn) + 1))
    return Difference(float(gains.mean()), float(low), float(high), p)


def _redrawn(
    values: np.ndarray, bottom: np.ndarray, sources: Sequence[Collection[str]], resamples: int, seed: int
) -> np.ndarray:
    """The ratios of means of the redraws that leave something to average."""
    if not len(values) or len(values) != len(sources):
        raise ValueError(
            f"{len(values)} values and {len(sources)} sources: give one or more items, and both for each"
        )
    weights = source_weights(sources, resamples, seed)
    totals = weights @ bottom
    usable = totals > 0
    if not usable.any():
        raise ValueError("no redraw of the sources leaves an item to average: raise resamples")
    return (weights @ values)[usable] / totals[usable]
