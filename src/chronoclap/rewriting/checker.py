"""Whether a text contradicts a caption: the same events, another truth, and no other wording of the same."""

from chronoclap.rewriting.reading import Read, read_caption
from chronoclap.rewriting.words import content, words_of


def objection(caption: str, candidate: str) -> str | None:
    """What speaks against a candidate for a contradiction.

    Args:
        caption: what is true.
        candidate: what should be false, of the same events.

    Returns:
        A reason, or None where there is none.
    """
    if words_of(caption) == words_of(candidate):
        return "it is the caption itself"
    wanted, found = content(caption), content(candidate)
    if lost := wanted - found:
        return f"it leaves out {', '.join(sorted(lost))}"
    if new := found - wanted:
        return f"it adds {', '.join(sorted(new))}"
    true, told = read_caption(caption), read_caption(candidate)
    if not told.joints:
        return "it tells no order"
    if timeline(true) == timeline(told):
        return "it tells the same order in other words"
    return None


def timeline(read: Read) -> list[frozenset[tuple[str, int]]]:
    """The contents of the parts in the order in which they sound, those at once together."""
    return [frozenset(content(" ".join(parts)).items()) for parts in read.in_time()]
