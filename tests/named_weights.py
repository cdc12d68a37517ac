"""Weights that follow from their names alone, so that two programs can make the same ones."""

import zlib

import numpy as np
import torch


def named_weight(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """A float32 tensor of sizes that let a signal through: matrices by their inputs, norms about 1, and the
    batch norm of spectrograms where decibels are."""
    numbers = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape)
    if name.endswith("running_mean"):
        numbers = numbers - 40 if shape == (64,) else 0.1 * numbers
    elif name.endswith("running_var"):
        numbers = 300 + 20 * np.abs(numbers) if shape == (64,) else 1 + 0.1 * np.abs(numbers)
    elif name.endswith("bias") or "bias_table" in name or not shape:
        numbers = 0.05 * numbers
    elif len(shape) == 1:
        numbers = 1 + 0.1 * numbers
    else:
        numbers = numbers / np.sqrt(np.prod(shape[1:]))
    return torch.from_numpy(np.asarray(numbers, np.float32))
