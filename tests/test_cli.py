"""The commands as a user meets them: results, remarks, errors in a sentence, whole files or none."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

import chronoclap
from chronoclap import Clap
from chronoclap.cli import app
from chronoclap.demo import demonstrate
from chronoclap.scenes import Event
from chronoclap.scenes.foley import FOLEY, synthesise
from chronoclap.training import find_recipe
from small_htsat import write_with_transformers

RATE = 16_000
SEEN, UNSEEN = tuple(FOLEY)[:8], tuple(FOLEY)[8:10]
ROW_KEYS = {"model", "task", "metric", "slice", "value", "low", "high", "chance", "n", "at"}


def call(*arguments: object, code: int = 0) -> Result:
    """Run a command; the exit code must be the one expected."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result


def failure(*arguments: object) -> str:
    """What a command that must fail says: one line on stderr, no traceback."""
    result = call(*arguments, code=1)
    assert "Traceback" not in result.output
    lines = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1, result.stderr
    return lines[0]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with manifest.csv: ten kinds of short sounds, two of them in the test split only."""
    folder = tmp_path_factory.mktemp("world")
    rows = []
    for name in SEEN + UNSEEN:
        for take, split in enumerate(("train", "test", "test")):
            if name in UNSEEN and split == "train":
                continue
            file = f"{name}-{take}.wav"
            soundfile.write(folder / file, synthesise(name, take, rate=RATE)[: 2 * RATE], RATE)
            rows.append([file, FOLEY[name], split, int(name in UNSEEN)])
    write_manifest(folder / "manifest.csv", rows)
    return folder


def write_manifest(path: Path, rows: list[list]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["path", "event", "split", "class_unseen"], *rows])


def rows_of(manifest: Path) -> list[list]:
    with manifest.open(newline="") as file:
        return list(csv.reader(file))[1:]


@pytest.fixture
def broken(world: Path, tmp_path: Path) -> Path:
    """The same world with one training and one test recording that cannot be read."""
    folder = tmp_path / "broken"
    shutil.copytree(world, folder)
    for take in (0, 1):
        (folder / f"{SEEN[0]}-{take}.wav").write_bytes(b"RIFF nothing that anyone could hear")
    return folder


# The program as a whole


def test_help_does_not_wait_for_torch() -> None:
    code = "import sys, chronoclap.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_python_runs_the_package() -> None:
    done = subprocess.run([sys.executable, "-m", "chronoclap", "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "classify" in done.stdout


def test_the_package_offers_what_it_lists() -> None:
    assert set(chronoclap.__all__) <= set(dir(chronoclap))
    assert all(getattr(chronoclap, name) for name in chronoclap.__all__)
    with pytest.raises(AttributeError, match="no attribute 'train'"):
        _ = chronoclap.train


@pytest.mark.parametrize("command", ["demo", "models", "classify", "embed", "train", "eval", "compose"])
def test_every_command_has_help(command: str) -> None:
    listed = call("--help").output
    text = call(command, "--help").output
    assert f" {command} " in listed
    assert "Usage:" in text
    assert "--help" in text


def test_help_shows_an_example() -> None:
    assert "chronoclap classify yard.wav --labels" in call("--help").output


def test_version() -> None:
    assert call("--version").output == f"chronoclap {chronoclap.__version__}\n"


def test_unknown_option_is_a_usage_error() -> None:
    assert "No such option" in call("embed", "--nonsense", code=2).output


def test_stopping_writes_nothing(world: Path, tiny_checkpoint: Path, tmp_path: Path, monkeypatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Clap, "embed_audio", stop)
    out = tmp_path / "out.npz"
    stopped = call("embed", world, "--model", tiny_checkpoint, "--out", out, code=130)
    assert "Stopped" in stopped.stderr
    assert not list(tmp_path.iterdir())


# embed


def test_embed_writes_what_the_model_gives(
    world: Path, tiny_clap: Clap, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("rain falls\n\na dog barks, then rain\n", encoding="utf-8")
    out = tmp_path / "new" / "vectors.npz"
    call("embed", world, "--out", out, "--model", tiny_checkpoint, "--text", "a bell", "--text", texts)
    paths = sorted(world.glob("*.wav"))
    with np.load(out, allow_pickle=False) as kept:
        assert kept["paths"].tolist() == [str(path) for path in paths]
        assert kept["texts"].tolist() == ["a bell", "rain falls", "a dog barks, then rain"]
        assert str(kept["model"]) == "tiny"
        np.testing.assert_allclose(kept["vectors"], tiny_clap.embed_audio(paths), atol=1e-6)
        np.testing.assert_allclose(
            kept["text_vectors"], tiny_clap.embed_text(kept["texts"].tolist()), atol=1e-6
        )


def test_embed_computes_as_it_is_told(world: Path, tiny_checkpoint: Path, tmp_path: Path) -> None:
    out, path = tmp_path / "half.npz", world / f"{SEEN[0]}-0.wav"
    call("embed", path, "--out", out, "--model", tiny_checkpoint, "--precision", "bfloat16")
    half = chronoclap.load(tiny_checkpoint, precision="bfloat16").embed_audio([path])
    with np.load(out) as kept:
        np.testing.assert_allclose(kept["vectors"], half, atol=1e-6)
    assert np.abs(half - chronoclap.load(tiny_checkpoint).embed_audio([path])).max() > 1e-5
    assert "computed by torch" in failure("embed", path, "--model", tiny_checkpoint, "--engine", "openvino")


def test_embed_skips_and_reports_a_broken_file(broken: Path, tiny_clap: Clap, tiny_checkpoint: Path) -> None:
    good, bad = broken / f"{SEEN[1]}-0.wav", broken / f"{SEEN[0]}-0.wav"
    out = broken / "vectors.npz"
    result = call("embed", bad, good, "--out", out, "--model", tiny_checkpoint)
    assert "1 of 2 recordings cannot be read" in result.stderr
    assert str(bad) in result.stderr
    with np.load(out) as kept:
        assert kept["paths"].tolist() == [str(good)]
        np.testing.assert_allclose(kept["vectors"], tiny_clap.embed_audio([good]), atol=1e-6)


def test_embed_leaves_the_old_file_when_it_fails(broken: Path, tiny_checkpoint: Path) -> None:
    out = broken / "vectors.npz"
    out.write_bytes(b"old")
    said = failure("embed", broken / f"{SEEN[0]}-0.wav", "--out", out, "--model", tiny_checkpoint)
    assert "None of the 1 recordings" in said
    assert out.read_bytes() == b"old"
    assert not list(broken.glob(".vectors*"))


def test_embed_refuses_nothing_nowhere_and_no_model(world: Path, tmp_path: Path) -> None:
    assert "nothing to embed" in failure("embed")
    assert "no checkpoint of that name" in failure("embed", world, "--model", "louder")
    assert "cannot be read as UTF-8 text" in failure("embed", "--text", tmp_path / "none.txt")


def test_embed_names_the_path_that_is_not_there(tiny_checkpoint: Path, tmp_path: Path) -> None:
    assert "no file or folder" in failure("embed", tmp_path / "no.wav", "--model", tiny_checkpoint)
    assert "holds no recordings" in failure("embed", tmp_path, "--model", tiny_checkpoint)


def test_a_place_that_cannot_be_written_is_a_sentence(world: Path, tiny_checkpoint: Path) -> None:
    file = world / f"{SEEN[0]}-0.wav"
    assert str(file) in failure("embed", file, "--model", tiny_checkpoint, "--out", file / "x.npz")


# classify


def test_classify_gives_the_softmax_of_scaled_cosines(
    world: Path, tiny_clap: Clap, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    path = world / f"{SEEN[0]}-0.wav"
    labels = ["dog", "rain then dog", "bell"]
    file = tmp_path / "result.json"
    shown = call(
        "classify",
        path,
        "--labels",
        " dog, rain then dog ,bell,dog",
        "--model",
        tiny_checkpoint,
        "--json",
        file,
    )
    texts = tiny_clap.embed_text([f"this is a sound of {label}" for label in labels])
    powers = np.exp(tiny_clap.model.scale().item() * (tiny_clap.embed_audio(path) @ texts.T)[0])
    expected = dict(zip(labels, powers / powers.sum(), strict=True))
    rows = json.loads(file.read_text())
    assert [row["label"] for row in rows] == sorted(labels, key=lambda label: -expected[label])
    assert {row["path"] for row in rows} == {str(path)}
    for row in rows:
        assert row["probability"] == pytest.approx(expected[row["label"]], abs=1e-4)
        assert f"{row['probability']:.1%}  {row['label']}" in shown.stdout


def test_classify_reads_labels_from_a_file_and_shows_the_top(
    world: Path, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("a dog, barking\nrain\n", encoding="utf-8")
    path = world / f"{SEEN[1]}-0.wav"
    lines = call(
        "classify", path, "--labels", labels, "--prompt", "{label}", "--top", 1, "--model", tiny_checkpoint
    ).stdout.splitlines()
    assert lines[0] == str(path)
    assert len(lines) == 2
    assert lines[1].split("  ")[-1] in {"a dog, barking", "rain"}


def test_classify_refuses_one_label_and_a_prompt_without_place(world: Path) -> None:
    path = world / f"{SEEN[1]}-0.wav"
    assert "give two or more" in failure("classify", path, "--labels", "dog")
    assert "no place for the label" in failure("classify", path, "--labels", "a,b", "--prompt", "a sound")


# compose


def test_compose_writes_scenes_that_their_captions_describe(world: Path, tmp_path: Path) -> None:
    out = tmp_path / "scenes"
    call("compose", "--data", world / "manifest.csv", "--out", out, "--n", 7, "--rate", RATE, "--seed", 3)
    with (out / "captions.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert list(table[0]) == ["path", "relation", "caption", "contradictions", "events", "onsets"]
    assert sorted(path.name for path in out.iterdir()) == [
        *(f"0000{i}.wav" for i in range(7)),
        "captions.csv",
    ]
    trained = {FOLEY[name] for name in SEEN}
    for row in table:
        info = soundfile.info(out / row["path"])
        assert (info.samplerate, info.frames, info.subtype) == (RATE, 10 * RATE, "PCM_16")
        events, onsets = row["events"].split(" | "), [float(onset) for onset in row["onsets"].split(" | ")]
        assert len(events) == len(onsets) == (1 if row["relation"] == "single" else 2)
        assert onsets == sorted(onsets)
        assert set(events) <= trained
        assert bool(row["contradictions"]) == (row["relation"] != "single")
        assert row["caption"] not in row["contradictions"].split(" | ")
    assert {"sequence"} <= {row["relation"] for row in table}


def test_compose_is_repeatable_and_a_seed_matters(world: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        call("compose", "--data", world / "manifest.csv", "--out", tmp_path / name, "--n", 2, "--seed", seed)
    one, same, other = (
        [(tmp_path / name / file).read_bytes() for file in ("00000.wav", "captions.csv")] for name in "abc"
    )
    assert one == same
    assert one != other


def test_compose_leaves_a_broken_file_out_and_an_old_folder_alone(broken: Path, tmp_path: Path) -> None:
    out = tmp_path / "scenes"
    data = broken / "manifest.csv"
    result = call("compose", "--data", data, "--out", out, "--n", 4, "--rate", RATE)
    assert "1 of 8 recordings cannot be read" in result.stderr
    assert FOLEY[SEEN[0]] not in (out / "captions.csv").read_text()
    before = (out / "captions.csv").read_bytes()
    assert "name a new folder" in failure("compose", "--data", data, "--out", out, "--n", 1)
    assert (out / "captions.csv").read_bytes() == before


def test_compose_needs_four_kinds(world: Path, tmp_path: Path) -> None:
    few = world / "few.csv"
    write_manifest(
        few, [row for row in rows_of(world / "manifest.csv") if row[1] in {FOLEY[n] for n in SEEN[:3]}]
    )
    assert "at least 4 classes" in failure("compose", "--data", few, "--out", tmp_path / "scenes")
    assert not (tmp_path / "scenes").exists()


# eval


def test_eval_sets_models_side_by_side(world: Path, tiny_checkpoint: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    shutil.copytree(tiny_checkpoint, again)
    file, picture, items = tmp_path / "rows.json", tmp_path / "rows.png", tmp_path / "items.json"
    asked = ("--data", world / "manifest.csv", "--oracle", tiny_checkpoint, "--pairs", 3)
    shown = call("eval", tiny_checkpoint, again, *asked, "--json", file, "--plot", picture, "--items", items)
    rows = json.loads(file.read_text())
    assert all(set(row) == ROW_KEYS for row in rows)
    names = {str(tiny_checkpoint), str(again)}  # both checkpoints call themselves "tiny"
    assert {row["model"] for row in rows} == names | {"oracle-halves"}
    order = {(row["metric"], row["slice"]) for row in rows if row["task"] == "t_classify"}
    assert {metric for metric, _ in order} == {"audio_to_text", "text_to_audio", "joint"}
    assert {"all", "seen", "class_unseen"} <= {part for _, part in order}
    zero_shot = [row for row in rows if row["task"] == "zero_shot"]
    assert {row["n"] for row in zero_shot if row["slice"] == "all"} == {2 * len(SEEN + UNSEEN)}
    values = [[row["value"] for row in rows if row["model"] == name] for name in sorted(names)]
    assert values[0] == values[1]
    assert "t_classify" in shown.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")
    kept = items.read_bytes()
    once_more = tmp_path / "more.json"
    call("eval", tiny_checkpoint, *asked, "--items", items, "--seed", 5, "--json", once_more)
    assert items.read_bytes() == kept
    value = {
        r["n"] for r in json.loads(once_more.read_text()) if r["task"] == "t_classify" and r["slice"] == "all"
    }
    assert value == {len(json.loads(kept))}


def test_eval_keeps_one_list_for_all_suites(world: Path, tiny_checkpoint: Path, tmp_path: Path) -> None:
    items, picture, file = tmp_path / "items.json", tmp_path / "rows.png", tmp_path / "rows.json"
    asked = ("eval", tiny_checkpoint, "--data", world / "manifest.csv", "--oracle", "none", "--pairs", 1)
    shown = call(*asked, "--suite", "all", "--items", items, "--json", file, "--plot", picture)
    every = json.loads(file.read_text())
    assert all(set(row) == ROW_KEYS for row in every)
    tasks = {row["task"] for row in every}
    assert tasks >= {"t_classify", "zero_shot", "order_compa", "order_tact", "three_events", "retrieval"}
    assert tasks >= {f"zste_{number}" for number in range(1, 6)}
    assert all(task in shown.stdout for task in tasks)
    assert picture.read_bytes().startswith(b"\x89PNG")
    kept = items.read_bytes()
    call(*asked, "--suite", "order", "--items", items, "--seed", 3, "--json", file)
    own = json.loads(file.read_text())
    assert {row["task"] for row in own} == {"order_compa", "order_tact", "three_events"}
    # Another seed draws other intervals, but the list is the one that was kept.
    value = {(row["task"], row["metric"], row["slice"]): (row["value"], row["n"]) for row in every}
    for row in own:
        assert (row["value"], row["n"]) == value[row["task"], row["metric"], row["slice"]]
    assert items.read_bytes() == kept


def test_eval_says_which_list_a_suite_needs(world: Path, tiny_checkpoint: Path, tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.json"
    pairs.write_text("[]")
    asked = ("eval", tiny_checkpoint, "--data", world / "manifest.csv", "--items", pairs)
    assert "leave out --items" in failure(*asked, "--suite", "retrieval")
    assert "leave out --items" in failure(*asked, "--suite", "dtu")
    assert "pairs.json cannot be read as the items of ZSTE" in failure(*asked, "--suite", "zste")
    assert pairs.read_text() == "[]"


def test_eval_reports_a_broken_file_and_can_do_without_oracle(broken: Path, tiny_checkpoint: Path) -> None:
    file = broken / "rows.json"
    result = call(
        "eval",
        tiny_checkpoint,
        "--data",
        broken / "manifest.csv",
        "--oracle",
        "none",
        "--pairs",
        1,
        "--json",
        file,
    )
    assert "1 of 20 recordings cannot be read" in result.stderr
    assert {row["model"] for row in json.loads(file.read_text())} == {"tiny"}


def test_eval_says_what_is_wrong(world: Path, tiny_checkpoint: Path) -> None:
    assert "no manifest" in failure("eval", tiny_checkpoint, "--data", world / "none.csv", "--oracle", "none")
    data = world / "manifest.csv"
    assert "'val'" in failure("eval", tiny_checkpoint, "--data", data, "--oracle", "none", "--split", "val")
    assert "no checkpoint" in failure("eval", tiny_checkpoint, "--data", data, "--oracle", "oracle-of-delphi")


# train


def train_arguments(world: Path, tiny_checkpoint: Path, out: Path) -> tuple:
    size = ("--steps", 2, "--groups", 16, "--workers", 0)
    return (
        "train",
        "tclap",
        "--data",
        world / "manifest.csv",
        "--init",
        tiny_checkpoint,
        "--out",
        out,
        *size,
    )


def test_train_leaves_out_what_it_must_and_writes_a_model(
    broken: Path, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    manifest = broken / "manifest.csv"
    leaked = f"{SEEN[1]}-1.wav"
    # The file of a test row, as if it were another source, in the train split too.
    with manifest.open("a", newline="") as file:
        csv.writer(file).writerow([leaked, FOLEY[SEEN[1]], "train", 0])
    text = manifest.read_text().splitlines()
    text = [f"{text[0]},source", *(f"{line},{number}" for number, line in enumerate(text[1:]))]
    manifest.write_text("\n".join(text) + "\n")
    out = tmp_path / "run"
    result = call(*train_arguments(broken, tiny_checkpoint, out), "--learning-rate", 0.002)
    assert "1 of 8 recordings cannot be read" in result.stderr
    assert "1 of 9 training recordings also stand in another split" in result.stderr
    assert "7 recordings of 7 kinds" in result.stderr
    log = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert log[0]["settings"]["recipe"]["learning_rate"] == 0.002
    assert log[0]["settings"]["events"] == 7
    trained = chronoclap.load(out)
    assert trained.name == "run"
    assert trained.embed_text("rain").shape == (1, trained.dim)
    assert f"eval {out} {tiny_checkpoint}" in result.stdout


def test_train_says_how_to_resume(world: Path, tiny_checkpoint: Path, tmp_path: Path, monkeypatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("chronoclap.training.loop.step_loss", stop)
    monkeypatch.setattr(sys, "argv", ["chronoclap", "train", "tclap", "--out", "a b"])
    stopped = call(*train_arguments(world, tiny_checkpoint, tmp_path / "run"), code=130)
    assert "chronoclap train tclap --out 'a b' --resume" in stopped.stderr


def test_train_says_what_is_wrong(world: Path, tiny_checkpoint: Path, tmp_path: Path) -> None:
    data = world / "manifest.csv"
    assert "There is no recipe" in failure("train", "magic", "--data", data, "--out", tmp_path)
    only_test = world / "test.csv"
    write_manifest(only_test, [row for row in rows_of(data) if row[2] == "test"])
    said = failure(
        "train", "tclap", "--data", only_test, "--init", tiny_checkpoint, "--out", tmp_path / "run"
    )
    assert "no recording to train on" in said


# demo


def demo_events() -> list[Event]:
    events = []
    for name in SEEN + UNSEEN:
        for take, split in enumerate(("train", "test")):
            if name in SEEN or split == "test":
                recording = f"foley:{name}:{take}"
                events.append(Event(FOLEY[name], recording, recording, split, name in UNSEEN))
    return events


def test_demo_tells_before_and_after(
    tiny_clap: Clap, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = find_recipe("tclap", steps=2, groups=16, virtual_per_step=4)
    rows = demonstrate(tiny_clap, demo_events(), recipe, tmp_path / "out", n_pairs=2)
    out = tmp_path / "out"
    assert json.loads((out / "results.json").read_text()) == [row.to_dict() for row in rows]
    assert [*dict.fromkeys(row.model for row in rows)] == ["start", "after", "oracle-halves"]
    assert (out / "order.png").read_bytes().startswith(b"\x89PNG")
    assert (out / "after" / "log.jsonl").is_file()
    assert chronoclap.load(out / "after").dim == 3 * tiny_clap.dim
    said = capsys.readouterr().out
    for stage in ("1/4", "2/4", "3/4", "4/4", "What to try next"):
        assert stage in said
    last = said[said.index("What to try next") :]
    assert all(f" {command} " in last for command in ("classify", "eval", "train", "embed", "compose"))


@pytest.fixture(scope="module")
def htsat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of HTSAT and RoBERTa, as transformers writes it."""
    return write_with_transformers(tmp_path_factory.mktemp("htsat") / "htsat")


def test_an_htsat_is_trained_and_evaluated(htsat: Path, world: Path, tmp_path: Path) -> None:
    data, run, file = world / "manifest.csv", tmp_path / "run", tmp_path / "rows.json"
    trained = call(
        *("train", "tclap", "--data", data, "--init", htsat, "--out", run),
        *("--steps", 1, "--groups", 16, "--workers", 0),
    )
    assert "(100.0 %)" in trained.stderr
    asked = ("eval", htsat, run, "--data", data, "--oracle", "none", "--pairs", 1, "--json", file)
    shown = call(*asked)
    assert "htsat repeats short recordings" in shown.stderr
    assert "run repeats" not in shown.stderr  # what is trained on order hears silence after the end
    assert {row["model"] for row in json.loads(file.read_text())} == {"htsat", "run"}
    assert "repeats" not in call(*asked, "--fill", "silence").stderr


def test_fill_is_refused_where_nothing_is_filled(tiny_checkpoint: Path, world: Path) -> None:
    asked = ("eval", tiny_checkpoint, "--data", world / "manifest.csv", "--oracle", "none")
    assert "--fill is for models of fixed windows" in failure(*asked, "--fill", "repeat")
