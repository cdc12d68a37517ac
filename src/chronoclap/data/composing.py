"""Scenes written: as WAV files with a table of their captions, or as shards, by the processes of this machine
or on a cluster."""

import csv
import multiprocessing
import os
import signal
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import soundfile
from tqdm.auto import tqdm

from chronoclap.data.cluster import write_on_ray
from chronoclap.data.shards import (
    MakeGroup,
    Members,
    Plan,
    captions_of,
    group_members,
    is_whole,
    made_of,
    seconds_in,
    write_shard,
)
from chronoclap.errors import DataError
from chronoclap.files import replacing
from chronoclap.scenes import Scene, Sounds, render

if TYPE_CHECKING:
    from chronoclap.training.groups import Grouper

SEPARATOR = " | "  # between the items of a list in one field of captions.csv
CAPTION_COLUMNS = ("path", "relation", "caption", "contradictions", "events", "onsets")


def write_scenes(scenes: Iterable[Scene], sounds: Sounds, seed: int, out: Path) -> None:
    """Write scenes as 16-bit WAV files with captions.csv; the folder appears whole or not at all.

    Args:
        scenes: the scenes.
        sounds: where their recordings come from.
        seed: chooses the wordings.
        out: a folder that is not there yet, or is empty.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as temporary:
        new = Path(temporary) / "new"
        new.mkdir()
        with (new / "captions.csv").open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            table.writerow(CAPTION_COLUMNS)
            for index, scene in enumerate(scenes):
                name = f"{index:05d}.wav"
                soundfile.write(new / name, render(scene, sounds), sounds.rate, subtype="PCM_16")
                caption, false = captions_of(scene, seed, index)
                phrases = [placement.event.phrase for placement in scene.in_order]
                onsets = [f"{placement.onset:.3f}" for placement in scene.in_order]
                lists = (SEPARATOR.join(items) for items in (false, phrases, onsets))
                table.writerow([name, scene.relation, caption, *lists])
        if out.exists():
            out.rmdir()
        new.rename(out)


def write_shards(
    grouper: "Grouper",
    plan: Plan,
    shard: int | None,
    workers: int | None,
    out: Path,
    engine: Literal["local", "ray"] = "local",
) -> tuple[int, float]:
    """Write the shards of a set that are not there yet.

    Args:
        grouper: makes the scenes.
        plan: of the whole set.
        shard: the only one to write; None: all.
        workers: processes; None: one per core; 0: none beside this one.
        out: the folder.
        engine: "local": processes of this machine; "ray": tasks of Ray Data.

    Returns:
        How many were written, and the seconds of sound in them.

    Raises:
        DataError: there is no such shard, or the folder holds shards of another set.
    """
    if shard is not None and shard >= plan.shards:
        raise DataError(f"--shard {shard}: of {plan.shards} shards the last is {plan.shards - 1}.")
    out.mkdir(parents=True, exist_ok=True)
    mark, made_from = out / "made_from.txt", f"{made_of(grouper.origin(), grouper.sounds.rate)} {plan}\n"
    if mark.exists() and mark.read_text() != made_from:
        raise DataError(
            f"{out} holds shards of another set (data, seed, number of scenes): name another --out."
        )
    with replacing(mark) as new:
        new.write_text(made_from)
    missing = [
        number
        for number in (range(plan.shards) if shard is None else [shard])
        if not is_whole(out / plan.name(number))
    ]
    every = default_workers() if workers is None else workers
    work = grouper.group, plan, grouper.sounds, grouper.seed
    seconds = 0.0
    if engine == "ray":
        if missing:
            written = write_on_ray(*work, missing, out.resolve(), workers)
            for lasting in tqdm(written, total=len(missing), desc="composing", unit="shard"):
                seconds += lasting
        return len(missing), seconds
    composers = Composers(*work, every)
    total = sum(len(plan.of_shard(number)) for number in missing)
    try:
        with tqdm(total=total, desc="composing", unit="group", disable=not total) as bar:
            for number in missing:

                def counted(number: int = number) -> Iterator[list[tuple[str, bytes]]]:
                    nonlocal seconds
                    for members in composers.groups(plan.of_shard(number)):
                        seconds += seconds_in(members)
                        yield members
                        bar.update()

                write_shard(out / plan.name(number), counted())
    finally:
        composers.close()
    return len(missing), seconds


def default_workers() -> int:
    """One process per core that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_work: tuple[MakeGroup, Plan, Sounds, int]


def _start(make: MakeGroup, plan: Plan, sounds: Sounds, seed: int) -> None:
    global _work
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that writes
    _work = make, plan, sounds, seed


def _group(group: int) -> Members:
    make, plan, sounds, seed = _work
    return group_members(make, plan, sounds, seed, group)


class Composers:
    """Worker processes that make groups, in order and a few ahead of the one who writes.

    Args:
        make, plan, sounds, seed: of the set; `make` uses `sounds` too.
        workers: processes; 0 works here.
    """

    def __init__(self, make: MakeGroup, plan: Plan, sounds: Sounds, seed: int, workers: int) -> None:
        self.work = make, plan, sounds, seed
        self.ahead = 4 * workers
        # Spawned, not forked: a forked copy of a process with threads can hang.
        context = multiprocessing.get_context("spawn")
        self.pool = ProcessPoolExecutor(workers, context, _start, self.work) if workers else None

    def groups(self, numbers: Iterable[int]) -> Iterator[Members]:
        """Members of one group after another."""
        if self.pool is None:
            make, plan, sounds, seed = self.work
            yield from (group_members(make, plan, sounds, seed, number) for number in numbers)
            return
        pending: deque[Future[Members]] = deque()
        for number in numbers:
            pending.append(self.pool.submit(_group, number))
            if len(pending) > self.ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()

    def close(self) -> None:
        """Stop the processes."""
        if self.pool is not None:
            self.pool.shutdown(wait=False, cancel_futures=True)
