"""Which pairs of events training never hears together, so that evaluation can ask for new combinations."""

import hashlib

HELD_OUT_ONE_IN = 10


def held_out_pair(a: str, b: str) -> bool:
    """Whether training must not compose these two phrases: about one unordered pair in ten.

    The answer depends on the phrases alone (case and outer blanks aside), so every machine and every run
    agrees.

    Args:
        a: phrase of one event.
        b: phrase of the other; the order of the two does not matter.
    """
    key = "\n".join(sorted((a.strip().casefold(), b.strip().casefold())))
    digest = hashlib.sha256(key.encode()).digest()
    return int.from_bytes(digest[:8], "big") % HELD_OUT_ONE_IN == 0
