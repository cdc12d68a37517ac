from pathlib import Path

import numpy as np
import pytest
from tone_world import Ear, heard, write_tone

from chronoclap.errors import ModelError
from chronoclap.evaluation.items import Pair, draw_pairs
from chronoclap.evaluation.rows import Row
from chronoclap.evaluation.tasks import controls, oracle, t_classify
from chronoclap.scenes.compose import PLAIN, compose, render
from chronoclap.scenes.event import Event
from chronoclap.scenes.sounds import Sounds

Values = dict[tuple[str, str, str], float]
SLICES = ("all", "seen", "pair_unseen", "class_unseen")
METRICS = ("audio_to_text", "text_to_audio", "joint")


def values(rows: list[Row]) -> Values:
    return {(row.task, row.metric, row.slice): row.value for row in rows}


@pytest.fixture
def pairs(events: list[Event]) -> list[Pair]:
    return draw_pairs(events, 25)


def test_texts_and_sounds_are_the_protocol(pairs: list[Pair], sounds: Sounds) -> None:
    a, b = pairs[0].first, pairs[0].second
    assert t_classify.pair_texts(pairs[0]) == (
        f"{a.phrase} followed by {b.phrase}",
        f"{b.phrase} followed by {a.phrase}",
    )
    forth, back = t_classify.pair_sounds(pairs[:1], sounds)
    assert heard(forth) == [a.phrase, b.phrase]
    assert heard(back) == [b.phrase, a.phrase]
    first, second = sounds.samples(a), sounds.samples(b)
    np.testing.assert_array_equal(forth.samples, np.concatenate([first, second]))
    np.testing.assert_array_equal(back.samples, np.concatenate([second, first]))


def test_each_sound_lasts_five_seconds_at_most(tmp_path: Path, sounds: Sounds) -> None:
    write_tone(tmp_path / "long.wav", "dog", 6.0)
    write_tone(tmp_path / "short.wav", "cat", 0.5)
    pair = Pair(Event("dog", str(tmp_path / "long.wav"), "a"), Event("cat", str(tmp_path / "short.wav"), "b"))
    forth, _ = t_classify.pair_sounds([pair], sounds)
    # Silence at the ends is gone but for the little that the active span keeps round a sound.
    assert len(forth.samples) / forth.rate == pytest.approx(5.5, abs=0.15)
    assert heard(forth) == ["dog", "cat"]


def test_sounds_are_the_plain_layout_of_the_scenes(pairs: list[Pair], sounds: Sounds) -> None:
    events = [pairs[0].first, pairs[0].second]
    rendered = render(compose(events, "sequence", PLAIN, sounds, seed=0), sounds)
    forth, _ = t_classify.pair_sounds(pairs[:1], sounds)
    np.testing.assert_allclose(rendered[: len(forth.samples)], forth.samples, atol=1e-6)
    assert not rendered[len(forth.samples) :].any()


def test_a_perfect_model_scores_one(pairs: list[Pair], sounds: Sounds) -> None:
    ear = Ear()
    rows = t_classify.evaluate(ear, pairs, sounds)
    assert values(rows) == {("t_classify", metric, name): 1.0 for metric in METRICS for name in SLICES}
    assert {(row.low, row.high) for row in rows} == {(1.0, 1.0)}
    assert {row.metric: row.chance for row in rows} == {
        "audio_to_text": 0.5,
        "text_to_audio": 0.5,
        "joint": 1 / 6,
    }
    assert {row.slice: row.n for row in rows} == {"all": 59, "seen": 25, "pair_unseen": 9, "class_unseen": 25}
    assert ear.rates == {32_000}
    assert ear.sounds == 2 * 59


def test_an_order_blind_model_ties_and_ties_are_wrong(pairs: list[Pair], sounds: Sounds) -> None:
    assert set(values(t_classify.evaluate(Ear(blind=True), pairs, sounds)).values()) == {0.0}


def test_an_order_blind_model_with_a_little_noise_is_at_chance(pairs: list[Pair], sounds: Sounds) -> None:
    rows = values(t_classify.evaluate(Ear(blind=True, noise=1e-4), pairs, sounds))
    assert rows["t_classify", "audio_to_text", "all"] == pytest.approx(0.5, abs=0.15)
    assert rows["t_classify", "text_to_audio", "all"] == pytest.approx(0.5, abs=0.15)
    assert rows["t_classify", "joint", "all"] < 0.4


def test_taking_first_for_last_is_always_wrong(pairs: list[Pair], sounds: Sounds) -> None:
    assert set(values(t_classify.evaluate(Ear(swapped=True), pairs, sounds)).values()) == {0.0}


def test_which_recording_is_called_first_changes_nothing(pairs: list[Pair], sounds: Sounds) -> None:
    ear = Ear(noise=0.8)
    audio = t_classify.embed_pair_sounds(ear, pairs, sounds)
    turned = [Pair(pair.second, pair.first) for pair in pairs]
    rows = t_classify.evaluate(ear, pairs, sounds, audio=audio)
    assert rows == t_classify.evaluate(ear, turned, sounds, audio=audio[:, ::-1])
    assert 0.1 < values(rows)["t_classify", "joint", "all"] < 1


def test_a_model_that_loses_items_is_named(pairs: list[Pair], sounds: Sounds) -> None:
    class Loses(Ear):
        def embed_audio(self, items, **options):  # type: ignore[no-untyped-def]
            return super().embed_audio(items, **options)[1:]

    with pytest.raises(ModelError, match="of clumsy gave an array of shape"):
        t_classify.evaluate(Loses("clumsy"), pairs, sounds)


def test_margins_by_hand() -> None:
    # Under AB the texts differ by +0.5, under BA by -0.1: the sound moves (0.5 + 0.1) / 2, the texts 0.2.
    similarity = np.array([[[0.7, 0.2], [0.3, 0.4]]])
    np.testing.assert_allclose(controls.audio_margin(similarity), [0.3])
    mean = similarity.mean(axis=1, keepdims=True).repeat(2, axis=1)
    np.testing.assert_allclose(controls.text_margin(mean), [0.2])


def test_the_mean_sound_stands_for_every_sound() -> None:
    audio = np.array([[[1.0, 0.0], [3.0, 2.0]], [[5.0, 0.0], [3.0, 6.0]]])
    np.testing.assert_allclose(controls.without_audio(audio), np.full((2, 2, 2), [3.0, 2.0]))


@pytest.mark.parametrize("bias", [0.0, 0.25, 3.0])
def test_the_text_only_control_measures_a_prejudice_of_the_texts(
    bias: float, pairs: list[Pair], sounds: Sounds
) -> None:
    # Sound AB fits text AB by 2 + bias and text BA by 0 - bias: the sound moves 2, the texts 2 x bias.
    rows = values(controls.evaluate(Ear(bias=bias), pairs, sounds))
    for name in ("all", "seen", "class_unseen"):
        assert rows["control_text_only", "text_bias", name] == pytest.approx(bias, abs=1e-6)
        # Balanced: whatever the texts prefer is right for one order of each pair and wrong for the other.
        assert rows["control_text_only", "audio_to_text", name] == (0.5 if bias else 0.0)
    accuracy = values(t_classify.evaluate(Ear(bias=bias), pairs, sounds))[
        "t_classify", "audio_to_text", "all"
    ]
    assert accuracy == (0.5 if bias > 1 else 1.0)


def test_text_bias_has_no_row_where_the_sound_moves_nothing(pairs: list[Pair], sounds: Sounds) -> None:
    rows = controls.evaluate(Ear(blind=True, bias=1.0), pairs, sounds)
    assert {row.metric for row in rows} == {"audio_to_text"}


@pytest.mark.parametrize(("inverts", "expected"), [(True, 1.0), (False, 0.0)])
def test_the_paraphrase_control_asks_whether_the_connective_is_read(
    inverts: bool, expected: float, pairs: list[Pair], sounds: Sounds
) -> None:
    rows = values(controls.evaluate(Ear(inverts=inverts), pairs, sounds))
    paraphrase = {key: value for key, value in rows.items() if key[0] == "control_paraphrase"}
    assert paraphrase == {
        ("control_paraphrase", "audio_to_text", name): expected for name in ("all", "seen", "class_unseen")
    }


def test_controls_reuse_the_sounds_of_t_classify(pairs: list[Pair], sounds: Sounds) -> None:
    ear = Ear(noise=0.3)
    audio = t_classify.embed_pair_sounds(ear, pairs, sounds)
    reused = controls.evaluate(ear, pairs, sounds, audio=audio)
    assert ear.sounds == 2 * len(pairs)
    assert reused == controls.evaluate(ear, pairs, sounds)


def test_additive_similarity_by_hand() -> None:
    # A is (1, 0), B is (0, 1); phrase a is (0.5, 0.25), phrase b is (0.125, 1).
    halves, phrases = np.array([[[1.0, 0.0], [0.0, 1.0]]]), np.array([[[0.5, 0.25], [0.125, 1.0]]])
    np.testing.assert_array_equal(oracle.additive_similarity(halves, phrases), [[[1.5, 0.375], [0.375, 1.5]]])


def test_oracle_halves_need_no_sense_of_order(pairs: list[Pair], sounds: Sounds) -> None:
    base = Ear("base", blind=True)
    rows = oracle.evaluate(base, pairs, sounds)
    assert {row.model for row in rows} == {"oracle-halves"}
    assert values(rows) == {("t_classify", metric, name): 1.0 for metric in METRICS for name in SLICES}
    assert base.sounds == len({event for pair in pairs for event in (pair.first, pair.second)})


def test_oracle_halves_decide_each_pair_once(pairs: list[Pair], sounds: Sounds) -> None:
    rows = oracle.evaluate(Ear("base", noise=1.5), pairs, sounds)
    by_metric = [[row.value for row in rows if row.metric == metric] for metric in METRICS]
    assert by_metric[0] == by_metric[1] == by_metric[2]
    assert 0.3 < by_metric[2][0] < 1
