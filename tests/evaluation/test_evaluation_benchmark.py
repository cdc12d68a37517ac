"""The frozen benchmark: the same items wherever recordings lie, and submissions that are what they say."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from tone_world import Ear
from typer.testing import CliRunner

from chronoclap.cli import app
from chronoclap.data import foley_events
from chronoclap.errors import DataError
from chronoclap.evaluation.benchmark import (
    BENCHMARKS,
    TEMPORAL_V1,
    find_benchmark,
    freeze_items,
    line_of,
    run_benchmark,
)
from chronoclap.evaluation.submissions import KINDS, check_submission
from chronoclap.scenes.event import Event

SMALL = replace(TEMPORAL_V1, pairs=6)
Submission = dict[str, Any]


@pytest.fixture
def submission(events: list[Event], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(BENCHMARKS, "temporal-v1", SMALL)
    found = run_benchmark(SMALL, Ear("noisy", noise=0.5), events, "tones", digest_of_model="d")
    path = tmp_path / "submission.json"
    path.write_text(json.dumps(found))
    return path


def test_items_do_not_depend_on_where_recordings_lie(events: list[Event], tmp_path: Path) -> None:
    items, digest = freeze_items(SMALL, events)
    elsewhere = tmp_path / "z" / "other"
    elsewhere.mkdir(parents=True)
    moved = []
    for event in events[::-1]:
        name = Path(event.recording).name
        shutil.copy(event.recording, elsewhere / name)
        moved.append(replace(event, recording=str(elsewhere / name)))
    again, same = freeze_items(SMALL, moved)
    assert same == digest
    assert [p.first.source for p in again.pairs] == [p.first.source for p in items.pairs]
    assert all(Path(p.first.recording).parent == elsewhere for p in again.pairs)
    assert freeze_items(replace(SMALL, seed=2), events)[1] != digest
    assert freeze_items(SMALL, events[:-1])[1] != digest


def test_the_frozen_one_is_what_it_was() -> None:
    """What this digest is made of must never change under the name temporal-v1."""
    digest = freeze_items(find_benchmark("temporal-v1"), foley_events())[1]
    assert digest[:16] == "904bd437bb8d1d03"


def test_a_perfect_model_scores_one_and_a_deaf_one_less(events: list[Event], submission: Path) -> None:
    found = run_benchmark(SMALL, Ear("good"), events, "tones")
    assert found["parts"]["T-Classify"][0]["value"] == 1.0
    assert found["parts"]["ZSTE-3"][0]["value"] == 1.0
    blind = run_benchmark(SMALL, Ear("blind", blind=True), events, "tones")
    assert blind["score"] < found["score"]
    assert blind["parts"]["T-Classify"][0]["value"] == 0.0
    assert line_of(found).startswith(f"temporal-v1 on tones [{found['items'][:8]}] good: ")


def test_a_submission_holds_with_and_without_the_data(events: list[Event], submission: Path) -> None:
    found = json.loads(submission.read_text())
    assert 0 < found["score"] < 1  # the forgeries below are of something
    assert check_submission(submission) == (found, None)
    assert check_submission(submission, events) == (found, True)
    assert found["model"]["audio"] == "its own way"
    assert {"Python", "chronoclap", "torch"} <= found["versions"].keys()


def test_recordings_of_other_bytes_are_told_apart(events: list[Event], submission: Path) -> None:
    samples, rate = soundfile.read(events[0].recording)
    soundfile.write(events[0].recording, samples, rate, subtype="FLOAT")
    assert check_submission(submission, events).same_recordings is False


def test_every_row_of_a_benchmark_can_be_checked() -> None:
    for benchmark in BENCHMARKS.values():
        assert {key for _, keys in benchmark.parts for key in keys} <= KINDS.keys()


def rows_of(submission: Submission) -> list[Submission]:
    return [row for rows in submission["parts"].values() for row in rows]


def honest(submission: Submission) -> None:
    """Make every mean that of what stands below it."""
    for row in rows_of(submission):
        row["value"] = float(np.mean(row["scores"]))
    parts = [np.mean([row["value"] for row in rows]) for rows in submission["parts"].values()]
    submission["score"] = float(np.mean(parts))


def one_item(submission: Submission) -> None:
    for row in rows_of(submission):
        row.update(n=1, scores=[1.0])
    honest(submission)


def fewer_items(submission: Submission) -> None:
    rows_of(submission)[0].update(n=1, scores=[1.0])
    honest(submission)


def bonus(submission: Submission) -> None:
    submission["parts"]["bonus"] = [{"task": "x", "metric": "y", "value": 1.0, "n": 1, "scores": [1.0]}]
    honest(submission)


def fractions(submission: Submission) -> None:
    for row in rows_of(submission):
        row["scores"] = [0.777] * row["n"]
    honest(submission)


def halves(submission: Submission) -> None:
    submission["parts"]["T-Classify"][0]["scores"][0] = 0.5
    honest(submission)


def strings(submission: Submission) -> None:
    row = submission["parts"]["T-Classify"][0]
    row["scores"] = [str(score) for score in row["scores"]]


def of_first(**values: object) -> Callable[[Submission], None]:
    """Changes the first row."""
    return lambda submission: rows_of(submission)[0].update(values)


def of_zste4(**values: object) -> Callable[[Submission], None]:
    return lambda submission: submission["parts"]["ZSTE-4"][0].update(values)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s.update(score=0.99), "score is not the mean of its parts"),
        (lambda s: s.update(score="0.99"), "'0.99' stands where a number should be"),
        (of_zste4(value=0.123), "is not the mean of its scores"),
        (lambda s: s["parts"]["three"][0]["scores"].pop(), "has not .* scores"),
        (lambda s: s["parts"].pop("TACT"), "its parts are"),
        (bonus, "its parts are .* bonus, and not"),
        (fewer_items, "has .* items, and others have 1"),
        (fractions, "t_classify joint has scores that are not 0 or 1"),
        (halves, "t_classify joint has scores that are not 0 or 1"),
        (strings, "stands where a number should be"),
        (of_first(scores=[True] * 18, n=18), "True stands where a number"),
        (of_first(value=float("nan")), "nan stands where a number"),
        (of_first(value=10**400), "no valid submission"),
        (of_first(n=True, scores=[1.0]), "has not True scores"),
        (of_first(low=0.9, high=0.8), "has no interval"),
        (of_first(low=None), "None stands where a number"),
        (of_first(chance=0.0), "cannot have the chance 0.0"),
        (of_zste4(chance=0.0), "cannot have the chance 0.0"),
        (lambda s: s.update(format="x"), "format"),
        (lambda s: s.update(benchmark="temporal-v9"), "no benchmark 'temporal-v9'"),
        (lambda s: s["parts"]["ZSTE-3"][0]["scores"].__setitem__(0, 7.0), "not 0 or 1"),
        (lambda s: s["parts"]["TACT"][0]["scores"].__setitem__(0, 0.25), "not shares of 2 choices"),
        (lambda s: s["parts"]["three"][0]["scores"].__setitem__(0, 0.25), "not shares of 6 choices"),
        (lambda s: s.update(items="0"), "digest of its items"),
        (lambda s: s.pop("recordings"), "recordings"),
        (lambda s: s.pop("versions"), "versions"),
        (lambda s: s["model"].pop("audio"), "audio"),
        (lambda s: s["model"].update(name=3), "its model's name is 3"),
    ],
)
def test_a_submission_that_cannot_be_is_refused(
    submission: Path, change: Callable[[Submission], None], said: str
) -> None:
    found = json.loads(submission.read_text())
    change(found)
    submission.write_text(json.dumps(found))
    with pytest.raises(DataError, match=said):
        check_submission(submission)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (one_item, "t_classify joint has 1 items, and the benchmark"),
        (of_first(low=0.0, high=1.0), "the interval of t_classify joint is"),
        (of_zste4(chance=1 / 7), "the chance of zste_4 mixed is 1/50"),
        (lambda s: s.update(items="0" * 64), "other items than these recordings give"),
    ],
)
def test_a_submission_of_other_items_than_the_data_gives_is_refused(
    events: list[Event], submission: Path, change: Callable[[Submission], None], said: str
) -> None:
    found = json.loads(submission.read_text())
    change(found)
    submission.write_text(json.dumps(found))
    check_submission(submission)
    with pytest.raises(DataError, match=said):
        check_submission(submission, events)


def test_two_recordings_of_one_name_are_refused(events: list[Event]) -> None:
    twin = replace(events[0], recording=f"/elsewhere/{Path(events[0].recording).name}", source="twin")
    with pytest.raises(DataError, match="same file name"):
        freeze_items(SMALL, [*events, twin])


def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from chronoclap.evaluation import benchmark

    monkeypatch.setitem(benchmark.BENCHMARKS, "temporal-v1", replace(TEMPORAL_V1, pairs=2))
    run = ["benchmark", "temporal-v1", "compact", "--data", "foley", "--out", str(tmp_path)]
    result = CliRunner().invoke(app, run)
    assert result.exit_code == 0, result.output
    (file,) = tmp_path.glob("temporal-v1-foley-*.json")
    line = next(line for line in result.output.splitlines() if line.startswith("temporal-v1 on foley ["))
    result = CliRunner().invoke(app, ["benchmark", "check", str(file), "--data", "foley"])
    assert result.exit_code == 0, result.output
    assert line in result.output
    assert "its items are those of this data" in result.output
    assert "files differ" not in result.output
    found = json.loads(file.read_text())
    assert len(found["model"]["digest"]) == 64
    file.write_text(json.dumps(found | {"recordings": "0" * 64}))
    result = CliRunner().invoke(app, ["benchmark", "check", str(file), "--data", "foley"])
    assert result.exit_code == 0, result.output
    assert "Its recordings are called as these are, but their files differ" in result.output
    result = CliRunner().invoke(app, ["benchmark", "temporal-v2", "compact", "--data", "foley"])
    assert result.exit_code == 1
    assert "use one of temporal-v1" in result.output
