import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chronoclap.errors import DataError
from chronoclap.scenes import Event, Placement, Scene, invert, overlay

A, B, C = (Event(name, name, name) for name in "abc")


def times(scene: Scene) -> dict[str, tuple[float, float]]:
    return {p.event.phrase: (p.onset, p.end) for p in scene.placements}


@st.composite
def sequences(draw: st.DrawFn) -> Scene:
    at = draw(st.floats(0, 2))
    placed = []
    for event in draw(st.permutations([A, B, C]))[: draw(st.integers(1, 3))]:
        duration = draw(st.floats(0.01, 3))
        placed.append(Placement(event, at, duration, gain_db=draw(st.floats(-6, 6))))
        at += duration + draw(st.floats(0, 1))
    return Scene(tuple(placed), at + draw(st.floats(0.001, 2)))


def test_relation_of_hand_made_scenes():
    one = Placement(A, 1, 2)
    assert Scene((one,), 10).relation == "single"
    assert Scene((one, Placement(B, 3, 1)), 10).relation == "sequence"
    assert Scene((one, Placement(B, 1.5, 1)), 10).relation == "overlap"
    faded = (Placement(A, 0, 2, fade=0.5), Placement(B, 1.5, 1, fade=0.5))
    assert Scene(faded, 10).relation == "sequence"  # a cross-fade is no overlap


def test_events_come_in_order_of_onset():
    scene = Scene((Placement(B, 3, 1), Placement(A, 1, 2)), 10)
    assert scene.events == (A, B)


def test_half_overlap_is_neither_and_refused():
    with pytest.raises(DataError, match="neither follow"):
        Scene((Placement(A, 0, 2), Placement(B, 1.5, 2)), 10)


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"onset": -0.1}, "onset"),
        ({"duration": 0.0}, "0 s"),
        ({"duration": float("nan")}, "duration"),
        ({"fade": 0.6}, "fades"),
        ({"gain_db": float("inf")}, "gain_db"),
    ],
)
def test_impossible_placements_are_refused(values, word):
    with pytest.raises(DataError, match=word):
        Placement(**{"event": A, "onset": 0.0, "duration": 1.0, **values})


def test_a_scene_must_hold_its_events():
    with pytest.raises(DataError, match="ends at 3"):
        Scene((Placement(A, 1, 2),), 2.5)
    with pytest.raises(DataError, match="at least one"):
        Scene((), 1)


def test_invert_by_hand():
    # a 1-3, gap 0.5, b 3.5-4.5, gap 0.25, c 4.75-6: mirrored within 1-6.
    scene = Scene((Placement(A, 1, 2), Placement(B, 3.5, 1), Placement(C, 4.75, 1.25)), 10)
    assert times(invert(scene)) == {"c": (1, 2.25), "b": (2.5, 3.5), "a": (4, 6)}
    assert invert(scene).events == (C, B, A)


@settings(max_examples=60, deadline=None)
@given(sequences())
def test_inverting_twice_is_the_identity_and_once_reverses(scene):
    turned = invert(scene)
    assert invert(turned) == scene
    assert turned.events == scene.events[::-1]
    assert turned.relation == scene.relation
    assert [p.duration for p in turned.placements] == [p.duration for p in scene.placements]


@settings(max_examples=40, deadline=None)
@given(sequences())
def test_overlay_starts_all_together_and_twice_is_once(scene):
    laid = overlay(scene)
    assert {p.onset for p in laid.placements} == {min(p.onset for p in scene.placements)}
    assert overlay(laid) == laid
    assert laid.seconds == scene.seconds
    assert laid.relation == ("single" if len(scene.placements) == 1 else "overlap")


def test_teminal_overlay_of_ten_seconds_is_five():
    scene = Scene((Placement(A, 0, 5, gain_db=None), Placement(B, 5, 5, gain_db=None)), 10)
    assert overlay(scene, seconds=5).seconds == 5
