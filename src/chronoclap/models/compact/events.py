"""From parts to events to one vector: the pooling that both towers share.

A *part* is a patch of sound or a token of text. It has a content vector (what), a saliency (does it matter),
a key (parts of one event have like keys) and a time (seconds of the window, or the place that the sentence
gives it).

    affinity     K_ij = exp(-|key_i - key_j|^2)                1 within an event, 0 between events
    event        e_i  = unit( sum_j K_ij s_j c_j )             content of the event that part i belongs to
    weight       w_i  = s_i / sum_j K_ij s_j, summing to 1     every event counts once, however long it lasts
    event time   u_i  = sum_j w_j sigmoid( (t_i - t_j) / T )   share of events up to mine: 1/4, 3/4 for two
    moments      m_k  = sum_i w_i cos(pi k u_i) e_i,           k = 0 .. M-1

with t_i the mean time of event i. The moments are the first cosine coefficients of the content over event
time: m_0 is the mean that every CLAP takes, m_1 is positive towards what came first and negative towards
what came last, m_2 tells two events in turn from two at once and places the middle one of three. Both towers
bind "what" to "when" by the same formula, so nothing about a particular class has to be learned for order to
be understood.

Source: ours; rotary pooling and weighting by event were the experiments that led here.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

ORDER_GAIN = 3.0


def affinity(key: Tensor) -> Tensor:
    """How far two parts belong to one event: (b, p, k) keys to (b, p, p) in (0, 1]."""
    squared = key.square().sum(-1)
    distance = squared[:, :, None] + squared[:, None] - 2 * key @ key.transpose(1, 2)
    return torch.exp(-distance.clamp_min(0))


def event_moments(
    content: Tensor, saliency: Tensor, same: Tensor, time: Tensor, temperature: Tensor, moments: int
) -> Tensor:
    """Pool parts into cosine moments over event time.

    Args:
        content: (b, p, d) content of the parts.
        saliency: (b, p) not negative; 0 takes a part out.
        same: (b, p, p) affinity in [0, 1].
        time: (b, p) times in any unit.
        temperature: scalar in the unit of `time`: how far apart two events must be to count as one after the
            other.
        moments: how many to return.

    Returns:
        (b, moments, d).
    """
    mass = same * saliency[:, None]
    total = mass.sum(-1).clamp_min(1e-6)
    event = F.normalize(mass @ content, dim=-1)
    weight = saliency / total
    weight = weight / weight.sum(-1, keepdim=True).clamp_min(1e-6)
    if moments == 1:
        return (weight[..., None] * event).sum(1, keepdim=True)
    centre = (mass @ time[..., None])[..., 0] / total
    later = torch.sigmoid((centre[:, :, None] - centre[:, None]) / temperature)
    event_time = (later * weight[:, None]).sum(-1)
    order = torch.arange(moments, device=time.device, dtype=time.dtype)
    basis = torch.cos(math.pi * event_time[:, None] * order[:, None])
    return (basis * weight[:, None]) @ event


def first_gains(moments: int) -> Tensor:
    """What the moments after the mean are multiplied by before anything is learned: (moments - 1,).

    With sqrt(2) the product of two embeddings is the integral of the product of two contents over event time
    (Parseval). The first moment gets more: two orders of the same events differ in it alone, and by chance a
    little in the mean, which is longer and would drown the difference. The second must not: a text that names
    one event weighs the sound at u by 1 - gain^2 cos(2 pi u), and a large gain turns against what is first
    and last.
    """
    gains = torch.full((moments - 1,), 2.0**0.5)
    gains[:1] = ORDER_GAIN
    return gains
