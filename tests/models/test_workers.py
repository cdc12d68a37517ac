"""Embedding side by side: in order, on one core each, and the same whatever the number of cores."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from chronoclap import load
from chronoclap.models.workers import side_by_side, threads_of_torch


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_results_come_in_order_from_threads_of_one_core_each() -> None:
    def work(number: int) -> tuple[int, int, bool]:
        return number, torch.get_num_threads(), torch.is_inference_mode_enabled()

    assert list(side_by_side(work, range(9))) == [(number, 1, True) for number in range(9)]
    assert torch.get_num_threads() == 2
    assert list(side_by_side(work, [])) == []


@pytest.mark.usefixtures("two_threads")
def test_items_are_read_a_few_ahead_and_errors_end_it() -> None:
    read: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            read.append(number)
            yield number

    def work(number: int) -> int:
        if number == 3:
            raise ValueError("three")
        return number

    results = side_by_side(work, items())
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    assert len(read) <= 8
    with pytest.raises(ValueError, match="three"):
        next(results)
    assert len(read) <= 8
    assert torch.get_num_threads() == 2


def test_threads_are_as_before_also_after_an_error() -> None:
    before = torch.get_num_threads()
    seen = []

    def stop() -> None:
        with threads_of_torch(before + 1):
            seen.append(torch.get_num_threads())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    assert seen == [before + 1]
    assert torch.get_num_threads() == before


def test_a_vector_is_the_same_on_any_number_of_cores_alone_and_among_others() -> None:
    rng = np.random.default_rng(0)
    clap = load("compact")
    # 125 s are two windows: their vector is the mean of both, whoever computes them.
    sounds = [rng.normal(0, 0.1, round(16_000 * seconds)).astype(np.float32) for seconds in (0.4, 125, 3, 6)]
    texts = ["a dog barks", "rain falls, then a dog barks", "a siren"] * 30
    before = torch.get_num_threads()
    heard, read = [], []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            heard += [clap.embed_audio(sounds), np.concatenate([clap.embed_audio(one) for one in sounds])]
            read.append(clap.embed_text(texts))
    finally:
        torch.set_num_threads(before)
    for vectors in heard[1:]:
        assert_array_equal(vectors, heard[0])
    for vectors in read[1:]:
        assert_array_equal(vectors, read[0])
