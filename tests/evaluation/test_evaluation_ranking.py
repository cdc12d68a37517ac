"""Ranking metrics: by hand, beside scikit-learn and torchmetrics, and by what must always hold."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    average_precision_score,
    coverage_error,
    label_ranking_average_precision_score,
    top_k_accuracy_score,
)
from torchmetrics.functional.classification import multiclass_accuracy, multilabel_average_precision
from torchmetrics.functional.retrieval import (
    retrieval_average_precision,
    retrieval_hit_rate,
    retrieval_reciprocal_rank,
)

from chronoclap.evaluation.metrics import compa_scores, top1
from chronoclap.evaluation.ranking import (
    label_precision,
    mean_average_precision,
    mean_average_precision_chance,
    median_rank,
    median_rank_chance,
    precision_at,
    precision_chance,
    recall_at,
    recall_chance,
    top_k,
    true_ranks,
)

seeds = st.integers(0, 10_000)


def world(
    seed: int, queries: int = 30, candidates: int = 40, share: float = 0.1
) -> tuple[np.ndarray, np.ndarray]:
    """Similarities without ties, and what is right: one candidate of each query at least."""
    generator = np.random.default_rng(seed)
    relevant = generator.random((queries, candidates)) < share
    relevant[np.arange(queries), generator.integers(0, candidates, queries)] = True
    return generator.standard_normal((queries, candidates)), relevant


def alone(count: int) -> list[tuple[str]]:
    return [(str(item),) for item in range(count)]


def by_query(
    metric: Callable[..., torch.Tensor], similarity: np.ndarray, relevant: np.ndarray, **given: int
) -> list[float]:
    # To torchmetrics nothing is found by a score of 0 or less, as cosines may be.
    pairs = zip(torch.sigmoid(torch.tensor(similarity)), torch.tensor(relevant), strict=True)
    return [float(metric(own, true, **given)) for own, true in pairs]


# By hand.


def test_five_captions_of_a_recording_by_hand() -> None:
    # Of ten captions the recording's five stand at 1, 3, 4, 8 and 9.
    places = np.array([1, 3, 4, 8, 9])
    relevant = np.isin(np.arange(1, 11), places)[None]
    ranks = true_ranks(np.arange(10.0)[::-1][None], relevant)
    assert precision_at(ranks, 10)[0] == pytest.approx((1 / 1 + 2 / 3 + 3 / 4 + 4 / 8 + 5 / 9) / 5)
    assert recall_at(ranks, 1).tolist() == [1.0]  # the best of the five


def test_the_columns_may_come_in_any_order() -> None:
    # What is right stands at 3 and 1, in the order of the columns. Unsorted, as LAION's code has it, the
    # gains would be 1/3 and 2/1; sorted, 1/1 and 2/3.
    ranks = true_ranks(np.array([[0.5, 0.9, 0.7]]), np.array([[True, True, False]]))
    assert precision_at(ranks, 10)[0] == pytest.approx((1 / 1 + 2 / 3) / 2)


def test_sixteen_places_and_three_right_ones() -> None:
    # At 2, 10 and 17 of 20: the second is seen by mAP@16 and mAP@10, the third by neither.
    relevant = np.isin(np.arange(1, 21), [2, 10, 17])[None]
    ranks = true_ranks(np.arange(20.0)[::-1][None], relevant)
    assert precision_at(ranks, 16)[0] == pytest.approx((1 / 2 + 2 / 10) / 3)
    assert precision_at(ranks, 9)[0] == pytest.approx((1 / 2) / 3)


def test_median_rank_by_hand() -> None:
    ranks = np.array([[1.0, np.inf], [2.0, 3.0], [9.0, np.inf], [4.0, np.inf]])
    assert median_rank(ranks, alone(4)).value == 3  # of 1, 2, 4, 9
    ranks[0, 0] = 3
    assert median_rank(ranks, alone(4)).value == 3  # of 2, 3, 4, 9: 3.5, rounded down
    assert median_rank(ranks[:3], alone(3)).value == 3


def test_interval_of_a_median_rank_by_hand() -> None:
    # Two draws of two sources: (1, 1), (1, 6) or (6, 6), whose medians are 1, 3.5 and 6.
    assert median_rank(np.array([[1.0], [6.0]]), [("a",), ("b",)]) == (3.0, 1.0, 6.0)
    # All of one source stands and falls together.
    assert median_rank(np.array([[1.0], [6.0]]), [("a",), ("a",)]) == (3.0, 3.0, 3.0)


def test_label_precision_by_hand() -> None:
    similarity = np.array([0.9, 0.8, 0.8, 0.3, np.nan])
    relevant = np.array([True, True, False, False, True])
    # The second true one ties with a false one and goes behind it: 1/1, 2/3; a NaN finds nothing: 3/5.
    ones = np.ones((1, 5), dtype=int)
    assert label_precision(similarity, relevant, ones) == pytest.approx([(1 + 2 / 3 + 3 / 5) / 3])
    # Twice the first, the false one thrice, the last not at all: 1/1, 2/2, 3/6.
    drawn = np.array([[2, 1, 3, 0, 0], [0, 0, 1, 1, 0]])
    given = label_precision(similarity, relevant, drawn)
    assert given[0] == pytest.approx((1 + 1 + 3 / 6) / 3)
    assert np.isnan(given[1])


def test_macro_precision_by_hand() -> None:
    similarity = np.array([[0.9, 0.1, 0.0], [0.8, 0.2, 0.0], [0.1, 0.3, 0.0]])
    relevant = np.array([[False, True, False], [True, True, False], [True, False, False]])
    # Found at 2 and 3: (1/2 + 2/3) / 2. The second label also. No recording has the third.
    estimate = mean_average_precision(similarity, relevant, alone(3))
    assert estimate.value == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert estimate.low <= estimate.value <= estimate.high


def test_top_k_by_hand() -> None:
    similarity = np.array([[0.9, 0.5, 0.1], [0.5, 0.5, 0.1], [np.nan, 0.2, 0.1], [0.3, np.nan, 0.1]])
    truth = np.zeros(4, dtype=int)
    assert top_k(similarity, truth, 1).tolist() == top1(similarity, truth).tolist() == [1, 0, 0, 0]
    assert top_k(similarity, truth, 2).tolist() == [1, 1, 0, 1]
    assert top_k(similarity, truth, 3).tolist() == [1, 1, 1, 1]


def test_nothing_to_rank_is_refused() -> None:
    with pytest.raises(ValueError, match="queries and"):
        median_rank(np.ones((2, 1)), [("a",)])
    with pytest.raises(ValueError, match="no label"):
        mean_average_precision(np.ones((2, 2)), np.zeros((2, 2), dtype=bool), alone(2))
    with pytest.raises(ValueError, match="raise resamples"):
        median_rank(np.ones((1, 1)), [("a", "b")], resamples=0)
    with pytest.raises(ValueError, match="raise resamples"):
        mean_average_precision(np.ones((1, 1)), np.ones((1, 1), dtype=bool), [("a", "b")], resamples=0)


# Beside other people's code, where nothing ties.


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("k", [1, 5, 10, 16])
def test_recall_is_that_of_torchmetrics(seed: int, k: int) -> None:
    similarity, relevant = world(seed)
    values = recall_at(true_ranks(similarity, relevant), k)
    assert values.tolist() == by_query(retrieval_hit_rate, similarity, relevant, top_k=k)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("k", [1, 5, 10, 16])
def test_precision_of_one_right_candidate_is_that_of_torchmetrics(seed: int, k: int) -> None:
    similarity, relevant = world(seed, share=0)
    values = precision_at(true_ranks(similarity, relevant), k)
    np.testing.assert_allclose(
        values, by_query(retrieval_average_precision, similarity, relevant, top_k=k), rtol=1e-6
    )
    whole = by_query(retrieval_reciprocal_rank, similarity, relevant)
    np.testing.assert_allclose(precision_at(true_ranks(similarity, relevant), 40), whole, rtol=1e-6)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("k", [5, 10, 16, 40])
def test_precision_of_several_is_that_of_torchmetrics_over_all_of_them(seed: int, k: int) -> None:
    # torchmetrics divides by how many were found among the first k, which rewards finding fewer.
    similarity, relevant = world(seed)
    ranks = true_ranks(similarity, relevant)
    found, all_ = (ranks <= k).sum(axis=1), np.minimum(relevant.sum(axis=1), k)
    theirs = by_query(retrieval_average_precision, similarity, relevant, top_k=k)
    np.testing.assert_allclose(precision_at(ranks, k), np.array(theirs) * found / all_, rtol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_precision_and_worst_rank_are_those_of_scikit_learn(seed: int) -> None:
    similarity, relevant = world(seed)
    ranks = true_ranks(similarity, relevant)
    assert precision_at(ranks, 40).mean() == pytest.approx(
        label_ranking_average_precision_score(relevant, similarity)
    )
    worst = np.where(np.isfinite(ranks), ranks, 0).max(axis=1)
    assert worst.mean() == pytest.approx(coverage_error(relevant, similarity))


@pytest.mark.parametrize("seed", range(3))
def test_macro_precision_is_that_of_both(seed: int) -> None:
    labels, items = world(seed, queries=12, candidates=60)
    similarity, relevant = labels.T, items.T
    ours = mean_average_precision(similarity, relevant, alone(60), resamples=20)
    assert ours.value == pytest.approx(average_precision_score(relevant, similarity, average="macro"))
    # torchmetrics takes probabilities, in single precision.
    chances = torch.sigmoid(torch.tensor(similarity)).float()
    theirs = multilabel_average_precision(chances, torch.tensor(relevant).long(), num_labels=12)
    assert ours.value == pytest.approx(float(theirs), rel=1e-5)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("k", [1, 3, 5])
def test_top_k_is_that_of_both(seed: int, k: int) -> None:
    similarity, _ = world(seed, queries=100, candidates=12)
    truth = np.random.default_rng(seed).integers(0, 12, 100)
    ours = top_k(similarity, truth, k).mean()
    assert ours == pytest.approx(top_k_accuracy_score(truth, similarity, k=k, labels=range(12)))
    theirs = multiclass_accuracy(
        torch.tensor(similarity), torch.tensor(truth), num_classes=12, top_k=k, average="micro"
    )
    assert ours == pytest.approx(float(theirs))


# What must hold of any.


@settings(max_examples=25, deadline=None)
@given(seeds, st.sampled_from([1, 5, 10, 16]))
def test_perfect_similarities_score_1(seed: int, k: int) -> None:
    similarity, relevant = world(seed)
    similarity = similarity + 100 * relevant
    ranks = true_ranks(similarity, relevant)
    assert recall_at(ranks, k).tolist() == precision_at(ranks, k).tolist() == [1.0] * 30
    assert median_rank(ranks, alone(30), resamples=50) == (1, 1, 1)
    assert mean_average_precision(similarity, relevant, alone(30), resamples=50) == (1, 1, 1)
    truth = similarity.argmax(axis=1)
    assert top_k(similarity, truth, k).all()


@settings(max_examples=25, deadline=None)
@given(seeds, st.sampled_from([1, 5, 10, 16]))
def test_constant_similarities_put_what_is_right_last(seed: int, k: int) -> None:
    _, relevant = world(seed)
    ranks = true_ranks(np.zeros(relevant.shape), relevant)
    counts = relevant.sum(axis=1)
    np.testing.assert_array_equal(ranks[:, 0], 41 - counts)
    assert not recall_at(ranks, k).any()
    assert not precision_at(ranks, k).any()
    assert not top_k(np.zeros((5, 40)), np.arange(5), k).any()
    # Average precision over all items cannot be 0: it is the least that there is.
    least = mean_average_precision(-relevant.astype(float), relevant, alone(30), resamples=2)
    assert mean_average_precision(np.zeros(relevant.shape), relevant, alone(30), resamples=2) == least


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_the_order_of_queries_and_candidates_does_not_matter(seed: int) -> None:
    similarity, relevant = world(seed)
    similarity = similarity.round(1)  # with ties
    generator = np.random.default_rng(seed)
    rows, columns = generator.permutation(30), generator.permutation(40)
    ranks = true_ranks(similarity, relevant)
    turned = true_ranks(similarity[rows][:, columns], relevant[rows][:, columns])
    np.testing.assert_array_equal(turned, ranks[rows])
    value = mean_average_precision(similarity, relevant, alone(30), resamples=2).value
    other = mean_average_precision(
        similarity[rows][:, columns], relevant[rows][:, columns], alone(30), resamples=2
    ).value
    assert other == pytest.approx(value)
    assert (
        median_rank(turned, alone(30), resamples=2).value == median_rank(ranks, alone(30), resamples=2).value
    )


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_a_weight_stands_for_so_many_items(seed: int) -> None:
    similarity, relevant = world(seed, queries=1, candidates=12, share=0.3)
    similarity, relevant = similarity[0].round(0), relevant[0]
    weights = np.random.default_rng(seed).integers(0, 4, (5, 12))
    for own, value in zip(weights, label_precision(similarity, relevant, weights), strict=True):
        true = np.repeat(relevant, own)
        if not true.any():
            assert np.isnan(value)
            continue
        ranks = true_ranks(np.repeat(similarity, own)[None], true[None])
        assert value == pytest.approx(precision_at(ranks, len(true))[0])


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_a_median_rank_is_the_median_of_what_is_drawn(seed: int) -> None:
    generator = np.random.default_rng(seed)
    first = generator.integers(1, 9, 7).astype(float)
    sources = [(str(source),) for source in generator.integers(0, 4, 7)]
    estimate = median_rank(first[:, None], sources, seed=seed)
    names = sorted({name for (name,) in sources})
    draws = np.random.default_rng([seed, len(names)]).multinomial(
        len(names), np.full(len(names), 1 / len(names)), size=1000
    )
    medians = [
        np.floor(np.median(np.repeat(first, [draw[names.index(name)] for (name,) in sources])))
        for draw in draws
    ]
    assert estimate == (np.floor(np.median(first)), *np.percentile(medians, [2.5, 97.5]))


@pytest.mark.parametrize("seed", range(3))
def test_random_similarities_are_at_chance(seed: int) -> None:
    similarity, relevant = world(seed, queries=3000, candidates=40)
    ranks, counts = true_ranks(similarity, relevant), relevant.sum(axis=1).tolist()
    for k in (1, 5, 10, 16):
        for values, chance in (
            (recall_at(ranks, k), np.mean([recall_chance(count, 40, k) for count in counts])),
            (precision_at(ranks, k), np.mean([precision_chance(count, 40, k) for count in counts])),
        ):
            assert abs(values.mean() - chance) < 4 * values.std() / 3000**0.5
    # The standard error of a median is 1 / (2 sqrt(n) density): a quarter of a rank here.
    assert abs(median_rank(ranks, alone(3000), resamples=2).value - median_rank_chance(counts, 40)) <= 1
    truth = np.random.default_rng(seed).integers(0, 40, 3000)
    for k in (1, 5):
        assert abs(top_k(similarity, truth, k).mean() - k / 40) < 4 * (k / 40 * (1 - k / 40) / 3000) ** 0.5


def test_random_labels_are_at_chance() -> None:
    values, chances = [], []
    for seed in range(200):
        similarity, relevant = world(seed, queries=30, candidates=8)
        values.append(mean_average_precision(similarity, relevant, alone(30), resamples=1).value)
        chances.append(mean_average_precision_chance(relevant))
    assert abs(np.mean(values) - np.mean(chances)) < 4 * np.std(values) / 200**0.5


@pytest.mark.parametrize(("relevant", "candidates", "rank"), [([1], 10, 5), ([1], 9, 5), ([10], 10, 1)])
def test_chance_of_a_median_rank_by_hand(relevant: list[int], candidates: int, rank: int) -> None:
    assert median_rank_chance(relevant, candidates) == rank
    # Where the one has found something at once, the other at five of ten: half of both by the first.
    assert median_rank_chance([10, 1], 10) == 1


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_collapsed_embeddings_win_no_choice_of_compa(value: float) -> None:
    assert not np.any(compa_scores(np.full((9, 2, 2), value)))


def test_interval_of_macro_precision_covers_the_truth() -> None:
    # Items of a label score 1 higher; the truth is what very many items give.
    generator = np.random.default_rng(0)

    def draw(items: int) -> tuple[np.ndarray, np.ndarray]:
        relevant = generator.random((items, 3)) < 0.3
        return generator.standard_normal((items, 3)) + relevant, relevant

    truth = mean_average_precision(*draw(40_000), alone(40_000), resamples=1).value
    hits = 0
    for _ in range(100):
        _, low, high = mean_average_precision(*draw(80), alone(80), resamples=200)
        hits += low <= truth <= high
    assert 0.87 <= hits / 100 <= 1
