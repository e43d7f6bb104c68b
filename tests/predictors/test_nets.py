"""What the neural predictors compute, from the formulas of their papers, and what is their own."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch.nn import functional

from emprox import ArchitectureTokenizer
from emprox.datasets import load_nasbench201
from emprox.encodings import PathEncoding
from emprox.metrics import kendall_tau
from emprox.predictors import BANANASRegressor, GCNRegressor, NAORegressor, SemiNASRegressor
from emprox.spaces import Architecture, get_space, list_spaces

SPACE = get_space("nasbench201")
DECISIONS = SPACE.encode(SPACE.sample(120, random_state=0))
# Easy to learn: convolutions are good, and missing edges are bad.
WORTH = np.array([1, -2, 4, 3, 0])
Y = 70 + WORTH[DECISIONS].sum(axis=1).astype(float)
IS_KNOWN = np.random.default_rng(0).random(120) < 0.4
PARTLY = np.where(IS_KNOWN, Y, np.nan)


def first_loss(model, X=DECISIONS, y=Y):
    """Return the loss before the first step, of a model that puts all samples into a batch."""
    model = clone(model).set_params(max_epochs=1, batch_size=len(X), **without_dropout(model))
    return model.fit(X, y).net_.history[0, "train_loss"]


def untrained(model, X=DECISIONS, y=Y):
    return clone(model).set_params(max_epochs=0, **without_dropout(model)).fit(X, y)


def without_dropout(model):
    return {"dropout": 0} if "dropout" in model.get_params() else {}


def standardized(y):
    return (y - y.mean()) / y.std()


def nao(**parameters):
    defaults = {"sequence": "operations", "embedding_dim": 8, "max_epochs": 2, "random_state": 0}
    return NAORegressor("nasbench201", **{**defaults, **parameters})


@pytest.fixture(scope="module")
def improver():
    model = nao(embedding_dim=16, max_epochs=60, learning_rate=5e-3)
    return model.fit(DECISIONS[:80], Y[:80])


class TestNAO:
    def test_accuracies_follow_from_the_embedding(self):
        model = nao().fit(DECISIONS, Y)
        head = model.net_.module_.property_head
        weights = {name: weight.detach().numpy() for name, weight in head.named_parameters()}
        tokens = ArchitectureTokenizer(SPACE, canonicalize=False).fit_transform(DECISIONS)
        indices = torch.from_numpy(np.searchsorted(model.vocabulary_, tokens) + 1)
        embedding = model.net_.module_.encoder(indices)[1].detach().numpy()
        np.testing.assert_allclose(np.linalg.norm(embedding, axis=1), 1, rtol=1e-5)
        hidden = np.maximum(embedding @ weights["layers.0.weight"].T + weights["layers.0.bias"], 0)
        assert hidden.shape == (120, 16)
        hidden = np.maximum(hidden @ weights["layers.3.weight"].T + weights["layers.3.bias"], 0)
        hidden = (hidden + embedding) / np.sqrt(2)
        expected = hidden @ weights["output.weight"][0] + weights["output.bias"]
        expected = Y.mean() + Y.std() * expected
        np.testing.assert_allclose(model.predict(DECISIONS), expected, rtol=1e-5)

    def test_loss(self):
        start = untrained(nao())
        tokens = ArchitectureTokenizer(SPACE, canonicalize=False).fit_transform(DECISIONS)
        indices = torch.from_numpy(np.searchsorted(start.vocabulary_, tokens) + 1)
        with torch.no_grad():
            logits = start.net_.module_(indices)[0]
        entropy = functional.cross_entropy(logits.flatten(0, 1), indices.flatten()).item()
        errors = (start.predict(DECISIONS) - Y) / Y.std()
        expected = 0.8 * np.mean(errors**2) + 0.2 * entropy
        assert first_loss(nao()) == pytest.approx(expected, rel=1e-5)

    def test_ascent_follows_the_gradient(self, improver):
        module = clone(improver).fit(DECISIONS, Y).net_.module_.double().eval()
        outputs = functional.normalize(
            torch.from_numpy(np.random.default_rng(0).normal(size=(4, 7, 16))), dim=-1
        )

        def accuracy(outputs):
            with torch.no_grad():
                return module.property_head(functional.normalize(outputs.mean(dim=1), dim=-1))

        # Numerically, what moving all outputs of a sample in each direction brings.
        shifts = 1e-6 * torch.eye(16, dtype=torch.double)
        slopes = torch.stack([accuracy(outputs + s) - accuracy(outputs - s) for s in shifts], dim=1)
        direction = functional.normalize(slopes, dim=-1)[:, None]
        expected = functional.normalize(outputs + direction, dim=-1)
        moved, embedding = module.ascend(outputs)
        torch.testing.assert_close(moved, expected, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(embedding, functional.normalize(moved.mean(dim=1), dim=-1))

    def test_learns_what_makes_cells_good(self, improver):
        assert kendall_tau(Y[80:], improver.predict(DECISIONS[80:])) > 0.7

    def test_improves(self, improver):
        start = DECISIONS[80:]
        improved = improver.improve(start)
        assert (improved.shape, improved.dtype) == ((40,), object)
        decisions = SPACE.encode(improved)
        assert (WORTH[decisions].sum(axis=1) - WORTH[start].sum(axis=1)).mean() > Y.std()
        changed = (decisions != start).any(axis=1)
        assert changed.mean() > 0.5
        assert (improver.predict(improved) > improver.predict(start))[changed].all()
        few, many = (improver.predict(improver.improve(start, n_steps=n)) for n in (2, 5))
        assert (many >= few).all()
        alone = [improver.improve(start[[row]])[0] for row in range(10)]
        assert improved[:10].tolist() == alone

    def test_writes_tokens_only_where_they_stood(self):
        # The best operation is never seen on the first edge.
        known = DECISIONS[DECISIONS[:, 0] != 2]
        model = nao(embedding_dim=16, max_epochs=60, learning_rate=5e-3)
        improved = SPACE.encode(model.fit(known, (known == 2).sum(axis=1)).improve(known))
        assert (improved[:, 1:] == 2).mean() > (known[:, 1:] == 2).mean()
        assert not (improved[:, 0] == 2).any()

    @pytest.mark.parametrize(
        ("name", "sequence"),
        [("nasbench101", None), ("nasbench_asr", "adjacency"), ("darts", None)],
    )
    def test_improves_within_the_rules_of_a_space(self, name, sequence):
        space = get_space(name)
        decisions = space.encode(space.sample(60, random_state=0))
        settings = {"embedding_dim": 8, "max_epochs": 5, "random_state": 0}
        model = NAORegressor(name, sequence=sequence, **settings)
        model.fit(decisions, np.random.default_rng(0).normal(size=60))
        assert space.is_valid(space.encode(model.improve(decisions[:10]))).all()

    def test_open_space(self):
        texts = ["conv,pool,conv", "pool,pool,conv", "conv,conv,conv", "pool,conv,pool"] * 5
        rows = [tuple(text.split(",")) for text in texts]
        settings = {"embedding_dim": 16, "max_epochs": 60, "learning_rate": 5e-3}
        model = NAORegressor("sequence", sequence=None, random_state=0, **settings)
        model.fit(rows, [row.count("conv") for row in rows])
        assert model.predict(model.improve(rows[:4])).mean() > model.predict(rows[:4]).mean()


def seminas(**parameters):
    defaults = {"sequence": "operations", "embedding_dim": 8, "max_epochs": 4, "random_state": 0}
    return SemiNASRegressor("nasbench201", **{**defaults, **parameters})


def n_trained_with(model):
    """Count the samples of an epoch of the last training."""
    return sum(batch["train_batch_size"] for batch in model.net_.history[-1]["batches"])


class TestSemiNAS:
    def test_labels_the_unlabelled_as_nao_would_and_trains_on(self):
        model = seminas().fit(DECISIONS, PARTLY)
        first = nao(max_epochs=4).fit(DECISIONS[IS_KNOWN], Y[IS_KNOWN])
        np.testing.assert_array_equal(model.transduction_[IS_KNOWN], Y[IS_KNOWN])
        labels = first.predict(DECISIONS[~IS_KNOWN])
        np.testing.assert_array_equal(model.transduction_[~IS_KNOWN], labels)
        assert not np.array_equal(model.predict(DECISIONS), first.predict(DECISIONS))
        assert n_trained_with(model) == 10 * IS_KNOWN.sum() + (~IS_KNOWN).sum()

    def test_has_seen_more_than_nao(self):
        settings = {"embedding_dim": 16, "max_epochs": 25, "learning_rate": 5e-3}
        models = (
            seminas(**settings).fit(DECISIONS, PARTLY),
            nao(**settings).fit(DECISIONS[IS_KNOWN], Y[IS_KNOWN]),
        )
        errors = [np.abs(model.predict(DECISIONS) - Y)[~IS_KNOWN].mean() for model in models]
        assert errors[0] < min(errors[1], Y.std() / 2)

    def test_knows_the_tokens_of_the_unlabelled(self):
        model = seminas().fit(DECISIONS, np.where((DECISIONS == 4).any(axis=1), np.nan, Y))
        assert model.vocabulary_.tolist() == [1, 2, 3, 4, 5]

    def test_draws_as_many_as_are_known_if_all_are_labelled(self):
        model = seminas().fit(DECISIONS, Y)
        assert n_trained_with(model) == 11 * 120
        np.testing.assert_array_equal(model.transduction_, Y)
        # There may be none.
        rows = [("a", "b"), ("a", "a"), ("b", "b"), ("b", "a")]
        model = SemiNASRegressor("sequence", sequence=None, embedding_dim=8, max_epochs=1)
        assert n_trained_with(model.fit(rows, [1.0, 2.0, 3.0, 4.0])) == 4

    def test_nothing_known(self):
        with pytest.raises(ValueError, match="NaN for all 120"):
            seminas().fit(DECISIONS, np.full(120, np.nan))


def bananas(**parameters):
    defaults = {"hidden_layer_sizes": (8, 6), "max_epochs": 5, "random_state": 0}
    return BANANASRegressor("nasbench201", **{**defaults, **parameters})


class TestBANANAS:
    def test_is_the_mean_of_plain_networks_on_paths(self):
        model = bananas(n_estimators=4, n_paths=30, canonicalize=False).fit(DECISIONS, Y)
        encoding = PathEncoding(SPACE, n_paths=30, canonicalize=False)
        hidden = np.tile(encoding.fit_transform(DECISIONS), (4, 1, 1))
        for layer in model.net_.module_.layers:
            if hidden.shape[-1] != 30:
                hidden = hidden.clip(min=0)
            hidden = hidden @ layer.weight.detach().numpy() + layer.bias.detach().numpy()
        members = Y.mean() + Y.std() * hidden[..., 0]
        mean, std = model.predict(DECISIONS, return_std=True)
        np.testing.assert_array_equal(model.predict(DECISIONS), mean)
        np.testing.assert_allclose(mean, members.mean(axis=0), rtol=1e-6)
        np.testing.assert_allclose(std, members.std(axis=0, ddof=1), rtol=1e-3)
        assert std.min() > 0
        alone = bananas(n_estimators=1).fit(DECISIONS, Y).predict(DECISIONS, return_std=True)
        np.testing.assert_array_equal(alone[1], 0)

    def test_losses(self):
        z = standardized(Y)
        predictions = standardized_by(Y, untrained(bananas(n_estimators=1)).predict(DECISIONS))
        errors = np.abs(predictions - z)
        assert first_loss(bananas(n_estimators=1)) == pytest.approx(errors.mean(), rel=1e-5)
        relative = bananas(n_estimators=1, loss="percentage_error")
        expected = np.mean(errors / (z.max() + 1 - z))
        assert first_loss(relative) == pytest.approx(expected, rel=1e-5)

    def test_learns_from_cells(self):
        X, y = load_nasbench201(return_X_y=True)
        model = BANANASRegressor("nasbench201", max_epochs=60, random_state=0)
        predicted = model.fit(X[:121], y[:121]).predict(X[1000:2000])
        assert kendall_tau(y[1000:2000], predicted) > 0.6

    @pytest.mark.parametrize(
        "parameters",
        [
            {"hidden_layer_sizes": ()},
            {"hidden_layer_sizes": (20, 0)},
            {"hidden_layer_sizes": (20, 1.5)},
        ],
    )
    def test_wrong_parameters(self, parameters):
        with pytest.raises(ValueError, match=next(iter(parameters))):
            bananas(**parameters).fit(DECISIONS, Y)


def standardized_by(y, values):
    return (values - y.mean()) / y.std()


def gcn(space="nasbench201", **parameters):
    settings = {"n_layers": 2, "hidden_size": 8, "max_epochs": 3, "random_state": 0}
    return GCNRegressor(space, **{**settings, **parameters})


def predict_by_hand(module, labels, edges):
    """Compute what the paper's formula says, node by node; labels from 0, edges (source, target).

    Weights are read by the names that torch gives them.
    """
    weights = {name: weight.detach().numpy() for name, weight in module.named_parameters()}
    nodes = np.eye(module.n_labels)[labels]
    for layer in range(len(module.convolutions)):
        along, against = (
            weights[f"convolutions.{layer}.{name}.weight"].T for name in ("along", "against")
        )
        mixed = []
        for node in range(len(labels)):
            sources = [node, *(source for source, target in edges if target == node)]
            targets = [node, *(target for source, target in edges if source == node)]
            heard = np.maximum(np.mean([nodes[i] for i in sources], axis=0) @ along, 0)
            said = np.maximum(np.mean([nodes[i] for i in targets], axis=0) @ against, 0)
            mixed.append((heard + said) / 2)
        nodes = np.array(mixed)
    hidden = nodes.mean(axis=0) @ weights["hidden.weight"].T + weights["hidden.bias"]
    return (np.maximum(hidden, 0) @ weights["output.weight"].T + weights["output.bias"]).item()


class TestGCN:
    CELL = "|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|nor_conv_1x1~0|none~1|none~2|"
    GRAPHS = (
        (("input", "a", "b", "a", "output"), [(0, 1), (0, 2), (1, 3), (2, 3), (3, 4), (0, 4)]),
        (("input", "b", "output"), [(0, 1), (1, 2)]),
        (("input", "a", "b", "output"), [(0, 1), (1, 2), (2, 3), (1, 3)]),
    )

    def test_formula(self):
        full = {"a": "conv3x3-bn-relu", "b": "maxpool3x3"}
        graphs = [([full.get(node, node) for node in nodes], edges) for nodes, edges in self.GRAPHS]
        X = [Architecture(tuple(nodes), edges) for nodes, edges in graphs]
        y = np.array([1.0, 2.0, 4.0])
        model = gcn("nasbench101", n_layers=3).fit(X, y)
        names = list(model.labels_)
        assert sorted(names) == ["conv3x3-bn-relu", "input", "maxpool3x3", "output"]
        expected = [
            predict_by_hand(model.net_.module_, [names.index(name) for name in nodes], edges)
            for nodes, edges in graphs
        ]
        np.testing.assert_allclose(model.predict(X), y.mean() + y.std() * np.array(expected))

    @pytest.mark.parametrize("canonicalize", [True, False])
    def test_operations_on_edges_become_nodes(self, canonicalize):
        model = gcn(canonicalize=canonicalize).fit([self.CELL, self.CELL], [1.0, 3.0])
        names = list(model.labels_)
        nodes, edges = ["input", "nor_conv_1x1", "output"], [(0, 1), (1, 2)]
        if not canonicalize:
            # As written there is a branch that goes nowhere.
            nodes, edges = [*nodes, "nor_conv_3x3", "avg_pool_3x3"], [*edges, (0, 3), (3, 4)]
        assert sorted(names) == sorted(nodes)
        labels = [names.index(node) for node in nodes]
        expected = 2 + predict_by_hand(model.net_.module_, labels, edges)
        np.testing.assert_allclose(model.predict([self.CELL]), expected, rtol=1e-6)

    def test_a_cell_without_a_path_has_an_input_and_an_output(self):
        model = gcn().fit(["|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"], [1.0])
        assert sorted(model.labels_) == ["input", "output"]

    def test_two_cells_have_labels_of_their_own(self):
        space = get_space("darts")
        model = gcn("darts").fit(space.sample(5, random_state=0), np.arange(5.0))
        assert {label.partition(":")[0] for label in model.labels_} == {"normal", "reduce"}

    @pytest.mark.parametrize("name", sorted(set(list_spaces()) - {"network"}))
    def test_every_space(self, name):
        if name == "dag":
            X = [Architecture(*graph) for graph in self.GRAPHS] * 2
        elif name == "sequence":
            with pytest.raises(ValueError, match="no graphs"):
                gcn(name).fit([(2, "a"), (3, "b")], [1.0, 2.0])
            return
        else:
            X = get_space(name).sample(12, random_state=0)
        predicted = gcn(name).fit(X, np.arange(float(len(X)))).predict(X)
        assert np.isfinite(predicted).all()
        assert predicted.std() > 0

    def test_the_same_function_gets_the_same_prediction(self):
        canonical = SPACE.canonicalize(DECISIONS)
        model = gcn().fit(DECISIONS, Y)
        np.testing.assert_array_equal(model.predict(canonical), model.predict(DECISIONS))
        as_written = gcn(canonicalize=False).fit(DECISIONS, Y)
        assert np.ptp(as_written.predict(canonical) - as_written.predict(DECISIONS)) > 0

    @pytest.mark.parametrize(("loss", "power"), [("absolute_error", 1), ("squared_error", 2)])
    def test_losses(self, loss, power):
        errors = np.abs(untrained(gcn()).predict(DECISIONS) - Y) / Y.std()
        assert first_loss(gcn(loss=loss)) == pytest.approx(np.mean(errors**power), rel=1e-4)

    def test_learns_from_cells(self):
        X, y = load_nasbench201(return_X_y=True)
        model = GCNRegressor("nasbench201", hidden_size=32, max_epochs=40, random_state=0)
        predicted = model.fit(X[:121], y[:121]).predict(X[1000:2000])
        assert kendall_tau(y[1000:2000], predicted) > 0.6

    def test_unknown_operations_are_named(self):
        model = gcn().fit([self.CELL, self.CELL], [1.0, 2.0])
        other = "|none~0|+|none~0|none~1|+|avg_pool_3x3~0|none~1|none~2|"
        with pytest.warns(UserWarning, match="avg_pool_3x3"):
            predicted = model.predict([self.CELL, other])
        assert predicted[0] == model.predict([self.CELL])[0]
        # The average of input, output and convolution is not the convolution.
        assert predicted[0] != predicted[1]

    def test_operations_that_an_open_space_has_not_learned(self):
        known = [Architecture(*graph) for graph in self.GRAPHS]
        model = gcn("dag").fit(known, [1.0, 2.0, 4.0])
        other = Architecture(("input", "new", "output"), [(0, 1), (1, 2)])
        with pytest.warns(UserWarning, match="new"):
            predicted = model.predict([other, *known])
        np.testing.assert_array_equal(predicted[1:], model.predict(known))
