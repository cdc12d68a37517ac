"""A small world to train in: eight synthetic sounds, short scenes, few words, and an ear that is ideal."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from chronoclap import Clap
from chronoclap.data import by_split, foley_events
from chronoclap.models.compact import CompactModel
from chronoclap.scenes import PLAIN, Event, Scene
from chronoclap.training import loop
from chronoclap.training.groups import Grouper

SHORT = replace(PLAIN, seconds=2.0, length=(0.5, 1.0))
"""Scenes of two seconds: four patches."""

SLOW = replace(PLAIN, seconds=4.0, length=(2.0, 2.0))
"""Scenes of four seconds, two for each event: every event is heard in several patches."""

VOCABULARY = (
    "x-ray machine",
    "child's cap pistol",
    "new year's eve fireworks",
    "hi-hat",
    "rain",
    "dog",
    "wind",
    "owl",
)


def eight_classes(each: int = 2) -> list[Event]:
    """Training recordings of eight sounds."""
    events = by_split(foley_events(each, 0, 0), "train")
    kept = list(dict.fromkeys(event.phrase for event in events))[:8]
    return [event for event in events if event.phrase in kept]


def with_ideal_ear(clap: Clap, phrases: list[str]) -> Clap:
    """An order-blind model: the content of feature k is that of phrase k, and a zero feature is silent."""
    model = clap.model.copy().eval()
    content = model.audio.content
    with torch.no_grad():
        for parameter in content.parameters():
            parameter.zero_()
        content.classes.bias.fill_(-20)
        content.saliency.bias.fill_(-10)
        for number, meaning in enumerate(model.text(*model.tokens(phrases))[:, 0]):
            content.classes.weight[number, number] = 40
            content.saliency.weight[0, number] = 20
            content.meanings.weight[:, number] = meaning
    return Clap(model, "ideal-ear")


def ideal_features(scene: Scene, model: CompactModel, phrases: list[str]) -> torch.Tensor:
    """(patches, trunk_dim): feature k of a patch is the share of it in which phrase k sounds."""
    size, hop, edge = (samples / model.rate for samples in model.patch_samples)
    features = torch.zeros(model.num_patches(round(scene.seconds * model.rate)), model.config.audio.trunk_dim)
    for patch in range(len(features)):
        for placement in scene.placements:
            shared = min(placement.end, patch * hop - edge + size) - max(placement.onset, patch * hop - edge)
            features[patch, phrases.index(placement.event.phrase)] += max(0.0, shared / size)
    return features


def ideal_group(grouper: Grouper, model: CompactModel, index: int) -> np.ndarray:
    """What takes the place of `group_features`."""
    phrases = list(grouper.by_class)
    return (
        torch.stack([ideal_features(scene, model, phrases) for scene in grouper.group(index)]).half().numpy()
    )


def stop_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Make the run fail as a power cut would, before it has taken that many steps and one."""
    taken = 0
    real = loop.step_loss

    def failing(*given: object) -> object:
        nonlocal taken
        if taken == step:
            raise KeyboardInterrupt
        taken += 1
        return real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "step_loss", failing)
