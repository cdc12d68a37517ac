"""Events in more words: what is claimed stays, and every word is the event's that it belongs to."""

import re

import numpy as np
import pytest

from chronoclap.scenes import Caption, caption, describe_phrases
from chronoclap.training import elaborate as module
from chronoclap.training.elaborate import GOES_ON, HOW, STOPPING, STOPS, WHERE, elaborate
from chronoclap.training.virtual import vocabulary

NAMES = ("dog barking", "rain", "a car horn")
OTHERS = ("wind blowing", "birds chirping", "someone talking")
JOINTS = (" and ", " while ", " as ", " with ")


@pytest.fixture(params=range(3), ids=["how", "at once", "goes on"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(module, "SHARES", tuple(float(k == request.param) for k in range(3)))
    return request.param


def longer(said: Caption, seed: int = 0) -> Caption:
    n = 1 + max(event for *_, event in said.spans)
    return elaborate(said, NAMES[:n], OTHERS[:n], np.random.default_rng(seed))


def around(said: Caption) -> str:
    """What of a caption names no event."""
    text, at = "", 0
    for start, end, _ in said.spans:
        text, at = text + said.text[at:start] + "#", end
    return text + said.text[at:]


def test_claims_and_events_stay(kind: int) -> None:
    for seed in range(300):
        relation = ("sequence", "overlap", "single", "together")[seed % 4]
        names = NAMES[: 1 if relation == "single" else 2 + seed % 2]
        plain = describe_phrases(names, relation, seed)
        said = longer(plain, seed)
        assert said.claimed == plain.claimed
        assert list(dict.fromkeys(event for *_, event in said.spans)) == [event for *_, event in plain.spans]
        ends = [place for start, end, _ in said.spans for place in (start, end)]
        assert ends == sorted(set(ends))
        assert ends[-1] <= len(said.text)
        assert all(said.text[start:end].strip() == said.text[start:end] for start, end, _ in said.spans)


@pytest.mark.parametrize("kind", [0], ids=["how"], indirect=True)
def test_how_and_where_join_the_event(kind: int) -> None:
    seen = set()
    for seed in range(200):
        plain = describe_phrases(NAMES, "sequence", seed)
        said = longer(plain, seed)
        assert around(said) == around(plain)
        for (start, end, _), (first, last, _) in zip(said.spans, plain.spans, strict=True):
            words, more = plain.text[first:last], said.text[start:end]
            assert more.startswith(words)
            seen.add(more.removeprefix(words).strip())
    assert "" in seen  # not every event
    assert seen - {""} <= {
        " ".join(filter(None, (how, where))) for how in (*HOW, *GOES_ON, "") for where in (*WHERE, "")
    }


@pytest.mark.parametrize("kind", [1], ids=["at once"], indirect=True)
def test_a_second_sound_has_words_of_its_own(kind: int) -> None:
    said = [longer(caption(NAMES[:2], "then", "clause"), seed) for seed in range(50)]
    double = [s for s in said if len(s.spans) == 4]
    assert double
    for s in double:
        assert [event for *_, event in s.spans] == [0, 0, 1, 1]
        assert re.fullmatch(r"a # then #|a #(.+)# then #( is heard)?(.+)#( is heard)?", around(s)), around(s)
        between = s.text[s.spans[0][1] : s.spans[1][0]]
        assert between in JOINTS
        assert any(word in s.text for word in ("wind blow", "wind blows"))


@pytest.mark.parametrize("kind", [2], ids=["goes on"], indirect=True)
def test_only_what_sounds_later_goes_on(kind: int) -> None:
    for form, known in (("clause", STOPS), ("bare", STOPPING)):
        said = {longer(caption(NAMES[:2], "before", form), seed).text for seed in range(100)}
        first = "a dog barks" if form == "clause" else "dog barking"
        plain = "rain falls" if form == "clause" else "rain"
        assert said <= {f"{first} before {words}" for words in (*known, plain)}
        assert len(said) > 5
    assert {longer(caption(NAMES[:1], "plain", "clause"), seed).text for seed in range(20)} == {"a dog barks"}


def test_it_is_drawn_by_its_generator_alone() -> None:
    said = describe_phrases(NAMES, "sequence", 3)
    assert longer(said, 1) == longer(said, 1)
    assert len({longer(said, seed).text for seed in range(20)}) > 5


def test_any_name_of_the_vocabulary_can_be_elaborated() -> None:
    known = vocabulary()
    for seed in range(400):
        rng = np.random.default_rng(seed)
        names = [known[int(i)] for i in rng.choice(len(known), 6, replace=False)]
        plain = describe_phrases(names[:3], "sequence", seed)
        said = elaborate(plain, names[:3], names[3:], rng)
        assert {event for *_, event in said.spans} == {0, 1, 2}
