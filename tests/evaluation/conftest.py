from pathlib import Path

import pytest
from tone_world import HELD_OUT, make_events

from chronoclap.evaluation import items
from chronoclap.scenes.event import Event
from chronoclap.scenes.sounds import Sounds


@pytest.fixture
def events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    """Three recordings of each of seven tones; one pair of the seen ones is held out."""
    monkeypatch.setattr(items, "held_out_pair", lambda a, b: {a, b} == HELD_OUT)
    return make_events(tmp_path)


@pytest.fixture
def sounds() -> Sounds:
    return Sounds(rate=32_000)
