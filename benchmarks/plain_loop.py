"""The paper's method as a plain PyTorch loop, written independently of emprox's modules.

What a researcher would write in a script: no scikit-learn, no skorch, global seeds. It is what
the recipes' fit times are compared with.
"""

from __future__ import annotations

import numpy as np
import torch
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.neighbors import KNeighborsRegressor
from torch import nn
from torch.nn import functional

from emprox.spaces import get_space


class SequenceAutoencoder(nn.Module):
    """LSTM encoder-decoder with attention over the encoder's outputs."""

    def __init__(self, vocabulary_size, size=32, dropout=0.1):
        super().__init__()
        self.encoder_embedding = nn.Embedding(vocabulary_size, size)
        self.encoder = nn.LSTM(size, size, batch_first=True, bidirectional=True)
        self.merge = nn.Linear(2 * size, size)
        self.decoder_embedding = nn.Embedding(vocabulary_size, size)
        self.decoder = nn.LSTM(size, size, batch_first=True)
        self.query = nn.Linear(size, size, bias=False)
        self.combine = nn.Linear(2 * size, size, bias=False)
        self.out = nn.Linear(size, vocabulary_size)
        self.dropout = nn.Dropout(dropout)

    def encode(self, tokens):
        residual = self.dropout(self.encoder_embedding(tokens))
        outputs = functional.normalize(self.merge(self.encoder(residual)[0]) + residual, dim=-1)
        return outputs, functional.normalize(outputs.mean(1), dim=-1)

    def forward(self, tokens):
        outputs, embedding = self.encode(tokens)
        shifted = torch.cat([torch.zeros_like(tokens[:, :1]), tokens[:, :-1]], dim=1)
        residual = self.dropout(self.decoder_embedding(shifted))
        state = embedding.unsqueeze(0)
        hidden = (self.decoder(residual, (state, state))[0] + residual) * 0.5**0.5
        weights = torch.softmax(torch.bmm(self.query(hidden), outputs.transpose(1, 2)), dim=-1)
        context = torch.cat([torch.bmm(weights, outputs), hidden], dim=-1)
        hidden = (torch.tanh(self.combine(context)) + hidden) * 0.5**0.5
        return torch.log_softmax(self.out(hidden), dim=-1)


class PlainLoop(RegressorMixin, BaseEstimator):
    """Train for 50 epochs, embed, and take the 10 nearest neighbours."""

    def __init__(self, seed, space="nasbench201"):
        self.seed = seed
        self.space = space

    def tokens(self, X):
        space = get_space(self.space)
        return torch.from_numpy(space.tokenize(space.encode(X), "adjacency"))

    def embed(self, X):
        self.model.eval()
        with torch.no_grad():
            return self.model.encode(self.tokens(X))[1].numpy()

    def fit(self, X, y):
        torch.manual_seed(self.seed)
        tokens = self.tokens(X)
        sequence = get_space(self.space).sequences["adjacency"]
        self.model = SequenceAutoencoder(sequence.vocabulary_size)
        optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3, weight_decay=1e-4)
        for _ in range(50):
            self.model.train()
            for batch in torch.randperm(len(tokens)).split(100):
                log_probability = self.model(tokens[batch])
                loss = functional.nll_loss(log_probability.flatten(0, 1), tokens[batch].flatten())
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
                optimizer.step()
        self.knn = KNeighborsRegressor(10, weights="distance").fit(self.embed(X), np.asarray(y))
        return self

    def predict(self, X):
        return self.knn.predict(self.embed(X))
