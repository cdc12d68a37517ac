"""A shared trunk: the same embeddings to the bit, computed once, and forgotten afterwards."""

import numpy as np
import pytest
import torch

from chronoclap import Clap
from chronoclap.models.compact import CompactModel
from chronoclap.models.trunks import TrunkMemory, shared_trunks, trunk_digest


@pytest.fixture
def sounds() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.normal(0, 0.1, n).astype(np.float32) for n in (9_000, 30_000, 170_000)]


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Lengths of the windows that a trunk was run on."""
    lengths: list[int] = []
    real = CompactModel.trunk_features
    monkeypatch.setattr(
        CompactModel, "trunk_features", lambda model, w: (lengths.append(len(w)), real(model, w))[1]
    )
    return lengths


def grown(clap: Clap, seed: int) -> Clap:
    torch.manual_seed(seed)
    return Clap(clap.model.grow(3).eval(), f"grown-{seed}")


def test_two_models_hear_once_and_embed_as_ever(
    tiny_clap: Clap, sounds: list[np.ndarray], heard: list[int]
) -> None:
    claps = [tiny_clap, grown(tiny_clap, 1)]
    alone = [clap.embed_audio(sounds) for clap in claps]
    windows = len(heard) // 2
    with shared_trunks([*claps, object()]):
        together = [clap.embed_audio(sounds) for clap in claps]
    assert len(heard) == 3 * windows
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))
    tiny_clap.embed_audio(sounds)
    assert len(heard) == 4 * windows


def test_another_trunk_hears_for_itself(tiny_clap: Clap, sounds: list[np.ndarray]) -> None:
    other = grown(tiny_clap, 1)
    with torch.no_grad():
        other.model.audio.trunk.convs[0].weight *= 1.5  # type: ignore[operator]
    assert trunk_digest(other.model) != trunk_digest(tiny_clap.model)
    expected = other.embed_audio(sounds[0])
    with shared_trunks([tiny_clap, other]):
        assert tiny_clap.memory is None
        tiny_clap.embed_audio(sounds[0])
        assert np.array_equal(other.embed_audio(sounds[0]), expected)


def test_what_does_not_fit_is_computed_again(
    tiny_clap: Clap, sounds: list[np.ndarray], heard: list[int]
) -> None:
    memory = TrunkMemory(limit_mb=0.02)  # of 4,096 bytes a patch: the four of the first window
    for _ in range(2):
        for window in sounds[:2]:
            memory.features(tiny_clap.model, window)
    assert heard == [9_000, 30_000, 30_000]
