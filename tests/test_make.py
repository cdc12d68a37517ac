"""The Makefile says what it can do, and does its own set-up before it does it."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TARGETS = ("setup", "demo", "test", "lint", "bench", "clean")

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(folder: Path, *arguments: str) -> str:
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def test_make_alone_lists_the_targets(clone: Path) -> None:
    said = make(clone)
    assert all(f"make {target} " in said for target in TARGETS)


@pytest.mark.parametrize("target", ["demo", "test", "lint", "bench"])
def test_a_clean_clone_is_set_up_first(clone: Path, target: str) -> None:
    planned = make(clone, "--dry-run", target)
    assert "-m venv .venv" in planned
    assert planned.index("-m venv .venv") < planned.index("torch\n") < planned.index('".[dev]"')


def test_nothing_is_set_up_twice(clone: Path) -> None:
    (clone / ".venv").mkdir()
    (clone / ".venv" / ".installed").touch()
    assert "venv .venv" not in make(clone, "--dry-run", "test")


def test_constraints_are_exact() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert pins
    assert all(pin.count("==") == 1 and "://" not in pin for pin in pins)
