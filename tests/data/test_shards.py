"""Shards: the same bytes whoever writes them, whole or not at all, and what went in comes out."""

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from chronoclap.cli import app
from chronoclap.data.shards import Plan, is_whole, read_shards
from chronoclap.errors import DataError

SET = ["compose", "--data", "foley", "--rate", "16000", "--n", "11", "--shards", "3"]


def compose(out: Path, *more: object) -> str:
    result = CliRunner().invoke(app, [*SET, "--out", str(out), *map(str, more)])
    assert result.exit_code == 0, result.output
    return result.output


def hashes(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.glob("*.tar"))}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The set, written by one process."""
    out = tmp_path_factory.mktemp("shards") / "alone"
    assert "3 shards written" in compose(out, "--workers", 0)
    return out


class TestPlan:
    def test_every_group_stands_in_one_shard(self) -> None:
        plan = Plan(scenes=21, per_group=2, shards=4)
        assert [group for shard in range(4) for group in plan.of_shard(shard)] == list(range(11))

    def test_more_shards_than_groups_are_refused(self) -> None:
        with pytest.raises(DataError, match="give 1 to 3"):
            Plan(scenes=5, per_group=2, shards=4)


class TestBytes:
    def test_do_not_depend_on_the_number_of_workers(self, alone: Path, tmp_path: Path) -> None:
        compose(tmp_path / "two", "--workers", 2)
        assert hashes(tmp_path / "two") == hashes(alone)
        assert len(hashes(alone)) == 3

    def test_do_not_depend_on_who_writes_which(self, alone: Path, tmp_path: Path) -> None:
        for shard in (2, 0, 1):
            compose(tmp_path, "--shard", shard, "--workers", 0)
        assert hashes(tmp_path) == hashes(alone)

    def test_another_seed_gives_others(self, alone: Path, tmp_path: Path) -> None:
        compose(tmp_path, "--shard", 0, "--workers", 0, "--seed", 1)
        name = Plan(11, 2, 3).name(0)
        assert hashes(tmp_path)[name] != hashes(alone)[name]

    def test_hashes_are_listed_for_sha256sum(self, alone: Path) -> None:
        for name, digest in hashes(alone).items():
            assert (alone / f"{name}.sha256").read_text() == f"{digest}  {name}\n"


class TestReading:
    def test_what_went_in_comes_out(self, alone: Path) -> None:
        samples = list(read_shards(sorted(alone.glob("*.tar"))))
        assert [sample.key for sample in samples] == [f"{number:08d}" for number in range(11)]
        for sample in samples:
            assert sample.rate == 16_000
            assert len(sample.audio) == round(sample.scene["seconds"] * 16_000)
            onsets = [event["onset"] for event in sample.scene["events"]]
            assert onsets == sorted(onsets)
            assert all(event["end"] <= sample.scene["seconds"] for event in sample.scene["events"])
            assert sample.scene["caption"] not in sample.scene["contradictions"]
        relations = [sample.scene["relation"] for sample in samples]
        assert set(relations) >= {"sequence", "overlap", "single"}
        both = [s for s in samples if s.scene["relation"] == "sequence"][:2]
        assert [e["phrase"] for e in both[0].scene["events"]] == [
            e["phrase"] for e in both[1].scene["events"][::-1]
        ]

    def test_any_reader_of_tars_can(self, alone: Path) -> None:
        with tarfile.open(alone / Plan(11, 2, 3).name(0)) as tar:
            names = tar.getnames()
            assert names[:2] == ["00000000.flac", "00000000.json"]
            assert json.load(io.BytesIO(tar.extractfile(names[1]).read()))["caption"]
            assert all((m.mtime, m.uid, m.uname) == (0, 0, "") for m in tar.getmembers())

    def test_one_that_is_cut_is_named(self, alone: Path, tmp_path: Path) -> None:
        whole = (alone / Plan(11, 2, 3).name(1)).read_bytes()
        (tmp_path / "cut.tar").write_bytes(whole[: len(whole) // 2])
        with pytest.raises(DataError, match=r"cut\.tar: not a whole shard"):
            list(read_shards([tmp_path / "cut.tar"]))


class TestGoingOn:
    def test_what_is_whole_stays(self, alone: Path, tmp_path: Path) -> None:
        compose(tmp_path, "--workers", 0)
        first, second, third = (tmp_path / Plan(11, 2, 3).name(k) for k in range(3))
        before = first.stat().st_mtime_ns
        second.write_bytes(second.read_bytes()[:100])
        third.unlink()
        assert is_whole(first)
        assert not is_whole(second)
        assert "2 shards written" in compose(tmp_path, "--workers", 0)
        assert first.stat().st_mtime_ns == before
        assert hashes(tmp_path) == hashes(alone)

    def test_killed_and_run_again_it_ends_the_same(self, alone: Path, tmp_path: Path) -> None:
        code = "from chronoclap.cli import main; main()"
        command = [sys.executable, "-c", code, *SET, "--out", str(tmp_path / "out"), "--workers", "1"]
        for moment in (1, 2):  # shards finished when it is killed
            run = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
            limit = time.monotonic() + 120
            while len(hashes(tmp_path / "out")) < moment and run.poll() is None:
                assert time.monotonic() < limit
                time.sleep(0.02)
            os.killpg(run.pid, signal.SIGKILL)
            run.wait()
        compose(tmp_path / "out", "--workers", 0)
        assert hashes(tmp_path / "out") == hashes(alone)

    def test_another_set_is_not_mixed_in(self, alone: Path) -> None:
        result = CliRunner().invoke(app, [*SET, "--out", str(alone), "--seed", "5"])
        assert result.exit_code == 1
        assert "another set" in result.output

    def test_options_that_do_not_fit(self, tmp_path: Path) -> None:
        for more, said in (
            (["--shards", "3", "--shard", "3"], "the last is 2"),
            (["--shard", "0"], "say how many there are"),
        ):
            base = ["compose", "--data", "foley", "--n", "11", "--out", str(tmp_path / "x")]
            result = CliRunner().invoke(app, [*base, *more])
            assert result.exit_code == 1
            assert said in result.output


def test_the_sound_is_that_of_the_folder(tmp_path: Path) -> None:
    """Shards and the folder of WAV files hold the same scenes with the same captions."""
    import csv

    import soundfile

    compose(tmp_path / "shards", "--workers", 0)
    arguments = ["compose", "--data", "foley", "--rate", "16000", "--n", "11", "--out", str(tmp_path / "wav")]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    with (tmp_path / "wav" / "captions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row, sample in zip(rows, read_shards(sorted((tmp_path / "shards").glob("*.tar"))), strict=True):
        assert row["caption"] == sample.scene["caption"]
        # libsndfile rounds to 16 bits in one way for WAV and in another for FLAC.
        wav = soundfile.read(tmp_path / "wav" / row["path"], dtype="float32")[0]
        np.testing.assert_allclose(wav, sample.audio, atol=1.01 / 32768)
