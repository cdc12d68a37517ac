"""Captions read into parts and joints."""

import pytest

from chronoclap.rewriting import read_caption

pytest.importorskip("lemminflect")


@pytest.mark.parametrize(
    ("caption", "parts", "kinds"),
    [
        ("A dog barks", ["A dog barks"], []),
        ("A dog barks followed by a siren.", ["A dog barks", "a siren"], ["before"]),
        ("A whistle preceded by a splash", ["A whistle", "a splash"], ["after"]),
        (
            "A man speaks, then a dog barks while rain falls",
            ["A man speaks", "a dog barks", "rain falls"],
            ["before", "while"],
        ),
        ("A baby cries shortly after a door slams", ["A baby cries", "a door slams"], ["after"]),
        ("Music is playing as a man speaks", ["Music is playing", "a man speaks"], ["while"]),
        ("A drill runs, after which a bell rings", ["A drill runs", "a bell rings"], ["before"]),
        ("Before a dog barks, a man speaks", ["a dog barks", "a man speaks"], ["after"]),
        ("After a bell, a train passes", ["a bell", "a train passes"], ["before"]),
        ("Thunder precedes rain", ["Thunder", "rain"], ["before"]),
        ("A beep and then a click and then a hum", ["A beep", "a click", "a hum"], ["before", "before"]),
        # What only looks like a joint.
        ("Birds sing every now and then", ["Birds sing every now and then"], []),
        ("A man speaks as well as a woman", ["A man speaks as well as a woman"], []),
        ("A door closes shortly after", ["A door closes shortly after"], []),
    ],
)
def test_parts_and_joints(caption: str, parts: list[str], kinds: list[str]) -> None:
    read = read_caption(caption)
    assert list(read.parts) == parts
    assert [joint.kind for joint in read.joints] == kinds


def test_joints_stand_where_they_say() -> None:
    caption = "A dog barks and then a man speaks while it rains"
    for joint in read_caption(caption).joints:
        assert caption[joint.start : joint.end].strip() == joint.words


def test_neighbours_are_ordered() -> None:
    assert read_caption("A hum followed by a click, and a beep after a bang").ordered() == [(0, 1), (2, 1)]
    assert read_caption("A hum while a click").ordered() == []


def test_what_is_not_clear_is_said() -> None:
    assert "before and after" in read_caption("Gunfire before and after a man speaks").uncertain
    assert "'followed'" in read_caption("Typing followed a man speaking").uncertain
    assert not read_caption("A dog barks then rain falls").uncertain
    assert read_caption("A man speaks as a dog barks").joints[0].sure is False
