"""The captions of a batch: what is true of each scene, one contradiction, and what must not compete."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from chronoclap.scenes import Caption, Claim, Relation, claim, contradict_phrases, describe_phrases


@dataclass(frozen=True, slots=True)
class Captioned:
    """Captions of b rows.

    Args:
        texts: b true captions.
        contradictions: one false caption for each row of `contradicted`.
        contradicted: the rows whose order can be contradicted.
        claims: what each true caption says.
    """

    texts: list[Caption]
    contradictions: list[Caption]
    contradicted: list[int]
    claims: list[Claim]

    def alike(self) -> Tensor:
        """(b, b) bool: rows that say the same, which must not compete."""
        numbers = {said: number for number, said in enumerate(dict.fromkeys(self.claims))}
        row = torch.tensor([numbers[said] for said in self.claims])
        return row[:, None] == row


def caption_rows(rows: Sequence[tuple[tuple[str, ...], Relation]], seed: int) -> Captioned:
    """Captions of rows of (phrases in order of time, relation), other wordings for every seed."""
    seeds = np.random.default_rng([seed, 2]).integers(2**31, size=len(rows))
    texts, contradictions, contradicted, claims = [], [], [], []
    for number, ((phrases, relation), drawn) in enumerate(zip(rows, seeds, strict=True)):
        texts.append(describe_phrases(phrases, relation, int(drawn)))
        claims.append(claim(relation, phrases))
        for false in contradict_phrases(phrases, relation, int(drawn), kind="order"):
            contradictions.append(false)
            contradicted.append(number)
    return Captioned(texts, contradictions, contradicted, claims)
