"""What ships: weights that load offline, a base that hears the synthetic sounds, compact that knows order."""

from itertools import pairwise

import numpy as np
import pytest

import chronoclap
from chronoclap import Clap
from chronoclap.models import shipped_names
from chronoclap.models.checkpoint import SHIPPED
from chronoclap.scenes.foley import FOLEY, synthesise

SEED = 2_000_500  # of the test split, and of none of its recordings


@pytest.fixture(scope="module")
def compact() -> Clap:
    return chronoclap.load("compact")


@pytest.fixture(scope="module")
def base() -> Clap:
    return chronoclap.load("compact-base")


@pytest.fixture(scope="module")
def sounds() -> dict[str, np.ndarray]:
    return {phrase: synthesise(name, SEED, 16_000)[:48_000] for name, phrase in FOLEY.items()}


def test_what_ships_is_named_and_small() -> None:
    assert shipped_names() == ["compact", "compact-base", "compact-reader"]
    assert sum(file.stat().st_size for file in SHIPPED.rglob("*.safetensors")) < 90e6


def test_the_base_recognises_the_synthetic_sounds(base: Clap, sounds: dict[str, np.ndarray]) -> None:
    vectors = base.embed_audio(list(sounds.values()))
    texts = base.embed_text([f"this is a sound of {phrase}" for phrase in sounds])
    right = (vectors @ texts.T).argmax(1) == np.arange(len(sounds))
    assert right.mean() >= 0.6


def order(clap: Clap, sounds: dict[str, np.ndarray], first: str, second: str) -> float:
    """Share of scenes of neighbours in the list whose true caption wins against the false one."""
    pairs = list(pairwise(sounds))[::2]
    audio = clap.embed_audio([np.concatenate([sounds[a], sounds[b]]) for a, b in pairs])
    true = clap.embed_text([first.format(a, b) for a, b in pairs])
    false = clap.embed_text([second.format(a, b) for a, b in pairs])
    return float(((audio * (true - false)).sum(1) > 0).mean())


def test_compact_knows_what_came_first(compact: Clap, sounds: dict[str, np.ndarray]) -> None:
    assert order(compact, sounds, "{} followed by {}", "{1} followed by {0}") >= 0.85


def test_compact_knows_what_came_first_in_a_minute(compact: Clap, sounds: dict[str, np.ndarray]) -> None:
    # Windows of ten seconds, each with a vector of its own, would hear one sound only, but for the middle.
    long = {phrase: np.resize(samples, 30 * 16_000) for phrase, samples in sounds.items()}
    assert order(compact, long, "{} followed by {}", "{1} followed by {0}") >= 0.85


def test_compact_knows_it_in_other_words(compact: Clap, sounds: dict[str, np.ndarray]) -> None:
    assert order(compact, sounds, "{1} preceded by {0}", "{0} preceded by {1}") >= 0.85
    assert order(compact, sounds, "{1} after {0}", "{0} after {1}") >= 0.8


def test_compact_hears_alike_in_bfloat16(compact: Clap, sounds: dict[str, np.ndarray]) -> None:
    scenes = [np.concatenate(pair) for pair in pairwise(sounds.values())]
    half = chronoclap.load("compact", precision="bfloat16")
    exact, rounded = compact.embed_audio(scenes), half.embed_audio(scenes)
    assert np.abs(rounded - exact).max() > 1e-4
    assert (rounded * exact).sum(1).min() >= 0.998
    assert order(half, sounds, "{} followed by {}", "{1} followed by {0}") >= 0.85
    np.testing.assert_array_equal(half.embed_text(list(sounds)), compact.embed_text(list(sounds)))


def test_the_base_does_not(base: Clap, sounds: dict[str, np.ndarray]) -> None:
    forward = order(base, sounds, "{} followed by {}", "{1} followed by {0}")
    backward = order(base, sounds, "{1} preceded by {0}", "{0} preceded by {1}")
    assert 0.2 <= (forward + backward) / 2 <= 0.8


def test_frames_say_when(compact: Clap, sounds: dict[str, np.ndarray]) -> None:
    scene = np.concatenate([sounds["dog barking"], np.zeros(16_000, np.float32), sounds["siren"]])
    frames = compact.frames(scene)
    scores = frames.vectors @ compact.embed_text(["dog barking", "siren"]).T
    dog, siren = (frames.start[scores[:, k].argmax()] for k in range(2))
    assert dog < len(sounds["dog barking"]) / 16_000 <= siren + 0.975
