"""The LSTM encoder-decoder with attention, in plain torch (EmProx paper, section 3.1)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

# Decoders and encoders add their input to their output; this keeps the variance of the sum.
RESIDUAL_SCALE = math.sqrt(0.5)
# Size of the hidden layer between embedding and properties.
HEAD_SIZE = 128
# In training with properties, the weights of the tokens and of the distances against the
# properties. Tokens are learned by heart anyway, and much sooner.
TOKEN_WEIGHT = 0.1
DISTANCE_WEIGHT = 3.0
# Root mean squared distance that embeddings of unit length are to have: far apart, but with room
# for the few that are farther.
TYPICAL_DISTANCE = 0.7
# Into so many stretches at most a sequence is cut, so that long ones do not make too many numbers.
N_STRETCHES = 32


class SeededDropout(nn.Module):
    """Dropout that draws from a generator of its own, so that the global one is never touched."""

    def __init__(self, p: float, seed: int) -> None:
        super().__init__()
        self.p = p
        self.seed = seed
        self._generator: torch.Generator | None = None

    def forward(self, inputs: Tensor) -> Tensor:
        """Zero elements at random and scale the others up; only in training mode."""
        if not self.training or self.p == 0:
            return inputs
        if self._generator is None or self._generator.device != inputs.device:
            self._generator = torch.Generator(inputs.device).manual_seed(self.seed)
        keep = torch.empty_like(inputs).bernoulli_(1 - self.p, generator=self._generator)
        return inputs * keep / (1 - self.p)

    def __getstate__(self) -> dict[str, Any]:
        # Generators can be neither copied nor pickled with every torch release.
        return {**self.__dict__, "_generator": None}


class Encoder(nn.Module):
    """Map token sequences to unit-length embeddings."""

    def __init__(self, n_tokens: int, embedding_dim: int, dropout: float, seed: int) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(n_tokens, embedding_dim)
        self.dropout = SeededDropout(dropout, seed)
        self.lstm = nn.LSTM(embedding_dim, embedding_dim, batch_first=True, bidirectional=True)
        self.projection = nn.Linear(2 * embedding_dim, embedding_dim)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Return unit-length outputs (n_samples, length, H) and the embedding (n_samples, H)."""
        inputs = self.dropout(self.token_embedding(tokens))
        hidden, _ = self.lstm(inputs)
        outputs = functional.normalize(self.projection(hidden) + inputs, dim=-1)
        return outputs, self.pool(outputs)

    @staticmethod
    def pool(outputs: Tensor) -> Tensor:
        """Return the normalised mean of the outputs: the embedding."""
        return functional.normalize(outputs.mean(dim=1), dim=-1)


class Attention(nn.Module):
    """Dot-product attention of decoder states over a memory (n_samples, memory_length, H)."""

    def __init__(self, embedding_dim: int) -> None:
        super().__init__()
        self.query = nn.Linear(embedding_dim, embedding_dim, bias=False)
        self.combine = nn.Linear(2 * embedding_dim, embedding_dim, bias=False)

    def forward(self, states: Tensor, memory: Tensor) -> Tensor:
        """Combine each state with the part of the memory that it asks for."""
        if memory.shape[1] == 1:
            # The softmax over a single entry is one, whatever the query.
            context = memory.expand(-1, states.shape[1], -1)
        else:
            weights = functional.softmax(self.query(states) @ memory.transpose(1, 2), dim=-1)
            context = weights @ memory
        return torch.tanh(self.combine(torch.cat([context, states], dim=-1)))


class Decoder(nn.Module):
    """Map embeddings back to token sequences, one token after the other.

    0 is the start token. The embedding is the first hidden and cell state.
    """

    def __init__(self, n_tokens: int, embedding_dim: int, dropout: float, seed: int) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(n_tokens, embedding_dim)
        self.dropout = SeededDropout(dropout, seed)
        self.lstm = nn.LSTM(embedding_dim, embedding_dim, batch_first=True)
        self.attention = Attention(embedding_dim)
        self.output = nn.Linear(embedding_dim, n_tokens)

    def forward(
        self, previous: Tensor, state: tuple[Tensor, Tensor], memory: Tensor
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return the logits of each token, given the one before it, and the LSTM's last state."""
        inputs = self.dropout(self.token_embedding(previous))
        hidden, state = self.lstm(inputs, state)
        hidden = (hidden + inputs) * RESIDUAL_SCALE
        hidden = (self.attention(hidden, memory) + hidden) * RESIDUAL_SCALE
        return self.output(hidden), state


class PropertyHead(nn.Sequential):
    """Predict properties of architectures from their embeddings."""

    # Distance between properties that is a distance of 1 between embeddings.
    distance_unit: Tensor

    def __init__(self, embedding_dim: int, n_properties: int) -> None:
        super().__init__(
            nn.Linear(embedding_dim, HEAD_SIZE), nn.ReLU(), nn.Linear(HEAD_SIZE, n_properties)
        )
        self.register_buffer("distance_unit", torch.ones(()))


class Autoencoder(nn.Module):
    """Encoder and decoder, trained together to reconstruct token sequences, and to predict.

    With `attend_encoder` the decoder's attention sees the encoder's outputs at every time step (the
    paper), else the embedding alone. With `n_properties` these are predicted from the embedding.
    """

    def __init__(
        self,
        n_tokens: int,
        embedding_dim: int,
        dropout: float,
        attend_encoder: bool,
        seed: int,
        n_properties: int = 0,
    ) -> None:
        super().__init__()
        self.attend_encoder = attend_encoder
        self.property_head: Any = None
        # On the meta device no weight is drawn, so that the global generator is left alone.
        with torch.device("meta"):
            self.encoder = Encoder(n_tokens, embedding_dim, dropout, seed + 1)
            self.decoder = Decoder(n_tokens, embedding_dim, dropout, seed + 2)
            if n_properties:
                self.property_head = PropertyHead(embedding_dim, n_properties)
        draw_weights(self, seed)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return logits of the tokens by teacher forcing, embeddings and predicted properties."""
        outputs, embedding = self.encoder(tokens)
        previous = functional.pad(tokens[:, :-1], (1, 0))
        state = embedding[None].contiguous()
        logits = self.decoder(previous, (state, state), self.memory(outputs, embedding))[0]
        properties = None if self.property_head is None else self.property_head(embedding)
        return logits, embedding, properties

    def memory(self, outputs: Tensor, embedding: Tensor) -> Tensor:
        """Return what the decoder's attention sees."""
        return outputs if self.attend_encoder else embedding[:, None]

    def embed(self, tokens: Tensor) -> Tensor:
        """Return the embedding alone."""
        return self.encoder(tokens)[1]

    def describe(self, tokens: Tensor) -> Tensor:
        """Predict properties; without any, the embedding beside means of outputs in stretches."""
        outputs, embedding = self.encoder(tokens)
        if self.property_head is not None:
            return self.property_head(embedding)
        stretches = outputs.tensor_split(min(N_STRETCHES, outputs.shape[1]), dim=1)
        return torch.cat([embedding, *(part.mean(dim=1) for part in stretches)], dim=1)

    def decode(self, embedding: Tensor, memory: Tensor, illegal: Tensor) -> Tensor:
        """Write the most likely sequences, without what `illegal` (length, n_tokens) marks."""
        state = (embedding[None].contiguous(),) * 2
        token = torch.zeros(len(embedding), 1, dtype=torch.long, device=embedding.device)
        written = []
        for forbidden in illegal:
            logits, state = self.decoder(token, state, memory)
            token = logits.masked_fill(forbidden, -torch.inf).argmax(dim=-1)
            written.append(token)
        return torch.cat(written, dim=1)


def cross_entropy_of_tokens(outputs: tuple[Tensor, ...], tokens: Tensor) -> Tensor:
    """Return the mean negative log-likelihood of tokens (n_samples, length), in nats per token."""
    return functional.cross_entropy(outputs[0].flatten(0, 1), tokens.flatten())


class TokenCrossEntropy(nn.Module):
    """The loss without properties."""

    forward = staticmethod(cross_entropy_of_tokens)


class PropertyLoss(nn.Module):
    """Errors of predicted properties, of distances of all pairs in the batch, and of tokens."""

    def __init__(self, distance_unit: float) -> None:
        super().__init__()
        self.distance_unit = distance_unit

    def forward(
        self, outputs: tuple[Tensor, Tensor, Tensor], targets: tuple[Tensor, Tensor]
    ) -> Tensor:
        """Compare what `Autoencoder` returns with the tokens and properties of each sample."""
        _, embedding, predicted = outputs
        tokens, properties = targets
        loss = functional.mse_loss(predicted, properties)
        loss = loss + TOKEN_WEIGHT * cross_entropy_of_tokens(outputs, tokens)
        # A single sample has no distances, and the mean of none would not be a number.
        if len(embedding) > 1:
            distances = functional.pdist(properties) / self.distance_unit
            loss = loss + DISTANCE_WEIGHT * functional.mse_loss(
                functional.pdist(embedding), distances
            )
        return loss


@torch.no_grad()
def draw_weights(module: nn.Module, seed: int) -> None:
    """Give a module that was built on the meta device weights as torch draws them by default."""
    module.to_empty(device="cpu")
    generator = torch.Generator().manual_seed(seed)
    for layer in module.modules():
        if isinstance(layer, nn.Embedding):
            layer.weight.normal_(generator=generator)
        elif isinstance(layer, (nn.Linear, nn.LSTM)):
            fan_in = layer.in_features if isinstance(layer, nn.Linear) else layer.hidden_size
            bound = 1 / math.sqrt(fan_in)
            for weight in layer.parameters():
                weight.uniform_(-bound, bound, generator=generator)


def description_scales(spreads: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Return what to divide by: each column of the embedding by its own, the others by the same.

    So both have the same sum of variances. Where nothing varies but rounding, it is infinity.
    """
    scales = np.where(spreads > 1e-9, spreads, np.inf)
    n_varying = max(1, np.isfinite(scales[:size]).sum())
    others = np.linalg.norm(spreads[size:]) / n_varying**0.5
    return np.where(np.arange(len(spreads)) < size, scales, others if others > 1e-9 else np.inf)
