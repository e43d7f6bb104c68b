import pickle
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from skorch.callbacks import Callback, LRScheduler

from emprox import ArchitectureEmbedder
from emprox._modules import PropertyLoss
from emprox.spaces import get_space

SPACE = get_space("nasbench201")


def tokens_of(n_cells, sequence="operations", random_state=0):
    return SPACE.tokenize(SPACE.sample_decisions(n_cells, random_state), sequence)


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


def test_embeddings_have_unit_length(embedder, tokens):
    embedding = embedder.transform(tokens)
    assert embedding.shape == (60, 8)
    assert embedding.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embedding, axis=1), 1, rtol=1e-6)


def test_an_embedding_depends_on_its_own_tokens_alone(embedder, tokens):
    together = embedder.transform(tokens)
    alone = np.concatenate([embedder.transform(tokens[[i]]) for i in range(len(tokens))])
    np.testing.assert_array_equal(alone, together)
    np.testing.assert_array_equal(embedder.transform(tokens[::-1])[::-1], together)
    np.testing.assert_array_equal(embedder.transform(np.repeat(tokens, 3, axis=0))[::3], together)


def fit_transform(tokens, seed=0):
    return small(random_state=seed).fit_transform(tokens)


def test_the_same_seed_gives_the_same_bits(tokens):
    once = fit_transform(tokens)
    np.testing.assert_array_equal(fit_transform(tokens), once)
    assert not np.array_equal(fit_transform(tokens, seed=1), once)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_the_same_seed_gives_the_same_bits_in_parallel(backend):
    # Of a size at which torch would use both cores here, but one in each process of loky.
    tokens = tokens_of(200, "adjacency")
    embedder = ArchitectureEmbedder(attention="encoder", max_epochs=3, random_state=0)
    once = embedder.fit_transform(tokens)
    embeddings = Parallel(n_jobs=2, backend=backend)(
        delayed(clone(embedder).fit_transform)(tokens) for _ in range(3)
    )
    for embedding in embeddings:
        np.testing.assert_array_equal(embedding, once)


def test_global_generators_and_threads_are_left_alone(tokens):
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


def test_fitting_again_forgets(tokens):
    embedder = small().fit(tokens_of(20, "paths"))
    embedder.fit(tokens)
    np.testing.assert_array_equal(embedder.transform(tokens), fit_transform(tokens))
    assert embedder.n_features_in_ == 6


def test_no_dropout_and_no_gradient_after_training(embedder):
    assert not embedder.net_.module_.training
    weights = [weight.detach().clone() for weight in embedder.net_.module_.parameters()]
    embedder.transform(tokens_of(10))
    for before, after in zip(weights, embedder.net_.module_.parameters(), strict=True):
        torch.testing.assert_close(before, after, rtol=0, atol=0)


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


def test_the_encoder_is_the_papers(embedder, tokens):
    """Compute an embedding step by step from the weights (EmProx paper, section 3.1)."""
    encoder = embedder.net_.module_.encoder.double()
    indices = torch.from_numpy(np.searchsorted(embedder.vocabulary_, tokens[:5]) + 1)
    with torch.no_grad():
        residual = encoder.token_embedding.weight[indices]
        outputs = []
        for suffix, steps in (("", range(6)), ("_reverse", reversed(range(6)))):
            hidden = cell = torch.zeros(5, 8, dtype=torch.float64)
            states = {}
            for step in steps:
                hidden, cell = lstm_step(encoder.lstm, suffix, residual[:, step], hidden, cell)
                states[step] = hidden
            outputs.append(torch.stack([states[step] for step in range(6)], dim=1))
        both = torch.cat(outputs, dim=2) @ encoder.projection.weight.T + encoder.projection.bias
        steps = both + residual
        steps = steps / steps.norm(dim=2, keepdim=True)
        mean = steps.mean(dim=1)
        expected = mean / mean.norm(dim=1, keepdim=True)
    np.testing.assert_allclose(embedder.transform(tokens[:5]), expected.numpy(), atol=1e-6)
    encoder.float()


def test_the_decoder_is_the_papers(tokens):
    """Compute the likelihood of a reconstruction step by step (EmProx paper, section 3.1)."""
    embedder = small(attention="encoder").fit(tokens)
    module = embedder.net_.module_.double()
    decoder = module.decoder
    indices = torch.from_numpy(np.searchsorted(embedder.vocabulary_, tokens[:5]) + 1)
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
    module.float()
    np.testing.assert_allclose(embedder.score_samples(tokens[:5]), expected.numpy(), atol=1e-6)


def test_training_lowers_the_loss(tokens):
    embedder = small(max_epochs=40, lr=1e-2).fit(tokens)
    losses = embedder.history_[:, "train_loss"]
    assert len(losses) == 40
    assert losses[-1] < 0.85 * losses[0]
    assert (
        embedder.score_samples(tokens).mean()
        > small(max_epochs=0).fit(tokens).score_samples(tokens).mean()
    )


@pytest.mark.parametrize("attention", ["embedding", "encoder"])
def test_a_few_cells_are_learned_by_heart(attention):
    tokens = tokens_of(20)
    embedder = small(attention=attention, embedding_dim=16, max_epochs=200, lr=1e-2, dropout=0)
    embedder.fit(tokens)
    assert embedder.score(tokens) == np.mean(embedder.reconstruct(tokens) == tokens) > 0.98
    decoded = embedder.inverse_transform(embedder.transform(tokens))
    assert decoded.shape == tokens.shape
    if attention == "embedding":
        np.testing.assert_array_equal(decoded, embedder.reconstruct(tokens))


def test_unseen_cells_are_reconstructed_from_the_embedding_alone():
    tokens = tokens_of(2000)
    known, unseen = tokens[:1000], tokens[1000:]
    schedule = LRScheduler("CosineAnnealingLR", T_max=60)
    embedder = ArchitectureEmbedder(
        max_epochs=60, lr=1e-2, dropout=0, callbacks=[schedule], random_state=0
    )
    embedding = embedder.fit(known).transform(unseen)
    assert np.mean(embedder.inverse_transform(embedding) == unseen) >= 0.99


def test_only_tokens_seen_at_a_position_are_decoded():
    tokens = tokens_of(30, "adjacency")
    embedder = small(max_epochs=0).fit(tokens)
    decoded = embedder.inverse_transform(np.random.default_rng(0).normal(size=(200, 8)))
    for position in range(tokens.shape[1]):
        assert set(decoded[:, position]) <= set(tokens[:, position])
        legal = embedder.vocabulary_[embedder.legal_tokens_[position]]
        assert set(legal) == set(tokens[:, position])


def test_tokens_that_did_not_occur_in_training(tokens):
    embedder = small().fit(tokens[:, :6])
    strange = tokens[:4].copy()
    strange[1, 2] = 77
    strange[3, 0] = 500
    with pytest.warns(UserWarning, match=r"2 of 4 samples hold tokens .* \(77, 500\)"):
        embedding = embedder.transform(strange)
    assert np.isfinite(embedding).all()
    np.testing.assert_array_equal(embedding[[0, 2]], embedder.transform(tokens[[0, 2]]))


def test_pandas_in_and_out(tokens):
    frame = pd.DataFrame(tokens, columns=list("abcdef"))
    embedder = small().set_output(transform="pandas").fit(frame)
    embedding = embedder.transform(frame)
    assert embedding.columns.tolist() == [f"architectureembedder{i}" for i in range(8)]
    assert embedder.feature_names_in_.tolist() == list("abcdef")
    np.testing.assert_array_equal(embedding, fit_transform(tokens))


@pytest.mark.parametrize("dump", [pickle.dumps, lambda model: joblib_bytes(model)])
def test_pickle(embedder, tokens, dump):
    again = pickle.loads(dump(embedder)) if dump is pickle.dumps else dump(embedder)
    np.testing.assert_array_equal(again.transform(tokens), embedder.transform(tokens))
    assert again.history_ == embedder.history_


def joblib_bytes(model):
    import io

    buffer = io.BytesIO()
    joblib.dump(model, buffer)
    buffer.seek(0)
    return joblib.load(buffer)


def test_clone_keeps_parameters_only(embedder):
    copy = clone(embedder)
    assert copy.get_params() == embedder.get_params()
    assert not hasattr(copy, "net_")


def test_verbose_shows_a_progress_bar_and_pickles(tokens, capsys):
    embedder = small(verbose=1).fit(tokens)
    captured = capsys.readouterr()
    assert "2/2" in captured.err
    assert "loss=" in captured.err
    assert captured.out == ""
    pickle.dumps(embedder)
    small().fit(tokens)
    captured = capsys.readouterr()
    assert captured.err == captured.out == ""


def test_callbacks_reach_skorch(tokens):
    class Count(Callback):
        def on_epoch_end(self, net, **kwargs):
            self.n_epochs_ = getattr(self, "n_epochs_", 0) + 1

    count = Count()
    small(callbacks=[("count", count)], max_epochs=5).fit(tokens)
    assert count.n_epochs_ == 5


class Interrupt(Callback):
    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) == 2:
            raise KeyboardInterrupt


def test_an_interrupt_gets_through_and_leaves_nothing_half_done(tokens):
    embedder = small(callbacks=[Interrupt()], max_epochs=10)
    with pytest.raises(KeyboardInterrupt):
        embedder.fit(tokens)
    with pytest.raises(NotFittedError):
        embedder.transform(tokens)


def test_large_input_in_pieces(embedder):
    tokens = tokens_of(15000, random_state=5)
    embedding = embedder.transform(tokens)
    assert embedding.shape == (15000, 8)
    rows = [0, 9999, 14999]
    np.testing.assert_array_equal(embedder.transform(tokens[rows]), embedding[rows])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"embedding_dim": 2.5}, "'embedding_dim' parameter .* Got 2.5"),
        ({"embedding_dim": 0}, "'embedding_dim' parameter"),
        ({"attention": "decoder"}, "'attention' parameter"),
        ({"max_epochs": -1}, "'max_epochs' parameter"),
        ({"target_weight": -0.1}, "'target_weight' parameter"),
        ({"target_weight": 1.1}, "'target_weight' parameter"),
        ({"pretrained": 3}, "'pretrained' parameter"),
        ({"lr": 0}, "'lr' parameter"),
        ({"batch_size": 0}, "'batch_size' parameter"),
        ({"dropout": 1}, "'dropout' parameter"),
        ({"gradient_clip": 0}, "'gradient_clip' parameter"),
        ({"device": "cuda:99"}, "device='cuda:99' cannot be used .* use device='cpu'"),
        ({"device": "toaster"}, "device='toaster' cannot be used"),
        ({"random_state": "seed"}, "'random_state' parameter"),
    ],
)
def test_wrong_parameters(tokens, parameters, message):
    with pytest.raises(ValueError, match=message):
        small(**parameters).fit(tokens)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.empty((0, 6)), "0 sample"),
        (np.array([1, 2, 3]), "Expected 2D array"),
        ([[1, -2], [3, 4]], "Negative values in data .* sample 0 has the token -2"),
        ([[1, 2], [3, 4.5]], "sample 1 has 4.5 at position 1"),
        ([[1, np.nan]], "NaN"),
        ([[1, np.inf]], "infinity"),
        (["|none~0|"], "put an ArchitectureTokenizer in front"),
        (np.array([["|none~0|"]]), "put an ArchitectureTokenizer in front"),
        (pd.DataFrame({"cell": ["|none~0|"]}), "put an ArchitectureTokenizer in front"),
    ],
)
def test_wrong_input(X, message):
    with pytest.raises(ValueError, match=message):
        small().fit(X)


def test_wrong_length_after_fit(embedder, tokens):
    with pytest.raises(ValueError, match="5 features, but ArchitectureEmbedder is expecting 6"):
        embedder.transform(tokens[:, :5])
    with pytest.raises(ValueError, match="embeddings have 8 columns, got 7"):
        embedder.inverse_transform(np.ones((2, 7)))


def test_not_fitted(tokens):
    for method in ("transform", "inverse_transform", "reconstruct", "score", "score_samples"):
        with pytest.raises(NotFittedError):
            getattr(ArchitectureEmbedder(), method)(tokens)


def test_one_sample_and_one_token():
    embedder = small()
    assert embedder.fit_transform([[3, 1, 2]]).shape == (1, 8)
    assert embedder.fit_transform([[0]]).shape == (1, 8)
    assert embedder.reconstruct([[0]]).tolist() == [[0]]


def test_training_warns_of_nothing(tokens):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        small(attention="encoder").fit(tokens).reconstruct(tokens)


def n_convolutions(tokens):
    """Count wide convolutions: a target that half of the tokens have nothing to do with."""
    wide = 1 + SPACE.operations.index("nor_conv_3x3")
    return (tokens == wide).sum(axis=1).astype(float)


def nearest(embedding, others):
    distances = np.linalg.norm(embedding[:, None].astype(float) - others[None], axis=2)
    return distances.argmin(axis=1)


def test_targets_move_neighbors():
    known, unseen = np.split(tokens_of(300, random_state=2), [200])

    def target(tokens):
        # The wide convolutions on the last two edges; the other edges do not matter.
        return n_convolutions(tokens[:, 4:])

    errors = []
    for weight in (0, 0.5, 1):
        embedder = small(embedding_dim=32, target_weight=weight).fit(known, target(known))
        of_known, of_unseen = embedder.transform(known), embedder.transform(unseen)
        neighbors = known[nearest(of_unseen, of_known)]
        errors.append(np.abs(target(neighbors) - target(unseen)).mean())
    assert errors[0] > 1.5 * max(errors[1:])


def test_without_weight_the_targets_are_not_looked_at(tokens):
    once = fit_transform(tokens)
    for y in (np.arange(60.0), np.full(60, np.nan), ["a"] * 60, [1, 2]):
        embedder = small().fit(tokens, y)
        np.testing.assert_array_equal(embedder.transform(tokens), once)
        assert embedder.metric_ is None
    assert small(target_weight=1).fit(tokens).metric_ is None
    np.testing.assert_array_equal(small(target_weight=1).fit_transform(tokens), once)


def squared_distances(embedding):
    return np.square(embedding[:, None].astype(float) - embedding[None]).sum(axis=2)


@pytest.mark.parametrize("weight", [0.25, 0.9])
def test_the_weight_is_the_share_of_the_targets_in_squared_distances(tokens, weight):
    embedding = small(target_weight=weight).fit_transform(tokens, n_convolutions(tokens))
    assert embedding.shape == (60, 16)
    own, targets = np.hsplit(embedding, 2)
    np.testing.assert_allclose(own, (1 - weight) ** 0.5 * fit_transform(tokens), rtol=1e-5)
    share = squared_distances(targets).mean() / squared_distances(embedding).mean()
    assert share == pytest.approx(weight, abs=1e-3)


def test_columns_of_the_targets(tokens):
    y = np.column_stack([n_convolutions(tokens), np.arange(60.0), tokens[:, 0]])
    for targets, n_columns in ((y[:, 0], 8), (y[:, :1], 8), (y[:, :2], 8), (y, 6)):
        embedder = small(target_weight=1).fit(tokens, targets)
        assert embedder.transform(tokens).shape == (60, n_columns)
        assert len(embedder.get_feature_names_out()) == n_columns
    assert small(target_weight=1, embedding_dim=1).fit_transform(tokens, y).shape == (60, 3)
    assert small(target_weight=0.5).fit_transform(tokens, y).shape == (60, 14)


@pytest.mark.parametrize("weight", [0.5, 1])
def test_a_supervised_embedding_depends_on_its_own_tokens_alone(tokens, weight):
    embedder = small(target_weight=weight).fit(tokens, n_convolutions(tokens))
    others = tokens_of(40, random_state=3)
    together = embedder.transform(np.concatenate([tokens, others]))
    alone = np.concatenate([embedder.transform(others[[i]]) for i in range(40)])
    np.testing.assert_array_equal(alone, together[60:])
    np.testing.assert_array_equal(embedder.transform(tokens[::-1])[::-1], together[:60])
    again = pickle.loads(pickle.dumps(embedder))
    np.testing.assert_array_equal(again.transform(others), together[60:])


def test_a_supervised_embedding_in_pieces(monkeypatch, tokens):
    embedder = small(target_weight=0.5).fit(tokens, n_convolutions(tokens))
    others = tokens_of(500, random_state=3)
    together = embedder.transform(others)
    monkeypatch.setattr("emprox._embedder._ROWS_AT_ONCE", 64)
    np.testing.assert_array_equal(embedder.transform(others), together)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_supervision_gives_the_same_bits_in_parallel(backend):
    tokens = tokens_of(150, "paths")
    embedder = small(target_weight=1)
    once = embedder.fit_transform(tokens, n_convolutions(tokens[:, :6]))
    embeddings = Parallel(n_jobs=2, backend=backend)(
        delayed(clone(embedder).fit_transform)(tokens, n_convolutions(tokens[:, :6]))
        for _ in range(3)
    )
    for embedding in embeddings:
        np.testing.assert_array_equal(embedding, once)


def test_decoding_a_supervised_embedding(tokens):
    y = n_convolutions(tokens)
    plain = small().fit(tokens)
    embedder = small(target_weight=0.5).fit(tokens, y)
    embedding = embedder.transform(tokens)
    expected = plain.inverse_transform(plain.transform(tokens))
    np.testing.assert_array_equal(embedder.inverse_transform(embedding), expected)
    np.testing.assert_array_equal(embedder.reconstruct(tokens), plain.reconstruct(tokens))
    with pytest.raises(ValueError, match="embeddings have 16 columns, got 8"):
        embedder.inverse_transform(embedding[:, :8])
    embedder = small(target_weight=1).fit(tokens, y)
    with pytest.raises(ValueError, match=r"target_weight=1 .* take a smaller target_weight"):
        embedder.inverse_transform(embedder.transform(tokens))
    np.testing.assert_array_equal(embedder.reconstruct(tokens), plain.reconstruct(tokens))


def test_targets_that_say_nothing(tokens):
    for y in (np.ones(60), np.arange(60.0)[::-1]):
        assert np.isfinite(small(target_weight=0.5).fit_transform(tokens, y)).all()
    same = np.repeat(tokens[:1], 60, axis=0)
    embedding = small(target_weight=0.5).fit_transform(same, np.arange(60.0))
    np.testing.assert_array_equal(embedding, embedding[[0] * 60])


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.arange(59.0), "inconsistent numbers of samples"),
        (np.r_[np.arange(59.0), np.nan], "Input y contains NaN"),
        (np.r_[np.arange(59.0), np.inf], "Input y contains infinity"),
    ],
)
def test_wrong_targets(tokens, y, message):
    with pytest.raises(ValueError, match=message):
        small(target_weight=1).fit(tokens, y)


def test_failing_to_learn_from_targets_leaves_nothing_half_done(tokens, monkeypatch):
    def fail(*arguments):
        raise KeyboardInterrupt

    embedder = small(target_weight=1).fit(tokens, n_convolutions(tokens))
    monkeypatch.setattr("emprox._target_part.ProximityMetric.fit", fail)
    with pytest.raises(KeyboardInterrupt):
        embedder.fit(tokens, n_convolutions(tokens))
    with pytest.raises(NotFittedError):
        embedder.transform(tokens)


def properties_of(tokens):
    """Count each operation: standardised properties that neighbours in token space differ in."""
    counts = np.stack([(tokens == token).sum(axis=1) for token in range(1, 6)], axis=1)
    return (counts - counts.mean(axis=0)) / counts.std(axis=0)


def test_properties_shape_the_embedding():
    tokens = tokens_of(1000)
    properties = properties_of(tokens)
    settings = {"embedding_dim": 16, "max_epochs": 20, "lr": 1e-2, "dropout": 0}
    correlations = []
    for given in (None, properties):
        embedder = small(**settings).fit(
            tokens[:800], properties=None if given is None else given[:800]
        )
        distances = squared_distances(embedder.transform(tokens[800:])) ** 0.5
        truth = squared_distances(properties[800:]) ** 0.5
        correlations.append(np.corrcoef(distances.ravel(), truth.ravel())[0, 1])
    assert correlations[0] < 0.8
    assert correlations[1] > 0.95
    head = embedder.net_.module_.property_head
    with torch.no_grad():
        predicted = head(torch.from_numpy(embedder.transform(tokens[800:]))).numpy()
    assert np.mean((predicted - properties[800:]) ** 2) < 0.1
    # What the root mean square of all distances is to be.
    assert np.sqrt(np.mean(distances**2)) == pytest.approx(0.7, abs=0.07)


def test_the_loss_with_properties():
    """Compute the loss from its definition."""
    rng = np.random.default_rng(0)
    logits, embedding = rng.normal(size=(3, 2, 4)), rng.normal(size=(3, 5))
    predicted, properties = rng.normal(size=(2, 3, 6))
    tokens = np.array([[0, 3], [1, 1], [2, 0]])
    likelihood = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    entropy = -np.log([likelihood[i, j, tokens[i, j]] for i in range(3) for j in range(2)]).mean()
    pairs = [(0, 1), (0, 2), (1, 2)]
    stress = np.mean(
        [
            np.square(
                np.linalg.norm(embedding[i] - embedding[j])
                - np.linalg.norm(properties[i] - properties[j]) / 1.5
            )
            for i, j in pairs
        ]
    )
    expected = np.square(predicted - properties).mean() + 3 * stress + 0.1 * entropy
    outputs = tuple(map(torch.from_numpy, (logits, embedding, predicted)))
    targets = tuple(map(torch.from_numpy, (tokens, properties)))
    assert PropertyLoss(1.5)(outputs, targets).item() == pytest.approx(expected)
    # One sample alone has no distances.
    outputs, targets = ([tensor[:1] for tensor in tensors] for tensors in (outputs, targets))
    entropy = -np.log([likelihood[0, 0, 0], likelihood[0, 1, 3]]).mean()
    expected = np.square(predicted[0] - properties[0]).mean() + 0.1 * entropy
    assert PropertyLoss(1.5)(outputs, targets).item() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        (np.ones((59, 2)), "properties has 59 rows, but X has 60"),
        (np.full((60, 2), np.nan), "Input properties contains NaN"),
        (np.ones(60), "Expected 2D array"),
    ],
)
def test_wrong_properties(tokens, properties, message):
    with pytest.raises(ValueError, match=message):
        small().fit(tokens, properties=properties)


def test_properties_that_are_all_equal(tokens):
    embedding = small().fit(tokens, properties=np.ones((60, 2))).transform(tokens)
    assert np.isfinite(embedding).all()
    assert small().fit(tokens[:1], properties=[[1.0]]).transform(tokens[:1]).shape == (1, 8)
