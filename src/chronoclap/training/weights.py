"""Which weights of a model a run moves."""

from typing import Any

from torch import nn

from chronoclap.errors import DataError
from chronoclap.models.compact import CompactModel
from chronoclap.models.towers import Towers
from chronoclap.training.recipes import Recipe

ADAPTER = ".lora_"
"""In the names of adapters' weights, as PEFT gives them."""


def to_train(base: Towers, recipe: Recipe) -> Towers:
    """A copy of a model for a recipe to train.

    A compact one has as many moments as the recipe asks for. Others hear scenes whole, and fill what is
    shorter with silence, for repeating it would belie captions of order.

    Raises:
        ModelError: the network cannot hear scenes as long as the recipe's.
        DataError: the recipe asks for adapters, and the model has no place for them, or the extra is missing.
    """
    if isinstance(base, CompactModel):
        if recipe.lora:
            raise DataError("LoRA is for HTSAT and RoBERTa; a compact model trains little as it is.")
        return base.grow(max(recipe.moments, base.config.events.moments))
    copied = base.copy()
    copied.change_policy("silence", None)
    copied.widen(recipe.layout.seconds)
    if recipe.lora:
        add_adapters(copied, recipe.lora)
    return copied


def choose_trained(model: Towers, prefixes: tuple[str, ...]) -> dict[str, nn.Parameter]:
    """Freeze all weights but those whose names begin with one of the prefixes, and adapters; return these by
    name.

    Raises:
        DataError: there are none.
    """
    trained = {}
    for name, parameter in model.named_parameters():
        moves = name.startswith(prefixes) and not name.startswith(("audio.trunk", "text.encoder"))
        moves = moves or ADAPTER in name
        parameter.requires_grad_(moves)
        if moves:
            trained[name] = parameter
    if not trained:
        raise DataError(
            f"No weight of the model begins with {', '.join(prefixes)}: nothing would be trained. "
            f"Is the recipe for the architecture {model.architecture!r}?"
        )
    return trained


def add_adapters(model: nn.Module, rank: int) -> None:
    """Put a LoRA of that rank beside queries and values of all attentions, in place.

    Raises:
        DataError: there are none, or the extra is missing.

    Source:
        Hu et al. 2021, arXiv 2106.09685; PEFT's, with alpha twice the rank.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise DataError("LoRA needs the extra: pip install 'chronoclap[lora]'.") from error
    settings = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=["query", "value"])
    try:
        inject_adapter_in_model(settings, model)
    except ValueError as error:
        raise DataError(f"LoRA finds no attention to adapt ({error}).") from error


def merge_adapters(model: nn.Module) -> None:
    """Add what adapters learned to the weights beside them, in place; the model is then as before them."""
    for name, module in list(model.named_modules()):
        if hasattr(module, "get_base_layer"):
            adapter: Any = module
            adapter.merge()
            parent, _, last = name.rpartition(".")
            setattr(model.get_submodule(parent), last, adapter.get_base_layer())
