"""Captions that contradict: a real caption read, its order turned round by rule, and checked."""

from chronoclap.rewriting.checker import objection
from chronoclap.rewriting.contradict import Contradiction, Method, Refused, contradict_caption
from chronoclap.rewriting.reading import Joint, Read, read_caption

__all__ = [
    "Contradiction",
    "Joint",
    "Method",
    "Read",
    "Refused",
    "contradict_caption",
    "objection",
    "read_caption",
]
