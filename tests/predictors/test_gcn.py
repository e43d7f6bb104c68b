"""GCNRegressor: the convolutions, the graphs they run over, and the regressor around them."""

import numpy as np
import pandas as pd
import pytest
import torch

from emprox.datasets import load_nasbench201
from emprox.metrics import kendall_tau
from emprox.predictors import _gcn
from emprox.predictors._gcn import GCNRegressor, GraphPredictor, _Nodes
from emprox.spaces import Architecture, get_space, list_spaces

SPACE = get_space("nasbench201")
CELL = "|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|nor_conv_1x1~0|none~1|none~2|"


def small(**parameters):
    settings = {"n_layers": 2, "hidden_size": 8, "max_epochs": 3, "random_state": 0}
    return GCNRegressor(**{**settings, **parameters})


@pytest.fixture(scope="module")
def cells():
    decisions = SPACE.sample_decisions(80, random_state=0)
    texts = np.array([SPACE.format(row) for row in decisions], dtype=object)
    # Known without training: the convolutions on the way.
    y = 10 * np.isin(SPACE.canonicalize(decisions), [2, 3]).sum(axis=1).astype(float)
    return texts, y


@pytest.fixture(scope="module")
def tokens():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 4, (40, 5))
    return X, X.sum(axis=1) + rng.normal(size=40)


def predict_by_hand(module, labels, edges, n_positions=0):
    """Compute what the paper's formula says, node by node; labels from 1, edges (source, target).

    Dropout is off. Weights are read by the names that torch gives them.
    """
    weights = {name: weight.detach().numpy() for name, weight in module.named_parameters()}
    n_nodes = len(labels)
    nodes = np.eye(module.n_labels)[np.array(labels) - 1]
    nodes = np.hstack([nodes, np.eye(n_nodes, n_positions)])
    for layer in range(len(module.convolutions)):
        along, against = (
            weights[f"convolutions.{layer}.{name}.weight"].T for name in ("along", "against")
        )
        mixed = []
        for node in range(n_nodes):
            sources = [node, *(source for source, target in edges if target == node)]
            targets = [node, *(target for source, target in edges if source == node)]
            heard = np.maximum(np.mean([nodes[i] for i in sources], axis=0) @ along, 0)
            said = np.maximum(np.mean([nodes[i] for i in targets], axis=0) @ against, 0)
            mixed.append((heard + said) / 2)
        nodes = np.array(mixed)
    hidden = nodes.mean(axis=0) @ weights["hidden.weight"].T + weights["hidden.bias"]
    return (np.maximum(hidden, 0) @ weights["output.weight"].T + weights["output.bias"]).item()


def pack(labels, edges, n_absent=0):
    """Write a graph as the module reads it, with some nodes that are not there."""
    n_nodes = len(labels) + n_absent
    graph = np.zeros((n_nodes, n_nodes + 2), dtype=np.int32)
    for source, target in edges:
        graph[source, target] = 1
    # What label a node has that is not there must not matter.
    graph[:, -2] = [*labels, *[1] * n_absent]
    graph[: len(labels), -1] = 1
    return torch.from_numpy(graph)


class TestGraphPredictor:
    LABELS, EDGES = [1, 3, 2, 3, 4], [(0, 1), (0, 2), (1, 3), (2, 3), (3, 4), (0, 4)]

    @pytest.fixture
    def module(self):
        module = GraphPredictor(4, n_layers=3, hidden_size=5, dropout=0.2, seed=0).double().eval()
        with torch.no_grad():
            module.hidden.bias += torch.linspace(-1, 1, len(module.hidden.bias))
        return module

    def test_formula(self, module):
        expected = predict_by_hand(module, self.LABELS, self.EDGES)
        predicted = module(pack(self.LABELS, self.EDGES)[None])
        np.testing.assert_allclose(predicted.detach().numpy(), [expected], rtol=1e-12)

    def test_absent_nodes_do_not_count(self, module):
        graphs = torch.stack(
            [pack(self.LABELS, self.EDGES, 2), pack([*self.LABELS, 1], self.EDGES, 1)]
        )
        predicted = module(graphs).detach().numpy()
        alone = predict_by_hand(module, self.LABELS, self.EDGES)
        np.testing.assert_allclose(predicted[0], alone, rtol=1e-12)
        isolated = predict_by_hand(module, [*self.LABELS, 1], self.EDGES)
        np.testing.assert_allclose(predicted[1], isolated, rtol=1e-12)
        assert abs(alone - isolated) > 1e-6

    def test_the_numbers_of_nodes_do_not_matter(self, module):
        order = [3, 0, 4, 2, 1]
        labels = [self.LABELS[node] for node in order]
        edges = [(order.index(source), order.index(target)) for source, target in self.EDGES]
        predicted = module(torch.stack([pack(self.LABELS, self.EDGES), pack(labels, edges)]))
        np.testing.assert_allclose(*predicted.detach().numpy(), rtol=1e-12)

    def test_the_direction_of_edges_matters(self, module):
        reverse = [(target, source) for source, target in self.EDGES]
        predicted = module(torch.stack([pack(self.LABELS, self.EDGES), pack(self.LABELS, reverse)]))
        assert abs(predicted[0] - predicted[1]) > 1e-6

    @pytest.mark.parametrize("labels", [LABELS, [2]])
    def test_rows_of_labels_are_chains(self, labels):
        n = len(labels)
        module = GraphPredictor(4, 3, 5, dropout=0, seed=0, n_positions=n).double().eval()
        chain = [(node, node + 1) for node in range(n - 1)]
        expected = predict_by_hand(module, labels, chain, n_positions=n)
        predicted = module(torch.tensor([labels])).item()
        np.testing.assert_allclose(predicted, expected, rtol=1e-12)

    def test_an_unknown_label_is_the_average_of_the_known(self):
        module = GraphPredictor(4, 1, 5, dropout=0, seed=0, n_positions=1).double().eval()
        # Before the first ReLU all is linear.
        seen = []
        module.convolutions[0].along.register_forward_hook(
            lambda layer, inputs, outputs: seen.append(outputs)
        )
        module(torch.tensor([[0], [1], [2], [3], [4]]))
        np.testing.assert_allclose(seen[0][0].detach(), seen[0][1:].mean(dim=0).detach())


class TestGraphs:
    def nodes_of(self, space, architectures, canonicalize=True):
        model = small(space=space, canonicalize=canonicalize)
        return model._nodes(model._read(architectures, reset=True))

    def names(self, nodes, row=0):
        return list(nodes.names(nodes.codes[row])[nodes.present[row]])

    def edges(self, nodes, row=0):
        """Return the edges by the names of their ends."""
        names = nodes.names(nodes.codes[row])
        found = [(names[source], names[target]) for source, target in np.argwhere(nodes.reads[row])]
        return sorted(found)

    def test_operations_on_edges_become_nodes(self):
        nodes = self.nodes_of("nasbench201", [CELL])
        assert self.edges(nodes) == [
            ("input", "nor_conv_1x1"),
            ("nor_conv_1x1", "output"),
        ]

    def test_dead_operations_stay_as_written(self):
        nodes = self.nodes_of("nasbench201", [CELL], canonicalize=False)
        assert sorted(self.names(nodes)) == [
            "avg_pool_3x3",
            "input",
            "nor_conv_1x1",
            "nor_conv_3x3",
            "output",
        ]
        assert ("nor_conv_3x3", "avg_pool_3x3") in self.edges(nodes)

    def test_a_cell_without_a_path_has_an_input_and_an_output(self):
        nodes = self.nodes_of("nasbench201", ["|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"])
        assert self.names(nodes) == ["input", "output"]
        assert self.edges(nodes) == []

    def test_operations_on_nodes(self):
        cell = Architecture(
            ("input", "conv3x3-bn-relu", "maxpool3x3", "output"), [(0, 1), (0, 2), (1, 3), (2, 3)]
        )
        nodes = self.nodes_of("nasbench101", [cell])
        assert self.edges(nodes) == [
            ("conv3x3-bn-relu", "output"),
            ("input", "conv3x3-bn-relu"),
            ("input", "maxpool3x3"),
            ("maxpool3x3", "output"),
        ]

    def test_two_cells_are_two_parts_of_a_graph(self):
        nodes = self.nodes_of("darts", get_space("darts").sample(5, random_state=0))
        kinds = {"normal", "reduce"}
        for row in range(5):
            assert {name.partition(":")[0] for name in self.names(nodes, row)} == kinds
            for source, target in self.edges(nodes, row):
                assert source.partition(":")[0] == target.partition(":")[0]

    def test_labels(self):
        model = small(space="nasbench201").fit([CELL], [1.0])
        assert list(model.labels_) == ["input", "output", "nor_conv_1x1"]

    @pytest.mark.parametrize("name", list_spaces())
    def test_every_space(self, name):
        space = get_space(name)
        if name == "dag":
            nodes = [("input", "a", "output"), ("input", "b", "output"), ("input", "output")]
            X = [Architecture(n, [(i, i + 1) for i in range(len(n) - 1)]) for n in nodes] * 2
        elif name == "sequence":
            X = pd.DataFrame({"depth": [2, 3, 4, 4], "width": ["a", "b", "c", "a"]})
        else:
            X = space.sample(12, random_state=0)
        model = small(space=name).fit(X, np.arange(float(len(X))))
        predicted = model.predict(X)
        assert predicted.shape == (len(X),)
        assert np.isfinite(predicted).all()
        assert predicted.std() > 0


class TestPredictions:
    def test_it_learns_from_cells(self):
        X, y = load_nasbench201(return_X_y=True)
        model = GCNRegressor(space=SPACE, hidden_size=32, max_epochs=40, random_state=0)
        predicted = model.fit(X[:121], y[:121]).predict(X[1000:2000])
        assert kendall_tau(y[1000:2000], predicted) > 0.6

    def test_it_learns_from_tokens(self, tokens):
        X, y = tokens
        assert small(max_epochs=60, lr=0.02).fit(X, y).score(X, y) > 0.6

    def test_a_prediction_depends_on_its_own_row_alone(self, cells):
        X, y = cells
        model = small(space=SPACE).fit(X, y)
        together = model.predict(X)
        alone = np.concatenate([model.predict(X[[i]]) for i in range(len(X))])
        np.testing.assert_array_equal(alone, together)
        np.testing.assert_array_equal(model.predict(X[::-1])[::-1], together)

    def test_many_graphs_are_predicted_part_by_part(self, cells, monkeypatch):
        X, y = cells
        model = small(space=SPACE).fit(X, y)
        together = model.predict(X)
        monkeypatch.setattr(_gcn, "_PAIRS_AT_ONCE", 3 * 8**2)
        np.testing.assert_array_equal(model.predict(X), together)

    def test_the_same_function_gets_the_same_prediction(self, cells):
        X, y = cells
        decisions = SPACE.sample_decisions(50, random_state=1)
        model = small(space=SPACE).fit(X, y)
        expected = model.predict(decisions)
        relabelled = SPACE.relabel(decisions, random_state=0)
        np.testing.assert_array_equal(model.predict(relabelled), expected)
        np.testing.assert_array_equal(model.predict(SPACE.canonicalize(decisions)), expected)
        as_written = small(space=SPACE, canonicalize=False).fit(X, y)
        before, after = map(as_written.predict, (decisions, SPACE.canonicalize(decisions)))
        assert np.ptp(before - after) > 0

    def test_the_unit_does_not_matter(self, cells):
        X, y = cells
        expected = small(space=SPACE).fit(X, y).predict(X)
        # Twice as much, so that standardised accuracies are the same bits.
        predicted = small(space=SPACE).fit(X, 2 * y).predict(X)
        np.testing.assert_allclose(predicted, 2 * expected, rtol=1e-12)

    def test_equal_accuracies(self, cells):
        X, _ = cells
        predicted = small(space=SPACE).fit(X[:9], np.full(9, 91.1)).predict(X)
        np.testing.assert_allclose(predicted, 91.1, rtol=1e-15)

    @pytest.mark.parametrize("n_known", [1, 2])
    def test_few_architectures(self, cells, n_known):
        X, y = cells
        predicted = small(space=SPACE).fit(X[:n_known], y[:n_known]).predict(X[:n_known])
        assert np.isfinite(predicted).all()

    def test_unknown_operations_are_named(self):
        model = small(space="nasbench201").fit([CELL, CELL], [1.0, 2.0])
        other = "|none~0|+|none~0|none~1|+|avg_pool_3x3~0|none~1|none~2|"
        with pytest.warns(UserWarning, match=r"operations .* in fit \(avg_pool_3x3\)"):
            predicted = model.predict([CELL, other])
        assert predicted[0] == model.predict([CELL])[0]
        # The average of input, output and convolution is not the convolution.
        assert predicted[0] != predicted[1]

    def test_unknown_tokens_are_named(self, tokens):
        X, y = tokens
        model = small().fit(X, y)
        with pytest.warns(UserWarning, match=r"tokens .* in fit \(7, 9\)"):
            model.predict([[0, 1, 2, 7, 9]])

    def test_loss(self, cells):
        X, y = cells
        expected = small(space=SPACE).fit(X, y).predict(X)
        predicted = small(space=SPACE, loss="squared_error").fit(X, y).predict(X)
        assert np.ptp(predicted - expected) > 0


class TestInput:
    def test_names_of_columns(self, tokens):
        X, y = tokens
        frame = pd.DataFrame(X, columns=list("abcde"))
        model = small().fit(frame, y)
        assert list(model.feature_names_in_) == list("abcde")
        with pytest.raises(ValueError, match="feature names"):
            model.predict(frame[list("edcba")])

    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            ({"n_layers": 0}, "n_layers"),
            ({"hidden_size": 0}, "hidden_size"),
            ({"dropout": 1}, "dropout"),
            ({"loss": "hinge"}, "loss"),
            ({"max_epochs": 0}, "max_epochs"),
        ],
    )
    def test_wrong_parameters(self, cells, parameters, message):
        with pytest.raises(ValueError, match=message):
            small(**{"space": SPACE, **parameters}).fit(*cells)

    def test_texts_without_a_space(self, cells):
        with pytest.raises(ValueError, match="takes a matrix of tokens, got texts"):
            small().fit(*cells)


def test_chains_are_all_there():
    nodes = _Nodes.chains(np.array([[0, 3]]))
    assert nodes.present.all()
    np.testing.assert_array_equal(nodes.to_tensor(np.array([0, 3])), [[1, 2]])
