"""The encoder-decoder of EmProx with a predictor of the accuracy on top, in plain torch."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .._modules import RESIDUAL_SCALE, Autoencoder, SeededDropout, TokenCrossEntropy, draw_weights

# Size of the hidden layer between embedding and accuracy, of NAO as the EmProx paper ran it.
HIDDEN_SIZE = 16


class AccuracyHead(nn.Module):
    """Predict standardised accuracies from embeddings.

    Two layers, down to 16 numbers and up again, whose input is added to their output, and a linear
    one.

    Parameters
    ----------
    embedding_dim : int
        Size of the embedding.
    dropout : float
        Dropout after each of the two layers.
    seed : int
        Seed of the dropout.
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
        """Predict accuracies.

        Parameters
        ----------
        embedding : Tensor of shape (n_samples, embedding_dim)
            Embeddings.

        Returns
        -------
        Tensor of shape (n_samples,)
            Standardised accuracies.
        """
        hidden = (self.layers(embedding) + embedding) * RESIDUAL_SCALE
        return self.output(hidden).squeeze(-1)


class AccuracyAutoencoder(Autoencoder):
    """Encoder, decoder and accuracy predictor, trained together.

    Parameters
    ----------
    n_tokens : int
        Number of different tokens; token 0 is the start token.
    embedding_dim : int
        Size H of the embedding, and of every layer.
    dropout : float
        Dropout after the token embeddings and in the accuracy predictor.
    seed : int
        Seed of the weights and the dropout: this and the five numbers that follow.
    """

    def __init__(self, n_tokens: int, embedding_dim: int, dropout: float, seed: int) -> None:
        super().__init__(n_tokens, embedding_dim, dropout, attend_encoder=True, seed=seed)
        with torch.device("meta"):
            self.accuracy_head = AccuracyHead(embedding_dim, dropout, seed + 3)
        draw_weights(self.accuracy_head, seed + 5)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Reconstruct token sequences with teacher forcing, and predict accuracies.

        Parameters
        ----------
        tokens : Tensor of shape (n_samples, length)
            Token indices.

        Returns
        -------
        logits : Tensor of shape (n_samples, length, n_tokens)
            Unnormalised log-probabilities of the tokens.
        embedding : Tensor of shape (n_samples, embedding_dim)
            Embeddings.
        accuracy : Tensor of shape (n_samples,)
            Standardised accuracies.
        """
        logits, embedding, _ = super().forward(tokens)
        return logits, embedding, self.accuracy_head(embedding)

    def ascend(self, outputs: Tensor, step_size: float) -> tuple[Tensor, Tensor]:
        """Move what was encoded towards higher predicted accuracies.

        Parameters
        ----------
        outputs : Tensor of shape (n_samples, length, embedding_dim)
            Encoder outputs.
        step_size : float
            How far each of them is moved before it is normalised again. They have length 1.

        Returns
        -------
        outputs : Tensor of shape (n_samples, length, embedding_dim)
            The moved encoder outputs, of unit length.
        embedding : Tensor of shape (n_samples, embedding_dim)
            Their embedding.
        """
        # What is computed without gradients may be an inference tensor, which cannot have any.
        with torch.inference_mode(False), torch.enable_grad():
            outputs = outputs.clone().requires_grad_()
            accuracy = self.accuracy_head(self.encoder.pool(outputs))
            (gradient,) = torch.autograd.grad(accuracy.sum(), outputs)
        steps = step_size * functional.normalize(gradient, dim=-1)
        outputs = functional.normalize(outputs.detach() + steps, dim=-1)
        return outputs, self.encoder.pool(outputs)


class AccuracyLoss(nn.Module):
    """Errors of predicted accuracies and of tokens.

    Parameters
    ----------
    trade_off : float
        Weight of the accuracies; the tokens have the rest to 1.
    """

    def __init__(self, trade_off: float) -> None:
        super().__init__()
        self.trade_off = trade_off
        self.cross_entropy = TokenCrossEntropy()

    def forward(
        self, outputs: tuple[Tensor, Tensor, Tensor], targets: tuple[Tensor, Tensor]
    ) -> Tensor:
        """Compare predictions with what is known.

        Parameters
        ----------
        outputs : tuple
            What `AccuracyAutoencoder` returns.
        targets : tuple of two Tensors
            Token indices, of shape (n_samples, length), and standardised accuracies, of shape
            (n_samples,).

        Returns
        -------
        Tensor of shape ()
            The weighted sum of the mean squared error of the accuracies and the mean negative
            log-likelihood of the tokens.
        """
        tokens, accuracies = targets
        errors = functional.mse_loss(outputs[2], accuracies)
        return self.trade_off * errors + (1 - self.trade_off) * self.cross_entropy(outputs, tokens)
