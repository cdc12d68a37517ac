"""Weights that `torch.save` wrote, read without running anything that the file may hold."""

import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from chronoclap.errors import ModelError

# Training runs save losses and such beside the weights, as NumPy's numbers; making one runs no code of the
# file's.
_scalar = np.float64(0).__reduce__()[0]
_NUMBERS: list[Any] = [
    (_scalar, "numpy.core.multiarray.scalar"),
    (_scalar, "numpy._core.multiarray.scalar"),
    np.dtype,
]
_NUMBERS += [type(np.dtype(code)) for code in "?bhilqBHILQefd"]


def read_pickled(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint by name, those of floating point as float32.

    Where it holds an optimiser too, they are those of its `state_dict` or `model`. A "module." before names,
    which training on several devices leaves, is taken off.

    Raises:
        ModelError: the file is damaged, or it is refused for objects that would run code when loaded.
    """
    try:
        with torch.serialization.safe_globals(_NUMBERS):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        said = str(error).splitlines()
        named = next((line.strip() for line in said if "GLOBAL" in line or "global" in line), said[0])
        raise ModelError(
            f"{path}: refused, for it holds more than weights, and loading that could run code. {named} "
            "If you trust where it comes from, load it with torch yourself and save its state_dict alone."
        ) from error
    except (OSError, RuntimeError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path}: damaged or not a checkpoint of torch ({error}).") from error
    if isinstance(content, dict) and isinstance(content.get("state_dict", content.get("model")), dict):
        content = content.get("state_dict", content.get("model"))
    if not isinstance(content, dict) or not content:
        raise ModelError(f"{path}: holds no weights by name.")
    tensors = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    if not tensors:
        raise ModelError(f"{path}: holds no weights by name.")
    plain = {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in plain.items()}
