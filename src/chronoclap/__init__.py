"""Contrastive language-audio pretraining that knows what came first."""

from typing import TYPE_CHECKING, Any

from chronoclap.errors import ChronoclapError

if TYPE_CHECKING:
    from chronoclap.models import Clap, load

__all__ = ["ChronoclapError", "Clap", "load"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # Torch takes seconds to import: only those who load a model wait for it, not `chronoclap --help`.
    if name in ("Clap", "load"):
        from chronoclap import models

        return getattr(models, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
