"""DTU's margin between texts: a caption is nearer to its rewordings than to its order-flipped ones."""

import torch
from torch import Tensor
from torch.nn import functional as F


def dtu_margin(
    text: Tensor, same: Tensor, flipped: Tensor, margin: float = 0.2, valid: Tensor | None = None
) -> Tensor:
    """The text-text loss of DTU, to be added to a contrastive loss (its authors' weight is 10).

        sum_k mean_i relu(margin - q_i.same_ik + q_i.flipped_ik)

    It trains the text tower alone and takes no scale.

    Args:
        text: (b, d) unit vectors q of captions.
        same: (b, k, d) unit vectors of rewordings that mean the same; k is 2 in the paper.
        flipped: (b, k, d) unit vectors of rewordings with the order of events flipped.
        margin: by how much a cosine with what is the same must exceed that with what is flipped.
        valid: (b, k) bool, false where a caption has no such two rewordings, because it holds no order word;
            None: all are there. Means are taken over what is there, a reading: the authors' data put empty
            rewordings in such places.

    Returns:
        A scalar; 0 where no row has rewordings.

    Source: Oncescu et al. 2024 (DTU, arXiv 2409.00851), the text-text loss.
    """
    short = F.relu(margin - torch.einsum("bd,bkd->bk", text, same - flipped))
    if valid is None:
        return short.mean(0).sum()
    return (short.masked_fill(~valid, 0).sum(0) / valid.sum(0).clamp(min=1)).sum()
