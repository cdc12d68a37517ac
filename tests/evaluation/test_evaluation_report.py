import json
import sys
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from tone_world import Ear, make_events

from chronoclap.errors import ChronoclapError, DataError, ModelError
from chronoclap.evaluation import evaluate, plot, read_json, tables, write_json
from chronoclap.evaluation.items import PAIR_SLICES, draw_pairs
from chronoclap.evaluation.rows import Row
from chronoclap.evaluation.suites import SUITES
from chronoclap.evaluation.tasks.sweeps import N_PAIRS, SWEEPS
from chronoclap.evaluation.tasks.three_events import draw_triples
from chronoclap.evaluation.tasks.zero_shot import event_labels
from chronoclap.evaluation.tasks.zste_items import draw_items
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
    rows = evaluate(models, events + others, "temporal", "test", Ear("base"), 0, 10, note=notes.append)
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


def test_all_is_every_suite_on_the_same_items_and_hears_what_they_share_once(events: list[Event]) -> None:
    ear = Ear("good", noise=0.3)
    rows = evaluate([ear], events, "all", oracle=Ear("base"), n_pairs=5)
    items = draw_items(draw_pairs(events, 5), event_labels(events))
    alone = len({item.single for item in items.items})
    in_threes = 6 * len(draw_triples(events, 1))
    swept = 2 * len(items.pairs) * sum(len(sweep.points) for sweep in SWEEPS)
    assert ear.sounds == 2 * len(items.pairs) + in_threes + 3 * len(items.items) + alone + len(events) + swept
    apart = {suite: evaluate([ear], events, suite, oracle=Ear("base"), n_pairs=5) for suite in SUITES}
    # The noise of this ear follows the batch, so that only the shared sounds are heard alike.
    assert {row for row in rows if not row.task.startswith("zste")} == {
        row for name, own in apart.items() if name != "zste" for row in own
    }
    assert {name: {row.task for row in own} for name, own in apart.items()} == {
        "temporal": {
            "t_classify",
            "control_text_only",
            "control_paraphrase",
            "zero_shot",
            "zero_shot_esc50",
        },
        "zste": {f"zste_{number}" for number in range(1, 6)},
        "order": {"order_compa", "order_tact", "three_events"},
        "sweeps": {"sweep_gap", "sweep_overlap", "sweep_level", "sweep_length"},
        "wordings": {"wordings_known", "wordings_audiotime", "wordings_audiocaps"},
        "retrieval": {"retrieval"},
    }
    assert {row.model for row in apart["retrieval"]} == {"good"}
    bounded = {row.task for own in apart.values() for row in own if row.model == "oracle-halves"}
    assert bounded == {"t_classify", "three_events", "zste_3", "zste_4", "zste_5"}


def test_a_kept_list_of_items_is_used_and_cleared_of_unreadable_recordings(events: list[Event]) -> None:
    asked = draw_items(draw_pairs(events, 6, seed=5), [*event_labels(events), "something else"], seed=7)
    rows = evaluate([Ear()], events, "all", items=asked, note=lambda _: None)
    first = {row.task: row for row in reversed(rows) if row.slice == "all"}
    assert first["zste_3"].n == first["order_tact"].n == first["t_classify"].n == len(asked.items)
    # The names of the list count, not those of the manifest.
    assert (first["zste_1"].chance, first["zero_shot"].chance) == (1 / 8, 1 / 7)
    Path(asked.pairs[0].first.recording).write_bytes(b"")
    rows = evaluate([Ear()], events, "zste", items=asked, note=lambda _: None)
    left = sum(asked.pairs[0].first not in (pair.first, pair.second) for pair in asked.pairs)
    assert next(row.n for row in rows if row.task == "zste_3") == left < len(asked.items)


def test_pairs_kept_serve_zste_too(events: list[Event]) -> None:
    pairs = draw_pairs(events, 4, seed=3)
    rows = evaluate([Ear()], events, "zste", items=pairs)
    assert rows == evaluate([Ear()], events, "zste", items=draw_items(pairs, event_labels(events)))


def test_curves_alone_have_all_pairs_and_beside_others_few(events: list[Event]) -> None:
    pairs = draw_pairs(events, N_PAIRS + 1, seed=3)
    few = [pair for name in PAIR_SLICES for pair in [p for p in pairs if p.slice == name][:N_PAIRS]]
    assert 0 < len(few) < len(pairs)
    for suite, count in (("sweeps", len(pairs)), ("all", len(few))):
        rows = evaluate([Ear()], events, suite, items=pairs, note=lambda _: None)
        assert {row.n for row in rows if row.task.startswith("sweep_")} == {count}


def test_retrieval_draws_no_pairs(events: list[Event]) -> None:
    notes: list[str] = []
    dogs = [event for event in events if event.phrase in ("dog", "saw")]
    assert {row.task for row in evaluate([Ear()], dogs, "retrieval", note=notes.append)} == {"retrieval"}
    assert not notes


def test_an_empty_slice_is_noted_and_has_no_rows(
    events: list[Event], capsys: pytest.CaptureFixture[str]
) -> None:
    seen = [event for event in events if not event.class_unseen]
    rows = evaluate([Ear()], seen, "temporal", n_pairs=5)
    assert "class_unseen" not in {row.slice for row in rows}
    assert capsys.readouterr().out == "The slice 'class_unseen' has no pairs of recordings, and no rows.\n"


def test_esc50_candidates_come_from_every_split(events: list[Event], tmp_path: Path) -> None:
    other = replace(make_events(tmp_path, 1, "train")[0], esc50_class="bell_sound")
    rows = evaluate([Ear()], [*events, other], "temporal", n_pairs=2)
    assert {row.chance for row in rows if row.task == "zero_shot_esc50"} == {1 / 4}
    assert {row.chance for row in rows if (row.task, row.metric) == ("zero_shot", "top1")} == {1 / 7}


def test_an_unreadable_recording_is_left_out_and_reported(events: list[Event], tmp_path: Path) -> None:
    Path(events[0].recording).write_bytes(b"not a sound")
    (tmp_path / events[1].recording).unlink()
    notes: list[str] = []
    rows = evaluate([Ear()], events, "temporal", n_pairs=5, note=notes.append)
    assert notes[0] == "2 of 21 recordings cannot be read and are left out:"
    assert events[0].recording in notes[1]
    assert events[1].recording in notes[2]
    assert {row.n for row in rows if row.task == "zero_shot" and row.slice == "all"} == {19}


def test_a_kept_list_of_pairs_is_used_and_cleared_of_unreadable_recordings(events: list[Event]) -> None:
    pairs = draw_pairs(events, 12, seed=5)
    rows = evaluate([Ear()], events, "temporal", items=pairs, note=lambda _: None)
    assert next(row.n for row in rows if row.task == "t_classify" and row.slice == "all") == len(pairs)
    bad = pairs[0].first
    Path(bad.recording).write_bytes(b"")
    rows = evaluate([Ear()], events, "temporal", items=pairs, note=lambda _: None)
    left = sum(bad not in (pair.first, pair.second) for pair in pairs)
    assert next(row.n for row in rows if row.task == "t_classify" and row.slice == "all") == left < len(pairs)


def test_one_class_alone_has_no_order_but_others_still_run(events: list[Event]) -> None:
    notes: list[str] = []
    dogs = [event for event in events if event.phrase == "dog"]
    others = [replace(event, split="train") for event in events if event.phrase != "dog"]
    with pytest.raises(DataError, match="two or more labels"):
        evaluate([Ear()], dogs + others, "temporal", note=notes.append)
    assert len(notes) == 3


def test_names_must_tell_models_apart(events: list[Event]) -> None:
    with pytest.raises(ModelError, match="name of its own"):
        evaluate([Ear("a"), Ear("a")], events, "temporal")
    with pytest.raises(ModelError, match="oracle-halves"):
        evaluate([Ear("oracle-halves")], events, "temporal")


def test_a_split_without_events_is_refused(events: list[Event]) -> None:
    with pytest.raises(DataError, match=r"'val'.*\['test'\]"):
        evaluate([Ear()], events, "temporal", "val")


def test_rows_have_exactly_the_promised_keys() -> None:
    keys = ["model", "task", "metric", "slice", "value", "low", "high", "chance", "n", "at"]
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
    assert [line.strip() for line in lines if line.startswith(("t_classify", "zero_shot"))] == [
        "t_classify: which of two orders is it?",
        "zero_shot: which name has the recording?",
    ]


def test_tables_lose_nothing_at_eighty_columns() -> None:
    words = " ".join(printed(80)).split()
    kept = {"0.250", "(0.20–0.30)", "0.750", "0.875", "(0.80–0.90)", "oracle", "halves", "chance", "0.062"}
    assert kept <= set(words)
    assert not any("…" in word for word in words)


def test_tables_say_what_a_task_asks_and_hide_no_small_chance() -> None:
    rows = [
        replace(ROWS[0], task="zste_5", metric="mixed", chance=1 / 4950),
        replace(ROWS[0], task="zste_5", metric="mixed_apart", chance=0.0),
    ]
    console = Console(width=100, record=True, file=StringIO())
    console.print(tables(rows))
    lines = console.export_text().splitlines()
    assert lines[0].strip() == "zste_5: which label is first, and which second?"
    assert [line.split()[-1] for line in lines if line.strip().startswith("mixed")] == ["<0.001", "0.000"]


def test_a_plot_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    plot(ROWS, tmp_path / "bars.svg")
    drawing = (tmp_path / "bars.svg").read_text()
    assert all(
        f"<!-- {label} -->" in drawing for label in ("before", "after", "oracle-halves", "chance", "joint")
    )


def test_a_plot_has_a_line_of_panels_for_each_task(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    rows = [
        replace(row, task="retrieval", metric=f"m{number}", chance=number / 10)
        for number in range(5)
        for row in ROWS[:2]
    ]
    plot([*ROWS, *rows], tmp_path / "bars.svg")
    drawing = (tmp_path / "bars.svg").read_text()
    drawn = ("t_classify", "retrieval", "joint", *(f"m{number}" for number in range(5)))
    assert all(f"<!-- {label} -->" in drawing for label in drawn)
    # Zero-shot is in the table; the picture is of what is asked about time and of retrieval.
    assert "<!-- zero_shot -->" not in drawing


def test_the_legend_names_what_only_later_panels_have(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    first = [replace(row, task="order_tact") for row in ROWS if row.model != "oracle-halves"]
    last = [replace(row, task="three_events") for row in ROWS]
    plot(first + last, tmp_path / "bars.svg")
    drawing = (tmp_path / "bars.svg").read_text()
    assert all(f"<!-- {label} -->" in drawing for label in ("three_events", "oracle-halves", "chance"))


def test_a_plot_of_nothing_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    with pytest.raises(DataError, match="retrieval"):
        plot(ROWS, tmp_path / "bars.png", "retrieval")


def test_without_matplotlib_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ChronoclapError, match=r"chronoclap\[plots\]"):
        plot(ROWS, tmp_path / "bars.png")
