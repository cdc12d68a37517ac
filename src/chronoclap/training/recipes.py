"""Recipes: which scenes, which loss, which weights move, for how long.

A recipe is a frozen dataclass, so two of them differ by the fields that differ and by nothing else.
"""

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from chronoclap.errors import DataError
from chronoclap.losses import Reading
from chronoclap.scenes import NATURAL, Layout


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way to post-train a model.

    Args:
        name: what logs and checkpoints call it.
        temporal_weight: weight of the temporal-focused loss L_t beside the contrastive L_c; 0 leaves L_t out.
        reading: which reading of L_t (see `losses.temporal_focused`).
        moments: cosine moments of the trained model; a start with fewer is grown.
        trains: prefixes of the weights that move.
        layout: how scenes are composed.
        sequences, overlaps: shares of groups whose two scenes are the two orders of a pair, and two
            overlays; the rest are two single events.
        groups: different groups composed; their features are computed once and used in every later pass.
        groups_per_step: groups in a batch, two scenes each.
        virtual_per_step: captions a batch adds whose sound is put together from phrases alone (see
            `virtual.py`).
        steps: optimiser steps.
        learning_rate: peak, after `warm_up` steps, falling to 0 by a half cosine.
        weight_decay: AdamW's.
        clip_norm: gradients are scaled down to this norm.
        log_every: steps between log lines.
        save_every: steps between resumable states.
    """

    name: str
    temporal_weight: float = 0.0
    reading: Reading = "pair"
    moments: int = 3
    trains: tuple[str, ...] = ("audio.events", "text.events", "gains", "log_scale")
    layout: Layout = NATURAL
    sequences: float = 0.7
    overlaps: float = 0.15
    groups: int = 600
    groups_per_step: int = 16
    virtual_per_step: int = 48
    steps: int = 400
    warm_up: int = 30
    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    log_every: int = 10
    save_every: int = 100

    def __post_init__(self) -> None:
        for name in ("groups", "groups_per_step", "steps", "log_every", "save_every", "moments"):
            if getattr(self, name) < 1:
                raise DataError(f"{name} is {getattr(self, name)}: give 1 or more.")
        if self.groups < self.groups_per_step:
            raise DataError(
                f"{self.groups} groups do not fill a batch of {self.groups_per_step}: compose more."
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as checkpoints and logs record them."""
        return asdict(self)


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe("contrastive"),
        Recipe("tclap", temporal_weight=0.5),
    )
}
"""`contrastive` is L_c alone on the same scenes: the control that shows what the temporal loss adds."""


def find_recipe(name: str, **changes: Any) -> Recipe:
    """A recipe by name, with the changes that are not None.

    Raises:
        DataError: there is no such recipe, or a change is not a field of it.
    """
    if name not in RECIPES:
        raise DataError(f"There is no recipe {name!r}: use one of {', '.join(RECIPES)}.")
    known = {field.name for field in fields(Recipe)}
    if unknown := set(changes) - known:
        raise DataError(f"A recipe has no {', '.join(sorted(unknown))}.")
    return replace(RECIPES[name], **{k: v for k, v in changes.items() if v is not None})
