"""Features of composed scenes: made once by worker processes, kept on disk, read in every later pass.

What of the audio tower is frozen makes of a scene the same in every pass: composing, log-mel and the frozen
parts run once per scene, in workers that stay ahead of the trainer.
"""

import hashlib
import multiprocessing
import signal
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import DTypeLike
from torch import Tensor

from chronoclap.models.towers import Towers
from chronoclap.models.trunks import trunk_digest
from chronoclap.training.economy import quick_arithmetic
from chronoclap.training.groups import Groups

AHEAD = 48  # groups in work or waiting: enough that no worker idles while the trainer takes a step

_groups: Groups
_model: Towers


def _start_worker(groups: Groups, model: Towers) -> None:
    global _groups, _model
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the trainer's to answer
    torch.set_num_threads(1)
    _groups, _model = groups, model


def _work(index: int) -> np.ndarray:
    return group_features(_groups, _model, index)


def group_features(groups: Groups, model: Towers, index: int) -> np.ndarray:
    """Features of the scenes of a group: (scenes, *model.features_shape), in `model.features_dtype`."""
    with quick_arithmetic():  # so that they are the same whoever makes them: a worker, or a trainer at work
        features = [model.trunk_features(sound) for sound in groups.rendered(index)]
    return torch.stack(features).to(model.features_dtype).numpy()


class FeatureStore:
    """Features of all groups of a run, by index.

    Args:
        directory: where `features.npy` is kept; a store already there is continued if it holds the same
            scenes.
        groups: makes the groups.
        model: its trunk is used, its other weights are not.
        workers: processes; 0 computes in this process, when asked.
    """

    def __init__(self, directory: Path, groups: Groups, model: Towers, workers: int) -> None:
        self.groups = groups
        self.model = model
        self.workers = workers
        self.waited = 0.0
        samples = round(groups.recipe.layout.seconds * model.rate)
        recipe = groups.recipe
        shape = (recipe.groups, recipe.scenes_per_group, *model.features_shape(samples))
        self._mark = directory / "made_from.txt"
        made_from = identity(groups, model)
        if not self._mark.is_file() or self._mark.read_text() != made_from:
            # A run that stopped before its first state leaves features behind: another run's are of no use
            # here.
            (directory / "done.npy").unlink(missing_ok=True)
        self.features = _memmap(
            directory / "features.npy", torch.empty(0, dtype=model.features_dtype).numpy().dtype, shape
        )
        self.done = _memmap(directory / "done.npy", np.bool_, shape[:1])
        self._mark.write_text(made_from)
        self._pool: ProcessPoolExecutor | None = None
        self._pending: dict[int, Future[np.ndarray]] = {}

    def batches(self, batches: Iterable[np.ndarray]) -> Iterator[Tensor]:
        """Features of one batch of group indices after another: (scenes, *features_shape) float32.

        Groups of later batches are computed while earlier ones are trained on; `waited` adds up the seconds
        for which the caller had to wait.
        """
        queue: list[np.ndarray] = []
        source = iter(batches)
        try:
            while True:
                while len(queue) < 2 or len(self._pending) < AHEAD:
                    batch = next(source, None)
                    if batch is None:
                        break
                    queue.append(batch)
                    self._request(batch)
                    if len(queue) > AHEAD:
                        break
                if not queue:
                    return
                batch = queue.pop(0)
                self._collect(batch)
                yield torch.from_numpy(self.features[batch].astype(np.float32)).flatten(0, 1)
        finally:
            self.close()

    def _request(self, batch: np.ndarray) -> None:
        missing = [int(i) for i in batch if not self.done[i] and i not in self._pending]
        if not missing or not self.workers:
            return
        if self._pool is None:
            # Spawned, not forked: a forked copy of a process with threads can hang.
            context = multiprocessing.get_context("spawn")
            arguments = (self.groups, self.model.trunk_only())
            self._pool = ProcessPoolExecutor(self.workers, context, _start_worker, arguments)
        for index in missing:
            self._pending[index] = self._pool.submit(_work, index)

    def _collect(self, batch: np.ndarray) -> None:
        start = time.perf_counter()
        for index in (int(i) for i in batch if not self.done[i]):
            future = self._pending.pop(index, None)
            made = group_features(self.groups, self.model, index) if future is None else future.result()
            self.features[index] = made
            self.done[index] = True
        self.waited += time.perf_counter() - start

    def close(self) -> None:
        """Stop the workers; what is done stays on disk."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None
        self._pending.clear()

    def remove(self) -> None:
        """Delete the files: they can be made again."""
        for path in (Path(str(self.features.filename)), Path(str(self.done.filename)), self._mark):
            path.unlink(missing_ok=True)
        self._mark.parent.rmdir()


def identity(groups: Groups, model: Towers) -> str:
    """A digest of what features depend on: the sound of the groups, front end and trunk."""
    return hashlib.sha256(repr((groups.origin(), trunk_digest(model))).encode()).hexdigest()


def _memmap(path: Path, dtype: DTypeLike, shape: tuple[int, ...]) -> np.memmap:
    """A zero-filled array on disk, or the one already there if it has this shape."""
    if path.is_file():
        kept = np.lib.format.open_memmap(path, mode="r+")
        if kept.shape == shape and kept.dtype == dtype:
            return kept
    path.parent.mkdir(parents=True, exist_ok=True)
    return np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
