"""Placing events in time by chance within stated ranges, and turning a scene into sound."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from chronoclap.errors import DataError
from chronoclap.scenes.event import Event
from chronoclap.scenes.scene import TOGETHER_SHARE, Placement, Relation, Scene
from chronoclap.scenes.sounds import Sounds

LEVEL_DBFS = -23.0
"""Root-mean-square level that events with a `gain_db` are brought to before that gain, dB re full scale."""
MAX_BOOST_DB = 40.0
"""Most that levelling amplifies: a nearly silent recording does not become its own noise floor."""

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Layout:
    """From which ranges `compose` draws; every range is (least, most), drawn uniformly.

    Args:
        length: how long an event is heard, seconds; a recording that is shorter is heard whole, once.
        gap: silence between one event and the next, seconds.
        crossfade: overlap of one event with the next where they are cross-faded, seconds; at most half of
            either.
        crossfade_chance: share of the joints that are cross-faded instead of having a gap.
        fade: raised-cosine fade at the ends that are not cross-faded, seconds (a few ms avoid clicks; 0:
            none).
        gain_db: level of each event relative to the common level, dB; None leaves recordings at their own
            level.
        offset: where an event longer than needed is entered, as a share of what is left over; 0 is its
            beginning.
        overlap: for events that sound together, the share of the shorter one that is shared, in [0.5, 1].
        aligned: events that sound together start together (`overlap` is then not used).
        lead_in: silence before the first event, seconds.
        seconds: length of the scene; what the events leave is silence at the end.
        short_seconds: length of scenes of one event or of events that sound together; None: `seconds`.

    Raises:
        DataError: a range that is reversed or outside what is stated here.
    """

    length: Range = (0.3, 5.0)
    gap: Range = (0.0, 1.0)
    crossfade: Range = (0.02, 0.3)
    crossfade_chance: float = 0.25
    fade: float = 0.002
    gain_db: Range | None = (-6.0, 6.0)
    offset: Range = (0.0, 0.25)
    overlap: Range = (0.75, 1.0)
    aligned: bool = False
    lead_in: Range = (0.0, 1.0)
    seconds: float = 10.0
    short_seconds: float | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, tuple) and not value[0] <= value[1]:
                raise DataError(f"Layout.{field.name} is {value}: give (least, most).")
        checks = {
            "length": self.length[0] > 0,
            "gap": self.gap[0] >= 0,
            "crossfade": self.crossfade[0] >= 0,
            "crossfade_chance": 0 <= self.crossfade_chance <= 1,
            "fade": 0 <= self.fade <= self.length[0] / 2,
            "offset": self.offset[0] >= 0 and self.offset[1] <= 1,
            "overlap": self.overlap[0] >= TOGETHER_SHARE and self.overlap[1] <= 1,
            "lead_in": self.lead_in[0] >= 0,
            "seconds": self.seconds > 0,
            "short_seconds": self.short_seconds is None or self.short_seconds > 0,
        }
        for name, good in checks.items():
            if not good:
                raise DataError(
                    f"Layout.{name} is {getattr(self, name)}, outside the range its documentation gives."
                )


PLAIN = Layout(
    length=(5.0, 5.0),
    gap=(0.0, 0.0),
    crossfade=(0.0, 0.0),
    crossfade_chance=0.0,
    fade=0.0,
    gain_db=None,
    offset=(0.0, 0.0),
    aligned=True,
    lead_in=(0.0, 0.0),
)
"""T-CLAP's plain concatenation of two clips, 5 s + 5 s, no fade, recorded levels (a reading)."""

TEMINAL = replace(PLAIN, short_seconds=5.0)
"""TeminAL's recipes from ESC-50's 5 s clips: [A; B] of 10 s; "A while B" and stage A's singles of 5 s."""

NATURAL = Layout()
"""What we train on: gaps or cross-fades, levels within 6 dB, lengths from 0.3 to 5 s, a varying start."""


def compose(events: Sequence[Event], relation: Relation, layout: Layout, sounds: Sounds, seed: int) -> Scene:
    """Place events in time, in the order given, by chance within a layout.

    Where the drawn lengths, gaps and lead-in do not fit the scene, all are brought nearer to their least
    values by one factor, so that they just do.

    Args:
        events: one event for "single", two or more for "sequence" (first to sound first) and "overlap".
        relation: how they lie in time.
        layout: the ranges.
        sounds: tells how long each event's recording sounds.
        seed: >= 0; the same arguments give the same scene.

    Raises:
        DataError: the wrong number of events, or too many for the layout's least lengths.
        AudioError: a recording cannot be read.
    """
    if (len(events) == 1) != (relation == "single") or not events:
        raise DataError(f"{len(events)} events cannot be {relation!r}: one is 'single', two or more are not.")
    rng = np.random.default_rng([seed, 0])
    heard = [min(layout.length[1], sounds.seconds(event)) for event in events]
    least = [min(layout.length[0], seconds) for seconds in heard]
    lengths = [rng.uniform(low, high) for low, high in zip(least, heard, strict=True)]
    lead = rng.uniform(*layout.lead_in)
    if relation == "sequence":
        total = layout.seconds
        onsets, lengths, fades = _in_sequence(rng, layout, lead, lengths, least)
    else:
        total = layout.seconds if layout.short_seconds is None else layout.short_seconds
        onsets, lengths = _together(rng, layout, lead, lengths, least, total)
        fades = [layout.fade] * len(events)
    placements = []
    for event, onset, length, fade in zip(events, onsets, lengths, fades, strict=True):
        spare = max(0.0, sounds.seconds(event) - length)
        placements.append(
            Placement(
                event,
                onset,
                length,
                offset=spare * rng.uniform(*layout.offset),
                gain_db=None if layout.gain_db is None else rng.uniform(*layout.gain_db),
                fade=min(fade, length / 2),
            )
        )
    return Scene(tuple(placements), total)


def _in_sequence(
    rng: np.random.Generator, layout: Layout, lead: float, lengths: list[float], least: list[float]
) -> tuple[list[float], list[float], list[float]]:
    """Onsets, lengths and fades (seconds) of events that follow each other."""
    n = len(lengths)
    faded = rng.random(n - 1) < layout.crossfade_chance
    crossfades = rng.uniform(*layout.crossfade, size=n - 1)
    gaps = np.where(faded, 0.0, rng.uniform(*layout.gap, size=n - 1))
    # Cross-fades gain no room here: lengths may shrink, and cross-fades with them, and all still fits.
    drawn = np.array([lead, *gaps, *lengths])
    floor = np.array([layout.lead_in[0], *np.where(faded, 0.0, layout.gap[0]), *least])
    lead, *rest = _shrink(drawn, floor, layout.seconds)
    gaps, lengths = np.array(rest[: n - 1]), rest[n - 1 :]
    fades = [min(layout.fade, length / 2) for length in lengths]
    onsets = [lead]
    for k in range(n - 1):
        step = lengths[k] + gaps[k]
        if faded[k]:
            crossfade = min(crossfades[k], lengths[k] / 2, lengths[k + 1] / 2)
            fades[k], fades[k + 1] = max(fades[k], crossfade), max(fades[k + 1], crossfade)
            step -= crossfade
        onsets.append(onsets[k] + step)
    return onsets, lengths, fades


def _together(
    rng: np.random.Generator,
    layout: Layout,
    lead: float,
    lengths: list[float],
    least: list[float],
    total: float,
) -> tuple[list[float], list[float]]:
    """Onsets and lengths (seconds) of one event, or of events that sound together."""
    room = total - layout.lead_in[0]
    lengths = [
        min(_shrink(np.array([length]), np.array([low]), room)[0], room)
        for length, low in zip(lengths, least, strict=True)
    ]
    shift = np.zeros(len(lengths))
    if not layout.aligned and len(lengths) == 2:
        shift[1] = _slide(rng, lengths[0], lengths[1], 1 - rng.uniform(*layout.overlap), room)
    elif not layout.aligned and len(lengths) > 2:
        # Starts within this much of each other keep every pair's shared part, whatever the lengths.
        spread = min((1 - rng.uniform(*layout.overlap)) * min(lengths), room - max(lengths))
        shift = rng.uniform(0, spread, size=len(lengths))
    shift -= shift.min()
    span = float(np.max(shift + lengths))
    lead = min(lead, max(total - span, 0.0))
    return [lead + float(s) for s in shift], lengths


def _slide(rng: np.random.Generator, a: float, b: float, loose: float, room: float) -> float:
    """Onset of b seconds relative to a seconds; at most the share `loose` of the shorter sticks out."""
    out = loose * min(a, b)
    earliest = max(min(0.0, a - b) - out, a - room)
    latest = min(max(0.0, a - b) + out, room - b)
    return rng.uniform(earliest, latest)


def _shrink(drawn: np.ndarray, least: np.ndarray, room: float) -> list[float]:
    """Bring all values nearer to their least ones by one factor so that their sum is at most `room`."""
    excess = float(drawn.sum()) - room
    slack = float((drawn - least).sum())
    if excess <= 0:
        return [float(value) for value in drawn]
    if excess > slack + 1e-9:
        raise DataError(
            f"The events need at least {least.sum():.2f} s with their gaps, and the scene has {room:.2f} s: "
            "compose fewer events, or lower Layout.length or raise Layout.seconds."
        )
    keep = max(0.0, 1 - excess / slack) if slack > 0 else 1.0
    return [float(value) for value in least + (drawn - least) * keep]


def render(scene: Scene, sounds: Sounds) -> np.ndarray:
    """Turn a scene into a waveform: the same scene and recordings always give the same samples.

    Each event is cut from its active span, brought to `LEVEL_DBFS` and its gain (unless that is None), faded
    and added in; what sounds beyond full scale is brought down with everything else by one common gain.

    Returns:
        float32 (round(seconds * rate),) in [-1, 1] at `sounds.rate`; silence where nothing is placed.

    Raises:
        AudioError: a recording cannot be read.
    """
    mix = np.zeros(round(scene.seconds * sounds.rate), np.float32)
    for placement in scene.placements:
        piece = _piece(placement, sounds)
        start = round(placement.onset * sounds.rate)
        room = mix[start : start + len(piece)]
        room += piece[: len(room)]
    peak = float(np.abs(mix).max(initial=0.0))
    return mix / np.float32(peak) if peak > 1 else mix


def _piece(placement: Placement, sounds: Sounds) -> np.ndarray:
    """The samples of one event as heard, float32."""
    start = round(placement.offset * sounds.rate)
    piece = sounds.samples(placement.event)[start : start + round(placement.duration * sounds.rate)].copy()
    if placement.gain_db is not None and piece.any():
        level = 10 * np.log10(np.mean(np.square(piece, dtype=np.float64)))
        boost = min(LEVEL_DBFS - level, MAX_BOOST_DB) + placement.gain_db
        piece *= np.float32(10 ** (boost / 20))
    ramp = min(round(placement.fade * sounds.rate), len(piece) // 2)
    if ramp:
        rise = (0.5 - 0.5 * np.cos(np.pi * (np.arange(ramp) + 0.5) / ramp)).astype(np.float32)
        piece[:ramp] *= rise
        piece[len(piece) - ramp :] *= rise[::-1]
    return piece
