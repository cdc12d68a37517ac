"""Fixtures that build sounds from arrays."""

import numpy as np
import pytest
from array_sounds import RATE, Arrays, event


@pytest.fixture
def make_event():
    return event


@pytest.fixture
def arrays():
    """Build Sounds from seconds: arrays({"a": 5.0}) is noise of that length within +-0.5."""

    def build(seconds: dict[str, float], rate: int = RATE) -> Arrays:
        rng = np.random.default_rng(7)
        return Arrays({k: rng.uniform(-0.5, 0.5, round(s * rate)) for k, s in seconds.items()}, rate)

    return build
