"""Numbers from ranks: what is among the first k, median rank, and mAP over labels.

Their intervals are over sources, as those of `metrics`, whose conventions hold here too.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from math import comb

import numpy as np

from chronoclap.evaluation.metrics import Estimate, source_weights


def top_k(similarity: np.ndarray, truth: np.ndarray, k: int) -> np.ndarray:
    """Score 1 where the true label is among the first k, ties counting against it.

    Args:
        similarity: (items, labels).
        truth: (items,) index of the true label.
        k: how many are looked at; as many as there are labels or more is always right.

    Returns:
        (items,) float64 scores, 0 or 1; those of `metrics.top1` where k is 1.
    """
    return recall_at(true_ranks(similarity, np.arange(similarity.shape[1]) == truth[:, None]), k)


def true_ranks(similarity: np.ndarray, relevant: np.ndarray) -> np.ndarray:
    """Rank what a query should find among all candidates; a tie, or a NaN, counts against it.

    Args:
        similarity: (queries, candidates).
        relevant: (queries, candidates) bool, at least one true for each query.

    Returns:
        (queries, candidates) float64: the ranks of the relevant candidates of each query from 1 upwards in
        rising order, infinite where there are no more.
    """
    ranks = np.full(similarity.shape, np.inf)
    for row, own, true in zip(ranks, similarity, relevant, strict=True):
        found = np.sort(np.where(np.isnan(own[true]), -np.inf, own[true]))[::-1]
        others = np.sort(own[~true])  # a NaN goes last, as the best of them
        ahead = len(others) - np.searchsorted(others, found, side="left")
        row[: len(found)] = 1 + np.arange(len(found)) + ahead
    return ranks


def recall_at(ranks: np.ndarray, k: int) -> np.ndarray:
    """Score 1 where something relevant is among the first k.

    Args:
        ranks: (queries, candidates) as `true_ranks` gives them.
        k: how many are looked at, at least 1.

    Returns:
        (queries,) float64 scores, 0 or 1.
    """
    return (ranks[:, 0] <= k).astype(np.float64)


def precision_at(ranks: np.ndarray, k: int) -> np.ndarray:
    """Average precision among the first k: the mean over what they could hold of i / (rank of the i-th).

    Args:
        ranks: (queries, candidates) as `true_ranks` gives them.
        k: how many are looked at, at least 1.

    Returns:
        (queries,) float64 scores in [0, 1]; 1 where the first ones are all relevant.

    Source:
        mAP@10 of WavCaps' retrieval code, ranks sorted; where more than k candidates are relevant it is
        divided by k and not by their number, so that a perfect ranking scores 1.
    """
    place = np.arange(1, ranks.shape[1] + 1)
    gains = np.where(ranks <= k, place / ranks, 0.0)
    return gains.sum(axis=1) / np.minimum(np.isfinite(ranks).sum(axis=1), k)


def recall_chance(relevant: int, candidates: int, k: int) -> float:
    """What `recall_at` gives a random ranking on average.

    Args:
        relevant: number of relevant candidates, at least 1.
        candidates: number of all candidates.
        k: how many are looked at.

    Returns:
        The chance that k candidates drawn at random hold a relevant one.
    """
    k = min(k, candidates)
    return 1 - comb(candidates - relevant, k) / comb(candidates, k)


def precision_chance(relevant: int, candidates: int, k: int) -> float:
    """What `precision_at` gives a random ranking on average.

    A place holds a relevant candidate with chance relevant / candidates, and each place before it then holds
    one with chance (relevant - 1) / (candidates - 1).

    Args:
        relevant: number of relevant candidates, at least 1.
        candidates: number of all candidates.
        k: how many are looked at.

    Returns:
        The expected average precision.
    """
    places = range(1, min(k, candidates) + 1)
    before = (relevant - 1) / max(1, candidates - 1)
    total = sum((1 + (place - 1) * before) / place for place in places)
    return relevant / candidates * total / min(relevant, k)


def median_rank(
    ranks: np.ndarray, sources: Sequence[Collection[str]], *, resamples: int = 1000, seed: int = 0
) -> Estimate:
    """Give the median over queries of the rank of the first thing that is right, rounded down.

    Args:
        ranks: (queries, candidates) as `true_ranks` gives them, at least one query.
        sources: for each query the sources it is made of.
        resamples: number of redraws; those that leave no query are dropped.
        seed: of the redraws.

    Returns:
        The median, 1 or more, lower being better, and the ends of its 95 % interval.

    Raises:
        ValueError: there are no queries, or no redraw is usable.

    Source:
        medR of WavCaps' retrieval code, which counts ranks from 0: floor(median) + 1.
    """
    if not len(ranks) or len(ranks) != len(sources):
        raise ValueError(f"{len(ranks)} queries and {len(sources)} sources: give one or more, both for each")
    order = np.argsort(ranks[:, 0], kind="stable")
    first = ranks[order, 0]
    weights = source_weights(sources, resamples, seed)[:, order]
    weights = weights[weights.any(axis=1)]
    if not len(weights):
        raise ValueError("no redraw of the sources leaves a query to rank: raise resamples")
    low, high = np.percentile(_weighted_median(first, weights), [2.5, 97.5])
    value = _weighted_median(first, np.ones((1, len(first)), dtype=np.int64))[0]
    return Estimate(float(value), float(low), float(high))


def median_rank_chance(relevant: Sequence[int], candidates: int) -> int:
    """What `median_rank` gives random rankings of many such queries.

    Args:
        relevant: for each query how many candidates are right, at least 1.
        candidates: number of all candidates.

    Returns:
        The lowest rank by which half of the queries have found something right.
    """
    counts = Counter(relevant)
    low, high = 1, candidates
    while low < high:
        middle = (low + high) // 2
        found = sum(times * recall_chance(count, candidates, middle) for count, times in counts.items())
        low, high = (low, middle) if 2 * found >= len(relevant) else (middle + 1, high)
    return low


def label_precision(similarity: np.ndarray, relevant: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Average precision of one label, every item present as often as its weight says.

    A true item adds, for each time it is present, the share of true ones down to its place. Ties count
    against it; a true item does not tie with itself.

    Args:
        similarity: (items,) of each item with the label.
        relevant: (items,) bool, where the label is true.
        weights: (draws, items) whole numbers, 0 or more.

    Returns:
        (draws,) float64 in [0, 1], NaN where no true item is present. All weights 1, it is
        `precision_at` with all items looked at.
    """
    scores = np.where(np.isnan(similarity), np.where(relevant, -np.inf, np.inf), similarity)
    order = np.lexsort((relevant, -scores))  # False before True among equals
    true = relevant[order]
    drawn = weights[:, order]
    own, place = drawn[:, true], drawn.cumsum(axis=1)[:, true]
    false = place - own.cumsum(axis=1)
    # Present n times behind F false and P true ones, it adds the sum over j = 1..n of (P + j) / (F + P + j),
    # which is n - F (H(F + P + n) - H(F + P)) with the harmonic numbers H.
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, drawn.sum(axis=1).max(initial=0) + 1))])
    gained = (own - false * (harmonic[place] - harmonic[place - own])).sum(axis=1)
    present = own.sum(axis=1)
    return np.divide(gained, present, out=np.full(len(drawn), np.nan), where=present > 0)


def mean_average_precision(
    similarity: np.ndarray,
    relevant: np.ndarray,
    sources: Sequence[Collection[str]],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Estimate:
    """Give macro mAP: average precision of each label over all items, averaged over the labels.

    Args:
        similarity: (items, labels).
        relevant: (items, labels) bool: what is true of each item, any number of labels.
        sources: for each item the sources it is made of.
        resamples: number of redraws of the sources.
        seed: of the redraws.

    Returns:
        The mean over the labels that are true of some item, and the ends of its 95 % interval; a redraw
        averages over the labels that it has.

    Raises:
        ValueError: no label is true of an item, or no redraw is usable.

    Source:
        Macro mAP as FSD50K (Fonseca et al. 2020) and AudioSet report it, without interpolation.
    """
    labels = np.flatnonzero(relevant.any(axis=0))
    if not len(labels):
        raise ValueError("no label is true of any item: give relevant ones")
    everything = np.ones((1, len(relevant)), dtype=np.int64)
    weights = np.concatenate([everything, source_weights(sources, resamples, seed)])
    total, present = np.zeros(len(weights)), np.zeros(len(weights))
    for label in labels:
        precision = label_precision(similarity[:, label], relevant[:, label], weights)
        total += np.nan_to_num(precision)
        present += ~np.isnan(precision)
    value, *redrawn = (total[present > 0] / present[present > 0]).tolist()
    if not redrawn:
        raise ValueError("no redraw of the sources leaves an item that a label is true of: raise resamples")
    low, high = np.percentile(redrawn, [2.5, 97.5])
    return Estimate(value, float(low), float(high))


def mean_average_precision_chance(relevant: np.ndarray) -> float:
    """What `mean_average_precision` gives random rankings on average.

    Args:
        relevant: (items, labels) bool.

    Returns:
        The expected value, over the labels that are true of some item.
    """
    items = len(relevant)
    counts = [int(count) for count in relevant.sum(axis=0) if count]
    chance = {count: precision_chance(count, items, items) for count in set(counts)}
    return sum(chance[count] for count in counts) / len(counts)


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(draws,) the median of rising values, each present as often as its weight says, rounded down."""
    reached = weights.cumsum(axis=1)
    total = reached[:, -1:]
    middles = [values[(reached <= place).sum(axis=1)] for place in ((total - 1) // 2, total // 2)]
    return np.floor(np.mean(middles, axis=0))
