"""Which events of a manifest a run may learn from."""

from collections.abc import Iterable

from chronoclap.data import by_split
from chronoclap.scenes import Event


def training_events(events: Iterable[Event]) -> list[Event]:
    """The train split without recordings or sources that also stand in another split."""
    events = list(events)
    others = {key for event in events if event.split != "train" for key in (event.recording, event.source)}
    return [e for e in by_split(events, "train") if e.recording not in others and e.source not in others]
