import json
import sys
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from tone_world import Ear, make_events

from chronoclap.errors import ChronoclapError, DataError, ModelError
from chronoclap.evaluation import evaluate_temporal, plot, read_json, tables, write_json
from chronoclap.evaluation.items import draw_pairs
from chronoclap.evaluation.rows import Row
from chronoclap.scenes.event import Event

ROWS = [
    Row("before", "t_classify", "joint", "all", 0.25, 0.2, 0.3, 0.0625, 40),
    Row("before", "t_classify", "joint", "seen", 0.5, 0.4, 0.6, 0.0625, 20),
    Row("before", "t_classify", "audio_to_text", "class_unseen", 0.5, 0.4, 0.6, 0.5, 200),
    Row("oracle-halves", "t_classify", "joint", "all", 0.875, 0.8, 0.9, 0.0625, 40),
    Row("after", "t_classify", "joint", "all", 0.75, 0.7, 0.8, 0.0625, 40),
    Row("after", "zero_shot", "top1", "all", 0.625, 0.6, 0.65, 0.1, 70),
]


def test_the_whole_suite_runs_on_the_same_items_for_every_model(events: list[Event], tmp_path: Path) -> None:
    others = make_events(tmp_path, 1, "train")
    notes: list[str] = []
    models = [Ear("good"), Ear("blind", blind=True)]
    rows = evaluate_temporal(models, events + others, "test", Ear("base"), 0, 10, note=notes.append)
    assert {(row.model, row.task) for row in rows} == {
        *(
            (name, task)
            for name in ("good", "blind")
            for task in ("t_classify", "zero_shot", "zero_shot_esc50")
        ),
        *((name, task) for name in ("good", "blind") for task in ("control_text_only", "control_paraphrase")),
        ("oracle-halves", "t_classify"),
    }
    value = {(row.model, row.task, row.metric, row.slice): row.value for row in rows}
    assert value["good", "t_classify", "joint", "all"] == 1.0
    assert value["blind", "t_classify", "joint", "all"] == 0.0
    assert value["oracle-halves", "t_classify", "joint", "pair_unseen"] == 1.0
    assert value["good", "zero_shot", "top1", "class_unseen"] == 1.0
    # Only the split's own recordings are asked about.
    assert {row.n for row in rows if row.task == "zero_shot" and row.slice == "all"} == {21}
    assert notes == ["blind scores both orders of every pair alike: text_bias has no scale, and no rows."]


def test_an_empty_slice_is_noted_and_has_no_rows(
    events: list[Event], capsys: pytest.CaptureFixture[str]
) -> None:
    seen = [event for event in events if not event.class_unseen]
    rows = evaluate_temporal([Ear()], seen, n_pairs=5)
    assert "class_unseen" not in {row.slice for row in rows}
    assert capsys.readouterr().out == "The slice 'class_unseen' has no pairs of recordings, and no rows.\n"


def test_esc50_candidates_come_from_every_split(events: list[Event], tmp_path: Path) -> None:
    other = replace(make_events(tmp_path, 1, "train")[0], esc50_class="bell_sound")
    rows = evaluate_temporal([Ear()], [*events, other], n_pairs=2)
    assert {row.chance for row in rows if row.task == "zero_shot_esc50"} == {1 / 4}
    assert {row.chance for row in rows if row.task == "zero_shot"} == {1 / 7}


def test_an_unreadable_recording_is_left_out_and_reported(events: list[Event], tmp_path: Path) -> None:
    Path(events[0].recording).write_bytes(b"not a sound")
    (tmp_path / events[1].recording).unlink()
    notes: list[str] = []
    rows = evaluate_temporal([Ear()], events, n_pairs=5, note=notes.append)
    assert notes[0] == "2 of 21 recordings cannot be read and are left out:"
    assert events[0].recording in notes[1]
    assert events[1].recording in notes[2]
    assert {row.n for row in rows if row.task == "zero_shot" and row.slice == "all"} == {19}


def test_a_kept_list_of_pairs_is_used_and_cleared_of_unreadable_recordings(events: list[Event]) -> None:
    pairs = draw_pairs(events, 12, seed=5)
    rows = evaluate_temporal([Ear()], events, pairs=pairs, note=lambda _: None)
    assert next(row.n for row in rows if row.task == "t_classify" and row.slice == "all") == len(pairs)
    bad = pairs[0].first
    Path(bad.recording).write_bytes(b"")
    rows = evaluate_temporal([Ear()], events, pairs=pairs, note=lambda _: None)
    left = sum(bad not in (pair.first, pair.second) for pair in pairs)
    assert next(row.n for row in rows if row.task == "t_classify" and row.slice == "all") == left < len(pairs)


def test_one_class_alone_has_no_order_but_others_still_run(events: list[Event]) -> None:
    notes: list[str] = []
    dogs = [event for event in events if event.phrase == "dog"]
    others = [replace(event, split="train") for event in events if event.phrase != "dog"]
    with pytest.raises(DataError, match="two or more labels"):
        evaluate_temporal([Ear()], dogs + others, note=notes.append)
    assert len(notes) == 3


def test_names_must_tell_models_apart(events: list[Event]) -> None:
    with pytest.raises(ModelError, match="name of its own"):
        evaluate_temporal([Ear("a"), Ear("a")], events)
    with pytest.raises(ModelError, match="oracle-halves"):
        evaluate_temporal([Ear("oracle-halves")], events)


def test_a_split_without_events_is_refused(events: list[Event]) -> None:
    with pytest.raises(DataError, match=r"'val'.*\['test'\]"):
        evaluate_temporal([Ear()], events, "val")


def test_rows_have_exactly_the_promised_keys() -> None:
    keys = ["model", "task", "metric", "slice", "value", "low", "high", "chance", "n"]
    assert list(ROWS[0].to_dict()) == keys


def test_json_is_a_flat_list_and_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")
    write_json(ROWS, path)
    assert json.loads(path.read_text())[0] == ROWS[0].to_dict()
    assert read_json(path) == ROWS
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.json"]


def test_a_failed_write_leaves_the_old_report(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    write_json(ROWS, path)
    with pytest.raises(TypeError):
        write_json([replace(ROWS[0], n={1})], path)  # type: ignore[arg-type]
    assert read_json(path) == ROWS
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.json"]


@pytest.mark.parametrize("text", ["", "[1]", '[{"model": "a"}]'])
def test_a_file_that_is_no_report_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text(text)
    with pytest.raises(DataError, match=r"bad\.json"):
        read_json(tmp_path / "bad.json")


def printed(width: int) -> list[str]:
    console = Console(width=width, record=True, file=StringIO())
    console.print(tables(ROWS))
    return console.export_text().splitlines()


def test_tables_have_a_column_for_each_model_with_the_oracle_last() -> None:
    lines = printed(120)
    header = next(line for line in lines if "before" in line)
    assert header.split() == ["metric", "slice", "(n)", "before", "after", "oracle", "halves", "chance"]
    total = next(line for line in lines if "all (40)" in line)
    assert total.split() == [
        "joint",
        "all",
        "(40)",
        "0.250",
        "(0.20–0.30)",
        "0.750",
        "(0.70–0.80)",
        "0.875",
        "(0.80–0.90)",
        "0.062",
    ]
    # Neither the second model nor the oracle has a row for this slice.
    assert next(line for line in lines if "seen (20)" in line).split()[-3:] == ["–", "–", "0.062"]
    assert [line.strip() for line in lines if line.strip() in ("t_classify", "zero_shot")] == [
        "t_classify",
        "zero_shot",
    ]


def test_tables_lose_nothing_at_eighty_columns() -> None:
    words = " ".join(printed(80)).split()
    kept = {"0.250", "(0.20–0.30)", "0.750", "0.875", "(0.80–0.90)", "oracle", "halves", "chance", "0.062"}
    assert kept <= set(words)
    assert not any("…" in word for word in words)


def test_a_plot_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    plot(ROWS, tmp_path / "bars.svg")
    drawing = (tmp_path / "bars.svg").read_text()
    assert all(
        f"<!-- {label} -->" in drawing for label in ("before", "after", "oracle-halves", "chance", "joint")
    )


def test_a_plot_of_nothing_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    with pytest.raises(DataError, match="retrieval"):
        plot(ROWS, tmp_path / "bars.png", "retrieval")


def test_without_matplotlib_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ChronoclapError, match=r"chronoclap\[plots\]"):
        plot(ROWS, tmp_path / "bars.png")
