"""T-CLAP's temporal-focused loss: a true caption against its temporal contradictions."""

from typing import Literal

import torch
from torch import Tensor

from chronoclap.losses.kernel import keep_apart, own_logits, weighted_cross_entropy

Reading = Literal["pair", "batch-own", "batch-all"]


def temporal_focused(
    audio: Tensor,
    text: Tensor,
    contradictions: Tensor,
    scale: Tensor | float,
    reading: Reading = "pair",
    valid: Tensor | None = None,
    alike: Tensor | None = None,
) -> Tensor:
    """T-CLAP's temporal-focused loss L_t: the true caption against its temporal contradictions.

    The paper's equation could not be read; these are the two readings of it, the first the default.

        reading 1, "pair":       -log exp(s a.t+) / (exp(s a.t+) + sum_k exp(s a.t-_k))
        reading 2, "batch-own":  -log exp(s a.t+) / (sum_j exp(s a.t+_j) + sum_k exp(s a.t-_k)),   own k only
        reading 2, "batch-all":  the same with the contradictions of all rows

    averaged over the rows that have a contradiction. With one contradiction reading 1 is softplus(-s a.(t+ -
    t-)). Only the audio-to-text direction exists, for a contradiction has no sound of its own; where the
    reversed sound is at hand, call the function with audio and text exchanged and the reversed sounds as
    contradictions.

    Args:
        audio: (b, d) unit vectors.
        text: (b, d) unit vectors of the true captions.
        contradictions: (b, k, d) unit vectors of the false ones; anything finite where not `valid`.
        scale: s, the factor on cosines.
        reading: which form.
        valid: (b, k) bool, false where a row has no such contradiction; None: all are there.
        alike: (b, b) bool as in `info_nce`, for reading 2.

    Returns:
        A scalar; 0 where no row has a contradiction.

    Source: T-CLAP (arXiv 2404.17806), L_t, a reading; "batch-own" is the audio-to-text half of CompA's stage
    2 and "batch-all" that of NegCLIP's loss.
    """
    b, k, _ = contradictions.shape
    if valid is None:
        valid = torch.ones(b, k, dtype=torch.bool, device=audio.device)
    # A row without contradiction is left out: its true caption is masked.
    true = own_logits(audio, text[:, None], scale, valid.any(1, keepdim=True))
    if reading == "batch-all":
        every = scale * audio @ contradictions.flatten(0, 1).T
        false = every.masked_fill(~valid.flatten(), -torch.inf)
    else:
        false = own_logits(audio, contradictions, scale, valid)
    rivals = [true, false]
    if reading != "pair":
        # The own caption is there already, as the first column.
        others = keep_apart(scale * audio @ text.T, alike)
        rivals.append(others.masked_fill(torch.eye(b, dtype=torch.bool, device=audio.device), -torch.inf))
    return weighted_cross_entropy(
        torch.cat(rivals, dim=1), torch.zeros(b, dtype=torch.long, device=audio.device)
    )
