"""Any PyTorch network as an architecture: what the space reads, holds, and refuses."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from torch import nn

from emprox.encodings import OneHotEncoding
from emprox.networks import Network, capture
from emprox.predictors import BANANASRegressor, GCNRegressor, NAORegressor
from emprox.properties import StructuralProperties
from emprox.spaces import (
    Architecture,
    ArchitectureError,
    DAGSpace,
    NetworkSpace,
    get_space,
)

INPUTS = (1, 4)


class CountedRuns(nn.Module):
    """An MLP that counts how often it is run."""

    runs = 0

    def __init__(self, width):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 2))

    def forward(self, x):
        CountedRuns.runs += 1
        return self.layers(x)


def mlp(*widths):
    layers = [nn.Linear(n, m) for n, m in zip((4, *widths), (*widths, 2), strict=True)]
    return nn.Sequential(*layers)


MODULES = [mlp(width) for width in (3, 5, 8)]
NETWORKS = [capture(module, INPUTS) for module in MODULES]
SPACE = NetworkSpace(INPUTS).learn(MODULES)


def as_objects(items):
    """Return an array of objects, which numpy does not make of lists of modules."""
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


class TestReading:
    @pytest.mark.parametrize(
        "form",
        [
            list,
            tuple,
            as_objects,
            lambda items: as_objects(items)[:, None],
            pd.Series,
            lambda items: pd.DataFrame({"network": items}, index=["x", "y", "z"]),
        ],
    )
    def test_containers_of_modules_networks_and_texts(self, form):
        mixed = [MODULES[2], NETWORKS[0], NETWORKS[1].to_json()]
        assert SPACE.encode(form(mixed)).tolist() == [[2], [0], [1]]
        assert NetworkSpace(INPUTS).learn(form(mixed)).networks == (
            NETWORKS[2],
            NETWORKS[0],
            NETWORKS[1],
        )

    def test_a_decision_matrix(self):
        for matrix in ([[2], [0]], np.array([[2], [0]]), np.array([[2.0], [0.0]])):
            assert SPACE.encode(matrix).tolist() == [[2], [0]]
            assert SPACE.decode(matrix) == [NETWORKS[2], NETWORKS[0]]
            assert SPACE.learn(matrix) is SPACE

    def test_modules_with_inputs_of_their_own(self):
        module = mlp(3)
        module.example_input_array = torch.zeros(1, 4)
        assert get_space("network").learn([module, NETWORKS[1]]).networks == (*NETWORKS[:2],)
        with pytest.raises(
            ArchitectureError, match="architecture 1: no inputs are given"
        ) as caught:
            get_space("network").learn([module, MODULES[1]])
        assert caught.value.index == 1
        assert "NetworkSpace(inputs=" in str(caught.value)

    def test_prepared_networks_are_not_captured_again(self):
        module, CountedRuns.runs = CountedRuns(3), 0
        prepared = SPACE.prepare([module, CountedRuns(4), module])
        assert CountedRuns.runs == 2
        assert prepared[0] is prepared[2]
        space = SPACE.extend(prepared)
        assert space.encode(space.prepare(prepared)).tolist() == [[3], [4], [3]]
        assert CountedRuns.runs == 2

    def test_a_module_that_was_changed_is_captured_anew(self):
        module = mlp(3)
        assert SPACE.encode([module]).tolist() == [[0]]
        module[0], module[1] = nn.Linear(4, 8), nn.Linear(8, 2)
        assert SPACE.encode([module]).tolist() == [[2]]

    def test_an_iterator_is_gone_through_as_it_comes(self):
        CountedRuns.runs = 0
        prepared = SPACE.prepare(CountedRuns(width) for width in (3, 4, 5))
        assert CountedRuns.runs == 0
        assert isinstance(next(prepared), Network)
        assert CountedRuns.runs == 1

    def test_what_cannot_be_read_in_an_iterator_is_refused_later(self):
        prepared = list(SPACE.prepare(iter([MODULES[0], nn.Linear(7, 1), "no network"])))
        assert prepared[0] == NETWORKS[0]
        for start, word in ((0, "Linear fails"), (2, "not a network")):
            with pytest.raises(ArchitectureError, match=word) as caught:
                SPACE.encode(prepared[start:])
            assert caught.value.index == (1 if start == 0 else 0)


class TestWhatItHolds:
    def test_equal_networks_are_one(self):
        space = NetworkSpace(INPUTS).learn([mlp(3), NETWORKS[1], mlp(3)])
        assert space.networks == (*NETWORKS[:2],)
        assert space.n_choices == (2,)
        assert space.size == 2
        assert not space.is_open

    def test_further_networks_come_behind(self):
        space = SPACE.extend([mlp(9), mlp(3), mlp(10)])
        assert space.networks[:3] == SPACE.networks
        assert space.encode([mlp(10), mlp(5)]).tolist() == [[4], [1]]
        assert SPACE.extend([mlp(3)]) is SPACE
        assert SPACE.learn([mlp(9)]) == SPACE.extend([mlp(9)])
        assert space.keys([[3], [0]]) == space.decode([[3], [0]])

    def test_texts_for_people(self):
        assert SPACE.format([[1]]) == ["Sequential, 37 weights, 30 multiply-adds"]
        large = NetworkSpace((1, 1000)).learn([nn.Linear(1000, 1300)])
        assert large.format([[0]]) == ["Linear, 1.3 M weights, 1.3 M multiply-adds"]
        assert large.choices == {"network": tuple(large.format([[0]]))}

    def test_outline_by_stages(self):
        module = nn.Sequential(
            *(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 16, 3, padding=1)),
            *(nn.MaxPool2d(2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 5)),
        )
        space = NetworkSpace((1, 3, 8, 8)).learn([module])
        (outline,) = space.outline([[0]])
        assert outline.operations[0] == space.format([[0]])[0]
        assert outline.operations[1] == "convolution, 2 layers, 12 wide, 64 positions"
        assert outline.operations[-2].startswith("linear, 5 wide")
        assert outline.operations[-1] == "output"
        assert outline.edges == tuple((n, n + 1) for n in range(len(outline.operations) - 1))

    def test_equality_copies_and_pickles(self):
        assert clone(SPACE, safe=False) is SPACE
        again = pickle.loads(pickle.dumps(SPACE))
        assert again == SPACE
        assert hash(again) == hash(SPACE)
        assert again.networks == SPACE.networks
        assert NetworkSpace(INPUTS) != SPACE
        tokens = NetworkSpace(torch.zeros(1, 8, dtype=torch.long))
        assert pickle.loads(pickle.dumps(tokens)) == tokens != NetworkSpace(INPUTS)
        assert pickle.loads(pickle.dumps(get_space("network"))) is get_space("network")
        assert repr(SPACE) == "<NetworkSpace 'network' with 3 networks>"


class TestRefusals:
    @pytest.mark.parametrize(
        ("item", "word"),
        [
            (nn.Linear(7, 1), "Linear fails on inputs"),
            (nn.Linear, "expected a torch.nn.Module"),
            ("no network", "not a network"),
            ("{}", "not a network"),
            ('{"operations": ["a"], "edges": []}', "not a network"),
            (Architecture(["a"], []), "expected a torch.nn.Module"),
            (None, "got None"),
            (3, "got 3"),
            ((0, 1), "1 decision"),
            ([7], "unknown choice 7"),
        ],
    )
    def test_what_is_no_network(self, item, word):
        for read in (SPACE.encode, SPACE.extend):
            if isinstance(item, (tuple, list)) and read == SPACE.extend:
                continue
            with pytest.raises(ArchitectureError, match=word) as caught:
                read([MODULES[0], item])
            assert caught.value.index == 1
            assert len(str(caught.value)) < 500

    def test_a_single_one(self):
        for single in (MODULES[0], NETWORKS[0], NETWORKS[0].to_json()):
            for read in (SPACE.encode, SPACE.learn, SPACE.prepare):
                with pytest.raises(TypeError, match="into a list"):
                    read(single)

    def test_layers_in_an_array(self):
        array = np.array([mlp(3), mlp(4)], dtype=object)
        assert array.shape == (2, 2)
        with pytest.raises(ArchitectureError, match="list of modules"):
            SPACE.encode(array)

    def test_networks_that_it_does_not_hold(self):
        with pytest.raises(ArchitectureError, match="none of the 3 networks"):
            SPACE.encode([mlp(9)])

    def test_an_open_space(self):
        space = NetworkSpace(INPUTS)
        assert space.is_open
        assert repr(space) == "<NetworkSpace 'network'>"
        for use in (space.decode, space.format):
            with pytest.raises(ArchitectureError, match="holds no networks yet"):
                use([[0]])
        with pytest.raises(ArchitectureError, match="cannot be learned from numbers"):
            space.learn(np.array([[0]]))
        assert space.learn([]).is_open

    def test_nothing_is_random(self):
        for call in (
            lambda: SPACE.sample(3),
            lambda: SPACE.mutate([[0]]),
            lambda: SPACE.neighbors([[0]]),
            lambda: SPACE.enumerate(),
            lambda: SPACE.tokenize([[0]]),
            lambda: SPACE.sequences,
        ):
            with pytest.raises(ValueError, match="networks of the space 'network' cannot be"):
                call()
        assert SPACE.pathless is None
        assert not SPACE.positional

    @pytest.mark.parametrize("kind", [StructuralProperties, OneHotEncoding])
    def test_transformers_of_other_spaces(self, kind):
        with pytest.raises(ValueError, match="take NetworkProperties"):
            kind(SPACE).fit(MODULES)

    @pytest.mark.parametrize("kind", [BANANASRegressor, GCNRegressor, NAORegressor])
    def test_predictors_of_other_spaces(self, kind):
        with pytest.raises(ValueError, match=r"cannot|no graphs"):
            kind(SPACE).fit(MODULES, [1.0, 2.0, 3.0])

    def test_a_space_of_graphs_names_this_one(self):
        with pytest.raises(ArchitectureError, match="'network'"):
            DAGSpace().learn(MODULES)
