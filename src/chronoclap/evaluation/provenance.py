"""Where numbers come from: how a model hears, and the versions of what computed them."""

import platform
from importlib.metadata import PackageNotFoundError, version

from chronoclap.evaluation.embedder import Embedder
from chronoclap.models import Clap
from chronoclap.models.compact import CompactModel

PACKAGES = ("chronoclap", "torch", "transformers", "numpy", "soundfile", "soxr")


def hearing_of(embedder: Embedder) -> str:
    """How a model makes input of recordings, in words."""
    if not isinstance(embedder, Clap):
        info = getattr(embedder, "info", {})
        told = [f"{info[key]}{unit}" for key, unit in (("rate", " Hz"), ("policy", "")) if info.get(key)]
        return "; ".join(told) or "its own way"
    model = embedder.model
    windows = f"{model.rate} Hz, windows of {model.window:g} s every {model.window_hop:g} s"
    if isinstance(model, CompactModel):
        return f"{windows}, shorter recordings as they are"
    return f"{windows}, shorter recordings filled with {model.fill}"


def versions() -> dict[str, str]:
    """Of Python and of the packages that numbers may depend on; "?" where one is not installed."""
    found = {"Python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "?"
    return found
