"""Models with one trunk hear a sound once: its features are remembered while they are compared."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from torch import Tensor

from chronoclap.models.clap import Clap
from chronoclap.models.compact import CompactModel
from chronoclap.models.towers import Towers


class TrunkMemory:
    """Trunk features of windows, by what the windows hold.

    Args:
        limit_mb: how much to remember, megabytes; what comes after is computed anew each time.
    """

    def __init__(self, limit_mb: float = 4096) -> None:
        self.left = limit_mb * 1e6
        self._known: dict[bytes, Tensor] = {}

    def features(self, model: CompactModel, window: np.ndarray) -> Tensor:
        """`model.trunk_features(window)`, remembered."""
        key = hashlib.blake2b(window.tobytes(), digest_size=16).digest()
        if key in self._known:
            return self._known[key]
        features = model.trunk_features(window)
        self.left -= features.nbytes
        if self.left >= 0:
            self._known[key] = features
        return features


@contextmanager
def shared_trunks(embedders: Sequence[object]) -> Iterator[None]:
    """While it lasts, those of the embedders that are models of ours with equal trunks share what they hear.

    The trunk is nearly all of the work, so a second model that was trained from the same start costs little.
    Embeddings are the same to the bit.
    """
    alike: dict[tuple[str, str], list[Clap]] = {}
    for embedder in embedders:
        if isinstance(embedder, Clap) and isinstance(embedder.model, CompactModel):
            made_from = (trunk_digest(embedder.model), str(embedder.model.device))
            alike.setdefault(made_from, []).append(embedder)
    sharing = [claps for claps in alike.values() if len(claps) > 1]
    try:
        for claps in sharing:
            memory = TrunkMemory()
            for clap in claps:
                clap.memory = memory
        yield
    finally:
        for clap in (clap for claps in sharing for clap in claps):
            clap.memory = None


def trunk_digest(model: Towers) -> str:
    """What trunk features depend on: the front end and the trunk's weights."""
    if isinstance(model, CompactModel):
        digest, trunk = hashlib.sha256(repr(model.config.audio).encode()), model.audio.trunk.state_dict()
    else:
        digest = hashlib.sha256(repr(model.policy).encode())
        trunk = {} if model.ear is None else model.ear.state_dict()
    for tensor in trunk.values():
        digest.update(tensor.cpu().numpy().tobytes())
    return digest.hexdigest()
