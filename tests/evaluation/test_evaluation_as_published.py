"""Zero-shot as it is published: all labels of FSD50K, all folds of ESC-50 and of UrbanSound8K."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tone_world import FILE_RATE, NAMES, Ear, frequency, make_events
from typer.testing import CliRunner

from chronoclap.cli import app
from chronoclap.data import read_manifest
from chronoclap.evaluation.ranking import precision_chance
from chronoclap.evaluation.suites import ask, choose_items
from chronoclap.evaluation.tasks import retrieval
from chronoclap.scenes.event import Event


def write(file: Path, *lines: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def record(file: Path, *names: str) -> None:
    """Tones at once, 0.4 s."""
    file.parent.mkdir(parents=True, exist_ok=True)
    times = np.arange(round(0.4 * FILE_RATE)) / FILE_RATE
    soundfile.write(file, sum(0.3 * np.sin(2 * np.pi * frequency(name) * times) for name in names), FILE_RATE)


@pytest.fixture
def fsd50k(tmp_path: Path) -> Path:
    """Two recordings of each of four tones in the evaluation part, and four of two tones each."""
    labels = [(name,) for name in NAMES[:4] for _ in range(2)] + [(one, NAMES[4]) for one in NAMES[:4]]
    rows = [f'{100 + number},"{",".join(own)}",m' for number, own in enumerate(labels)]
    write(tmp_path / "FSD50K.ground_truth" / "dev.csv", "fname,labels,mids,split", '7,"bell,cat",m,train')
    write(tmp_path / "FSD50K.ground_truth" / "eval.csv", "fname,labels,mids", *rows)
    for number, own in enumerate(labels):
        record(tmp_path / "FSD50K.eval_audio" / f"{100 + number}.wav", *own)
    record(tmp_path / "FSD50K.dev_audio" / "7.wav", "bell", "cat")
    return tmp_path


def invoke(*arguments: object) -> list[dict]:
    """The rows that a command gives."""
    file = Path(str(arguments[0])) / "rows.json"
    words = [*map(str, arguments[1:]), "--json", str(file)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    return json.loads(file.read_text())


def test_fsd50k_is_asked_of_all_labels(fsd50k: Path, tiny_checkpoint: Path, tmp_path: Path) -> None:
    asked = ("eval", tiny_checkpoint, "--data", f"fsd50k:{fsd50k}", "--oracle", "none", "--pairs", 2)
    rows = invoke(tmp_path, *asked, "--suite", "all", "--items", tmp_path / "items.json")
    (tags,) = [row for row in rows if row["task"].startswith("zero_shot")]
    assert (tags["task"], tags["metric"], tags["slice"], tags["n"]) == ("zero_shot_tags", "map", "all", 12)
    # Of twelve recordings three are right for four of the labels, four for the fifth.
    expected = (4 * precision_chance(3, 12, 12) + precision_chance(4, 12, 12)) / 5
    assert tags["chance"] == pytest.approx(expected)
    (names,) = [
        r for r in rows if (r["task"], r["metric"], r["slice"]) == ("retrieval", "text_to_audio_r1", "all")
    ]
    assert names["n"] == 5
    # Nothing in order is made of a recording that has two names.
    items = json.loads((tmp_path / "items.json").read_text())
    drawn = [item[place] for item in items["items"] for place in ("first", "second")]
    drawn += [event for triple in items["triples"] for event in triple]
    assert {event["phrase"] for event in drawn} <= set(NAMES[:4])
    assert {int(Path(event["recording"]).stem) for event in drawn} <= set(range(100, 108))
    assert items["labels"] == list(NAMES[:4])


def test_a_manifest_whose_recordings_share_rows_is_asked_like_fsd50k(fsd50k: Path) -> None:
    events = read_manifest(f"fsd50k:{fsd50k}", every_label=True)
    said: list[str] = []
    asked = choose_items(events, "all", n_pairs=2, note=said.append)
    assert any("4 of 12 recordings have several names" in remark for remark in said)
    assert (len(asked.events), len(asked.tagged)) == (8, 16)
    for pair in asked.pairs:
        assert pair.first.recording != pair.second.recording
    tasks = {row.task for row in ask([Ear()], choose_items(events, "temporal", n_pairs=2, note=said.append))}
    assert tasks == {"t_classify", "control_text_only", "control_paraphrase", "zero_shot_tags"}


def test_recordings_with_one_name_are_asked_as_ever(events: list[Event]) -> None:
    asked = choose_items(events, "temporal", n_pairs=2)
    assert asked.events == events
    assert asked.tagged == []


def test_retrieval_takes_every_name_of_a_recording_for_right(fsd50k: Path) -> None:
    events = [e for e in read_manifest(f"fsd50k:{fsd50k}", every_label=True) if e.split == "test"]

    class Tags(Ear):
        """Finds the second name of a recording first, and then its first."""

        def embed_audio(self, items, **_):  # type: ignore[no-untyped-def]
            own = [{event.phrase for event in events if event.recording == name} for name in recordings]
            return np.float32([[name in names for name in NAMES[:5]] for names in own])

        def embed_text(self, texts):  # type: ignore[no-untyped-def]
            return np.float32([[name == text for name in NAMES[:5]] for text in texts]) * [1, 1, 1, 1, 2]

    recordings = list(dict.fromkeys(event.recording for event in events))
    found = {row.metric: row for row in retrieval.evaluate(Tags(), events) if row.slice == "all"}
    assert (found["audio_to_text_r1"].n, found["text_to_audio_r1"].n) == (12, 5)
    assert {row.value for row in found.values()} == {1.0}


def test_a_run_learns_each_recording_of_fsd50k_by_one_name(fsd50k: Path) -> None:
    learned = [event for event in read_manifest(f"fsd50k:{fsd50k}") if event.split == "train"]
    assert [event.phrase for event in learned] == ["bell"]


def esc50(folder: Path) -> str:
    rows = []
    for fold in range(1, 6):
        for number, name in enumerate(NAMES[:4]):
            file = f"{fold}-{fold}{number}-A-{number}.wav"
            record(folder / "audio" / file, name)
            rows.append(f"{file},{fold},{number},{name},False,{fold}{number},A")
    write(folder / "meta" / "esc50.csv", "filename,fold,target,category,esc10,src_file,take", *rows)
    return f"esc50:{folder}"


def urbansound8k(folder: Path) -> str:
    rows = []
    for fold in range(1, 11):
        for number, name in enumerate(NAMES[:2]):
            file = f"{fold}{number}-{number}-0-0.wav"
            record(folder / "audio" / f"fold{fold}" / file, name)
            rows.append(f"{file},{fold}{number},0,0.4,1,{fold},{number},{name}")
    head = "slice_file_name,fsID,start,end,salience,fold,classID,class"
    write(folder / "metadata" / "UrbanSound8K.csv", head, *rows)
    return f"urbansound8k:{folder}"


@pytest.mark.parametrize(("layout", "in_a_fold"), [(esc50, 4), (urbansound8k, 2)])
def test_all_folds_are_asked_together(
    layout: Callable[[Path], str], in_a_fold: int, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    data = layout(tmp_path / "corpus")
    asked = ("eval", tiny_checkpoint, "--data", data, "--oracle", "none", "--pairs", 1)
    for split, count in (("all", 20), ("test", in_a_fold)):
        out = tmp_path / split
        rows = invoke(tmp_path, *asked, "--split", split, "--out", out)
        (row,) = [row for row in rows if (row["task"], row["slice"]) == ("zero_shot", "all")]
        assert (row["metric"], row["n"]) == ("top1", count)
        assert json.loads((out / "questions.json").read_text())["split"] == split


def test_who_asks_all_splits_is_told_what_that_means(tiny_checkpoint: Path, tmp_path: Path) -> None:
    make_events(tmp_path, each=1, split="val")
    table = [f"{file.name},{file.stem.split('-')[1]},val" for file in sorted(tmp_path.glob("val-*.wav"))]
    write(tmp_path / "manifest.csv", "path,event,split", *table)
    words = ["eval", str(tiny_checkpoint), "--data", str(tmp_path / "manifest.csv"), "--suite", "retrieval"]
    result = CliRunner().invoke(app, [*words, "--split", "all"])
    assert result.exit_code == 0, result.output
    assert "trained on these data has heard the answers" in result.stderr
