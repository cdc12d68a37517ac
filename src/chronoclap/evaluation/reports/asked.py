"""What was asked, by names and wherever recordings lie, so that two reports can be seen to ask the same."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from chronoclap.evaluation.items import Pair, event_record, pair_record
from chronoclap.evaluation.published import Captioned
from chronoclap.evaluation.recordings import recording_name
from chronoclap.evaluation.suites import Asked
from chronoclap.evaluation.tasks.zste_items import items_text, moved
from chronoclap.scenes.event import Event


def asked_text(asked: Asked | Captioned) -> str:
    """What was asked, as JSON: recordings, names, captions, and what was drawn of them."""
    content = _captioned(asked) if isinstance(asked, Captioned) else _drawn(asked)
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _drawn(asked: Asked) -> dict[str, Any]:
    """Pairs and triples, items of ZSTE, and the recordings where all of them are asked about."""
    every = not {"temporal", "retrieval"}.isdisjoint(asked.suites)
    return {
        "suites": asked.suites,
        "labels": asked.labels,
        "esc50": asked.esc50,
        "recordings": [event_record(_named(event)) for event in asked.events if every],
        "pairs": [pair_record(Pair(_named(pair.first), _named(pair.second))) for pair in asked.pairs],
        "triples": [[event_record(_named(event)) for event in triple.events] for triple in asked.triples],
        "zste": None if asked.items is None else json.loads(items_text(moved(asked.items, _named))),
    }


def _captioned(asked: Captioned) -> dict[str, Any]:
    """For each item its recordings and texts, what is true first."""
    items: list[dict[str, Sequence[str]]] = []
    for clip in asked.clips:
        texts = [clip.caption, *(clip.contradictions or ())]
        items.append({"recordings": [recording_name(clip.recording)], "texts": texts})
    for scene in asked.scenes:
        stored = scene.sound
        name = recording_name(stored) if isinstance(stored, str) else f"{stored.path.name}:{stored.key}"
        items.append({"recordings": [name], "texts": [scene.caption, *scene.contradictions]})
    for item in asked.items:
        names = [recording_name(recording) for recording in item.recordings]
        items.append({"recordings": names, "texts": item.captions})
    return {"suites": [asked.suite], "items": items}


def _named(event: Event) -> Event:
    return replace(event, recording=recording_name(event.recording))
