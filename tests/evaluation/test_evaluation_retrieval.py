import numpy as np
import pytest
from tone_world import NAMES, UNSEEN, Ear

from chronoclap.evaluation.rows import Grouping, Row
from chronoclap.evaluation.tasks import retrieval, zero_shot
from chronoclap.scenes.event import Event

SLICES = ("all", "seen", "class_unseen")
METRICS = [
    f"{direction}_{name}"
    for direction in ("audio_to_text", "text_to_audio")
    for name in ("r1", "r5", "r10", "map10", "map16")
]


def table(rows: list[Row], name: str = "all") -> dict[str, Row]:
    return {row.metric: row for row in rows if row.slice == name}


def test_score_by_hand() -> None:
    # The first query finds its second candidate at once, its first one third; the other finds it last.
    similarity = np.array([[0.1, 0.9, 0.5], [0.5, 0.5, 0.7]])
    relevant = np.array([[True, True, False], [True, False, False]])
    groups = Grouping(["seen", "class_unseen"], [("a",), ("b",)], SLICES)
    rows = retrieval.score("m", "text_to_audio", similarity, relevant, groups)
    first, other = table(rows, "seen"), table(rows, "class_unseen")
    assert first["text_to_audio_map10"].value == pytest.approx((1 + 2 / 3) / 2)
    assert other["text_to_audio_map10"].value == pytest.approx(1 / 3)
    assert table(rows)["text_to_audio_r1"].value == 0.5
    # Chance follows the number of right ones: 2 of 3 and 1 of 3, and 1/2 over both.
    chances = [own["text_to_audio_r1"].chance for own in (first, other, table(rows))]
    assert chances == pytest.approx([2 / 3, 1 / 3, 1 / 2])
    assert {row.task for row in rows} == {"retrieval"}


def test_precision_looks_at_ten_and_at_sixteen() -> None:
    # Right are the third and the twelfth of twenty.
    similarity = -np.arange(20.0)[None]
    relevant = np.isin(np.arange(20), (2, 11))[None]
    rows = retrieval.score("m", "text_to_audio", similarity, relevant, Grouping(["seen"], [("a",)], SLICES))
    found = table(rows)
    assert found["text_to_audio_map10"].value == pytest.approx(1 / 3 / 2)
    assert found["text_to_audio_map16"].value == pytest.approx((1 / 3 + 2 / 12) / 2)
    assert found["text_to_audio_map16"].chance > found["text_to_audio_map10"].chance


def test_a_perfect_model_finds_everything(events: list[Event]) -> None:
    ear = Ear()
    rows = retrieval.evaluate(ear, events)
    assert [row.metric for row in rows if row.slice == "all"] == METRICS
    assert {(row.value, row.low, row.high) for row in rows} == {(1.0, 1.0, 1.0)}
    # Queries are recordings in one direction and names in the other.
    counts = {name: own["audio_to_text_r1"].n for name in SLICES if (own := table(rows, name))}
    assert counts == {"all": 3 * len(NAMES), "seen": 12, "class_unseen": 9}
    assert table(rows, "class_unseen")["text_to_audio_r1"].n == len(UNSEEN)
    assert ear.sounds == len(events)
    assert table(rows)["audio_to_text_r1"].chance == pytest.approx(1 / 7)
    assert table(rows)["text_to_audio_r1"].chance == pytest.approx(1 / 7)
    assert table(rows)["audio_to_text_r10"].chance == 1.0


def test_a_model_to_which_all_is_one_finds_nothing() -> None:
    events = [Event(f"name {k % 20}", str(k), str(k)) for k in range(60)]
    audio = np.ones((60, 4), np.float32)

    class Same(Ear):
        def embed_text(self, texts):  # type: ignore[no-untyped-def]
            return np.ones((len(texts), 4), np.float32)

    assert {row.value for row in retrieval.evaluate(Same(), events, audio=audio)} == {0.0}


def test_recordings_are_redrawn_by_source_and_names_by_name() -> None:
    # One source holds both recordings. The name "a" finds its own, "b" finds that of "a".
    events = [Event("a", "0", "one source"), Event("b", "1", "one source")]

    class Reads(Ear):
        def embed_text(self, texts):  # type: ignore[no-untyped-def]
            return np.array([[1.0, 0.0], [1.0, 0.5]], np.float32)

    rows = table(retrieval.evaluate(Reads(), events, audio=np.array([[1.0, -0.1], [0.0, 1.0]], np.float32)))
    names, recordings = rows["text_to_audio_r1"], rows["audio_to_text_r1"]
    assert (names.value, names.low, names.high) == (0.5, 0.0, 1.0)
    assert recordings.value == recordings.low == recordings.high == 1.0


def test_random_vectors_are_at_chance() -> None:
    generator = np.random.default_rng(0)
    events = [Event(f"name {k % 40}", str(k), str(k), "test", k % 40 > 30) for k in range(800)]

    class Random(Ear):
        def embed_text(self, texts):  # type: ignore[no-untyped-def]
            return generator.standard_normal((len(texts), 400)).astype(np.float32)

    audio = generator.standard_normal((800, 400)).astype(np.float32)
    rows = retrieval.evaluate(Random(), events, audio=audio)
    assert len(rows) == 3 * len(METRICS)
    for row in table(rows).values():
        assert row.low <= row.chance <= row.high, row


def test_the_recordings_of_zero_shot_serve(events: list[Event]) -> None:
    ear = Ear(noise=0.6)
    audio = zero_shot.embed_recordings(ear, events)
    assert retrieval.evaluate(ear, events, audio=audio) == retrieval.evaluate(ear, events)
    labels = zero_shot.event_labels(events)
    assert zero_shot.evaluate(ear, events, labels, audio=audio) == zero_shot.evaluate(ear, events, labels)
    assert ear.sounds == 3 * len(events)
