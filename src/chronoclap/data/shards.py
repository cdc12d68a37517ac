"""Scenes as WebDataset shards: tar files whose bytes follow from the seed, whoever writes them.

A sample is two members of a tar with one key: `00000012.flac`, the sound, and `00000012.json`, the scene with
its captions. Beside each finished shard stands its SHA-256, in the form that `sha256sum --check` reads.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from chronoclap.errors import DataError
from chronoclap.files import replacing
from chronoclap.scenes import Scene, Sounds, contradict, describe, render

Members = list[tuple[str, bytes]]
"""Names and contents of the members of a tar."""

MakeGroup = Callable[[int], Iterable[Scene]]
"""The scenes of a group, by its number."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What a shard holds of a scene.

    Attributes:
        key: its number in the whole set, eight digits.
        audio: (n,) float32 in [-1, 1].
        rate: in Hz.
        scene: group, split, relation, caption, contradictions, seconds, and the events with onset and end in
            seconds and source.
    """

    key: str
    audio: np.ndarray
    rate: int
    scene: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """Which scenes stand in which shard.

    Attributes:
        scenes: of the whole set.
        per_group: scenes that are made together.
        shards: how many.
    """

    scenes: int
    per_group: int
    shards: int

    def __post_init__(self) -> None:
        if not 1 <= self.shards <= self.groups:
            raise DataError(
                f"{self.shards} shards for {self.scenes} scenes: give 1 to {self.groups}, for scenes are "
                f"made {self.per_group} at a time."
            )

    @property
    def groups(self) -> int:
        """Groups of the whole set; of the last, some scenes may be left out."""
        return -(-self.scenes // self.per_group)

    def of_shard(self, shard: int) -> range:
        """The groups of a shard, 0 <= shard < shards."""
        return range(self.groups * shard // self.shards, self.groups * (shard + 1) // self.shards)

    def name(self, shard: int) -> str:
        """The file of a shard."""
        return f"scenes-{shard:05d}-of-{self.shards:05d}.tar"


def group_members(make: MakeGroup, plan: Plan, sounds: Sounds, seed: int, group: int) -> Members:
    """A group's scenes as members of a tar."""
    members: Members = []
    for place, scene in enumerate(make(group)):
        number = group * plan.per_group + place
        if number < plan.scenes:
            members += scene_members(scene, sounds, seed, number, group)
    return members


def scene_members(scene: Scene, sounds: Sounds, seed: int, number: int, group: int) -> Members:
    """A scene as members of a tar: 16-bit FLAC and JSON."""
    caption, contradictions = captions_of(scene, seed, number)
    said = {
        "group": group,
        "split": scene.events[0].split,
        "relation": scene.relation,
        "caption": caption,
        "contradictions": contradictions,
        "seconds": scene.seconds,
        "events": [
            {
                "phrase": placed.event.phrase,
                "onset": placed.onset,
                "end": placed.end,
                "source": placed.event.source,
            }
            for placed in scene.in_order
        ],
    }
    sound = io.BytesIO()
    soundfile.write(sound, render(scene, sounds), sounds.rate, format="FLAC", subtype="PCM_16")
    text = json.dumps(said, ensure_ascii=False, indent=1).encode()
    return [(f"{number:08d}.flac", sound.getvalue()), (f"{number:08d}.json", text)]


def captions_of(scene: Scene, seed: int, number: int) -> tuple[str, list[str]]:
    """The caption of scene `number` of a set, and two that are false of it."""
    words = int(np.random.default_rng([seed, 7, number]).integers(2**31))
    return describe(scene, words).text, [caption.text for caption in contradict(scene, words, n=2)]


def seconds_in(members: Members) -> float:
    """Seconds of sound in members of a tar."""
    return sum(float(json.loads(content)["seconds"]) for name, content in members if name.endswith("json"))


def made_of(origin: object, rate: int) -> str:
    """A digest of what the scenes of a set depend on."""
    return hashlib.sha256(repr((origin, rate)).encode()).hexdigest()


def write_shard(path: Path, groups: Iterable[Members]) -> None:
    """Write a shard whole, and then its hash; what is there is replaced."""
    part = path.with_name(f".{path.name}.part")  # of one name, so that the next run replaces a killed one's
    digest = hashlib.sha256()
    with (
        part.open("wb") as file,
        tarfile.open(fileobj=_Hashed(file, digest), mode="w|", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for members in groups:
            for name, content in members:
                header = tarfile.TarInfo(name)  # of no time and no user: the same bytes for everyone
                header.size = len(content)
                tar.addfile(header, io.BytesIO(content))
    part.replace(path)
    with replacing(_hash_file(path)) as hashed:
        hashed.write_text(f"{digest.hexdigest()}  {path.name}\n")


class _Hashed(io.RawIOBase):
    """A file that hashes what is written to it."""

    def __init__(self, file: Any, digest: Any) -> None:
        self.file, self.digest = file, digest

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.digest.update(data)
        return int(self.file.write(data))


def is_whole(path: Path) -> bool:
    """Whether a shard is there as its hash says."""
    hashed = _hash_file(path)
    if not path.is_file() or not hashed.is_file():
        return False
    with path.open("rb") as file:
        return hashed.read_text().split()[:1] == [hashlib.file_digest(file, "sha256").hexdigest()]


def said_hash(path: Path) -> str:
    """The SHA-256 that stands beside a shard.

    Raises:
        DataError: there is none.
    """
    try:
        return _hash_file(path).read_text().split()[0]
    except (OSError, IndexError) as error:
        raise DataError(
            f"{path} has no {_hash_file(path).name} beside it: copy it too, or compose the shard again."
        ) from error


def _hash_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


@dataclass(frozen=True, slots=True)
class Stored:
    """Where the two members of a sample lie.

    Attributes:
        path: the shard.
        key: of the sample.
        members: by kind, "flac" and "json", where its bytes begin and how many they are.
    """

    path: Path
    key: str
    members: dict[str, tuple[int, int]]

    def scene(self) -> dict[str, Any]:
        """What is said of the scene."""
        try:
            return dict(json.loads(self._bytes("json")))
        except (OSError, ValueError, TypeError) as error:
            raise _broken(self.path, error) from error

    def sample(self) -> Sample:
        """The scene with its sound."""
        try:
            audio, rate = soundfile.read(io.BytesIO(self._bytes("flac")), dtype="float32")
        except (OSError, soundfile.LibsndfileError) as error:
            raise _broken(self.path, error) from error
        return Sample(self.key, audio, rate, self.scene())

    def _bytes(self, kind: str) -> bytes:
        start, size = self.members[kind]
        with self.path.open("rb") as file:
            file.seek(start)
            return file.read(size)


def find_shards(folder: Path) -> list[Path]:
    """The shards in a folder, in order; none where it holds no such thing."""
    return sorted(folder.glob("scenes-*-of-*.tar"))


def stored_in(paths: Iterable[Path]) -> Iterator[Stored]:
    """Where the samples of shards lie, one after the other; no sound is read.

    Raises:
        DataError: a file is no shard, or is cut off; the text names it.
    """
    for path in paths:
        try:
            size = path.stat().st_size
            with tarfile.open(path, mode="r:") as tar:
                found: dict[str, tuple[int, int]] = {}
                for member in tar:
                    key, _, kind = member.name.partition(".")
                    found[kind] = member.offset_data, member.size
                    if member.offset_data + member.size > size:
                        raise tarfile.ReadError("unexpected end of data")
                    if {"flac", "json"} <= found.keys():
                        yield Stored(path, key, found)
                        found = {}
        except (OSError, tarfile.TarError) as error:
            raise _broken(path, error) from error


def read_shards(paths: Iterable[Path]) -> Iterator[Sample]:
    """The samples of shards, one after the other.

    Raises:
        DataError: a file is no shard, or is cut off; the text names it.
    """
    for stored in stored_in(paths):
        yield stored.sample()


def _broken(path: Path, error: Exception) -> DataError:
    return DataError(f"{path}: not a whole shard of scenes ({error}); write it again.")
