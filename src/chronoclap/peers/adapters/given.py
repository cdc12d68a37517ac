"""Any other model, behind two functions that its user writes."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from pathlib import Path
from typing import Any

import numpy as np

from .base import DEFAULT_RATE, Adapter, AdapterError, files_at

FUNCTIONS = ("embed_audio", "embed_text")


class Peer(Adapter):
    """What a module or a file has under a name: an object with the two functions, or what makes one.

    Args:
        target: "package.module:name" or "path/to/file.py:name"; without a name, the module itself.
    """

    policy = "its own"
    alone = False  # the functions are made for batches

    def __init__(self, target: str) -> None:
        where, name = split_target(target)
        module = import_file(Path(where).expanduser()) if where.endswith(".py") else import_named(where)
        source = getattr(module, "__file__", None)  # a namespace has none
        self.files = files_at(source) if source else ()
        found = module
        if name:
            if not hasattr(module, name):
                raise AdapterError(f"{target}: there is no {name} in {where}.")
            found = getattr(module, name)
            if inspect.isclass(found) or (not _has_functions(found) and callable(found)):
                found = found()
        if not _has_functions(found):
            raise AdapterError(
                f"{target}: a {type(found).__name__} without the functions embed_audio(waveforms, rate) and "
                "embed_text(texts)."
            )
        self._model = found
        self.rate = getattr(found, "rate", DEFAULT_RATE)
        if isinstance(self.rate, bool) or not isinstance(self.rate, int) or self.rate <= 0:
            raise AdapterError(f"{target}: its rate is {self.rate!r}, not a whole number of Hz above zero.")

    def embed_audio(self, waveforms: list[np.ndarray]) -> Any:
        """As `Adapter.embed_audio`."""
        return self._model.embed_audio(waveforms, self.rate)

    def embed_text(self, texts: list[str]) -> Any:
        """As `Adapter.embed_text`."""
        return self._model.embed_text(texts)


def split_target(target: str) -> tuple[str, str]:
    """The module or file, and the name in it, "" for none."""
    if target.endswith(".py"):
        return target, ""
    where, colon, name = target.rpartition(":")
    return (where, name) if colon else (target, "")


def import_file(path: Path) -> Any:
    """A file as a module; as for a script, its neighbours can be imported."""
    if not path.is_file():
        raise AdapterError(f"{path}: there is no such file.")
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location("chronoclap_peer_" + path.stem, path)
    assert spec is not None  # for the name ends with .py
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look there
    spec.loader.exec_module(module)
    return module


def import_named(name: str) -> Any:
    """A module by its dotted name.

    Raises:
        AdapterError: there is no such module.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise AdapterError(
            f"{name}: cannot be imported ({error}). A file is given as path/to/file.py:NAME."
        ) from error


def _has_functions(found: Any) -> bool:
    return all(callable(getattr(found, name, None)) for name in FUNCTIONS)
