"""A resumable state, written whole or not at all: weights, optimiser, step."""

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import nn

from chronoclap.errors import DataError
from chronoclap.files import replacing


def save_state(
    path: Path,
    step: int,
    trained: dict[str, nn.Parameter],
    optimiser: torch.optim.Optimizer,
    settings: dict[str, Any],
) -> None:
    """Write the state after `step` steps."""
    weights = {name: parameter.detach() for name, parameter in trained.items()}
    state = {
        "step": step,
        "weights": weights,
        "optimiser": optimiser.state_dict(),
        "settings": repr(settings),
    }
    with replacing(path) as new:
        torch.save(state, new)


def load_state(
    path: Path, trained: dict[str, nn.Parameter], optimiser: torch.optim.Optimizer, settings: dict[str, Any]
) -> int:
    """Restore weights and optimiser in place.

    Returns:
        The number of steps already taken; 0 where the run had not come to its first state.

    Raises:
        DataError: the file is damaged, or belongs to a run with other settings.
    """
    if not path.exists():
        return 0
    try:
        state = torch.load(path, weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise DataError(f"{path} is damaged ({error}): delete it and start the run again.") from error
    if state["settings"] != repr(settings):
        raise DataError(
            f"{path} belongs to a run with other settings: {state['settings']}. "
            "Repeat them, or choose another --out."
        )
    with torch.no_grad():
        for name, parameter in trained.items():
            parameter.copy_(state["weights"][name])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["step"])
