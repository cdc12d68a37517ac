"""Of every order task: a perfect model scores 1, a random one its chance; one that is deaf to order scores 0
where it ties, and exactly chance where what it likes decides."""

import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tone_world import HELD_OUT, NAMES, SEEN, frequency, one_hot

from chronoclap.audio import Waveform
from chronoclap.evaluation.embedder import Embedder
from chronoclap.evaluation.items import Pair, draw_pairs
from chronoclap.evaluation.rows import Row
from chronoclap.evaluation.tasks import captioned, order, sweeps, t_classify, three_events, wordings, zste
from chronoclap.evaluation.tasks.captioned import CaptionedSound
from chronoclap.evaluation.tasks.three_events import Triple, draw_triples
from chronoclap.evaluation.tasks.zste_items import ItemList, draw_items
from chronoclap.scenes.captions import Kind, contradict_phrases, describe_phrases
from chronoclap.scenes.event import Event
from chronoclap.scenes.sounds import Sounds
from chronoclap.scenes.wordings import Claim

FRAME = 0.02  # seconds
FORWARD = (" followed by ", " before ", " and later ", " and then ", " then ")
BACKWARD = (" preceded by ", " after ")
PLACES = ("first", "second", "third")


@dataclass(frozen=True)
class Asked:
    """What the tasks ask: captions are asked about by `captioned.evaluate`."""

    pairs: list[Pair]
    triples: list[Triple]
    items: ItemList
    captions: list[CaptionedSound]
    sounds: Sounds


def order_tasks_of_zste(embedder: Embedder, asked: Asked) -> list[Row]:
    return [row for row in zste.evaluate(embedder, asked.items, asked.sounds) if row.task >= "zste_3"]


TASKS: dict[str, Callable[[Embedder, Asked], list[Row]]] = {
    "t_classify": lambda model, asked: t_classify.evaluate(model, asked.pairs, asked.sounds),
    "compa and tact": lambda model, asked: order.evaluate(model, asked.pairs, asked.sounds),
    "three_events": lambda model, asked: three_events.evaluate(model, asked.triples, asked.sounds),
    "zste": order_tasks_of_zste,
    "wordings": lambda model, asked: wordings.evaluate(model, asked.pairs, asked.sounds),
    "sweeps": lambda model, asked: sweeps.evaluate(model, asked.pairs, asked.sounds, n_pairs=1000),
    "captions": lambda model, asked: captioned.evaluate(model, asked.captions),
}
ROWS = {
    "t_classify": 3,
    "compa and tact": 3 + 2,
    "three_events": 2,
    "zste": 4 + 4 + 4,
    "wordings": 3 * 3,
    "sweeps": 3 * (6 + 5 + 7 + 8),
    "captions": 1,
}
"""Rows of the slice "all"."""


def meaning_of(text: str) -> Claim:
    """What a text of a fixed template says; of one that names a place, that place is its relation."""
    text = text.removesuffix(" sound").removeprefix("this is a sound of ")
    for place in PLACES:
        prefix = f"In this concatenated sound, the {place} sound is "
        if text.startswith(prefix):
            return Claim(place, (text.removeprefix(prefix),))  # type: ignore[arg-type]
    for joints, relation, turned in (
        (FORWARD, "sequence", 1),
        (BACKWARD, "sequence", -1),
        ((" while ",), "overlap", 1),
    ):
        joint = next((words for words in joints if words in text), None)
        if joint is not None:
            return Claim(relation, tuple(text.split(joint)[::turned]))  # type: ignore[arg-type]
    return Claim("single", (text,))


def claim_of_sound(sound: Waveform) -> Claim:
    """The tones of a sound by their onsets; those that begin within a frame of each other are at once."""
    samples, rate = sound
    size = round(FRAME * rate)
    frames = samples[: len(samples) // size * size].reshape(-1, size) * np.hanning(size)
    times = np.arange(size) / rate
    waves = np.exp(2j * np.pi * np.outer(times, [frequency(name) for name in NAMES]))
    levels = np.abs(frames @ waves)
    # What a tone that begins or stops spreads over the others lasts for one frame.
    lasting = np.minimum(levels[1:], levels[:-1])
    sounding = lasting > 0.06 * lasting.max()  # the least level of a tone beside another is -18 dB
    onsets = sorted(
        (int(own.argmax()), name) for own, name in zip(sounding.T, NAMES, strict=True) if own.any()
    )
    names = tuple(name for _, name in onsets)
    if len(names) > 1 and onsets[-1][0] - onsets[0][0] <= 1:
        return Claim("overlap", names)
    return Claim("sequence", names)


class Listener:
    """Hears and reads as claims, and embeds what is claimed.

    Args:
        told: the claims of texts that are of no fixed template.
    """

    def __init__(self, told: dict[str, Claim]) -> None:
        self.name = type(self).__name__.lower()
        self.told = told

    def embed_audio(
        self, items: Iterable[Waveform | str], *, batch_size: int = 8, progress: bool = False
    ) -> np.ndarray:
        heard = (Waveform(*soundfile.read(item)) if isinstance(item, str) else item for item in items)
        return np.stack([self.embed(claim_of_sound(sound)) for sound in heard])

    def embed_text(self, texts: Sequence[str]) -> np.ndarray:
        return np.stack([self.embed(self.told.get(text) or meaning_of(text)) for text in texts])

    def embed(self, said: Claim) -> np.ndarray:
        raise NotImplementedError


class Perfect(Listener):
    """Three places in time and what is at once: a tone in each."""

    def embed(self, said: Claim) -> np.ndarray:
        slots = np.zeros((4, len(NAMES)), np.float32)
        if said.relation in PLACES:
            slots[PLACES.index(said.relation)] = one_hot(said.events[0])
        elif said.relation == "single":
            slots[:] = one_hot(said.events[0])
        elif said.relation == "overlap":
            slots[3] = sum(map(one_hot, said.events))
        else:
            slots[: len(said.events)] = [one_hot(name) for name in said.events]
        return slots.ravel()


class Deaf(Listener):
    """Knows which sounds there are, and no more: one vector for all orders.

    Its numbers are no round ones: a product that is summed in another order would not tie.
    """

    table = np.random.default_rng(0).standard_normal((len(NAMES), 37)).astype(np.float32)

    def embed(self, said: Claim) -> np.ndarray:
        bag = self.table[sorted(NAMES.index(name) for name in said.events)].sum(axis=0)
        return bag / np.linalg.norm(bag)


class DeafInSound(Deaf):
    """Hears no order, but likes some texts better than others that name the same sounds."""

    def embed_text(self, texts: Sequence[str]) -> np.ndarray:
        return super().embed_text(texts) * likings(text.encode() for text in texts)


class DeafInText(Deaf):
    """Reads no order, but likes some sounds better than others of the same tones."""

    def embed_audio(
        self, items: Iterable[Waveform | str], *, batch_size: int = 8, progress: bool = False
    ) -> np.ndarray:
        heard = [item for item in items if isinstance(item, Waveform)]
        return super().embed_audio(heard) * likings(sound.samples.tobytes() for sound in heard)


def likings(contents: Iterable[bytes]) -> np.ndarray:
    """(contents, 1) factors between 1 and 1.01, too like to make one sound another."""
    return np.float32([[1 + seed_of(content) / 2**64 / 100] for content in contents])


def seed_of(content: bytes) -> int:
    return int.from_bytes(hashlib.sha256(content).digest()[:8], "big")


class Random:
    """A vector for each distinct sound and text, drawn by its content."""

    name = "random"
    dim = 512

    def embed_audio(
        self, items: Iterable[Waveform | str], *, batch_size: int = 8, progress: bool = False
    ) -> np.ndarray:
        return np.stack(
            [self.draw(item.encode() if isinstance(item, str) else item.samples.tobytes()) for item in items]
        )

    def embed_text(self, texts: Sequence[str]) -> np.ndarray:
        return np.stack([self.draw(text.encode()) for text in texts])

    def draw(self, content: bytes) -> np.ndarray:
        vector = np.random.default_rng(seed_of(content)).standard_normal(self.dim).astype(np.float32)
        return vector / np.linalg.norm(vector)


class Crackle(Sounds):
    """Half a second of noise for each recording, and no file."""

    def samples(self, event: Event) -> np.ndarray:
        draw = np.random.default_rng(seed_of(event.recording.encode()))
        return draw.uniform(-0.5, 0.5, draw.integers(self.rate // 3, self.rate)).astype(np.float32)


def captions_of(pairs: Sequence[Pair], recordings: Sequence[str], kind: Kind) -> list[CaptionedSound]:
    """[A; B] with a caption and, in turn, one, two and three that are false."""
    made = []
    for number, (pair, recording) in enumerate(zip(pairs, recordings, strict=True)):
        names = pair.first.phrase, pair.second.phrase
        true = describe_phrases(names, "sequence", number).text
        false = contradict_phrases(names, "sequence", number, 1 + number % 3, kind)
        sources = pair.sources
        made.append(CaptionedSound(recording, true, tuple(one.text for one in false), sources, "sequence"))
    return made


@pytest.fixture
def asked(events: list[Event], sounds: Sounds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """The world of tones; its captions are contradicted in any way."""
    monkeypatch.setattr(three_events, "held_out_pair", lambda a, b: {a, b} == HELD_OUT)
    pairs = draw_pairs(events, 4)
    recordings = []
    for number, played in enumerate(list(t_classify.pair_sounds(pairs, sounds))[::2]):
        recordings.append(str(tmp_path / f"pair {number}.wav"))
        soundfile.write(recordings[-1], played.samples, played.rate)
    items = draw_items(pairs, NAMES)
    return Asked(pairs, draw_triples(events, 4), items, captions_of(pairs, recordings, "any"), sounds)


@pytest.fixture
def told(asked: Asked) -> dict[str, Claim]:
    """What the texts of many wordings say."""
    known: dict[str, Claim] = {}
    for style in (wordings.KNOWN, *wordings.STYLES):
        said = iter(wordings.texts(asked.pairs, style, asked.sounds))
        for pair in asked.pairs:
            names = pair.first.phrase, pair.second.phrase
            known |= {next(said): Claim("sequence", names), next(said): Claim("sequence", names[::-1])}
    for number, pair in enumerate(asked.pairs):
        names = pair.first.phrase, pair.second.phrase
        known[describe_phrases(names, "sequence", number).text] = Claim("sequence", names)
        kinds: tuple[Kind, ...] = ("any", "order")
        for false in (
            false for kind in kinds for false in contradict_phrases(names, "sequence", number, 3, kind)
        ):
            # Two sounds have no third order.
            known[false.text] = Claim(false.claimed, names[::-1])
    return known


@pytest.fixture(scope="module")
def many() -> Asked:
    """All pairs of 24 recordings of four names; of few sources, so intervals are wide, not narrow."""
    events = [Event(name, f"{name} {take}", f"{name} {take}", "test") for name in SEEN for take in range(6)]
    pairs = draw_pairs(events, 1000)
    items = draw_items(pairs, SEEN)
    captions = captions_of(pairs, [f"pair {number}" for number in range(len(pairs))], "any")
    return Asked(pairs, draw_triples(events, 200), items, captions, Crackle(rate=200))


@pytest.mark.parametrize("task", TASKS)
def test_a_perfect_model_scores_one(task: str, asked: Asked, told: dict[str, Claim]) -> None:
    rows = TASKS[task](Perfect(told), asked)
    assert [row for row in rows if (row.value, row.low, row.high) != (1, 1, 1)] == []
    assert sum(row.slice == "all" for row in rows) == ROWS[task]


@pytest.mark.parametrize("task", TASKS)
def test_a_random_model_is_at_chance(task: str, many: Asked) -> None:
    rows = [row for row in TASKS[task](Random(), many) if row.slice == "all"]
    assert len(rows) == ROWS[task]
    for row in rows:
        assert row.n >= 200
        assert row.low <= row.chance <= row.high, row
        # The interval is of recordings, which say nothing here, and is wider than chance is.
        assert abs(row.value - row.chance) < 4 * math.sqrt(row.chance * (1 - row.chance) / row.n), row


@pytest.mark.parametrize("task", TASKS)
def test_a_model_deaf_to_order_ties_and_ties_are_wrong(
    task: str, asked: Asked, told: dict[str, Claim]
) -> None:
    if task == "captions":
        # Others are false of which sounds there are together, and so for the deaf not all are alike.
        recordings = [str(item.sound) for item in asked.captions]
        rows = captioned.evaluate(Deaf(told), captions_of(asked.pairs, recordings, "order"))
    else:
        rows = TASKS[task](Deaf(told), asked)
    assert [row for row in rows if row.value != 0] == []


@pytest.mark.parametrize(
    ("deaf", "decided"),
    [(DeafInSound, {"audio_to_text", "before", "after"}), (DeafInText, {"text_to_audio"})],
)
@pytest.mark.parametrize("task", ["t_classify", "compa and tact", "three_events", "wordings", "sweeps"])
def test_a_model_deaf_on_one_side_is_exactly_at_chance(
    task: str, deaf: type[Deaf], decided: set[str], asked: Asked, told: dict[str, Claim]
) -> None:
    # All orders being one to it, it gives all the same answer, which is true of one of them.
    for row in TASKS[task](deaf(told), asked):
        exact = row.chance if row.metric in decided else 0
        assert (row.value, row.low, row.high) == pytest.approx((exact,) * 3, abs=1e-12), row


def test_a_model_deaf_in_sound_is_right_of_one_variant_in_three(asked: Asked, told: dict[str, Claim]) -> None:
    rows = [row for row in order_tasks_of_zste(DeafInSound(told), asked) if row.slice == "all"]
    found = {(row.task, row.metric): row for row in rows}
    for task in ("zste_3", "zste_4"):
        variants = [found[task, name].value for name in ("forward", "reversed", "overlay")]
        assert sum(variants) == pytest.approx(1)
    assert found["zste_3", "forward"].chance == pytest.approx(1 / 3)
    assert found["zste_5", "forward"].value + found["zste_5", "reversed"].value <= 1


def test_the_deaf_model_knows_the_sounds(asked: Asked, told: dict[str, Claim]) -> None:
    rows = zste.evaluate(Deaf(told), asked.items, asked.sounds)
    assert {row.value for row in rows if row.task in ("zste_1", "zste_2")} == {1.0}
