"""Corpora from their publishers: downloaded with patience, checked, and unpacked to what `corpora` reads."""

import errno
import json
import shlex
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from chronoclap.data import archives
from chronoclap.data.download import PATIENT, Client, Patience, Remote, fetch_file, size_of
from chronoclap.errors import DataError
from chronoclap.files import replacing

GB, MB = 1e9, 1e6
MARKER = ".fetched"  # in a corpus's folder: which files are done, and what each became
UNPACKED = 1.8  # bytes that a byte of an archive becomes, at most: recordings pack badly


@dataclass(frozen=True, slots=True)
class Corpus:
    """A corpus as its publisher gives it away.

    Attributes:
        folder: the name of its folder.
        files: lists its files.
        size: of the download, in bytes, roughly.
        holds: what it is.
        licence: of it.
        inside: the folder in its archive that becomes the corpus's.
        lacks: what is not fetched, and what to do about it.
    """

    folder: str
    files: Callable[[Client], list[Remote]]
    size: float
    holds: str
    licence: str
    inside: str = ""
    lacks: str = ""


# What there is


def zenodo(record: int) -> Callable[[Client], list[Remote]]:
    """Lists the files of a record of Zenodo, by its number."""

    def files(client: Client) -> list[Remote]:
        listed = client.read_json(f"https://zenodo.org/api/records/{record}")["files"]
        return [Remote(one["key"], one["links"]["self"], one["size"], one["checksum"]) for one in listed]

    return files


def hub(dataset: str, folder: str, but: Sequence[str] = ()) -> Callable[[Client], list[Remote]]:
    """Lists a folder of a data set on the Hugging Face hub, but the files of some names."""

    def files(client: Client) -> list[Remote]:
        place = f"https://huggingface.co/api/datasets/{dataset}/tree/main/{folder}?recursive=true"
        return [
            Remote(
                one["path"],
                f"https://huggingface.co/datasets/{dataset}/resolve/main/{quote(one['path'])}",
                one["size"],
                f"sha256:{one['lfs']['oid']}" if one.get("lfs") else f"git:{one['oid']}",
            )
            for one in client.read_json(place)
            if one["type"] == "file" and PurePosixPath(one["path"]).name not in but
        ]

    return files


def at(address: str, *names: str) -> Callable[[Client], list[Remote]]:
    """Files of which nothing is known but where they are."""
    return lambda client: [Remote(name, f"{address}/{name}") for name in names]


def youtube(named: str) -> str:
    """Says that recordings are not fetched, and how to name one's own."""
    return (
        "The recordings are YouTube's and are not fetched: put yours into {folder}, at any depth, named "
        f"{named}."
    )


PUBLISHED: dict[str, Corpus] = {
    "esc50": Corpus(
        "ESC-50",
        at("https://github.com/karolpiczak/ESC-50/archive", "master.zip"),
        0.65 * GB,
        "2,000 recordings of 50 classes",
        "CC BY-NC 3.0",
        inside="ESC-50-master",
    ),
    "urbansound8k": Corpus(
        "UrbanSound8K",
        zenodo(1203745),
        6.0 * GB,
        "8,732 recordings of 10 classes",
        "CC BY-NC",
        inside="UrbanSound8K",
    ),
    "fsd50k": Corpus(
        "FSD50K",
        zenodo(4060432),
        24.7 * GB,
        "51,197 recordings of 200 classes",
        "CC BY 4.0 as a whole; each recording CC0, CC BY, CC BY-NC or CC Sampling+",
    ),
    "clotho": Corpus(
        "Clotho",
        zenodo(4783391),
        7.0 * GB,
        "5,929 recordings with five captions each",
        "recordings as on Freesound (Creative Commons); captions for non-commercial use",
    ),
    "audiocaps": Corpus(
        "AudioCaps",
        at(
            "https://raw.githubusercontent.com/cdjkim/audiocaps/master",
            "dataset/train.csv",
            "dataset/val.csv",
            "dataset/test.csv",
        ),
        5 * MB,
        "57,000 captions, without the recordings",
        "for academic use",
        lacks=youtube("VIDEO.wav or VIDEO_START.wav, START in seconds"),
    ),
    "audioset-strong": Corpus(
        "AudioSet-strong",
        at(
            "https://storage.googleapis.com/us_audioset/youtube_corpus/strong",
            "audioset_train_strong.tsv",
            "audioset_eval_strong.tsv",
            "mid_to_display_name.tsv",
        ),
        50 * MB,
        "what is heard from when to when in 120,459 clips, without the recordings",
        "CC BY 4.0",
        lacks=youtube("VIDEO_START.wav, START in milliseconds, as in the tables"),
    ),
    "wavcaps": Corpus(
        "WavCaps",
        hub("cvssp/WavCaps", "json_files", but=["fsd_final_2s.json"]),  # rows of fsd_final.json once more
        0.18 * GB,
        "403,050 captions, without the recordings",
        "for academic use",
        lacks="The recordings, hundreds of gigabytes, are not fetched: get those you want from "
        "https://huggingface.co/datasets/cvssp/WavCaps and put them into {folder}, at any depth.",
    ),
    "vggsound": Corpus(
        "VGGSound",
        at("https://www.robots.ox.ac.uk/~vgg/data/vggsound", "vggsound.csv"),
        10 * MB,
        "labels of 200,000 clips of 309 classes, without the recordings",
        "CC BY 4.0",
        lacks=youtube("VIDEO_START.wav, START in seconds, with six digits"),
    ),
}
"""By the name that stands before the colon where a manifest is asked for."""


def listing() -> str:
    """What can be fetched: a line for each corpus with its name, size, content and licence."""
    return "\n".join(
        f"  {name:15} {said(corpus.size):>8}  {corpus.holds}; {corpus.licence}"
        for name, corpus in PUBLISHED.items()
    )


def said(size: float) -> str:
    """A size in bytes as people say it."""
    return f"{size / GB:.1f} GB" if size >= GB / 10 else f"{size / MB:.1f} MB"


def next_step(name: str, folder: Path) -> str:
    """What to do with a corpus that was fetched to a folder."""
    lacks = PUBLISHED[name].lacks.format(folder=folder)
    check = f"chronoclap data check {shlex.quote(f'{name}:{folder}')}"
    return f"{lacks}\nThen: {check}" if lacks else f"Next: {check}"


# Fetching


def fetch_corpus(
    name: str,
    out: Path,
    tell: Callable[[str], object],
    base: str | None = None,
    patience: Patience = PATIENT,
) -> Path:
    """Download a corpus and unpack it. What is there already and right is not downloaded again.

    Args:
        name: one of `PUBLISHED`.
        out: the folder that the corpus's folder is put into.
        tell: is told, in a line, what is going on.
        base: scheme and host of a mirror that has everything at the publishers' paths; None: the publishers.
        patience: with them.

    Returns:
        The corpus's folder.

    Raises:
        DataError: there is no such corpus, the disk is too small, a publisher does not answer or sends a
            damaged file twice, or something else lies where the corpus belongs.
    """
    if name not in PUBLISHED:
        raise DataError(f"There is no corpus {name!r} to fetch. There are:\n{listing()}")
    corpus = PUBLISHED[name]
    folder = out / corpus.folder
    whole, done = _read_marker(folder)
    if whole and all(_there(folder, made) for made in done.values()):
        tell(f"{name} is there already: {folder}")
        return folder
    client = Client(tell, base, patience)
    try:
        remotes = corpus.files(client)
    except (KeyError, TypeError) as error:
        raise DataError(f"{name}: its publisher lists its files in a new form ({error!r}).") from error
    groups: dict[str, list[Remote]] = {}
    for remote in sorted(remotes, key=lambda one: one.name):  # parts of an archive in their order: z01, zip
        archives.check_name(remote.name, name)
        groups.setdefault(archives.archive_of(remote.name), []).append(remote)
    waiting = [key for key in groups if not (key in done and _there(folder, done[key]))]
    if any(key.endswith(".7z") for key in waiting):
        archives.import_7z()  # before gigabytes are downloaded in vain
    rest = _check_space(corpus, folder, [remote for key in waiting for remote in groups[key]])
    tell(f"{name}: about {said(rest)} to download; {corpus.licence}.")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        for key, group in groups.items():
            files = [folder / remote.name for remote in group]
            if key in waiting:
                for remote, file in zip(group, files, strict=True):
                    fetch_file(client, remote, file)
                done[key] = _unpack(files, folder, corpus.inside) if archives.is_archive(key) else [key]
                _write_marker(folder, False, done)
            if archives.is_archive(key):
                for file in files:
                    file.unlink(missing_ok=True)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise DataError(f"{folder}: the disk is full. Make room and run this again to go on.") from error
    _write_marker(folder, True, done)
    return folder


def _check_space(corpus: Corpus, folder: Path, remotes: Sequence[Remote]) -> float:
    """Bytes that are still to be downloaded.

    Raises:
        DataError: they, and what they unpack to, do not fit on the disk.
    """
    known = [(one.name, one.size) for one in remotes if one.size is not None]
    rest, packed = corpus.size, corpus.size if any(archives.is_archive(one.name) for one in remotes) else 0.0
    if len(known) == len(remotes):
        here = [max(size_of(folder / name), size_of(folder / f"{name}.part")) for name, _ in known]
        rest = sum(max(0, size - have) for (_, size), have in zip(known, here, strict=True))
        packed = sum(size for name, size in known if archives.is_archive(archives.archive_of(name)))
    need = rest + UNPACKED * packed
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    free = shutil.disk_usage(there).free
    if free < need:
        raise DataError(
            f"{folder}: {said(need)} are needed to download and unpack, and {said(free)} are free. Make "
            "room, or name another disk with --out."
        )
    return rest


def _unpack(files: Sequence[Path], folder: Path, inside: str) -> list[str]:
    """Unpack an archive into a corpus's folder; the names of what came out of it."""
    archive = files[-1]
    ready = folder / f".{archive.name}.unpacked"
    if not ready.exists():  # else an earlier run was stopped while it moved things
        work = folder / f".{archive.name}.unpacking"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        try:
            archives.unpack(files, work)
            work.rename(ready)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    root = ready / inside
    if not root.is_dir():
        shutil.rmtree(ready)
        raise DataError(f"{archive} holds no folder {inside}: its publisher has changed it.")
    names = sorted(path.name for path in root.iterdir())
    for name in names:
        if (folder / name).exists():
            raise DataError(f"{folder / name} is there already: move it away, then run this again.")
        (root / name).rename(folder / name)
    shutil.rmtree(ready)
    return names


def _there(folder: Path, names: Sequence[str]) -> bool:
    return all((folder / name).exists() for name in names)


def _read_marker(folder: Path) -> tuple[bool, dict[str, list[str]]]:
    """Whether all is done, and what each file became that is."""
    try:
        read = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        return bool(read["whole"]), dict(read["files"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return False, {}


def _write_marker(folder: Path, whole: bool, done: dict[str, list[str]]) -> None:
    with replacing(folder / MARKER) as new:
        new.write_text(json.dumps({"whole": whole, "files": done}, indent=1), encoding="utf-8")
