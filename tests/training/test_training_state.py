"""The resumable state: comes back whole, and refuses what does not fit."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import chronoclap
from chronoclap.errors import DataError
from chronoclap.files import held
from chronoclap.training import find_recipe, train
from chronoclap.training.state import load_state, save_state

SETTINGS: dict[str, Any] = {"recipe": {"steps": 5}, "seed": 3}


def trainer(seed: int) -> tuple[dict[str, nn.Parameter], torch.optim.Optimizer]:
    torch.manual_seed(seed)
    trained = {name: nn.Parameter(torch.randn(3, 2)) for name in ("a", "b.c")}
    return trained, torch.optim.AdamW(trained.values(), lr=0.1)


def take_step(trained: dict[str, nn.Parameter], optimiser: torch.optim.Optimizer, seed: int) -> None:
    torch.manual_seed(seed)
    optimiser.zero_grad()
    sum((p * torch.randn(3, 2)).sum() for p in trained.values()).backward()  # type: ignore[union-attr]
    optimiser.step()


def test_weights_and_optimiser_come_back(tmp_path: Path) -> None:
    trained, optimiser = trainer(0)
    for seed in range(3):
        take_step(trained, optimiser, seed)
    save_state(tmp_path / "state.pt", 3, trained, optimiser, SETTINGS)
    resumed, their_optimiser = trainer(1)
    assert load_state(tmp_path / "state.pt", resumed, their_optimiser, SETTINGS) == 3
    # A further step is the same: moments and step counts of the optimiser are back as well.
    for weights, steps in ((trained, optimiser), (resumed, their_optimiser)):
        take_step(weights, steps, 9)
    assert all(torch.equal(trained[name], resumed[name]) for name in trained)
    assert [path.name for path in tmp_path.iterdir()] == ["state.pt"]


def test_no_file_is_the_beginning(tmp_path: Path) -> None:
    trained, optimiser = trainer(0)
    before = {name: parameter.detach().clone() for name, parameter in trained.items()}
    assert load_state(tmp_path / "state.pt", trained, optimiser, SETTINGS) == 0
    assert all(torch.equal(trained[name], before[name]) for name in trained)


@pytest.mark.parametrize("keep", [0, 10, 500, -20])
def test_a_damaged_file_is_named(tmp_path: Path, keep: int) -> None:
    file = tmp_path / "state.pt"
    save_state(file, 3, *trainer(0), SETTINGS)
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"state\.pt is damaged .*: delete it and start the run again"):
        load_state(file, *trainer(0), SETTINGS)


def test_garbage_is_damage(tmp_path: Path) -> None:
    file = tmp_path / "state.pt"
    file.write_bytes(b"not a state at all" * 10)
    with pytest.raises(DataError, match="is damaged"):
        load_state(file, *trainer(0), SETTINGS)


def test_other_settings_are_refused(tmp_path: Path) -> None:
    save_state(tmp_path / "state.pt", 3, *trainer(0), SETTINGS)
    with pytest.raises(DataError, match=r"belongs to a run with other settings: .*'seed': 3"):
        load_state(tmp_path / "state.pt", *trainer(0), {**SETTINGS, "seed": 4})


def test_a_crash_while_writing_leaves_the_last_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "state.pt"
    save_state(file, 3, *trainer(0), SETTINGS)

    def crash(state: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", crash)
    with pytest.raises(KeyboardInterrupt):
        save_state(file, 6, *trainer(1), SETTINGS)
    assert load_state(file, *trainer(2), SETTINGS) == 3


def test_one_run_at_a_time(tmp_path: Path) -> None:
    with held(tmp_path), pytest.raises(DataError, match="another run is training there"):
        train(find_recipe("tclap"), chronoclap.load("compact-base"), [], tmp_path)
