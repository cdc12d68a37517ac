"""Recordings in, mono float32 arrays out: decoding with libsndfile, down-mixing, resampling with soxr.

Files are read, checked, down-mixed and resampled block by block, so that a three-hour recording costs the
memory of its mono result and no more. soxr's streaming resampler gives the same samples as its one-shot call.
"""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import soundfile
import soxr

from chronoclap.errors import AudioError

AUDIO_SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff"})
"""By these a folder's recordings are known from its other files."""

BLOCK_SECONDS = 4.0
"""Length of the blocks in which a file is read; it changes speed and memory, never the result."""

MAX_CHANNELS = 64
"""An array with more columns than this and more columns than rows is refused as (channels, samples)."""

_READABLE = (
    "chronoclap reads WAV, FLAC, OGG (Vorbis, Opus), MP3 and AIFF; "
    "converting other recordings (m4a, aac, wma, video) to WAV or FLAC helps: `ffmpeg -i IN OUT.wav`"
)
_FETCH_AGAIN = "copy, download or export it again"

# libsndfile shortens a cut WAV, AIFF, AU, W64 or RF64 in silence; only its log tells what was promised.
_PROMISE = re.compile(r"^ *(?:data|SSND|Data Size|riff|Riff size) *: (\d+) \(should be (\d+)\)", re.MULTILINE)


class Waveform(NamedTuple):
    """Mono sound with its rate.

    Attributes:
        samples: (n,) float32, nominally in [-1, 1].
        rate: samples per second, in Hz.
    """

    samples: np.ndarray
    rate: int


AudioSource = str | os.PathLike[str] | Waveform | tuple[np.ndarray, int]
"""What is accepted as a recording: a path, or samples (n,) or (n, channels) with their rate in Hz."""


def decode(path: str | os.PathLike[str]) -> Waveform:
    """Decode a file at its own rate, its channels averaged into one.

    Args:
        path: a WAV, FLAC, OGG (Vorbis or Opus), MP3 or AIFF file, of any rate, length and number of channels.

    Returns:
        The samples, (n,) float32 with n >= 1, and the file's rate in Hz.

    Raises:
        AudioError: the file is missing, a folder, empty, cut off, not audio, or has NaN or infinity in it.
    """
    with _opened(path) as file:
        return Waveform(_join(_blocks(file, path), file.frames), file.samplerate)


def read_audio(source: AudioSource, rate: int) -> np.ndarray:
    """Read a recording as mono at the wanted rate.

    Args:
        source: a path (see `decode`), a `Waveform`, or a tuple (samples, rate in Hz) with samples of shape
            (n,) or (n, channels); signed integer samples are scaled to [-1, 1], floats are taken as they are.
        rate: the wanted rate in Hz.

    Returns:
        (m,) float32 with m >= 1; m is n times the ratio of the rates, rounded.

    Raises:
        AudioError: as for `decode`; or the array has no rate, no samples, the wrong shape or type, or NaN.
    """
    _check_rate(rate)
    if isinstance(source, str | os.PathLike):
        with _opened(source) as file:
            blocks = _resampled(_blocks(file, source), file.samplerate, rate)
            return _join(blocks, file.frames * rate / file.samplerate)
    samples, own_rate = _checked_array(source)
    return resample(samples, own_rate, rate)


def resample(samples: np.ndarray, rate: int, to: int) -> np.ndarray:
    """Change the rate of mono samples with soxr's high-quality recipe.

    Args:
        samples: (n,) float32.
        rate: their rate in Hz.
        to: the wanted rate in Hz.

    Returns:
        (m,) float32, m = n * to / rate rounded, at least 1 where n is; the input itself at equal rates.

    Raises:
        AudioError: a rate is not a whole number above zero.
    """
    _check_rate(rate)
    _check_rate(to)
    if rate == to or not samples.size:
        return samples
    return _join(_resampled([samples], rate, to), samples.size * to / rate)


def _resampled(blocks: Iterable[np.ndarray], rate: int, to: int) -> Iterator[np.ndarray]:
    if rate == to:
        yield from blocks
        return
    stream = soxr.ResampleStream(rate, to, 1, dtype="float32", quality="HQ")
    given, made, first = 0, 0, np.float32(0)
    for block in blocks:
        first = first if given else block[0]
        given += block.size
        part = stream.resample_chunk(block)
        made += part.size
        yield part
    tail = stream.resample_chunk(np.empty(0, np.float32), last=True)
    yield tail
    # Fewer samples than half a step of the new rate leave soxr with nothing: the first one stands for them.
    if given and not made + tail.size:
        yield np.full(1, first, np.float32)


@contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[soundfile.SoundFile]:
    where = Path(path)
    if not where.exists():
        raise AudioError(f"{path}: there is no such file; check the path.")
    if where.is_dir():
        raise AudioError(f"{path}: this is a folder; give the path of one recording.")
    if where.stat().st_size == 0:
        raise AudioError(f"{path}: the file is empty (0 bytes); {_FETCH_AGAIN}.")
    with _sound_file(where, where) as file:
        if file.format != "MP3":
            yield file
            return
    # Only through a stream of ours can be seen how far libsndfile reads.
    with where.open("rb") as stream, _sound_file(stream, where) as file:
        yield file
        _refuse_unread_mp3(stream, where)


def _sound_file(source: Path | BinaryIO, path: Path) -> soundfile.SoundFile:
    try:
        return soundfile.SoundFile(source)
    except soundfile.LibsndfileError as error:
        reason = error.error_string.strip().rstrip(".")
        raise AudioError(f"{path}: cannot be decoded ({reason}), it may be cut off. {_READABLE}.") from error
    except TypeError as error:  # soundfile's answer to headerless .raw files, whose rate nothing tells
        raise AudioError(f"{path}: raw samples without a header cannot be read. {_READABLE}.") from error


def _blocks(file: soundfile.SoundFile, path: str | os.PathLike[str]) -> Iterator[np.ndarray]:
    """Yield a file's mono float32 blocks, having checked that it is whole, finite and not empty."""
    _refuse_cut_container(file, path)
    length = max(1, int(BLOCK_SECONDS * file.samplerate))
    done = 0
    try:
        while (block := file.read(length, dtype="float32", always_2d=True)).size:
            mono = block[:, 0] if block.shape[1] == 1 else block.mean(axis=1, dtype=np.float32)
            if not np.isfinite(mono).all():
                at = (done + int(np.argmin(np.isfinite(mono)))) / file.samplerate
                raise AudioError(
                    f"{path}: a sample at {at:.3f} s is NaN or infinite; export it again, as integer PCM."
                )
            done += mono.size
            yield mono
    except soundfile.LibsndfileError as error:
        raise _cut_error(path, done, file.frames, file.samplerate) from error
    # Where an MP3 has no length tag its length is an estimate, off by a frame or two (1,152 samples each).
    slack = 2 * 1152 if file.format == "MP3" else 0
    if 0 < file.frames - done - slack < _UNKNOWN_LENGTH:
        raise _cut_error(path, done, file.frames, file.samplerate)
    if not done:
        raise AudioError(f"{path}: the file holds no samples; {_FETCH_AGAIN}.")


_UNKNOWN_LENGTH = 2**62  # libsndfile gives the largest 64-bit number for streams without a length


def _refuse_unread_mp3(stream: BinaryIO, path: Path) -> None:
    """Refuse MP3s of variable bit rate without a length tag: libsndfile ends where it guesses their end."""
    longest_frame = 1441
    rest = path.stat().st_size - stream.tell()
    following = stream.read(2)
    another_frame = len(following) == 2 and following[0] == 0xFF and following[1] >= 0xE0
    if another_frame and rest > 4 * longest_frame:
        raise AudioError(
            f"{path}: this MP3 has no length tag and only part of it can be read; convert it to WAV or FLAC."
        )


def _refuse_cut_container(file: soundfile.SoundFile, path: str | os.PathLike[str]) -> None:
    """Refuse files that libsndfile would shorten without a word."""
    if file.format == "OGG":
        if _ends_inside_ogg_page(Path(path)):
            raise _cut_error(path, file.frames, None, file.samplerate)
        return
    promise = _PROMISE.search(file.extra_info)
    if promise is None:
        return
    promised, present = int(promise[1]), int(promise[2])
    # Programs that write to a pipe leave a size near 2 or 4 GiB in the header: unknown, not cut off.
    unknown = any(0 <= limit - promised <= 4096 for limit in (2**31, 2**32))
    # One byte less is a missing pad byte.
    if not unknown and promised > present + 1:
        total = round(file.frames * promised / max(present, 1))
        raise _cut_error(path, file.frames, total, file.samplerate)


def _ends_inside_ogg_page(path: Path) -> bool:
    """Tell whether an Ogg file ends before its last page does (RFC 3533, section 6)."""
    header, longest_page = 27, 65_307
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - longest_page))
        tail = file.read()
    page = tail[tail.rfind(b"OggS") :]
    if len(page) < header:
        return True
    lacing = page[header : header + page[header - 1]]
    return len(lacing) < page[header - 1] or len(page) < header + len(lacing) + sum(lacing)


def _cut_error(path: str | os.PathLike[str], done: int, total: int | None, rate: int) -> AudioError:
    known = total is not None and total < _UNKNOWN_LENGTH
    of = f" of {total / rate:.2f} s" if total is not None and known else ""
    return AudioError(
        f"{path}: the file is cut off or damaged: {done / rate:.2f} s{of} can be read; {_FETCH_AGAIN}."
    )


def _join(blocks: Iterable[np.ndarray], expected: float) -> np.ndarray:
    """Put blocks into one growing array; a list and a concatenation would hold everything twice."""
    joined = np.empty(int(expected) + 1 if expected < _LONGEST_GUESS else 0, np.float32)
    done = 0
    for block in blocks:
        if done + block.size > joined.size:
            joined.resize(max(done + block.size, joined.size * 5 // 4), refcheck=False)
        joined[done : done + block.size] = block
        done += block.size
    joined.resize(done, refcheck=False)
    return joined


_LONGEST_GUESS = 2**33  # samples: beyond two days at 48 kHz a header's length is not believed beforehand


def _checked_array(source: Any) -> Waveform:
    if not (isinstance(source, tuple) and len(source) == 2):
        raise AudioError(
            f"a recording of type {type(source).__name__} cannot be read; "
            "give a path, or a tuple (samples, rate in Hz): an array without its rate means nothing."
        )
    rate = source[1]
    _check_rate(rate)
    samples = np.asarray(source[0])
    transposed = samples.ndim == 2 and MAX_CHANNELS < samples.shape[1] > samples.shape[0]
    if samples.ndim not in (1, 2) or transposed:
        raise AudioError(
            f"samples of shape {samples.shape} cannot be read; give (n,) or (n, channels), channels last."
        )
    if not samples.size:
        raise AudioError("a waveform without samples was given; leave it out.")
    mono = _as_float(samples)
    mono = mono if mono.ndim == 1 else mono.mean(axis=1, dtype=np.float32)
    if not np.isfinite(mono).all():
        at = int(np.argmin(np.isfinite(mono)))
        raise AudioError(f"sample {at} of the given waveform is NaN or infinite; check what made it.")
    return Waveform(mono, int(rate))


def _as_float(samples: np.ndarray) -> np.ndarray:
    if np.issubdtype(samples.dtype, np.floating):
        return samples.astype(np.float32, copy=False)
    if np.issubdtype(samples.dtype, np.signedinteger):
        return (samples / -float(np.iinfo(samples.dtype).min)).astype(np.float32)
    raise AudioError(
        f"samples of type {samples.dtype} cannot be read; give floats in [-1, 1] or signed integers."
    )


def _check_rate(rate: Any) -> None:
    if not isinstance(rate, int | np.integer) or isinstance(rate, bool) or rate <= 0:
        raise AudioError(f"a rate must be a whole number of samples per second above zero, not {rate!r}.")
