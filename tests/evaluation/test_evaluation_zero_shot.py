from pathlib import Path

import numpy as np
import pytest
import soundfile
from tone_world import FILE_RATE, LEAD, NAMES, Ear

from chronoclap.errors import AudioError, DataError
from chronoclap.evaluation.recordings import readable, whole
from chronoclap.evaluation.rows import Grouping, Row
from chronoclap.evaluation.tasks import zero_shot
from chronoclap.scenes.event import Event
from chronoclap.scenes.sounds import Sounds


def test_score_by_hand() -> None:
    similarity = np.array([[0.9, 0.1, 0.0], [0.5, 0.5, 0.2], [0.1, 0.2, 0.7], [0.3, 0.2, 0.1]])
    groups = Grouping(
        ["seen", "seen", "class_unseen", "class_unseen"], [("a",), ("b",), ("c",), ("c",)], ("all", "seen")
    )
    rows = zero_shot.score("m", "zero_shot", similarity, ["x", "y", "z", "y"], ["x", "y", "z"], groups)
    # Right: x. Tied, hence wrong: y. Right: z. Wrong: y.
    assert [(row.slice, row.value, row.n) for row in rows] == [("all", 0.5, 4), ("seen", 0.5, 2)]
    assert {row.chance for row in rows} == {1 / 3}


def test_equal_labels_tie_however_the_product_is_summed() -> None:
    # Single precision summed some columns of a product in another order than the rest, and 0.012 were right.
    generator = np.random.default_rng(0)
    labels = [f"sound {number:02}" for number in range(17)]
    events = [Event(labels[k % 17], f"r{k}", f"s{k}", "test", esc50_class=labels[k % 17]) for k in range(408)]
    audio, text = (generator.standard_normal((count, 512)).astype(np.float32) for count in (408, 1))

    class Collapsed(Ear):
        def embed_text(self, texts):  # type: ignore[no-untyped-def]
            return np.repeat(text, len(texts), axis=0)

    rows = zero_shot.evaluate(Collapsed(), events, labels, labels, audio=audio)
    assert {row.task for row in rows} == {"zero_shot", "zero_shot_esc50"}
    assert {row.value for row in rows} == {0.0}


@pytest.mark.parametrize(("truth", "labels"), [(["x"], ["x"]), (["w"], ["x", "y"])])
def test_labels_that_cannot_be_ranked_are_refused(truth: list[str], labels: list[str]) -> None:
    groups = Grouping(["seen"], [("a",)], ("all",))
    with pytest.raises(DataError, match="needs two or more labels"):
        zero_shot.score("m", "zero_shot", np.ones((1, len(labels))), truth, labels, groups)


def test_a_perfect_model_names_every_recording(events: list[Event]) -> None:
    ear = Ear()
    rows = zero_shot.evaluate(ear, events, zero_shot.event_labels(events), zero_shot.esc50_labels(events))
    # Three labels have no first five.
    chance = {("zero_shot", "top1"): 1 / 7, ("zero_shot", "top5"): 5 / 7, ("zero_shot_esc50", "top1"): 1 / 3}
    counts = {"zero_shot": (21, 12, 9), "zero_shot_esc50": (9, 6, 3)}
    assert rows == [
        Row("ear", task, metric, name, 1.0, 1.0, 1.0, blind, n)
        for (task, metric), blind in chance.items()
        for name, n in zip(("all", "seen", "class_unseen"), counts[task], strict=True)
    ]
    # Each recording is embedded once, silences at the ends included.
    assert ear.sounds == len(events)
    assert min(ear.seconds) == pytest.approx(0.4 + 2 * LEAD)


def test_prompts_are_plain_words(events: list[Event]) -> None:
    seen: list[str] = []

    class Listens(Ear):
        def embed_text(self, texts):  # type: ignore[no-untyped-def]
            seen.extend(texts)
            return super().embed_text(texts)

    zero_shot.evaluate(Listens(), events, NAMES, zero_shot.esc50_labels(events))
    assert seen[: len(NAMES)] == [f"this is a sound of {name}" for name in NAMES]
    assert seen[len(NAMES) :] == [f"this is a sound of {name} sound" for name in ("cat", "dog", "saw")]


def test_the_esc50_task_needs_its_clips(events: list[Event]) -> None:
    plain = [event for event in events if not event.esc50_class]
    rows = zero_shot.evaluate(Ear(), plain, NAMES, ("cat sound", "dog sound"))
    assert {row.task for row in rows} == {"zero_shot"}


def test_the_whole_of_a_synthetic_sound_is_heard() -> None:
    sound = whole(Event("dog barking", "foley:dog:3", "foley:dog:3"), 16_000)
    assert sound.rate == 16_000
    assert len(sound.samples) >= len(Sounds(16_000).samples(Event("dog barking", "foley:dog:3", "x")))


def test_stretches_are_heard_and_not_their_recordings(events: list[Event], tmp_path: Path) -> None:
    cat, dog = (next(event for event in events if event.phrase == name) for name in ("cat", "dog"))
    parts = [soundfile.read(event.recording)[0] for event in (cat, dog)]
    soundfile.write(tmp_path / "both.wav", np.concatenate(parts), FILE_RATE)
    ends = np.cumsum([len(part) / FILE_RATE for part in parts]).tolist()
    spans = [
        Event(event.phrase, str(tmp_path / "both.wav"), "both", "test", start=start, end=end)
        for event, start, end in zip((cat, dog), (0, ends[0]), ends, strict=True)
    ]
    ear = Ear()
    rows = zero_shot.evaluate(ear, spans, ["cat", "dog"], [])
    assert [row.value for row in rows if row.slice == "all"] == [1.0]
    assert ear.seconds == pytest.approx([ends[0], ends[1] - ends[0]])
    beyond = Event("cat", str(tmp_path / "both.wav"), "both", "test", start=0, end=60)
    kept, problems = readable([*spans, beyond], Sounds(16_000))
    assert kept == spans
    assert "both.wav" in problems[0]
    with pytest.raises(AudioError, match=r"both\.wav"):
        whole(beyond)


def test_unreadable_recordings_are_set_aside_and_named(
    events: list[Event], sounds: Sounds, tmp_path: Path
) -> None:
    (tmp_path / "broken.wav").write_bytes(b"not a sound")
    broken = Event("dog", str(tmp_path / "broken.wav"), "broken")
    kept, problems = readable([*events[:2], broken, events[2]], sounds)
    assert kept == events[:3]
    assert len(problems) == 1
    assert "broken.wav" in problems[0]
    with pytest.raises(AudioError, match=r"None of the 1 recordings .*broken\.wav"):
        readable([broken], sounds)
