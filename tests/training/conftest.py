import pytest
from small_world import VOCABULARY, eight_classes

from chronoclap.scenes import Event
from chronoclap.training import virtual


@pytest.fixture
def events() -> list[Event]:
    """Two recordings of each of eight synthetic sounds."""
    return eight_classes()


@pytest.fixture
def short_vocabulary(monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """Eight virtual phrases in place of thousands."""
    monkeypatch.setattr(virtual, "vocabulary", lambda: VOCABULARY)
    return VOCABULARY
