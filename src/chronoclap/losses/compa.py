"""CompA's losses: hard negatives (stage 2) and captions of several granularities (stage 3)."""

import torch
from torch import Tensor

from chronoclap.losses.kernel import keep_apart, own_logits, weighted_cross_entropy


def compa_hard_negatives(
    audio: Tensor,
    text: Tensor,
    negatives: Tensor,
    scale: Tensor | float,
    valid: Tensor | None = None,
    alike: Tensor | None = None,
) -> Tensor:
    """CompA's stage 2: InfoNCE in which each sound's own hard negatives join its rivals.

        1/2 mean_i (-log exp(s a_i.t_i) / (sum_j exp(s a_i.t_j) + sum_k exp(s a_i.t-_ik)))
        + 1/2 mean_i (-log exp(s t_i.a_i) / sum_j exp(s t_i.a_j))

    Args:
        audio: (b, d) unit vectors.
        text: (b, d) unit vectors, row i describing audio i.
        negatives: (b, k, d) unit vectors of false captions of audio i.
        scale: s, the factor on cosines.
        valid: (b, k) bool, false where a row has no such negative; None: all are there. A row without any
            competes with the batch only.
        alike: (b, b) bool as in `info_nce`.

    Source: Ghosh et al. 2024 (CompA, arXiv 2310.08753), stage 2 as in the authors' code, with -inf where they
    multiply logits by -1e5, which makes rivals of what should be masked.
    """
    return compa_modular(audio, text[:, None], negatives, scale, valid=valid, alike=alike)


def compa_modular(
    audio: Tensor,
    captions: Tensor,
    negatives: Tensor,
    scale: Tensor | float,
    present: Tensor | None = None,
    valid: Tensor | None = None,
    alike: Tensor | None = None,
) -> Tensor:
    """CompA's stage 3, the modular contrast: several true captions a sound, from single events to the whole.

        1/2 mean_i mean_p (-log exp(s a_i.t_ip) / (exp(s a_i.t_ip) + R_i))
        + 1/2 mean_{i,p} (-log exp(s t_ip.a_i) / sum_j exp(s t_ip.a_j))
        R_i = sum_k exp(s a_i.t-_ik) + sum_{j other than i} sum_q exp(s a_i.t_jq)

    A sound's own captions do not compete with each other. That is a reading: the authors' code has them share
    one softmax, and takes of the other sounds the first caption only.

    Args:
        audio: (b, d) unit vectors.
        captions: (b, p, d) unit vectors of the true captions of audio i; anything finite where not `present`.
        negatives: (b, k, d) unit vectors of its false captions; anything finite where not `valid`.
        scale: s, the factor on cosines.
        present: (b, p) bool, false where a row has no such caption; None: all are there. A sound
            without any is a rival of the others and no more.
        valid: (b, k) bool, the same for the negatives.
        alike: (b, b) bool, true where the captions of row j describe audio i as well, as in `info_nce`.

    Returns:
        A scalar; 0 where no row has a caption.

    Source: Ghosh et al. 2024 (CompA, arXiv 2310.08753), stage 3, a reading.
    """
    b, p, _ = captions.shape
    if present is None:
        present = torch.ones(b, p, dtype=torch.bool, device=audio.device)
    own = torch.eye(b, dtype=torch.bool, device=audio.device)
    # (p, b, b): a matrix of sounds and texts for every place in the list of captions.
    every = keep_apart(scale * torch.einsum("id,jpd->pij", audio, captions), alike)
    every = every.masked_fill(~present.T[:, None], -torch.inf)

    true = every.diagonal(dim1=1, dim2=2).T
    others = every.masked_fill(own, -torch.inf).transpose(0, 1).flatten(1)
    rivals = torch.cat([others, own_logits(audio, negatives, scale, valid)], dim=1)
    to_text = torch.cat([true[..., None], rivals[:, None].expand(-1, p, -1)], dim=2).flatten(0, 1)
    first = torch.zeros(b * p, dtype=torch.long, device=audio.device)
    each = present.to(audio.dtype) / present.sum(1, keepdim=True).clamp(min=1)

    to_audio = every.permute(2, 0, 1).flatten(0, 1)
    sounds = torch.arange(b, device=audio.device).repeat_interleave(p)
    return (
        weighted_cross_entropy(to_text, first, each.flatten()) + weighted_cross_entropy(to_audio, sounds)
    ) / 2
