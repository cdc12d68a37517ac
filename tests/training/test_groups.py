"""Groups of scenes: pure functions of seed and index, balanced in order, without held-out pairs."""

from collections import Counter
from itertools import pairwise

import pytest

from chronoclap.errors import DataError
from chronoclap.scenes import Event, Scene, Sounds, held_out_pair, invert
from chronoclap.training import Recipe, find_recipe, groups
from chronoclap.training.groups import Grouper

RATE = 16_000
SOUNDS = Sounds(RATE)


def make(events: list[Event], seed: int = 0, **changes: object) -> Grouper:
    return Grouper(events, find_recipe("tclap", **changes), seed, SOUNDS)


class TestAll:
    def test_what_a_group_holds(self, events: list[Event]) -> None:
        grouper = make(events, mix="all", sequences=0.8, threes=0.3)
        kinds: Counter[tuple[str, int]] = Counter()
        for index in range(60):
            scenes = grouper.plan(index)
            assert len(scenes) == grouper.recipe.scenes_per_group == 3
            first, second, third = scenes
            kinds[third.relation, len(third.events)] += 1
            if third.relation == "single":
                assert len({s.events[0].phrase for s in scenes}) == 3
                continue
            assert second.events == first.events[::-1]
            assert first.relation == second.relation == "sequence"
            assert set(third.events) == set(first.events)
            assert third.events not in (first.events, second.events) or third.relation == "overlap"
        assert kinds.keys() == {("single", 1), ("overlap", 2), ("sequence", 3)}


def phrases(scene: Scene) -> list[str]:
    return [event.phrase for event in scene.events]


def test_a_group_depends_on_seed_and_index_alone(events: list[Event]) -> None:
    grouper = make(events)
    first = [grouper.group(index) for index in range(12)]
    # A fresh object, fresh sounds, events in another order, groups asked for backwards.
    fresh = Grouper(events[::-1], grouper.recipe, 0, Sounds(RATE))
    recordings = {tuple(p.event.recording for p in s.placements) for group in first for s in group}
    again = [fresh.group(index) for index in range(11, -1, -1)][::-1]
    # Which of two overlaid events begins first depends on the recordings.
    assert [[set(phrases(s)) for s in group] for group in again] == [
        [set(phrases(s)) for s in group] for group in first
    ]
    same_order = Grouper(events, grouper.recipe, 0, Sounds(RATE))
    assert [same_order.group(index) for index in range(11, -1, -1)][::-1] == first
    assert len(recordings) > 6


def test_the_plan_of_a_group_is_what_it_composes(events: list[Event]) -> None:
    grouper = make(events, sequences=0.5, overlaps=0.3)
    for index in range(40):
        for planned, scene in zip(grouper.plan(index), grouper.group(index), strict=True):
            assert planned.relation == planned.claimed == scene.relation
            assert {e.recording for e in planned.events} == {e.recording for e in scene.events}
            if planned.relation == "sequence":
                assert tuple(planned.events) == scene.events


def test_seeds_and_indices_give_other_groups(events: list[Event]) -> None:
    zero, one = make(events), make(events, seed=1)
    assert len({zero.group(index) for index in range(20)}) == 20
    assert not {zero.group(index) for index in range(20)} & {one.group(index) for index in range(20)}


def test_a_sequence_group_is_both_orders_of_one_pair(events: list[Event]) -> None:
    grouper = make(events, sequences=1.0, overlaps=0.0)
    first_heard: Counter[str] = Counter()
    for index in range(40):
        forward, backward = grouper.group(index)
        assert (forward.relation, backward.relation) == ("sequence", "sequence")
        assert phrases(backward) == phrases(forward)[::-1]
        assert backward == invert(forward)
        # The same excerpts of the same recordings at the same levels.
        cut = [
            {(p.event.recording, p.offset, p.duration, p.gain_db) for p in s.placements}
            for s in (forward, backward)
        ]
        assert cut[0] == cut[1]
        first_heard.update([phrases(forward)[0], phrases(backward)[0]])
        first_heard.subtract([phrases(forward)[1], phrases(backward)[1]])
    # Every class is heard first as often as last.
    assert set(first_heard.values()) == {0}
    assert len(first_heard) == 8


@pytest.mark.parametrize(("sequences", "overlaps", "relation"), [(0.0, 1.0, "overlap"), (0.0, 0.0, "single")])
def test_other_groups(events: list[Event], sequences: float, overlaps: float, relation: str) -> None:
    grouper = make(events, sequences=sequences, overlaps=overlaps)
    for index in range(20):
        pair = grouper.group(index)
        assert [scene.relation for scene in pair] == [relation] * 2
        for heard in map(phrases, pair):
            assert len(heard) == len(set(heard)) == (2 if relation == "overlap" else 1)


def test_shares_of_relations(events: list[Event]) -> None:
    grouper = make(events, sequences=0.5, overlaps=0.3)
    drawn: Counter[str] = Counter(grouper.group(index)[0].relation for index in range(300))
    # Binomial: three standard deviations are at most 0.09.
    for relation, share in {"sequence": 0.5, "overlap": 0.3, "single": 0.2}.items():
        assert drawn[relation] / 300 == pytest.approx(share, abs=0.09)


def test_no_held_out_pair_and_no_class_twice(events: list[Event], monkeypatch: pytest.MonkeyPatch) -> None:
    names = sorted({event.phrase for event in events})
    held = {frozenset(pair) for pair in pairwise(names)}
    monkeypatch.setattr(groups, "held_out_pair", lambda a, b: frozenset((a, b)) in held)
    grouper = make(events, sequences=0.6, overlaps=0.3)
    composed = set()
    for index in range(150):
        for scene in grouper.group(index):
            heard = phrases(scene)
            assert len(set(heard)) == len(heard)
            if len(heard) == 2:
                composed.add(frozenset(heard))
    assert not composed & held
    # 28 pairs, 7 of them held out.
    assert len(composed) == 21


def test_the_real_hold_out_is_asked(events: list[Event]) -> None:
    many = [Event(f"sound {n}", e.recording, f"s{n}") for n in range(12) for e in events[:1]]
    names = [e.phrase for e in many]
    held = {frozenset((a, b)) for a in names for b in names if a < b and held_out_pair(a, b)}
    assert held
    grouper = make(many, sequences=1.0, overlaps=0.0)
    composed = {frozenset(phrases(grouper.group(index)[0])) for index in range(150)}
    assert not composed & held


def test_common_classes_are_drawn_more_often_but_not_in_proportion(events: list[Event]) -> None:
    # 16 recordings of one class and 1 of each other: drawn as 4 to 1.
    loud = [Event("rain", events[0].recording, f"r{n}") for n in range(16)]
    rare = [Event(f"sound {n}", events[0].recording, f"s{n}") for n in range(4)]
    grouper = make(loud + rare)
    assert dict(zip(grouper.by_class, grouper.share, strict=True)) == pytest.approx(
        {"rain": 0.5, **{f"sound {n}": 0.125 for n in range(4)}}
    )


def test_too_few_classes(events: list[Event]) -> None:
    few = [event for event in events if event.phrase in sorted({e.phrase for e in events})[:3]]
    with pytest.raises(DataError, match=r"at least 4 classes of events, the data has 3"):
        make(few)


def test_everything_held_out(events: list[Event], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "held_out_pair", lambda a, b: True)
    with pytest.raises(DataError, match="All pairs of the training classes are held out"):
        make(events, sequences=1.0).group(0)


def test_any_layout_of_a_recipe_is_used(events: list[Event]) -> None:
    recipe = Recipe("mine")
    assert all(scene.seconds == recipe.layout.seconds for scene in make(events).group(3))


def test_triples_are_both_orders_and_an_overlay_of_the_same_events(events: list[Event]) -> None:
    grouper = make(events, mix="triples")
    for index in range(10):
        forward, backward, together = grouper.group(index)
        assert backward == invert(forward)
        assert together.relation == "overlap"
        recordings = [{e.recording for e in s.events} for s in (forward, together)]
        assert recordings[0] == recordings[1]
    assert [planned.claimed for planned in grouper.plan(0)] == ["sequence", "sequence", "overlap"]
    assert grouper.recipe.scenes_per_group == 3


def test_combined_groups_are_one_event_and_two_that_are_only_said_to_occur(events: list[Event]) -> None:
    grouper = make(events, mix="combined")
    for index in range(10):
        one, two = grouper.group(index)
        assert (one.relation, two.relation) == ("single", "sequence")
        assert one.events[0] == two.events[0]
    assert [planned.claimed for planned in grouper.plan(0)] == ["single", "together"]


def test_a_share_of_the_sequences_has_three_events(events: list[Event]) -> None:
    grouper = make(events, sequences=1.0, overlaps=0.0, threes=0.4)
    drawn = Counter(len(grouper.plan(index)[0].events) for index in range(200))
    # Binomial: three standard deviations are 0.1.
    assert drawn[3] / 200 == pytest.approx(0.4, abs=0.1)
    index = next(index for index in range(200) if len(grouper.plan(index)[0].events) == 3)
    forward, backward = grouper.group(index)
    assert phrases(backward) == phrases(forward)[::-1]
    assert len(set(phrases(forward))) == 3
