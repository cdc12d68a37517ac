"""Recipes: which scenes, which loss, which weights move, for how long.

A recipe is a frozen dataclass, so two of them differ by the fields that differ and by nothing else.
"""

import math
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal

from chronoclap.errors import DataError
from chronoclap.losses import Reading
from chronoclap.scenes import NATURAL, TEMINAL, Layout
from chronoclap.training.captions import Wanted

Objective = Literal["temporal", "tact", "tnce", "compa-2", "compa-3", "dtu"]
"""Which loss; `training/objectives.py` says what each is."""

Mix = Literal["pairs", "triples", "combined", "all"]
"""Which scenes a group has. "pairs": mostly the two orders of two events, else two overlays or two single
events. "triples": the two orders and an overlay of the same events (TeminAL's stage B). "combined": one event
alone, then two in turn with a caption that only says that both occur (TeminAL's stage A). "all": the two
orders of two events and their overlay, or three orders of three events, or three single events."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way to post-train a model.

    Args:
        name: what logs and checkpoints call it.
        objective: which loss.
        temporal_weight: of "temporal", the weight of the temporal-focused loss L_t beside the contrastive
            L_c; 0 leaves L_t out.
        reading: of "temporal", which reading of L_t (see `losses.temporal_focused`).
        alpha_same, alpha_cross: of "tact" and "tnce", how much the same events in another relation, and
            others in another relation, count as rivals.
        margin_weight: of "dtu", the weight of the margin between texts beside L_c.
        wanted: which captions a row has beside its true one. At least one contradiction is always written:
            the log shows by it how often the order is right.
        moments: cosine moments of the trained model; a start with fewer is grown.
        trains: prefixes of the weights that move.
        lora: where above 0, the rank of the adapters that move beside these, one for each query and value.
        layout: how scenes are composed.
        mix: which scenes a group has.
        sequences, overlaps: in the mix "pairs", the shares of groups whose two scenes are the two orders of
            a pair, and two overlays; the rest are two single events. In the mix "all", the share of groups
            that are not single events, and nothing.
        threes: in the mixes "pairs" and "all", the share of the sequences, and of the virtual ones, that have
            three events.
        spans: weight of the loss that teaches the text tower where captions name their events, and in which
            order (see `spans.py`).
        anchor: weight of the distance, 1 - cosine, between what the model and its start make of captions of
            single events; it keeps what words mean.
        captioned: where a run is given captions that people wrote, the share of the groups that are captioned
            clips in place of scenes, and of the virtual rows that are captions without recordings.
        groups: different groups composed; their features are computed once and used in every later pass.
        groups_per_step: groups in a batch.
        virtual_per_step: captions a batch adds whose sound is put together from phrases alone (see
            `virtual.py`).
        steps: optimiser steps.
        learning_rate: peak, after `warm_up` steps, falling to 0 by a half cosine.
        decay: in place of the half cosine, what the learning rate is multiplied by after each pass through
            the groups.
        weight_decay: AdamW's.
        clip_norm: gradients are scaled down to this norm.
        log_every: steps between log lines.
        save_every: steps between resumable states.
    """

    name: str
    objective: Objective = "temporal"
    temporal_weight: float = 0.0
    reading: Reading = "pair"
    alpha_same: float = 1.0
    alpha_cross: float = 1.0
    margin_weight: float = 10.0
    wanted: Wanted = field(default_factory=Wanted)
    moments: int = 3
    trains: tuple[str, ...] = ("audio.events", "text.events", "gains", "log_scale")
    lora: int = 0
    layout: Layout = NATURAL
    mix: Mix = "pairs"
    sequences: float = 0.7
    overlaps: float = 0.15
    threes: float = 0.0
    spans: float = 0.0
    anchor: float = 0.0
    captioned: float = 0.25
    groups: int = 600
    groups_per_step: int = 16
    virtual_per_step: int = 48
    steps: int = 400
    warm_up: int = 30
    learning_rate: float = 3e-3
    decay: float | None = None
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    log_every: int = 10
    save_every: int = 100

    def __post_init__(self) -> None:
        for name in ("groups", "groups_per_step", "steps", "log_every", "save_every", "moments"):
            if getattr(self, name) < 1:
                raise DataError(f"{name} is {getattr(self, name)}: give 1 or more.")
        if self.wanted.false < 1:
            raise DataError("wanted.false is less than 1: at least one contradiction is always written.")
        if self.groups < self.groups_per_step:
            raise DataError(
                f"{self.groups} groups do not fill a batch of {self.groups_per_step}: compose more."
            )

    @property
    def scenes_per_group(self) -> int:
        """Scenes in each group."""
        return 3 if self.mix in ("triples", "all") else 2

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as checkpoints and logs record them."""
        return asdict(self)


# The settings of TeminAL's published code; docs/method.md lists what of it is mended.
_TEMINAL_CODE = Recipe(
    "teminal-code",
    # Scenes of one length: what lasts 5 s is followed by silence.
    layout=replace(TEMINAL, short_seconds=None),
    wanted=Wanted(wordings=("single-sound", "combined-sound", "before", "while")),
    groups=720,  # of a thousand pairs, what its two splits leave for training
    groups_per_step=32,
    virtual_per_step=0,
    warm_up=0,
    learning_rate=1e-3,
    decay=0.95,
    weight_decay=0.0,
    clip_norm=0.5 / 1.6,  # it weighs the sum of both directions by 0.8, we take their mean
)

# In released CLAPs of this kind: the last of 4 stages of HTSAT and of 12 layers of RoBERTa. TeminAL's authors
# train the same parts of their Cnn14 and BERT.
_LAST = (
    "clap.audio_model.audio_encoder.layers.3.",
    "clap.audio_model.audio_encoder.norm.",
    "clap.audio_projection.",
    "clap.text_model.encoder.layer.11.",
    "clap.text_model.pooler.",
    "clap.text_projection.",
    "clap.logit_scale_a",
)
# TeminAL's authors: the names they train, as far as they matter (BERT's pooler does not).
_LAST_2022 = ("cnn14.fc1.", "audio_projection.", "bert.encoder.layer.11.", "text_projection.", "logit_scale")
_WHOLE = (
    "cnn14.",
    "htsat.",
    "bert.",
    "gpt2.",
    "clap.",
    "audio_projection.",
    "text_projection.",
    "logit_scale",
)
# What LoRA leaves to be trained as it is.
_HEADS = (
    "clap.audio_projection.",
    "clap.text_projection.",
    "clap.logit_scale_a",
    "audio_projection.",
    "text_projection.",
    "logit_scale",
)
_TOWERS: dict[str, Any] = {
    "virtual_per_step": 0,
    "spans": 0.0,
    "moments": 1,
    "learning_rate": 5e-5,
}
"""What every recipe is for towers of others: there are no events to find, no content to put together."""

LORA_RATE = 5e-4
"""Learning rate of adapters, which start from nothing, where none is given."""

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe("contrastive"),
        Recipe("tclap", temporal_weight=0.5),
        Recipe("tact", objective="tact"),
        # As many scenes as the others: 400 groups of three are 600 of two, and 11 of three 16 of two.
        Recipe("teminal-a", mix="combined"),
        Recipe("teminal-b", objective="tnce", mix="triples", groups=400, groups_per_step=11),
        replace(_TEMINAL_CODE, name="teminal-code-a", mix="combined", steps=20 * 22),
        replace(_TEMINAL_CODE, name="teminal-code-b", objective="tnce", mix="triples", steps=10 * 22),
        Recipe("compa-2", objective="compa-2", wanted=Wanted(false=3, kind="any")),
        Recipe("compa-3", objective="compa-3", wanted=Wanted(false=3, kind="any", also="parts")),
        Recipe("dtu", objective="dtu", wanted=Wanted(false=2, also="rewordings")),
        Recipe(
            "chrono",
            wanted=Wanted(false=2, kind="any"),
            mix="all",
            sequences=0.85,
            threes=0.3,
            spans=1.0,
            groups=400,
            groups_per_step=11,
        ),
    )
}
"""`contrastive` is L_c alone on the scenes of `tclap`: the control that shows what the temporal losses add.
`chrono` is L_c too: where both orders are heard side by side, L_t adds nothing (docs/ablation.md). Its scenes
and reading lessons make it."""

COURSES: dict[str, dict[str, int]] = {
    "teminal": {"teminal-a": 200, "teminal-b": 200},
    "teminal-code": {"teminal-code-a": 20 * 22, "teminal-code-b": 10 * 22},
    "compa": {"compa-2": 200, "compa-3": 200},
}
"""Recipes that are stages, and the steps of each; every stage starts from the model that the one before it
made."""


def find_stages(name: str, architecture: str = "compact", **changes: Any) -> list[Recipe]:
    """The stages of a course, or the one recipe of that name, with the changes that are not None.

    Changed steps are those of the whole course, which its stages share as they do their usual ones.

    Args:
        name: of the course or the recipe.
        architecture: of the model that is to be trained.
        changes: fields of `Recipe`.

    Raises:
        DataError: as `find_recipe`, or fewer steps than stages.
    """
    if name not in COURSES:
        return [find_recipe(name, architecture, **changes)]
    stages, usual = COURSES[name], sum(COURSES[name].values())
    steps = changes.pop("steps", None) or usual
    if steps < len(stages):
        raise DataError(f"{steps} steps are too few for the {len(stages)} stages of {name}: give more.")
    ends = [max(1, steps * sum(list(stages.values())[: k + 1]) // usual) for k in range(len(stages))]
    begins = [0, *ends]
    return [
        find_recipe(stage, architecture, steps=end - begin, **changes)
        for stage, begin, end in zip(stages, begins, ends, strict=False)
    ]


def find_recipe(name: str, architecture: str = "compact", **changes: Any) -> Recipe:
    """A recipe by name, for an architecture, with the changes that are not None.

    Raises:
        DataError: there is no such recipe, or a change is not a field of it.
    """
    if name not in RECIPES:
        raise DataError(f"There is no recipe {name!r}: use one of {', '.join([*RECIPES, *COURSES])}.")
    known = {f.name for f in fields(Recipe)}
    if unknown := set(changes) - known:
        raise DataError(f"A recipe has no {', '.join(sorted(unknown))}.")
    recipe = RECIPES[name]
    if architecture != "compact":
        code = name.startswith("teminal-code")  # which says how fast
        recipe = replace(recipe, **_TOWERS | ({"learning_rate": recipe.learning_rate} if code else {}))
        last = _LAST if architecture == "htsat-roberta" else _LAST_2022
        recipe = replace(recipe, trains=last if name.startswith("teminal") else _WHOLE)
        if changes.get("lora"):
            recipe = replace(recipe, trains=_HEADS, learning_rate=LORA_RATE)
    return replace(recipe, **{k: v for k, v in changes.items() if v is not None})


def learning_rate(recipe: Recipe, step: int) -> float:
    """Linear warm-up, then a half cosine to 0 at the last step, or a fall after each pass."""
    rise = min(1.0, (step + 1) / max(1, recipe.warm_up))
    if recipe.decay is not None:
        passed = step // (recipe.groups // recipe.groups_per_step)
        return recipe.learning_rate * rise * recipe.decay**passed
    fall = 0.5 * (1 + math.cos(math.pi * step / recipe.steps))
    return recipe.learning_rate * rise * fall
