"""Events placed in time, and the two operations that change what came first."""

import math
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from typing import Literal

from chronoclap.errors import DataError
from chronoclap.scenes.event import Event

Relation = Literal["single", "sequence", "overlap"]

TOGETHER_SHARE = 0.5  # of the shorter event: what "at the same time" means at the least
_TICKS = 6  # decimals of a second kept: microseconds, so that mirroring twice gives back equal floats
_SLACK = 1e-5  # seconds forgiven in comparisons, well under one sample


@dataclass(frozen=True, slots=True)
class Placement:
    """One event at one place in time; times are kept to the microsecond.

    Args:
        event: what sounds.
        onset: when it starts, seconds from the start of the scene, >= 0.
        duration: how long it is heard, seconds, > 0; a recording that ends earlier leaves silence.
        offset: where in the active span of the recording it starts, seconds, >= 0.
        gain_db: level relative to the common level of all events, dB; None leaves the recording as it is.
        fade: raised-cosine fade at both ends, seconds, at most half of `duration`.

    Raises:
        DataError: a value outside these ranges.
    """

    event: Event
    onset: float
    duration: float
    offset: float = 0.0
    gain_db: float | None = 0.0
    fade: float = 0.0

    def __post_init__(self) -> None:
        for name in ("onset", "duration", "offset", "fade"):
            value = getattr(self, name)
            if not math.isfinite(value) or value < 0:
                raise DataError(f"{name} of {self.event.phrase!r} is {value}: give seconds, 0 or more.")
            object.__setattr__(self, name, round(float(value), _TICKS))
        if self.duration == 0:
            raise DataError(f"{self.event.phrase!r} is heard for 0 s: give it a duration.")
        if self.fade > self.duration / 2 + _SLACK:
            raise DataError(
                f"{self.event.phrase!r} fades for {self.fade} s at each end of {self.duration} s: "
                "use at most half of its duration."
            )
        if self.gain_db is not None and not math.isfinite(self.gain_db):
            raise DataError(f"gain_db of {self.event.phrase!r} is {self.gain_db}: give decibels or None.")

    @property
    def end(self) -> float:
        """When the event stops, seconds."""
        return round(self.onset + self.duration, _TICKS)


@dataclass(frozen=True, slots=True)
class Scene:
    """Events placed in time so that one relation holds between all of them.

    Args:
        placements: one or more events, in any order.
        seconds: length of the whole scene; every placement ends within it.

    Raises:
        DataError: no placement, one that does not fit, or events that neither follow each other
            nor sound together, so that no caption would be plainly true.
    """

    placements: tuple[Placement, ...]
    seconds: float

    def __post_init__(self) -> None:
        if not self.placements:
            raise DataError("A scene needs at least one placement.")
        object.__setattr__(self, "seconds", round(float(self.seconds), _TICKS))
        for placement in self.placements:
            if placement.end > self.seconds + _SLACK:
                raise DataError(
                    f"{placement.event.phrase!r} ends at {placement.end} s, after the scene of "
                    f"{self.seconds} s: place it earlier or shorten it."
                )
        _ = self.relation

    @property
    def in_order(self) -> tuple[Placement, ...]:
        """The placements in order of onset; equal onsets keep the order they were given in."""
        return tuple(sorted(self.placements, key=lambda placement: placement.onset))

    @property
    def events(self) -> tuple[Event, ...]:
        """The events in order of onset."""
        return tuple(placement.event for placement in self.in_order)

    @property
    def relation(self) -> Relation:
        """How the events lie in time.

        "sequence": each starts when the one before has ended, give or take a cross-fade (no longer than the
        shorter of the two fades). "overlap": every two share at least half of the shorter one.
        """
        placed = self.in_order
        if len(placed) == 1:
            return "single"
        if all(_shared(a, b) <= min(a.fade, b.fade) + _SLACK for a, b in pairwise(placed)):
            return "sequence"
        if all(
            _shared(a, b) >= TOGETHER_SHARE * min(a.duration, b.duration) - _SLACK
            for a, b in combinations(placed, 2)
        ):
            return "overlap"
        names = ", ".join(repr(placement.event.phrase) for placement in placed)
        raise DataError(
            f"The events {names} neither follow each other nor sound together: let them share at most "
            "their fades, or at least half of the shorter one."
        )


def _shared(a: Placement, b: Placement) -> float:
    """Seconds during which both sound; negative when there is a gap."""
    return min(a.end, b.end) - max(a.onset, b.onset)


def invert(scene: Scene) -> Scene:
    """The same events in the reverse order: the layout mirrored in time.

    Every event keeps its length, level and fade, gaps are mirrored, silence before the first and after the
    last event stays; twice gives back the scene. The recordings themselves are not reversed.

    Source: TeminAL, operator Π on audio, Π([a; b]) = [b; a].
    """
    first = min(placement.onset for placement in scene.placements)
    last = max(placement.end for placement in scene.placements)
    return replace(
        scene,
        placements=tuple(
            replace(placement, onset=max(0.0, first + last - placement.end)) for placement in scene.placements
        ),
    )


def overlay(scene: Scene, seconds: float | None = None) -> Scene:
    """The same events all starting at the earliest onset of the scene; twice is the same as once.

    Args:
        scene: any scene.
        seconds: length of the result; None keeps that of the scene. TeminAL's own overlay of a 10 s scene is
            5 s.

    Source: TeminAL, stage B, "A while B".
    """
    first = min(placement.onset for placement in scene.placements)
    return Scene(
        tuple(replace(placement, onset=first) for placement in scene.placements),
        scene.seconds if seconds is None else seconds,
    )
