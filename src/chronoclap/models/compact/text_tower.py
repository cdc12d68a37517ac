"""The compact text tower: a MiniLM encoder read event by event, content vectors, event moments."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from chronoclap.models.compact.bert import Encoder
from chronoclap.models.compact.config import CompactConfig, EventConfig
from chronoclap.models.compact.events import affinity, event_moments

HIDDEN = -1e4  # an attention bias that leaves nothing, without the NaN of -inf in an empty row


class TextContent(nn.Module):
    """Sentence vectors to content vectors: a step away from the mean sentence, then a learned correction."""

    def __init__(self, hidden: int, head_dim: int, dim: int, dropout: float) -> None:
        super().__init__()
        self.mean: Tensor
        self.register_buffer("mean", torch.zeros(hidden))
        self.direct = nn.Linear(hidden, dim, bias=False)
        self.correction = nn.Sequential(
            nn.Linear(hidden, head_dim), nn.GELU(), nn.Dropout(dropout), nn.Linear(head_dim, dim)
        )

    def forward(self, sentence: Tensor) -> Tensor:
        """(..., hidden) pooled encoder states to (..., dim) unit vectors."""
        unit = F.normalize(F.normalize(sentence, dim=-1) - self.mean, dim=-1)
        # Unit vectors have entries of about 0.05; the correction works on entries of about 1.
        return F.normalize(self.direct(unit) + self.correction(unit * unit.shape[-1] ** 0.5), dim=-1)


class Context(nn.Module):
    """A small transformer that looks at all words together."""

    def __init__(self, in_dim: int, outputs: int, dim: int, layers: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.inp = nn.Linear(in_dim, dim)
        layer = nn.TransformerEncoderLayer(
            dim, heads, 4 * dim, dropout, "gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(dim)
        self.out = nn.Linear(dim, outputs)

    def forward(self, parts: Tensor, position: Tensor, mask: Tensor) -> Tensor:
        """(b, p, in_dim) parts at (b, p) positions, with (b, p) mask of real parts, to (b, p, outputs)."""
        hidden = self.inp(parts)
        hidden = hidden + sinusoids(position, hidden.shape[-1])
        hidden = self.encoder(hidden, src_key_padding_mask=~mask)
        return self.out(self.norm(hidden))


def sinusoids(position: Tensor, dim: int) -> Tensor:
    """(b, p) positions to (b, p, dim) sines and cosines with periods from 2 to 200 positions."""
    rate = torch.exp(
        torch.linspace(math.log(math.pi), math.log(math.pi / 100), dim // 2, device=position.device)
    )
    phase = position[..., None] * rate
    return torch.cat([phase.sin(), phase.cos()], dim=-1)


class TextEvents(nn.Module):
    """Reads which words belong to which event and when the sentence says that it sounds."""

    def __init__(self, config: EventConfig, hidden: int) -> None:
        super().__init__()
        self.context = Context(
            hidden, 2, config.context_dim, config.context_layers, config.context_heads, config.dropout
        )
        self.log_temperature = nn.Parameter(torch.tensor(0.25).log())
        # Until it has learned better, what is mentioned first is taken to sound first: without a first guess
        # on either side, sound and text wait for each other.
        self.drift = nn.Parameter(torch.tensor(0.1))
        # Times start about one temperature apart. Much nearer, and all words are one event, whose place in
        # time has no gradient; much further, and no two words are.
        nn.init.normal_(self.context.out.weight, std=0.03)
        nn.init.zeros_(self.context.out.bias)

    def forward(self, embedded: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """(b, t, hidden) context-free states and (b, t) mask to times (b, t) and saliency (b, t)."""
        position = torch.arange(embedded.shape[1], device=embedded.device).expand(mask.shape)
        time, bias = self.context(embedded, position, mask).unbind(-1)
        return time + self.drift * position, torch.exp(bias.clamp(-8, 2)) * mask


class Reading(NamedTuple):
    """What the text tower reads of b texts of t tokens.

    Attributes:
        time: (b, t) when each word sounds, in temperatures.
        saliency: (b, t) how much it counts, 1 for the word that counts most, 0 for marks and padding.
    """

    time: Tensor
    saliency: Tensor


class TextTower(nn.Module):
    """Token ids to embeddings.

    With `moments` > 1 the encoder runs with attention held within events: a token sees the tokens whose
    event time is near its own, so each phrase is encoded as if it stood alone and "a dog barks before rain"
    keeps two clean contents.
    """

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        text = config.text
        self.encoder = Encoder(text)
        self.content = TextContent(text.hidden, text.head_dim, config.dim, text.dropout)
        self.moments = config.events.moments
        self.events = TextEvents(config.events, text.hidden) if self.moments > 1 else None

    def read(self, ids: Tensor, mask: Tensor, special: Tensor) -> Reading:
        """When the words say that they sound, and how much each counts; of a tower with moments > 1."""
        assert self.events is not None
        time, saliency = self.events(self.encoder.embed(ids), mask)
        saliency = saliency * (mask & ~special)
        # Pooling takes no notice of their scale, but what words see of each other would fade with it.
        saliency = saliency / saliency.amax(-1, keepdim=True).clamp_min(1e-6)
        return Reading(time / self.events.log_temperature.exp(), saliency)

    def forward(
        self,
        ids: Tensor,
        mask: Tensor,
        special: Tensor,
        states: Tensor | None = None,
        reading: Reading | None = None,
    ) -> Tensor:
        """Embed tokens.

        Args:
            ids: (b, t) token ids.
            mask: (b, t) bool, false on padding.
            special: (b, t) bool, true on the start and end marks.
            states: (b, t, hidden) encoder states, where they are known already; None: run the encoder.
            reading: what `read` gives of the tokens, where it is known already.

        Returns:
            (b, moments, dim) moments, not normalised.
        """
        if self.events is None:
            words = mask & ~special
            same = words[:, None].expand(-1, ids.shape[1], -1).float()
            time = saliency = words.float()
        else:
            time, saliency = self.read(ids, mask, special) if reading is None else reading
            same = affinity(time[..., None])
        if states is None:
            visible = (same * saliency[:, None]).detach()
            states = self.states(self.encoder.embed(ids), special, mask, visible)
        mass = same * saliency[:, None]
        phrase = (mass @ states) / mass.sum(-1, keepdim=True).clamp_min(1e-6)
        content = self.content(phrase)
        return event_moments(content, saliency, same, time, torch.ones((), device=ids.device), self.moments)

    @torch.no_grad()
    def states(self, embedded: Tensor, special: Tensor, mask: Tensor, visible: Tensor) -> Tensor:
        """Encoder states where word i sees word j by `visible`[i, j] in [0, 1], and every word the marks.

        The marks see only each other, or they would carry one event's words to another.
        """
        seen = torch.where(special[:, None], 1.0, torch.where(special[:, :, None], 0.0, visible))
        bias = torch.where(mask[:, None], seen.clamp_min(1e-4).log(), HIDDEN)
        return self.encoder(embedded, bias)
