import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from emprox import ArchitectureTokenizer
from emprox.metrics import kendall_tau
from emprox.predictors import NAORegressor
from emprox.predictors._accuracy_autoencoder import (
    AccuracyAutoencoder,
    AccuracyHead,
    AccuracyLoss,
)
from emprox.spaces import ArchitectureError, get_space

SPACE = get_space("nasbench201")
DECISIONS = SPACE.sample_decisions(120, random_state=0)
CELLS = np.array([SPACE.format(cell) for cell in SPACE.decode(DECISIONS)], dtype=object)
# Easy to learn: convolutions are good, and missing edges are bad.
ACCURACIES = 70 + (np.array([1, -2, 4, 3, 0])[DECISIONS]).sum(axis=1).astype(float)
TOKENS = SPACE.tokenize(DECISIONS, "operations")


def small(**parameters):
    defaults = {"embedding_dim": 8, "max_epochs": 2, "random_state": 0}
    return NAORegressor(**{**defaults, **parameters})


def trained(**parameters):
    return small(**{"embedding_dim": 16, "max_epochs": 60, "lr": 5e-3, **parameters})


@pytest.fixture(scope="module")
def of_cells():
    model = trained(space="nasbench201", sequence="operations")
    return model.fit(CELLS[:80], ACCURACIES[:80])


@pytest.fixture(scope="module")
def of_tokens():
    return trained().fit(TOKENS[:80], ACCURACIES[:80])


class TestModule:
    def test_head(self):
        head = AccuracyHead(3, 0.5, seed=0).eval()
        embedding = np.random.default_rng(0).normal(size=(5, 3))
        weights = {name: weight.detach().numpy() for name, weight in head.named_parameters()}
        hidden = np.maximum(embedding @ weights["layers.0.weight"].T + weights["layers.0.bias"], 0)
        assert hidden.shape == (5, 16)
        hidden = np.maximum(hidden @ weights["layers.3.weight"].T + weights["layers.3.bias"], 0)
        hidden = (hidden + embedding) / np.sqrt(2)
        expected = hidden @ weights["output.weight"][0] + weights["output.bias"]
        result = head(torch.from_numpy(embedding).float()).detach().numpy()
        np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)

    def test_head_drops_out_in_training_only(self):
        head, embedding = AccuracyHead(8, 0.5, seed=0), torch.ones(2, 8)
        assert not torch.equal(head(embedding), head(embedding))
        head.eval()
        torch.testing.assert_close(head(embedding), head(embedding), rtol=0, atol=0)

    def test_loss(self):
        # Two equally likely tokens, so that each costs log 2; errors of 1 and 3.
        outputs = torch.zeros(2, 4, 2), torch.zeros(2, 3), torch.tensor([1.0, 0.0])
        targets = torch.zeros(2, 4, dtype=torch.long), torch.tensor([2.0, 3.0])
        loss = AccuracyLoss(0.8)(outputs, targets)
        assert float(loss) == pytest.approx(0.8 * (1 + 9) / 2 + 0.2 * np.log(2))

    def test_ascent_follows_the_gradient(self):
        module = AccuracyAutoencoder(5, 6, dropout=0.0, seed=0).double().eval()
        outputs = torch.nn.functional.normalize(
            torch.from_numpy(np.random.default_rng(0).normal(size=(4, 7, 6))), dim=-1
        )

        def accuracy(outputs):
            with torch.no_grad():
                return module.accuracy_head(module.encoder.pool(outputs))

        # Numerically, what moving all outputs of a sample in each direction brings.
        shifts = 1e-6 * torch.eye(6, dtype=torch.double)
        slopes = torch.stack(
            [accuracy(outputs + shift) - accuracy(outputs - shift) for shift in shifts], dim=-1
        )
        direction = torch.nn.functional.normalize(slopes, dim=-1)[:, None]
        expected = torch.nn.functional.normalize(outputs + 0.3 * direction, dim=-1)
        moved, embedding = module.ascend(outputs, 0.3)
        torch.testing.assert_close(moved, expected, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(
            embedding, torch.nn.functional.normalize(moved.mean(dim=1), dim=-1)
        )
        assert (module.accuracy_head(embedding) > accuracy(outputs)).all()
        assert all(weight.grad is None for weight in module.parameters())


class TestPredictions:
    def test_learns_what_makes_cells_good(self, of_cells):
        predictions = of_cells.predict(CELLS[80:])
        assert kendall_tau(ACCURACIES[80:], predictions) > 0.7
        assert np.abs(predictions - ACCURACIES[80:]).mean() < ACCURACIES.std() / 2

    def test_a_space_reads_what_its_tokenizer_writes(self):
        tokenizer = ArchitectureTokenizer("nasbench201", sequence="adjacency", canonicalize=False)
        tokens = tokenizer.fit_transform(CELLS)
        assert tokens.shape == (120, 35)
        plain = small().fit(tokens[:80], ACCURACIES[:80]).predict(tokens[80:])
        cells = small(space="nasbench201").fit(CELLS[:80], ACCURACIES[:80]).predict(CELLS[80:])
        np.testing.assert_array_equal(cells, plain)

    def test_canonical_forms(self):
        model = small(space="nasbench201", sequence="operations", canonicalize=True)
        model.fit(CELLS[:80], ACCURACIES[:80])
        canonical = SPACE.decode(SPACE.canonicalize(DECISIONS))
        assert [SPACE.format(cell) for cell in canonical] != CELLS.tolist()
        np.testing.assert_array_equal(model.predict(canonical), model.predict(CELLS))

    def test_the_scale_of_accuracies_does_not_matter(self, of_tokens):
        shares = clone(of_tokens).fit(TOKENS[:80], ACCURACIES[:80] / 100 - 1)
        np.testing.assert_allclose(
            100 * (shares.predict(TOKENS) + 1), of_tokens.predict(TOKENS), rtol=1e-4
        )

    def test_a_prediction_depends_on_its_own_architecture_alone(self, of_tokens):
        together = of_tokens.predict(TOKENS)
        alone = np.concatenate([of_tokens.predict(row[None]) for row in TOKENS])
        np.testing.assert_array_equal(alone, together)
        np.testing.assert_array_equal(of_tokens.predict(np.tile(TOKENS, (3, 1)))[120:240], together)

    def test_embedding(self, of_cells):
        embedding = of_cells.embed(CELLS)
        assert embedding.shape == (120, 16)
        assert embedding.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(embedding, axis=1), 1, rtol=1e-6)

    def test_new_tokens(self):
        model = small().fit(TOKENS[:80].clip(max=4), ACCURACIES[:80])
        with pytest.warns(UserWarning, match="hold tokens that did not occur in fit"):
            predictions = model.predict(TOKENS)
        assert np.isfinite(predictions).all()


class TestImprove:
    def test_global_generators_are_left_alone(self, of_cells):
        before = np.random.get_state()[1].tolist(), torch.get_rng_state()  # noqa: NPY002
        of_cells.improve(CELLS)
        assert np.random.get_state()[1].tolist() == before[0]  # noqa: NPY002
        assert torch.equal(torch.get_rng_state(), before[1])

    def test_pickle(self, of_cells):
        copy = pickle.loads(pickle.dumps(of_cells))
        np.testing.assert_array_equal(copy.improve(CELLS), of_cells.improve(CELLS))

    def test_better_architectures(self, of_cells):
        improved = of_cells.improve(CELLS[80:])
        assert improved.shape == (40,)
        assert improved.dtype == object
        decisions = SPACE.encode(improved)
        truth = 70 + (np.array([1, -2, 4, 3, 0])[decisions]).sum(axis=1)
        assert (truth - ACCURACIES[80:]).mean() > ACCURACIES.std()
        changed = (decisions != DECISIONS[80:]).any(axis=1)
        assert changed.mean() > 0.5
        before, after = of_cells.predict(CELLS[80:]), of_cells.predict(improved)
        assert (after[changed] > before[changed]).all()
        # What is left as it is comes back as it was.
        assert improved[~changed].tolist() == CELLS[80:][~changed].tolist()

    def test_more_steps_find_no_less(self, of_cells):
        few = of_cells.predict(of_cells.improve(CELLS, n_steps=2))
        many = of_cells.predict(of_cells.improve(CELLS, n_steps=5))
        assert (many >= few).all()
        assert (many > few).any()

    def test_nothing_to_gain(self, of_cells):
        # The path begins at the start, and so small a step leads nowhere else.
        best = of_cells.improve(of_cells.improve(CELLS[:20]))
        assert of_cells.improve(best, step_size=1e-9, n_steps=1).tolist() == best.tolist()

    def test_improving_does_not_depend_on_the_batch(self, of_cells):
        together = of_cells.improve(CELLS)
        alone = [of_cells.improve(CELLS[[row]])[0] for row in range(20)]
        assert together[:20].tolist() == alone

    def test_matrix_of_tokens(self, of_tokens):
        improved = of_tokens.improve(TOKENS[80:])
        assert improved.shape == (40, 6)
        assert improved.dtype == np.int64
        assert (of_tokens.predict(improved) >= of_tokens.predict(TOKENS[80:])).all()
        assert not np.array_equal(improved, TOKENS[80:])

    def test_tokens_stand_only_where_they_did(self):
        # The best operation is never seen on the first edge.
        known = TOKENS[TOKENS[:, 0] != 3]
        model = trained().fit(known, (known == 3).sum(axis=1))
        improved = model.improve(known)
        assert (improved[:, 1:] == 3).mean() > (known[:, 1:] == 3).mean()
        assert not (improved[:, 0] == 3).any()
        assert (
            model.legal_tokens_[:, model.vocabulary_ == 3].ravel().tolist() == [False] + [True] * 5
        )

    @pytest.mark.parametrize(
        ("name", "sequence"),
        [("nasbench101", None), ("nasbench_asr", "adjacency"), ("darts", None)],
    )
    def test_legal_in_spaces_with_rules(self, name, sequence):
        space = get_space(name)
        decisions = space.sample_decisions(60, random_state=0)
        model = trained(space=name, sequence=sequence, max_epochs=10)
        model.fit(decisions, np.random.default_rng(0).normal(size=60))
        improved = model.improve(decisions[:10])
        assert space.is_valid(space.encode(improved)).all()

    def test_what_is_no_architecture_is_passed_over(self, of_cells, monkeypatch):
        class WithoutOperation(ArchitectureTokenizer):
            def inverse_transform(self, X):
                if (np.asarray(X)[:, 0] == 3).any():
                    raise ArchitectureError("no such cell")
                return super().inverse_transform(X)

        free = of_cells.improve(CELLS)
        assert SPACE.encode(free)[:, 0].tolist().count(2) > 10
        monkeypatch.setattr(of_cells._tokenizer, "__class__", WithoutOperation)
        rows = DECISIONS[:, 0] != 2
        improved = of_cells.improve(CELLS[rows])
        assert not (SPACE.encode(improved)[:, 0] == 2).any()
        assert (improved != CELLS[rows]).any()

    def test_open_space(self):
        texts = ["conv,pool,conv", "pool,pool,conv", "conv,conv,conv", "pool,conv,pool"] * 5
        rows = [tuple(text.split(",")) for text in texts]
        y = [sum(decision == "conv" for decision in row) for row in rows]
        model = trained(space="sequence", sequence=None).fit(rows, y)
        improved = model.improve(rows[:4])
        assert model.predict(improved).mean() > model.predict(rows[:4]).mean()

    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            *(
                ({"step_size": wrong}, f"step_size has to be a finite number above 0, got {wrong}")
                for wrong in (0, -1, np.inf, np.nan, None)
            ),
            *(
                ({"n_steps": wrong}, f"n_steps has to be a whole number from 1, got {wrong}")
                for wrong in (0, -1, 1.5, np.inf, np.nan, None)
            ),
        ],
    )
    def test_bad_parameters(self, of_cells, parameters, message):
        with pytest.raises(ValueError, match=message):
            of_cells.improve(CELLS, **parameters)


class TestBadInput:
    def test_not_fitted(self):
        for method in (small().predict, small().embed, small().improve):
            with pytest.raises(NotFittedError):
                method(TOKENS)

    def test_texts_without_a_space(self):
        with pytest.raises(ValueError, match="takes a matrix of tokens, got texts"):
            small().fit(CELLS, ACCURACIES)

    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            ({"space": "nasbench201", "sequence": "words"}, "no sequence 'words'; it has"),
            ({"trade_off": 1.5}, "trade_off"),
            ({"embedding_dim": 0}, "embedding_dim"),
        ],
    )
    def test_parameters(self, parameters, message):
        X = CELLS if "space" in parameters else TOKENS
        with pytest.raises(ValueError, match=message):
            small(**parameters).fit(X, ACCURACIES)
