"""Reports as files: what is written comes back, and two are set side by side item by item."""

import hashlib
import json
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from tone_world import Ear, make_events
from typer.testing import CliRunner

from chronoclap.cli import app
from chronoclap.errors import DataError
from chronoclap.evaluation import evaluate
from chronoclap.evaluation.kept import PROBE_SECONDS
from chronoclap.evaluation.reports.details import confused, details_of, margins
from chronoclap.evaluation.reports.page import write_html, write_markdown
from chronoclap.evaluation.reports.protocols import PROTOCOLS
from chronoclap.evaluation.reports.record import Record, compare, model_rows, read_record, write_record
from chronoclap.evaluation.reports.terminal import differences
from chronoclap.evaluation.suites import choose_items
from chronoclap.files import held
from chronoclap.scenes.event import Event

ABOUT = {
    "data": "tones",
    "split": "test",
    "suite": "all",
    "seed": 0,
    "items": "abc",
    "made_with": "chronoclap 0",
    "command": "chronoclap eval",
    "versions": {"Python": "3"},
    "models": {"good": {"digest": "d" * 64, "audio": "32000 Hz"}},
}


@pytest.fixture
def record(events: list[Event]) -> Record:
    rows = evaluate([Ear("good"), Ear("blind", blind=True)], events, "all", "test", None, 0, 6, note=str)
    return Record(ABOUT, rows)


class Checker(HTMLParser):
    """Collects what a page refers to, and whether its tags close."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: set[str] = set()
        self.targets: set[str] = set()
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "br", "link"):
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.add(value or "")
            if name == "href" and (value or "").startswith("#"):
                self.targets.add((value or "")[1:])
            if name in ("src", "href"):
                self.sources.append(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in ("meta", "br", "link"):
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_a_report_comes_back_with_the_score_of_every_item(record: Record, tmp_path: Path) -> None:
    write_record(record, tmp_path / "r.json")
    again = read_record(tmp_path / "r.json")
    assert again.rows == record.rows
    assert again.about == ABOUT
    for row, other in zip(record.rows, again.rows, strict=True):
        assert row.scores is not None
        assert other.scores == row.scores
        assert len(other.scores.values) == row.n
        below = other.scores.denominators
        mean = np.sum(other.scores.values) / (np.sum(below) if below else row.n)
        assert mean == pytest.approx(row.value)


@pytest.mark.parametrize("text", ["", "[]", '{"format": "other", "rows": []}', '{"rows": 3}'])
def test_what_is_no_report_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(DataError, match=r"r\.json is no report"):
        read_record(tmp_path / "r.json")


def test_every_task_says_its_question_source_and_words(record: Record) -> None:
    for task in {row.task for row in record.rows}:
        assert all(PROTOCOLS[task]), task


class TestCompare:
    def test_differences_are_those_of_the_means(self, record: Record) -> None:
        good, blind = ([r for r in record.rows if r.model == name] for name in ("good", "blind"))
        compared, remarks = compare(good, blind)
        assert remarks == [  # a blind model has no scale for the ratio
            "Not compared: 3 rows that one of the two alone has, such as control_text_only text_bias. The "
            "same --suite asks both alike."
        ]
        for first, second, difference in compared:
            assert (first.task, first.metric, first.slice) == (second.task, second.metric, second.slice)
            assert difference.value == pytest.approx(first.value - second.value)
            assert difference.low <= difference.value + 1e-9
            assert difference.value <= difference.high + 1e-9
        joint = next(c for c in compared if (c.first.task, c.first.metric) == ("t_classify", "joint"))
        assert joint.difference.value == 1.0
        assert joint.difference.p < 0.01

    def test_a_model_does_not_differ_from_itself(self, record: Record) -> None:
        good = [row for row in record.rows if row.model == "good"]
        for _, _, (value, low, high, p) in compare(good, good)[0]:
            assert (value, low, high, p) == (0, 0, 0, 1)

    def test_other_items_are_not_compared(self, record: Record, tmp_path: Path) -> None:
        (tmp_path / "other").mkdir()
        others = evaluate([Ear("good")], make_events(tmp_path / "other", 2), "temporal", n_pairs=4, note=str)
        compared, remarks = compare([row for row in record.rows if row.model == "good"], others)
        assert not [c for c in compared if c.first.task == "t_classify"]
        assert any("different items" in remark for remark in remarks)
        assert any("one of the two alone has" in remark for remark in remarks)

    def test_ratios_and_rows_without_scores_are_not_called_other_items(self, record: Record) -> None:
        good = [row for row in record.rows if row.model == "good"]
        unscored = replace(good[0], task="captioned_retrieval", metric="text_to_audio_medr", scores=None)
        compared, remarks = compare([*good, unscored], [*good, unscored])
        ratios = [row for row in good if row.metric == "text_bias"]
        assert len(compared) == len(good) - len(ratios)
        assert [remark.partition(". ")[0] for remark in remarks] == [
            "Not compared: 1 rows without scores for each item, such as captioned_retrieval "
            "text_to_audio_medr",
            f"Not compared: {len(ratios)} rows that are ratios, such as control_text_only text_bias",
        ]

    def test_tables_lose_nothing_at_eighty_columns(self, record: Record) -> None:
        good = [row for row in record.rows if row.model == "good"]
        longest = replace(good[-1], task="captioned_retrieval", metric="text_to_audio_r10_original", at=None)
        compared, _ = compare([*good, longest], [*good, replace(longest, model="a model of a long name")])
        console = Console(width=80, record=True, file=StringIO())
        console.print(differences(compared))
        lines = console.export_text().splitlines()
        assert not [line for line in lines if "…" in line]
        for first, _, (_, low, high, p) in compared:
            assert any(line.startswith(f"{first.task}: ") for line in lines), first.task
            assert any(line.split()[0] == first.metric for line in lines if line.strip()), first.metric
            assert any(f"{low:+.2f} to {high:+.2f}" in line for line in lines)
            assert any(line.split()[-1] == f"{p:.3f}" for line in lines if line.strip())

    def test_the_command(self, record: Record, tmp_path: Path) -> None:
        write_record(record, tmp_path / "r.json")
        ask = ["eval", "compare", f"{tmp_path / 'r.json'}:good", f"{tmp_path / 'r.json'}:blind"]
        result = CliRunner().invoke(app, [*ask, "--json", str(tmp_path / "d.json")])
        assert result.exit_code == 0, result.output
        assert "difference" in result.output
        found = json.loads((tmp_path / "d.json").read_text())
        assert {"task", "metric", "slice", "value", "low", "high", "p", "first", "second"} <= found[0].keys()
        result = CliRunner().invoke(app, ["eval", "compare", str(tmp_path / "r.json"), "x"])
        assert result.exit_code == 1
        assert "has the models good, blind: name one" in result.output
        with pytest.raises(DataError, match="name one"):
            model_rows(f"{tmp_path / 'r.json'}:nobody")


class TestPage:
    def test_is_whole_and_needs_nothing_else(self, record: Record, events: list[Event]) -> None:
        asked = choose_items(events, "all", n_pairs=6, note=str)
        details = [details_of(Ear("blind", blind=True), asked)]
        page = write_html(record, details)
        checker = Checker()
        checker.feed(page)
        assert checker.open == []
        assert checker.targets <= checker.ids
        assert all(source.startswith(("#", "data:")) for source in checker.sources)
        assert page.count("<audio") == 2 * len(details[0].hardest) == 10
        assert page.count("<svg") > 5
        assert "<code>abc</code>" in page
        assert "object at 0x" not in page
        assert "nan" not in re.sub(r"data:[^\"]*", "", page).lower().split()

    def test_names_are_escaped(self, record: Record) -> None:
        about = ABOUT | {"data": "<script>alert(1)</script>"}
        page = write_html(Record(about, record.rows[:3]), [])
        assert "<script>" not in page

    def test_markdown_has_a_line_for_every_number(self, record: Record) -> None:
        text = write_markdown(record)
        assert "items `abc`" in text
        keys = {(row.task, row.metric, row.slice, row.at) for row in record.rows}
        tables = text[text.index("## ") :]
        assert len([line for line in tables.splitlines() if re.match(r"\| (?!metric,)\w+, ", line)]) == len(
            keys
        )
        assert text.count("\n\n\n") == 0


class TestDetails:
    def test_confusions(self) -> None:
        truth, said = np.array([0, 0, 0, 1, 2]), np.array([0, 1, 1, 1, 0])
        shares, mistakes = confused(truth, said, ["a", "b", "c"])
        np.testing.assert_allclose(shares, [[1 / 3, 2 / 3, 0], [0, 1, 0], [1, 0, 0]])
        assert [(m.true, m.said, m.count, m.total) for m in mistakes] == [("a", "b", 2, 3), ("c", "a", 1, 1)]

    def test_margins(self) -> None:
        similarity = np.array([[[0.9, 0.2], [0.1, 0.5]], [[0.3, 0.4], [0.0, 0.8]]])
        np.testing.assert_allclose(margins(similarity), [0.3, -0.1])

    def test_the_hardest_come_first_and_can_be_heard(self, events: list[Event]) -> None:
        import base64
        import io

        import soundfile

        asked = choose_items(events, "temporal", n_pairs=5, note=str)
        found = details_of(Ear("noisy", noise=0.4), asked)
        assert [hard.margin for hard in found.hardest] == sorted(hard.margin for hard in found.hardest)
        sound = base64.b64decode(found.hardest[0].sounds[0].partition(",")[2])
        samples, rate = soundfile.read(io.BytesIO(sound))
        assert rate == 24_000
        assert 0.5 < len(samples) / rate < 11


@pytest.fixture
def ask(tmp_path: Path, events: list[Event]) -> list[str]:
    """The words that ask a model, which counts what it hears, about few pairs."""
    table = tmp_path / "tones.csv"
    lines = [f"{Path(e.recording).name},{e.phrase},test,{e.source},{int(e.class_unseen)}" for e in events]
    table.write_text("path,event,split,source,class_unseen\n" + "\n".join(lines) + "\n")
    (tmp_path / "mine.py").write_text(
        "import numpy as np\n"
        "from pathlib import Path\n"
        "asked = Path(__file__).with_name('asked.txt')\n"
        "def embed_audio(waveforms, rate):\n"
        "    with asked.open('a') as file: file.write('x' * len(waveforms))\n"
        "    return [np.abs(np.fft.rfft(w, 4096))[1:65] + 1e-3 for w in waveforms]\n"
        "def embed_text(texts):\n"
        "    return [np.random.default_rng(len(t)).random(64) for t in texts]\n"
    )
    given = f"python:{tmp_path / 'mine.py'}"
    return ["eval", given, "--data", str(table), "--pairs", "4", "--oracle", "none"]


def refused(*words: str) -> str:
    """What is said where a command is refused, in one line."""
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 1, result.output
    return " ".join(result.output.split())


def asked_of(out: Path) -> str:
    """The digest of what was asked, which is that of asked.json and stands in the report."""
    digest = hashlib.sha256((out / "asked.json").read_bytes()).hexdigest()[:16]
    assert read_record(out / "report.json").about["items"] == digest
    assert f"<code>{digest}</code> (asked.json)" in (out / "report.html").read_text()
    return digest


def test_eval_writes_a_report_and_a_second_run_embeds_nothing(tmp_path: Path, ask: list[str]) -> None:
    out = tmp_path / "report"
    result = CliRunner().invoke(app, [*ask, "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert {p.name for p in out.iterdir()} == {
        "asked.json",
        "embeddings",
        "items.json",
        "questions.json",
        "report.html",
        "report.json",
        "report.md",
    }
    record = read_record(out / "report.json")
    (model,) = record.about["models"].values()
    assert len(model["digest"]) == 64
    first, rows = (tmp_path / "asked.txt").stat().st_size, record.rows
    digest = asked_of(out)
    result = CliRunner().invoke(app, [*ask, "--out", str(out)])
    assert result.exit_code == 0, result.output
    # Only the sounds by which an unknown model is known are heard again.
    assert (tmp_path / "asked.txt").stat().st_size == first + len(PROBE_SECONDS)
    assert read_record(out / "report.json").rows == rows
    assert asked_of(out) == digest
    assert "other questions" in refused(*ask, "--out", str(out), "--seed", "1")


def test_a_given_list_stands_beside_the_report(tmp_path: Path, ask: list[str]) -> None:
    out, items, others = tmp_path / "report", tmp_path / "mine.json", tmp_path / "others.json"
    assert CliRunner().invoke(app, [*ask, "--out", str(out), "--items", str(items)]).exit_code == 0
    assert (out / "items.json").read_bytes() == items.read_bytes()
    digest = asked_of(out)
    assert CliRunner().invoke(app, [*ask, "--out", str(out)]).exit_code == 0
    assert asked_of(out) == digest
    others.write_text(json.dumps(json.loads(items.read_text())[:-1]))
    assert "on other items than" in refused(*ask, "--out", str(out), "--items", str(others))
    fewer = tmp_path / "fewer"
    assert CliRunner().invoke(app, [*ask, "--out", str(fewer), "--items", str(others)]).exit_code == 0
    assert asked_of(fewer) != digest


def test_without_a_list_the_recordings_are_what_was_asked(tmp_path: Path, ask: list[str]) -> None:
    out = tmp_path / "report"
    ask = [*ask, "--suite", "retrieval"]
    assert CliRunner().invoke(app, [*ask, "--out", str(out)]).exit_code == 0
    digest = asked_of(out)
    assert len(json.loads((out / "asked.json").read_text())["recordings"]) == 21
    table = tmp_path / "tones.csv"
    table.write_text("\n".join(table.read_text().splitlines()[:-1]))
    assert CliRunner().invoke(app, [*ask, "--out", str(out)]).exit_code == 0
    assert asked_of(out) != digest


def test_a_report_loses_no_model(tmp_path: Path, ask: list[str]) -> None:
    out = tmp_path / "report"
    (tmp_path / "other.py").write_text((tmp_path / "mine.py").read_text())
    both = [ask[0], f"python:{tmp_path / 'other.py'}", *ask[1:], "--out", str(out)]
    assert CliRunner().invoke(app, both).exit_code == 0
    said = refused(*ask, "--out", str(out))
    assert "holds a report that has python:other.py too" in said
    assert read_record(out / "report.json").models == ["python:other.py", "python:mine.py"]
    assert CliRunner().invoke(app, both).exit_code == 0


def test_one_run_at_a_time_writes_to_a_folder(tmp_path: Path, ask: list[str]) -> None:
    out = tmp_path / "report"
    with held(out):
        assert "another run is writing to this folder" in refused(*ask, "--out", str(out))
        with pytest.raises(DataError, match="another run"), held(out):
            pass
    assert CliRunner().invoke(app, [*ask, "--out", str(out)]).exit_code == 0


def test_a_run_that_is_killed_lets_go_of_its_folder(tmp_path: Path) -> None:
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from chronoclap.files import held\n"
        "with held(Path(sys.argv[1])):\n"
        "    print('holds it', flush=True)\n"
        "    time.sleep(60)\n"
    )
    run = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    with run:
        assert run.stdout is not None
        assert run.stdout.readline() == "holds it\n"
        with pytest.raises(DataError, match="another run"), held(tmp_path):
            pass
        run.kill()
        run.wait()
    with held(tmp_path):
        pass
