"""Deterministic overlapping windows of a recording, and named ways to fill one that is too short."""

from typing import Literal, NamedTuple, get_args

import numpy as np

from chronoclap.errors import AudioError

FillPolicy = Literal["silence", "repeat", "repeatpad"]
"""What follows a recording that is shorter than a model's input: see `fill`."""


class Window(NamedTuple):
    """A part of a recording with its times.

    Attributes:
        start: where it begins in the recording, in seconds.
        end: where it ends, in seconds.
        samples: (n,) float32, a view of the recording.
    """

    start: float
    end: float
    samples: np.ndarray


def cut_windows(samples: np.ndarray, rate: int, window: float, hop: float) -> list[Window]:
    """Cut a recording into overlapping windows of one length that together hold every sample.

    Windows start at 0, hop, 2 hop, ...; where they do not meet the end, one more is aligned to it. Nothing is
    random.

    Args:
        samples: (n,) float32.
        rate: their rate in Hz.
        window: length of a window in seconds.
        hop: from one window's start to the next one's in seconds, at most `window`.

    Returns:
        The windows in order of time. A recording no longer than a window is one, of its own length, unfilled.

    Raises:
        AudioError: the hop is longer than the window, or one of them is shorter than a sample.
    """
    length, step = round(window * rate), round(hop * rate)
    if not 1 <= step <= length:
        raise AudioError(
            f"windows of {window} s every {hop} s lose sound or never advance: choose 0 < hop <= window."
        )
    starts = list(range(0, max(samples.size - length, 0) + 1, step))
    if starts[-1] + length < samples.size:
        starts.append(samples.size - length)
    stops = [min(start + length, samples.size) for start in starts]
    return [
        Window(start / rate, stop / rate, samples[start:stop])
        for start, stop in zip(starts, stops, strict=True)
    ]


def fill(samples: np.ndarray, length: int, policy: FillPolicy = "silence") -> np.ndarray:
    """Bring a short recording to a given length.

    Args:
        samples: (n,) float32, n <= length.
        length: wanted number of samples.
        policy: "silence" appends zeros. "repeat" repeats the recording and cuts the last copy. "repeatpad"
            repeats it whole as often as it fits, then appends zeros. The two last turn "A, B" into "A, B, A,
            B", which makes a caption about order false; they exist for checkpoints that were trained so.

    Returns:
        (length,) float32; the input itself where it has that length.

    Raises:
        AudioError: the policy is unknown, or the recording is longer than `length`.

    Source:
        "repeat" and "repeatpad" are the audio fill of LAION-CLAP's published checkpoints.
    """
    if policy not in get_args(FillPolicy):
        raise AudioError(f"unknown fill policy {policy!r}; choose one of {', '.join(get_args(FillPolicy))}.")
    if samples.size > length:
        raise AudioError(
            f"{samples.size} samples do not fit into {length}; cut the recording with cut_windows."
        )
    if samples.size == length:
        return samples
    filled = np.zeros(length, np.float32)
    if policy == "repeat" and samples.size:
        filled[:] = np.resize(samples, length)
    elif policy == "repeatpad" and samples.size:
        whole = length // samples.size * samples.size
        filled[:whole] = np.resize(samples, whole)
    else:
        filled[: samples.size] = samples
    return filled
