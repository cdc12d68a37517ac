from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chronoclap.evaluation.metrics import (
    bootstrap,
    compa_scores,
    pair_scores,
    pair_similarity,
    similarities,
    source_weights,
    top1,
    top_set,
    wins,
)
from chronoclap.evaluation.ranking import precision_at, precision_chance, recall_at, recall_chance, true_ranks

FIVE_PAIRS = np.array(
    [
        [[0.9, 0.1], [0.2, 0.8]],  # all four right
        [[0.9, 0.8], [0.5, 0.6]],  # texts: 2 of 2; sounds: text AB right (0.9 > 0.5), BA wrong (0.6 < 0.8)
        [[0.3, 0.3], [0.3, 0.3]],  # ties: nothing right
        [[0.1, 0.9], [0.8, 0.2]],  # all four wrong
        [[0.9, 0.5], [0.7, 0.6]],  # texts: AB right, BA wrong (0.6 < 0.7); sounds: both right
    ]
)


def test_a_tie_or_a_nan_is_no_win() -> None:
    assert wins(np.array([2.0, 1.0, 1.0, np.nan]), np.array([1.0, 1.0, 2.0, 0.0])).tolist() == [
        True,
        False,
        False,
        False,
    ]


def test_pair_scores_by_hand() -> None:
    scores = pair_scores(FIVE_PAIRS)
    assert scores.audio_to_text.tolist() == [1, 1, 0, 0, 0.5]
    assert scores.text_to_audio.tolist() == [1, 0.5, 0, 0, 1]
    assert scores.joint.tolist() == [1, 0, 0, 0, 0]


def test_compa_asks_for_both_choices_of_a_direction() -> None:
    scores = compa_scores(FIVE_PAIRS)
    assert scores.text.tolist() == [1, 1, 0, 0, 0]
    assert scores.audio.tolist() == [1, 0, 0, 0, 1]
    assert scores.group.tolist() == [1, 0, 0, 0, 0]


def test_compa_of_random_similarities_is_its_published_chance() -> None:
    scores = compa_scores(np.random.default_rng(0).standard_normal((20_000, 2, 2)))
    means = [column.mean() for column in scores]
    assert means == pytest.approx([1 / 4, 1 / 4, 1 / 6], abs=0.01)


def test_pair_scores_refuses_another_shape() -> None:
    with pytest.raises(ValueError, match="2, 3"):
        pair_scores(np.zeros((4, 2, 3)))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_swapping_the_texts_flips_every_choice_and_transposing_exchanges_the_directions(seed: int) -> None:
    similarity = np.random.default_rng(seed).standard_normal((9, 2, 2))
    scores, swapped = pair_scores(similarity), pair_scores(similarity[:, :, ::-1])
    np.testing.assert_array_equal(swapped.audio_to_text, 1 - scores.audio_to_text)
    np.testing.assert_array_equal(swapped.text_to_audio, 1 - scores.text_to_audio)
    turned = pair_scores(similarity.transpose(0, 2, 1))
    np.testing.assert_array_equal(turned.audio_to_text, scores.text_to_audio)
    np.testing.assert_array_equal(turned.joint, scores.joint)


def test_random_similarities_are_all_right_once_in_six() -> None:
    # Both true ones above both false ones: 2! x 2! of 4! orders; four free coins would give 1/16.
    similarity = np.random.default_rng(0).standard_normal((20_000, 2, 2))
    assert pair_scores(similarity).joint.mean() == pytest.approx(1 / 6, abs=0.01)


def test_equal_vectors_tie_exactly() -> None:
    generator = np.random.default_rng(0)
    one, text = generator.standard_normal((50, 1, 515)), generator.standard_normal((50, 2, 515))
    audio = np.concatenate([one, one], axis=1).astype(np.float32)
    similarity = pair_similarity(audio, text.astype(np.float32))
    assert not pair_scores(similarity).text_to_audio.any()
    np.testing.assert_allclose(similarity[:, 0], np.einsum("pd,ptd->pt", one[:, 0], text), rtol=1e-4)


def test_top1_by_hand() -> None:
    similarity = np.array([[0.1, 0.9, 0.3], [0.5, 0.5, 0.1], [0.2, 0.1, 0.3], [np.nan, 0.1, 0.2]])
    assert top1(similarity, np.array([1, 0, 0, 0])).tolist() == [1, 0, 0, 0]


def test_top_set_by_hand() -> None:
    similarity = np.array(
        [
            [0.9, 0.7, 0.3, 0.1],  # the two true ones lead
            [0.7, 0.9, 0.3, 0.1],  # and may do so in any order
            [0.5, 0.5, 0.3, 0.1],  # or alike
            [0.9, 0.3, 0.3, 0.1],  # but not tie with a false one
            [0.9, 0.3, 0.7, 0.1],
            [np.nan, 0.7, 0.3, 0.1],
            [0.9, 0.7, 0.3, np.nan],
        ]
    )
    assert top_set(similarity, np.array([[0, 1]] * 7)).tolist() == [1, 1, 1, 0, 0, 0, 0]
    assert similarity[0, 0] == 0.9  # what was given is left as it was


def test_ranks_by_hand() -> None:
    similarity = np.array(
        [
            [0.9, 0.5, 0.5, 0.1],  # one ahead and one tied: third; then the last
            [0.1, 0.8, 0.2, 0.9],  # at once
            [0.3, 0.3, 0.3, 0.3],  # ties: last
            [0.3, np.nan, 0.2, 0.1],  # a NaN is no find, and the false ones keep their places
            [np.nan, 0.5, 0.2, 0.4],  # a false NaN goes ahead
        ]
    )
    ranks = true_ranks(similarity, np.array([[False, True, False, True]] * 5))
    assert ranks[:, :2].tolist() == [[3, 4], [1, 2], [3, 4], [3, 4], [2, 3]]
    assert np.isinf(ranks[:, 2:]).all()
    assert recall_at(ranks, 1).tolist() == [0, 1, 0, 0, 0]
    assert recall_at(ranks, 3).tolist() == [1, 1, 1, 1, 1]
    # The first relevant one stands third, the second fourth: (1/3 + 2/4) / 2, and looking at three 1/3 / 2.
    assert precision_at(ranks, 10)[0] == pytest.approx((1 / 3 + 2 / 4) / 2)
    assert precision_at(ranks, 3)[0] == pytest.approx(1 / 6)
    assert precision_at(ranks, 10)[1] == 1


def test_more_relevant_ones_than_places_can_still_be_perfect() -> None:
    ranks = true_ranks(np.linspace(1, 0, 5)[None], np.array([[True, True, True, False, False]]))
    assert precision_at(ranks, 2).tolist() == [1]


@pytest.mark.parametrize("relevant", [1, 2, 4, 5])
@pytest.mark.parametrize("k", [1, 2, 3, 10])
def test_chance_of_retrieval_is_the_mean_over_all_rankings(relevant: int, k: int) -> None:
    # Every set of places that the relevant ones among five can take, the highest score first.
    places = list(combinations(range(5), relevant))
    table = np.array([[place in own for place in range(5)] for own in places])
    ranks = true_ranks(np.tile(np.arange(5.0)[::-1], (len(places), 1)), table)
    assert recall_at(ranks, k).mean() == pytest.approx(recall_chance(relevant, 5, k))
    assert precision_at(ranks, k).mean() == pytest.approx(precision_chance(relevant, 5, k))


def test_equal_texts_tie_with_every_sound() -> None:
    generator = np.random.default_rng(0)
    text = np.repeat(generator.standard_normal((1, 515)), 9, axis=0).astype(np.float32)
    audio = generator.standard_normal((33, 515)).astype(np.float32)
    similarity = similarities(audio, text)
    assert (similarity == similarity[:, :1]).all()
    np.testing.assert_allclose(similarity, audio @ text.T, rtol=1e-3)


def test_weights_of_two_sources_by_hand() -> None:
    # Items: a; b; a with b; a twice. Two draws from {a, b} give (a, b) = (2, 0), (1, 1) or (0, 2).
    weights = source_weights([("a",), ("b",), ("a", "b"), ("a", "a")], 4000, seed=0)
    kinds, counts = np.unique(weights, axis=0, return_counts=True)
    assert kinds.tolist() == [[0, 2, 0, 0], [1, 1, 1, 1], [2, 0, 0, 2]]
    np.testing.assert_allclose(counts / 4000, [0.25, 0.5, 0.25], atol=0.03)


def test_interval_of_two_sources_by_hand() -> None:
    # The mean is 1, 1/2 or 0 with chances 1/4, 1/2, 1/4: the 2.5th percentile is 0, the 97.5th is 1.
    assert bootstrap(np.array([1.0, 0.0]), [("a",), ("b",)]) == (0.5, 0.0, 1.0)


def test_items_of_one_source_stand_and_fall_together() -> None:
    values = np.repeat([1.0, 0.0], 100)
    clustered = bootstrap(values, [("a",)] * 100 + [("b",)] * 100)
    assert clustered == (0.5, 0.0, 1.0)
    free = bootstrap(values, [(str(item),) for item in range(200)])
    # Free items: a standard error of 0.5 / sqrt(200) = 0.035, so about 0.43 to 0.57.
    assert free.low == pytest.approx(0.43, abs=0.015)
    assert free.high == pytest.approx(0.57, abs=0.015)


def test_a_pair_counts_as_often_as_both_its_sources_together() -> None:
    # Only a draw of (1, 1) holds the pair; whatever else is drawn leaves nothing to average and is dropped.
    assert bootstrap(np.array([1.0]), [("a", "b")]) == (1.0, 1.0, 1.0)
    # With one item from a alone, (2, 0) gives 0 and (1, 1) gives 1/2.
    assert bootstrap(np.array([1.0, 0.0]), [("a", "b"), ("a",)]) == (0.5, 0.0, 0.5)


def test_interval_covers_the_truth() -> None:
    generator = np.random.default_rng(0)
    hits = 0
    for trial in range(150):
        values = (generator.random(80) < 0.7).astype(float)
        _, low, high = bootstrap(values, [(str(item),) for item in range(80)], seed=trial, resamples=400)
        hits += low <= 0.7 <= high
    assert 0.88 <= hits / 150 <= 0.99


def test_ratio_of_means() -> None:
    ratio = bootstrap(np.array([1.0, 3.0]), [("a",), ("b",)], denominators=np.array([4.0, 4.0]))
    assert ratio == (0.5, 0.25, 0.75)
    # A draw of the item with denominator 0 alone is dropped, and (1, 1) and (0, 2) give 4/4 and 3/4.
    ratio = bootstrap(np.array([1.0, 3.0]), [("a",), ("b",)], denominators=np.array([0.0, 4.0]))
    assert ratio == (1.0, 0.75, 1.0)


def test_the_seed_fixes_the_interval() -> None:
    values, sources = np.random.default_rng(0).random(30), [(str(item),) for item in range(30)]
    assert bootstrap(values, sources, seed=1) == bootstrap(values, sources, seed=1)
    assert bootstrap(values, sources, seed=1) != bootstrap(values, sources, seed=2)


@pytest.mark.parametrize(("values", "sources"), [([], []), ([1.0], [("a",), ("b",)])])
def test_nothing_to_average_is_refused(values: list[float], sources: list[tuple[str]]) -> None:
    with pytest.raises(ValueError, match="values and"):
        bootstrap(np.array(values), sources)
