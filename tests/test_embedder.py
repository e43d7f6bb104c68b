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
