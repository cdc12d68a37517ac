"""Captioned sounds and published benchmarks by name, and the same through the command."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from test_evaluation_compa import write_attribute, write_order
from tone_files import Deaf, FileEar, write_tones
from typer.testing import CliRunner

from chronoclap.cli import app
from chronoclap.data.shards import Stored
from chronoclap.errors import DataError
from chronoclap.evaluation.published import Captioned, ask_published, is_published, read_published
from chronoclap.evaluation.reports.asked import asked_text
from chronoclap.evaluation.reports.record import read_record
from chronoclap.evaluation.rows import Row
from chronoclap.evaluation.tasks.captioned import CaptionedSound


def tables(rows: list[Row], model: str) -> dict[tuple[str, str], float]:
    return {(row.task, row.metric): row.value for row in rows if row.model == model}


@pytest.fixture
def captioned(tmp_path: Path) -> Path:
    """Clips whose captions nobody has contradicted yet; those of music tell no order."""
    lines = ["path,caption,split"]
    for number, (a, b) in enumerate((("cat", "dog"), ("dog", "cat"), ("rain", "bell"), ("saw", "train"))):
        write_tones(tmp_path / f"{number}.wav", a, b)
        lines.append(f"{number}.wav,A {a} followed by a {b},test")
    (tmp_path / "clips.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "clips.csv"


def test_a_table_of_clips_is_searched_and_contradicted_by_rule(captioned: Path) -> None:
    rows = ask_published(
        [FileEar("good"), Deaf("deaf")], read_published("captions", str(captioned), None, "test")
    )
    good, deaf = tables(rows, "good"), tables(rows, "deaf")
    assert good["captions", "true"] == 1.0
    assert deaf["captions", "true"] == 0.0
    assert good["captioned_retrieval", "text_to_audio_r1"] == 1.0
    assert good["captioned_retrieval", "text_to_audio_r1_flipped"] == 0.0
    assert good["captioned_retrieval", "text_to_audio_r1_drop"] == 1.0


def test_published_benchmarks(tmp_path: Path) -> None:
    ear = [FileEar("good")]
    table, files = write_order(tmp_path)
    assert tables(ask_published(ear, read_published("compa-order", str(table), files, "test")), "good") == {
        ("compa_order", metric): 1.0 for metric in ("text", "audio", "group")
    }
    table, files = write_attribute(tmp_path)
    assert ("compa_attribute", "group") in tables(
        ask_published(ear, read_published("compa-attribute", str(table), files, "test")), "good"
    )
    write_tones(tmp_path / "time" / "syn_1.wav", "cat", "dog")
    said = {"syn_1": {"event": {}, "caption": "A cat followed by a dog."}}
    (tmp_path / "ordering.json").write_text(json.dumps(said))
    asked = read_published("audiotime", str(tmp_path / "ordering.json"), tmp_path / "time", "test")
    rows = ask_published(ear, asked)
    assert tables(rows, "good") == {("audiotime", "true"): 1.0}


def test_flipped_files_of_dtu_stand_beside_the_original(tmp_path: Path) -> None:
    for number, (a, b) in enumerate((("cat", "dog"), ("rain", "bell"))):
        write_tones(tmp_path / "sounds" / f"{number}.wav", a, b)
    for name, turned in (("true.json", False), ("reverse.json", True)):
        data = [
            {"audio": f"{n}.wav", "caption_1": f"A {x} followed by a {y}"}
            for n, (a, b) in enumerate((("cat", "dog"), ("rain", "bell")))
            for x, y in [(b, a) if turned else (a, b)]
        ]
        (tmp_path / name).write_text(json.dumps({"data": data}))
    given = f"{tmp_path / 'true.json'},{tmp_path / 'reverse.json'}"
    asked = read_published("dtu", given, tmp_path / "sounds", "test")
    rows = tables(ask_published([FileEar("good")], asked), "good")
    assert rows["captioned_retrieval", "text_to_audio_r1"] == 1.0
    assert ("captioned_retrieval", "text_to_audio_r1_drop") in rows


def test_what_is_asked_is_told_apart_by_names_and_texts(tmp_path: Path) -> None:
    texts = set()
    for folder in ("a", "b"):
        table, files = write_order(tmp_path / folder)
        asked = read_published("compa-order", str(table), files, "test")
        texts.add(asked_text(asked))
    (same,) = texts
    assert {len(item["recordings"]) for item in json.loads(same)["items"]} == {2}
    other = replace(asked.items[0], captions=("x", "y"))
    assert asked_text(replace(asked, items=(other, *asked.items[1:]))) != same


def test_scenes_in_shards_are_told_apart_by_shard_and_key() -> None:
    stored = Stored(Path("/somewhere/scenes-0-of-1.tar"), "00000012", {})
    scene = CaptionedSound(stored, "A, then B", ("B, then A",), ("a", "b"), "sequence")
    (item,) = json.loads(asked_text(Captioned("captions", scenes=[scene])))["items"]
    assert item == {"recordings": ["scenes-0-of-1.tar:00000012"], "texts": ["A, then B", "B, then A"]}


def test_a_benchmark_needs_its_recordings() -> None:
    with pytest.raises(DataError, match="name it with --recordings"):
        read_published("compa-order", "table.csv", None, "test")


def test_which_suites_are_published() -> None:
    assert is_published("dtu")
    assert not is_published("temporal")


def test_the_command_writes_a_report_of_captions(captioned: Path, tmp_path: Path) -> None:
    asked = ["eval", "compact-base", "--suite", "captions", "--data", str(captioned)]
    result = CliRunner().invoke(app, [*asked, "--out", str(tmp_path / "report")])
    assert result.exit_code == 0, result.output
    record = read_record(tmp_path / "report" / "report.json")
    assert {row.task for row in record.rows} == {"captions", "captioned_retrieval"}
    listed = (tmp_path / "report" / "asked.json").read_bytes()
    assert record.about["items"] == hashlib.sha256(listed).hexdigest()[:16]
    first = json.loads(listed)["items"][0]
    assert first["recordings"] == ["0.wav"]
    assert first["texts"][0] == "A cat followed by a dog"
    assert len(first["texts"]) == 2
    assert "captions find recordings" in (tmp_path / "report" / "report.html").read_text()
