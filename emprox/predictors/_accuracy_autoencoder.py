"""The encoder-decoder of EmProx with a predictor of the accuracy on top, in plain torch."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..lstm._modules import (
    RESIDUAL_SCALE,
    Autoencoder,
    SeededDropout,
    cross_entropy_of_tokens,
    draw_weights,
)

# Size of the hidden layer between embedding and accuracy, of NAO as the EmProx paper ran it.
HIDDEN_SIZE = 16
# Weight of the accuracy in the loss.
ACCURACY_WEIGHT = 0.8


class AccuracyHead(nn.Module):
    """Predict standardised accuracies from embeddings.

    Two layers, down to 16 numbers and up again, whose input is added to their output, and a linear
    one.
    """

    def __init__(self, embedding_dim: int, dropout: float, seed: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(embedding_dim, HIDDEN_SIZE),
            nn.ReLU(),
            SeededDropout(dropout, seed),
            nn.Linear(HIDDEN_SIZE, embedding_dim),
            nn.ReLU(),
            SeededDropout(dropout, seed + 1),
        )
        self.output = nn.Linear(embedding_dim, 1)

    def forward(self, embedding: Tensor) -> Tensor:
        """Return accuracies (n_samples,)."""
        hidden = (self.layers(embedding) + embedding) * RESIDUAL_SCALE
        return self.output(hidden).squeeze(-1)


class AccuracyAutoencoder(Autoencoder):
    """Encoder, decoder and the accuracy as the property; takes six seeds that follow each other."""

    def __init__(self, n_tokens: int, embedding_dim: int, dropout: float, seed: int) -> None:
        super().__init__(n_tokens, embedding_dim, dropout, attend_encoder=True, seed=seed)
        with torch.device("meta"):
            self.property_head = AccuracyHead(embedding_dim, dropout, seed + 3)
        draw_weights(self.property_head, seed + 5)

    def ascend(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """Move the encoder's outputs towards higher accuracies; return them and their embedding."""
        # What is computed without gradients may be an inference tensor, which cannot have any.
        with torch.inference_mode(False), torch.enable_grad():
            outputs = outputs.clone().requires_grad_()
            accuracy = self.property_head(self.encoder.pool(outputs))
            (gradient,) = torch.autograd.grad(accuracy.sum(), outputs)
        steps = functional.normalize(gradient, dim=-1)
        outputs = functional.normalize(outputs.detach() + steps, dim=-1)
        return outputs, self.encoder.pool(outputs)


class AccuracyLoss(nn.Module):
    """Mean squared error of accuracies, and for the rest of the weight cross entropy of tokens."""

    def forward(
        self, outputs: tuple[Tensor, Tensor, Tensor], targets: tuple[Tensor, Tensor]
    ) -> Tensor:
        """Compare what `AccuracyAutoencoder` returns with tokens and standardised accuracies."""
        tokens, accuracies = targets
        errors = functional.mse_loss(outputs[2], accuracies)
        unlikeliness = cross_entropy_of_tokens(outputs, tokens)
        return ACCURACY_WEIGHT * errors + (1 - ACCURACY_WEIGHT) * unlikeliness
