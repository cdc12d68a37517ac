"""Order is learned in a few dozen steps, by the meaning of connectives and not from the words alone."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_world import SLOW, ideal_features, ideal_group, with_ideal_ear

from chronoclap import Clap
from chronoclap.scenes import Event, Sounds, captions, contradict, describe
from chronoclap.training import features, find_recipe, train, virtual
from chronoclap.training.groups import Grouper


def accuracies(clap: Clap, grouper: Grouper, phrases: list[str]) -> tuple[float, float]:
    """Order accuracy of scenes not trained on, both directions, by the real text encoder."""
    pairs = [grouper.group(index) for index in range(30)]
    scenes = [scene for pair in pairs for scene in pair]
    heard = torch.stack([ideal_features(scene, clap.model, phrases) for scene in scenes])
    with torch.inference_mode():
        audio = clap.model.embed_features(heard, torch.ones(heard.shape[:2], dtype=torch.bool)).numpy()
    true = clap.embed_text([str(describe(scene, seed)) for seed, scene in enumerate(scenes)])
    false = clap.embed_text([str(contradict(s, seed, kind="order")[0]) for seed, s in enumerate(scenes)])
    reversed_audio = audio.reshape(30, 2, -1)[:, ::-1].reshape(60, -1)
    to_text = (audio * true).sum(1) > (audio * false).sum(1)
    to_audio = (audio * true).sum(1) > (reversed_audio * true).sum(1)
    return float(to_text.mean()), float(to_audio.mean())


def test_order_is_learned_and_not_from_the_words_alone(
    tiny_clap: Clap, events: list[Event], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The random trunk cannot tell sounds apart, so an ideal ear takes its place; two wordings of opposite
    # direction ("A then B", "B after A") keep it to a few dozen steps.
    phrases = sorted({event.phrase for event in events})
    wordings = {
        name: replace(captions.WORDINGS[name], forms=("bare",))
        for name in ("plain", "then", "after", "while")
    }
    monkeypatch.setattr(captions, "WORDINGS", wordings)
    monkeypatch.setattr(virtual, "vocabulary", lambda: tuple(phrases))
    monkeypatch.setattr(features, "group_features", ideal_group)
    start = with_ideal_ear(tiny_clap, phrases)
    recipe = find_recipe(
        "tclap",
        layout=SLOW,
        groups=32,
        groups_per_step=8,
        sequences=1.0,
        overlaps=0.0,
        virtual_per_step=12,
        steps=80,
        warm_up=5,
        learning_rate=4e-3,
        log_every=5,
    )
    held = Grouper(events, recipe, 99, Sounds(start.rate))
    torch.manual_seed(0)
    before = accuracies(Clap(start.model.grow(3), "before"), held, phrases)
    trained = train(recipe, start, events, tmp_path / "run", workers=0, progress=False)
    after = accuracies(trained, held, phrases)
    assert max(before) < 0.7
    assert min(after) > 0.8
    measured = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()[1:]]
    assert np.mean([line["loss"] for line in measured[-3:]]) < 0.6 * measured[0]["loss"]
    assert np.mean([line["order"] for line in measured[-5:]]) > 0.85
    # Both orders are there as sound, so words alone tell nothing.
    assert np.mean([line["text_only"] for line in measured]) == pytest.approx(0.5, abs=0.1)
