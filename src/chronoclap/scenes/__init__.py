"""Events placed in time, what they sound like, and captions that are true or false of them."""

from chronoclap.scenes.captions import (
    Caption,
    Kind,
    caption,
    contradict,
    contradict_phrases,
    describe,
    describe_phrases,
    phrase_captions,
)
from chronoclap.scenes.compose import NATURAL, PLAIN, TEMINAL, Layout, compose, render
from chronoclap.scenes.event import SPLITS, Event, Split
from chronoclap.scenes.pairs import held_out_pair
from chronoclap.scenes.phrases import FORMS, Form, Operand, operand, phrase_key
from chronoclap.scenes.scene import Placement, Relation, Scene, invert, overlay
from chronoclap.scenes.sounds import Sounds
from chronoclap.scenes.wordings import (
    WORDINGS,
    Claim,
    Claimed,
    Wording,
    claim,
    equivalent,
    find_wording,
    holds,
)

__all__ = [
    "FORMS",
    "NATURAL",
    "PLAIN",
    "SPLITS",
    "TEMINAL",
    "WORDINGS",
    "Caption",
    "Claim",
    "Claimed",
    "Event",
    "Form",
    "Kind",
    "Layout",
    "Operand",
    "Placement",
    "Relation",
    "Scene",
    "Sounds",
    "Split",
    "Wording",
    "caption",
    "claim",
    "compose",
    "contradict",
    "contradict_phrases",
    "describe",
    "describe_phrases",
    "equivalent",
    "find_wording",
    "held_out_pair",
    "holds",
    "invert",
    "operand",
    "overlay",
    "phrase_captions",
    "phrase_key",
    "render",
]
