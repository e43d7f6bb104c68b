"""The LSTM embedding: the paper's formulas, decoding, determinism, what scikit-learn expects."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from skorch.callbacks import Callback, LRScheduler

from emprox import ArchitectureEmbedder
from emprox.spaces import get_space

SPACE = get_space("nasbench201")


def tokens_of(n_cells, sequence="operations", random_state=0):
    return SPACE.tokenize(SPACE.encode(SPACE.sample(n_cells, random_state)), sequence)


@pytest.fixture(scope="module")
def tokens():
    return tokens_of(60)


@pytest.fixture(scope="module")
def embedder(tokens):
    return ArchitectureEmbedder(8, max_epochs=3, random_state=0).fit(tokens)


def small(**parameters):
    return ArchitectureEmbedder(
        **{"embedding_dim": 8, "max_epochs": 2, "random_state": 0, **parameters}
    )


def properties_of(tokens):
    """Count each operation: standardised properties that neighbours in token space differ in."""
    counts = np.stack([(tokens == token).sum(axis=1) for token in range(1, 6)], axis=1)
    return (counts - counts.mean(axis=0)) / counts.std(axis=0)


def distances(embedding):
    return np.linalg.norm(embedding[:, None].astype(float) - embedding[None], axis=2)


def indices_of(embedder, tokens):
    return torch.from_numpy(np.searchsorted(embedder.vocabulary_, tokens) + 1)


def token_entropy(embedder, tokens):
    """Return the mean negative log-likelihood of tokens."""
    indices = indices_of(embedder, tokens)
    with torch.no_grad():
        likelihoods = embedder.net_.module_(indices)[0].log_softmax(dim=2)
    return -likelihoods.gather(2, indices[:, :, None]).mean().item()


def lstm_step(lstm, suffix, inputs, hidden, cell):
    """Take one step of an LSTM, from its definition."""
    w_in, w_hidden, b_in, b_hidden = (
        getattr(lstm, f"{kind}_l0{suffix}")
        for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    gates = inputs @ w_in.T + b_in + hidden @ w_hidden.T + b_hidden
    enter, forget, new, leave = gates.chunk(4, dim=1)
    cell = forget.sigmoid() * cell + enter.sigmoid() * new.tanh()
    return leave.sigmoid() * cell.tanh(), cell


class TestThePaper:
    """Section 3.1, step by step from the weights."""

    def test_encoder(self, tokens):
        embedder = small().fit(tokens)
        encoder = embedder.net_.module_.encoder.double()
        with torch.no_grad():
            residual = encoder.token_embedding.weight[indices_of(embedder, tokens[:5])]
            outputs = []
            for suffix, steps in (("", range(6)), ("_reverse", reversed(range(6)))):
                hidden = cell = torch.zeros(5, 8, dtype=torch.float64)
                states = {}
                for step in steps:
                    hidden, cell = lstm_step(encoder.lstm, suffix, residual[:, step], hidden, cell)
                    states[step] = hidden
                outputs.append(torch.stack([states[step] for step in range(6)], dim=1))
            both = torch.cat(outputs, dim=2) @ encoder.projection.weight.T
            steps = both + encoder.projection.bias + residual
            steps = steps / steps.norm(dim=2, keepdim=True)
            mean = steps.mean(dim=1)
            expected = mean / mean.norm(dim=1, keepdim=True)
        np.testing.assert_allclose(embedder.transform(tokens[:5]), expected.numpy(), atol=1e-6)

    def test_decoder(self, tokens):
        embedder = small(attention="encoder").fit(tokens)
        module = embedder.net_.module_.double()
        decoder = module.decoder
        indices = indices_of(embedder, tokens[:5])
        with torch.no_grad():
            outputs, embedding = module.encoder(indices)
            hidden = cell = embedding
            expected = torch.zeros(5, dtype=torch.float64)
            previous = torch.zeros(5, dtype=torch.long)
            for step in range(6):
                inputs = decoder.token_embedding.weight[previous]
                hidden, cell = lstm_step(decoder.lstm, "", inputs, hidden, cell)
                state = (hidden + inputs) * 0.5**0.5
                attention = decoder.attention
                scores = ((state @ attention.query.weight.T)[:, None] * outputs).sum(dim=2)
                context = (scores.softmax(dim=1)[:, :, None] * outputs).sum(dim=1)
                combined = (torch.cat([context, state], dim=1) @ attention.combine.weight.T).tanh()
                state = (combined + state) * 0.5**0.5
                logits = state @ decoder.output.weight.T + decoder.output.bias
                previous = indices[:, step]
                expected += logits.log_softmax(dim=1)[torch.arange(5), previous] / 6
            found = module(indices)[0].log_softmax(dim=2).gather(2, indices[:, :, None])
        torch.testing.assert_close(found.mean(dim=(1, 2)), expected)

    def test_the_loss_is_the_likelihood_of_the_tokens(self, tokens):
        settings = {"dropout": 0, "batch_size": 60, "attention": "encoder"}
        entropy = token_entropy(small(max_epochs=0, **settings).fit(tokens), tokens)
        losses = small(max_epochs=40, learning_rate=1e-2, **settings).fit(tokens).net_.history
        assert losses[0, "train_loss"] == pytest.approx(entropy, rel=1e-5)
        assert losses[-1, "train_loss"] < 0.85 * losses[0, "train_loss"]


class TestEmbedding:
    def test_has_unit_length(self, embedder, tokens):
        embedding = embedder.transform(tokens)
        assert (embedding.shape, embedding.dtype) == ((60, 8), np.float32)
        np.testing.assert_allclose(np.linalg.norm(embedding, axis=1), 1, rtol=1e-6)

    @pytest.mark.parametrize("output", ["embedding", "properties"])
    def test_depends_on_its_own_tokens_alone(self, tokens, output):
        embedder = small(output=output).fit(tokens)
        together = embedder.transform(tokens)
        alone = np.concatenate([embedder.transform(tokens[[i]]) for i in range(len(tokens))])
        np.testing.assert_array_equal(alone, together)
        np.testing.assert_array_equal(embedder.transform(tokens[::-1])[::-1], together)
        many = embedder.transform(np.concatenate([tokens, tokens_of(15000, random_state=5)]))
        np.testing.assert_array_equal(many[:60], together)

    def test_the_same_seed_gives_the_same_bits_for_any_number_of_threads(self):
        # Of a size at which torch would use several cores.
        tokens = tokens_of(200, "adjacency")
        embedder = ArchitectureEmbedder(attention="encoder", max_epochs=3, random_state=0)
        once = embedder.fit_transform(tokens)
        n_threads = torch.get_num_threads()
        try:
            torch.set_num_threads(n_threads % 2 + 1)
            np.testing.assert_array_equal(clone(embedder).fit_transform(tokens), once)
        finally:
            torch.set_num_threads(n_threads)
        for embedding in Parallel(n_jobs=2, backend="threading")(
            delayed(clone(embedder).fit_transform)(tokens) for _ in range(2)
        ):
            np.testing.assert_array_equal(embedding, once)
        assert not np.array_equal(embedder.set_params(random_state=1).fit_transform(tokens), once)

    def test_global_generators_and_threads_are_left_alone(self, tokens):
        def state():
            return (
                torch.get_rng_state().tolist(),
                np.random.get_state()[1].tolist(),  # noqa: NPY002 - it is the global one
                torch.get_num_threads(),
                torch.get_default_dtype(),
            )

        before = state()
        small().fit(tokens).inverse_transform(np.eye(8))
        assert state() == before

    def test_fitting_again_forgets_and_accuracies_are_not_looked_at(self, tokens):
        embedder = small().fit(tokens_of(20, "paths")).fit(tokens, ["a"] * 60)
        np.testing.assert_array_equal(embedder.transform(tokens), small().fit_transform(tokens))
        assert embedder.n_features_in_ == 6

    def test_tokens_that_did_not_occur_in_training(self, embedder, tokens):
        strange = tokens[:4].copy()
        strange[1, 2], strange[3, 0] = 77, 500
        with pytest.warns(UserWarning, match=r"2 of 4 samples .* \(77, 500\)"):
            embedding = embedder.transform(strange)
        assert np.isfinite(embedding).all()
        np.testing.assert_array_equal(embedding[[0, 2]], embedder.transform(tokens[[0, 2]]))

    def test_one_sample_and_one_token(self):
        for tokens in ([[3, 1, 2]], [[0]]):
            for output in ("embedding", "properties"):
                embedding = small(output=output).fit_transform(tokens)
                assert np.isfinite(embedding).all()
        assert small().fit([[0]]).reconstruct([[0]]).tolist() == [[0]]


class TestDecoding:
    @pytest.mark.parametrize("attention", ["embedding", "encoder"])
    def test_a_few_cells_are_learned_by_heart(self, attention):
        tokens = tokens_of(20)
        settings = {"max_epochs": 200, "learning_rate": 1e-2, "dropout": 0}
        embedder = small(attention=attention, embedding_dim=16, **settings).fit(tokens)
        assert np.mean(embedder.reconstruct(tokens) == tokens) > 0.98
        decoded = embedder.inverse_transform(embedder.transform(tokens))
        assert decoded.shape == tokens.shape
        if attention == "embedding":
            np.testing.assert_array_equal(decoded, embedder.reconstruct(tokens))

    def test_unseen_cells_are_reconstructed_from_the_embedding_alone(self):
        tokens = tokens_of(2000)
        known, unseen = tokens[:1000], tokens[1000:]
        schedule = LRScheduler("CosineAnnealingLR", T_max=60)
        embedder = ArchitectureEmbedder(
            max_epochs=60, learning_rate=1e-2, dropout=0, callbacks=[schedule], random_state=0
        )
        embedding = embedder.fit(known).transform(unseen)
        assert np.mean(embedder.inverse_transform(embedding) == unseen) >= 0.99

    def test_only_tokens_seen_at_a_position_are_written(self):
        tokens = tokens_of(30, "adjacency")
        embedder = small(max_epochs=0).fit(tokens)
        decoded = embedder.inverse_transform(np.random.default_rng(0).normal(size=(200, 8)))
        for position in range(tokens.shape[1]):
            assert set(decoded[:, position]) <= set(tokens[:, position])
            legal = embedder.vocabulary_[embedder.legal_tokens_[position]]
            assert set(legal) == set(tokens[:, position])


class TestProperties:
    def test_shape_the_embedding_and_are_predicted(self):
        tokens = tokens_of(1000)
        properties = properties_of(tokens)
        settings = {"embedding_dim": 16, "max_epochs": 20, "learning_rate": 1e-2, "dropout": 0}
        correlations = []
        for given in (None, properties[:800]):
            embedder = small(**settings).fit(tokens[:800], properties=given)
            found, true = distances(embedder.transform(tokens[800:])), distances(properties[800:])
            correlations.append(np.corrcoef(found.ravel(), true.ravel())[0, 1])
        assert correlations[0] < 0.8
        assert correlations[1] > 0.95
        # What the root mean square of all distances is to be.
        assert np.sqrt(np.mean(found**2)) == pytest.approx(0.7, abs=0.07)
        embedder = small(output="properties", **settings).fit(tokens[:800], properties=given)
        predicted = embedder.transform(tokens[800:])
        assert predicted.shape == (200, 5)
        assert np.mean((predicted - properties[800:]) ** 2) < 0.1

    def test_the_loss_from_its_definition(self, tokens):
        properties = properties_of(tokens)
        settings = {"dropout": 0, "batch_size": 60}
        start = small(max_epochs=0, **settings).fit(tokens, properties=properties)
        found, true = distances(start.transform(tokens)), distances(properties)
        pairs = np.triu_indices(60, 1)
        unit = np.sqrt(np.mean(true**2)) / 0.7
        start.set_params(output="properties").fit(tokens, properties=properties)
        expected = (
            np.square(start.transform(tokens) - properties).mean()
            + 3 * np.square(found - true / unit)[pairs].mean()
            + 0.1 * token_entropy(start, tokens)
        )
        trained = small(max_epochs=1, **settings).fit(tokens, properties=properties)
        assert trained.net_.history[0, "train_loss"] == pytest.approx(expected, rel=1e-4)

    def test_without_any_the_embedding_and_stretches_stand_side_by_side(self):
        tokens = tokens_of(80, "adjacency")  # 35 tokens: means over 32 stretches
        embedder = small(output="properties").fit(tokens)
        described = embedder.transform(tokens).astype(float)
        assert described.shape == (80, 8 * 33)
        assert len(embedder.get_feature_names_out()) == 8 * 33
        np.testing.assert_allclose(described.mean(axis=0), 0, atol=1e-4)
        np.testing.assert_allclose(described[:, :8].std(axis=0), 1, atol=1e-3)
        assert described[:, 8:].var(axis=0).sum() == pytest.approx(8, rel=1e-3)
        embedding = small().fit_transform(tokens).astype(float)
        standardized = (embedding - embedding.mean(axis=0)) / embedding.std(axis=0)
        np.testing.assert_allclose(described[:, :8], standardized, atol=1e-4)
        with pytest.raises(ValueError, match="reconstruct"):
            embedder.inverse_transform(described)

    def test_that_are_all_equal(self, tokens):
        embedding = small().fit(tokens, properties=np.ones((60, 2))).transform(tokens)
        assert np.isfinite(embedding).all()
        assert small().fit(tokens[:1], properties=[[1.0]]).transform(tokens[:1]).shape == (1, 8)

    @pytest.mark.parametrize(
        "properties", [np.ones((59, 2)), np.full((60, 2), np.nan), np.ones(60)]
    )
    def test_that_are_wrong(self, tokens, properties):
        with pytest.raises(ValueError, match=r"properties|2D|inconsistent"):
            small().fit(tokens, properties=properties)


class TestAsAnEstimator:
    def test_pandas_in_and_out(self, tokens):
        frame = pd.DataFrame(tokens, columns=list("abcdef"))
        embedder = small().set_output(transform="pandas").fit(frame)
        embedding = embedder.transform(frame)
        assert embedding.columns.tolist() == [f"architectureembedder{i}" for i in range(8)]
        assert embedder.feature_names_in_.tolist() == list("abcdef")
        np.testing.assert_array_equal(embedding, small().fit_transform(tokens))

    def test_pickles(self, embedder, tokens):
        again = pickle.loads(pickle.dumps(embedder))
        np.testing.assert_array_equal(again.transform(tokens), embedder.transform(tokens))
        assert again.net_.history == embedder.net_.history

    def test_is_silent_or_prints_the_epochs(self, tokens, capsys):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            small(attention="encoder").fit(tokens).reconstruct(tokens)
        captured = capsys.readouterr()
        assert captured.err == captured.out == ""
        small(verbose=1).fit(tokens)
        assert "train_loss" in capsys.readouterr().out

    def test_an_interrupt_gets_through_and_leaves_nothing_half_done(self, tokens):
        class Interrupt(Callback):
            def on_epoch_begin(self, net, **kwargs):
                if len(net.history) == 2:
                    raise KeyboardInterrupt

        embedder = small().fit(tokens).set_params(callbacks=[Interrupt()], max_epochs=10)
        with pytest.raises(KeyboardInterrupt):
            embedder.fit(tokens)
        with pytest.raises(NotFittedError):
            embedder.transform(tokens)

    @pytest.mark.parametrize(
        ("parameter", "value"),
        [
            ("embedding_dim", 0),
            ("output", "accuracies"),
            ("attention", "decoder"),
            ("max_epochs", -1),
            ("pretrained", 3),
            ("learning_rate", 0),
            ("batch_size", 0),
            ("dropout", 1),
            ("random_state", "seed"),
        ],
    )
    def test_wrong_parameters(self, tokens, parameter, value):
        with pytest.raises(ValueError, match=parameter):
            small(**{parameter: value}).fit(tokens)

    @pytest.mark.parametrize(
        ("X", "word"),
        [
            (np.empty((0, 6)), "0 sample"),
            ([[1, -2], [3, 4]], "row 0 has -2"),
            ([[1, 2], [3, 4.5]], "row 1 has 4.5"),
            ([[1, np.nan]], "NaN"),
            (pd.DataFrame({"cell": ["|none~0|"]}), "none~0"),
        ],
    )
    def test_wrong_input(self, X, word):
        with pytest.raises(ValueError, match=word):
            small().fit(X)

    def test_wrong_length_after_fit_and_not_fitted(self, embedder, tokens):
        with pytest.raises(ValueError, match="expecting 6"):
            embedder.transform(tokens[:, :5])
        with pytest.raises(ValueError, match="7 columns, not 8"):
            embedder.inverse_transform(np.ones((2, 7)))
        for method in ("transform", "inverse_transform", "reconstruct"):
            with pytest.raises(NotFittedError):
                getattr(ArchitectureEmbedder(), method)(tokens)
