"""Shards composed on a local Ray cluster of two workers, one of which is killed."""

import os
import sys
import threading
import time
from pathlib import Path

import pytest
from test_shards import hashes

from chronoclap.data import by_split, foley_events
from chronoclap.data.composing import write_shards
from chronoclap.data.shards import Plan
from chronoclap.errors import DataError
from chronoclap.scenes import Sounds
from chronoclap.training import find_recipe
from chronoclap.training.groups import Grouper

SCENES = 60


def set_of_scenes() -> tuple[Grouper, Plan]:
    sounds = Sounds(16_000)
    recipe = find_recipe("tclap")
    return Grouper(by_split(foley_events(), "train"), recipe, 0, sounds), Plan(SCENES, 2, 4)


def kill_a_worker(killed: list[int]) -> None:
    """Kill one process that composes, as soon as there is one at work."""
    import psutil

    limit = time.monotonic() + 90
    while not killed and time.monotonic() < limit:
        for process in psutil.Process(os.getpid()).children(recursive=True):
            try:
                busy = process.name().startswith("ray::Map") or "ray::Map" in " ".join(process.cmdline())
                if busy:
                    process.kill()
                    killed.append(process.pid)
                    return
            except psutil.Error:
                continue
        time.sleep(0.05)


def test_a_killed_worker_costs_time_and_no_bytes(tmp_path: Path) -> None:
    pytest.importorskip("ray.data", reason="Ray is not installed")
    grouper, plan = set_of_scenes()
    write_shards(grouper, plan, None, 0, tmp_path / "alone")
    killed: list[int] = []
    thread = threading.Thread(target=kill_a_worker, args=(killed,))
    thread.start()
    written, seconds = write_shards(grouper, plan, None, 2, tmp_path / "ray", "ray")
    thread.join()
    assert killed
    assert (written, seconds) == (4, SCENES * 10.0)
    assert hashes(tmp_path / "ray") == hashes(tmp_path / "alone")
    assert write_shards(grouper, plan, None, 2, tmp_path / "ray", "ray") == (0, 0.0)


def test_without_ray_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    grouper, plan = set_of_scenes()
    with pytest.raises(DataError, match=r"pip install \"chronoclap\[ray\]\""):
        write_shards(grouper, plan, None, 2, tmp_path / "ray", "ray")


def test_engine_is_for_shards(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from chronoclap.cli import app

    asked = ["compose", "--data", "foley", "--n", "4", "--out", str(tmp_path / "x"), "--engine", "ray"]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 1
    assert "say how many there are" in result.output
