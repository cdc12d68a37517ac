"""Captions that somebody wrote, read as training wants them: what is said, what contradicts it, and where in
it the events are named.

Source: T-CLAP's first pipeline, which contradicts the captions of real clips (arXiv 2404.17806).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from chronoclap.rewriting.reading import Read, read_caption
from chronoclap.scenes import Caption, Claim, Relation, claim


@dataclass(frozen=True, slots=True)
class Told:
    """A caption as it was read.

    Attributes:
        text: the caption, with its parts as the events that it names.
        contradictions: of the same events, false where the caption is true.
        claim: what it says.
        parts: the words of its events in order of time, of those at once side by side.
    """

    text: Caption
    contradictions: tuple[Caption, ...]
    claim: Claim
    parts: tuple[tuple[str, ...], ...]


def told(text: str, contradictions: Sequence[str] = ()) -> Told:
    """Read a caption.

    Args:
        text: one or more sentences.
        contradictions: captions that are false where it is true, if there are any.
    """
    read = read_caption(text)
    parts = read.in_time()
    caption = _caption(read)
    said = [" and ".join(sorted(at_once)) for at_once in parts]
    known = claim(caption.claimed, parts[0] if caption.claimed == "overlap" else said)
    return Told(caption, tuple(_caption(read_caption(false)) for false in contradictions), known, parts)


def _caption(read: Read) -> Caption:
    """A caption with its parts as events, counted in the order in which they sound."""
    times = read.times()
    relation: Relation = "sequence" if len(set(times)) > 1 else "overlap" if len(times) > 1 else "single"
    # What sounds at once is one event to the ear, and is read as one.
    spans = tuple((start, end, time) for (start, end), time in zip(read.spans(), times, strict=True))
    return Caption(read.text, spans, relation)
