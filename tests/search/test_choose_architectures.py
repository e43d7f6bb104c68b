import math

import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist
from torch import nn

from emprox.networks import capture
from emprox.properties import StructuralProperties
from emprox.search import choose_architectures
from emprox.spaces import ArchitectureError, NetworkSpace, SequenceSpace, get_space

SPACE = get_space("nasbench201")
CELL = "|none~0|+|none~0|none~1|+|none~0|none~1|nor_conv_3x3~2|"


@pytest.fixture(scope="module")
def cells():
    return SPACE.format(SPACE.sample(600, random_state=0))


def networks(architectures, space=SPACE):
    """Return what is the same for all descriptions of a network."""
    rows = space.canonicalize(space.encode(list(architectures)))
    return [row.tobytes() for row in rows]


class Textbook:
    """Posterior variances of the kernel that the documentation names, computed in one go."""

    def __init__(self, cells):
        X = StructuralProperties(SPACE, standardize=True).fit_transform(cells)
        _, first = np.unique(SPACE.canonicalize(SPACE.encode(cells)), axis=0, return_index=True)
        scaled = math.sqrt(3) * cdist(X, X) / (2 * np.median(pdist(X[first])))
        self.kernel = (1 + scaled) * np.exp(-scaled)

    def variances(self, trained):
        known = self.kernel[trained]
        noisy = known[:, trained] + 0.05 * np.eye(len(trained))
        return 1 - (known * np.linalg.solve(noisy, known)).sum(axis=0)


class TestGreedy:
    def test_takes_what_reduces_the_variance_most(self, cells):
        """Each choice is the best of all, judged by the textbook's formula."""
        cells, textbook = cells[:80], Textbook(cells[:80])
        _, chosen = choose_architectures(cells, 4, space=SPACE, random_state=0, return_indices=True)
        for number in range(4):
            before = chosen[:number].tolist()
            sums = [textbook.variances([*before, index]).sum() for index in range(len(cells))]
            assert sums[chosen[number]] == pytest.approx(min(sums), rel=1e-5)

    def test_weights_and_costs(self, cells):
        cells, textbook = cells[:60], Textbook(cells[:60])
        rng = np.random.default_rng(0)
        weights, costs = rng.random(60), rng.uniform(1, 3, 60)
        _, (first,) = choose_architectures(
            cells, 1, space=SPACE, weights=weights, costs=costs, return_indices=True
        )
        index_of = dict(zip(networks(reversed(cells)), range(59, -1, -1), strict=True))
        gains = [
            ((1 - textbook.variances([index])) @ weights) / costs[index_of[key]]
            for index, key in enumerate(networks(cells))
        ]
        assert gains[first] == pytest.approx(max(gains), rel=1e-5)
        by_function = choose_architectures(
            cells,
            1,
            space=SPACE,
            weights=lambda some: np.ones(len(some)),
            costs=lambda some: [1.0 if text == cells[7] else 1e6 for text in some],
        )
        assert by_function.tolist() == [cells[7]]

    def test_goes_on_from_what_is_known(self, cells):
        twenty = choose_architectures(cells, 20, space=SPACE, random_state=0)
        ten = choose_architectures(cells, 10, space=SPACE, random_state=0)
        assert twenty[:10].tolist() == ten.tolist()
        # The same in another description.
        known = SPACE.format(SPACE.canonicalize(SPACE.encode(ten.tolist())))
        more = choose_architectures(cells, 10, known, space=SPACE, random_state=0)
        assert more.tolist() == twenty[10:].tolist()

    def test_says_more_than_random_ones(self, cells):
        _, chosen = choose_architectures(
            cells, 10, space=SPACE, random_state=0, return_indices=True
        )
        textbook, rng = Textbook(cells), np.random.default_rng(0)
        random = [textbook.variances(rng.choice(600, 10)).sum() for _ in range(20)]
        assert textbook.variances(chosen).sum() < min(random)


class TestCandidates:
    def test_space(self):
        for space in (SPACE, "nasbench201"):
            chosen = choose_architectures(space, 30, random_state=1)
            assert len(set(networks(chosen))) == 30
        again = choose_architectures("nasbench201", 30, random_state=1)
        assert again.tolist() == chosen.tolist()

    def test_space_that_is_too_large_to_list(self):
        chosen, indices = choose_architectures("darts", 3, random_state=0, return_indices=True)
        space = get_space("darts")
        assert len(set(networks(chosen, space))) == 3
        assert indices.max() < 10_000
        again = choose_architectures("darts", 3, random_state=0)
        assert again.tolist() == chosen.tolist()

    def test_forms(self, cells):
        rows = SPACE.encode(cells)
        texts, indices = choose_architectures(
            cells, 6, space=SPACE, random_state=0, return_indices=True
        )
        assert [cells[index] for index in indices] == texts.tolist()
        matrix = choose_architectures(rows, 6, space=SPACE, random_state=0)
        assert matrix.tolist() == rows[indices].tolist()
        graphs = choose_architectures(SPACE.decode(rows), 6, space=SPACE, random_state=0)
        assert networks(graphs) == networks(texts)
        stream = choose_architectures(iter(cells), 6, space=SPACE, random_state=0)
        assert stream.tolist() == texts.tolist()

    def test_long_stream(self):
        """Only a part of a stream is kept, the same one in whatever order it comes."""
        space = get_space("natsbench_size")
        rows = [tuple(row) for row in np.concatenate(list(space.enumerate())).tolist()]
        chosen, indices = choose_architectures(
            iter(rows), 3, space=space, random_state=0, return_indices=True
        )
        assert [rows[index] for index in indices] == chosen.tolist()
        doubled = choose_architectures(iter([*rows, *rows]), 3, space=space, random_state=0)
        assert doubled.tolist() == chosen.tolist()

    def test_sequences_and_graphs(self):
        space = SequenceSpace({"width": [8, 16, 32], "depth": [1, 2, 3, 4]})
        assert len(set(choose_architectures(space, 12, random_state=0))) == 12
        graphs = SPACE.decode(SPACE.sample(40, random_state=0))
        graphs = [type(g)(g.operations, g.edges) for g in graphs]
        chosen = choose_architectures(graphs, 5, space="dag", random_state=0)
        assert all(graph in graphs for graph in chosen)


@pytest.mark.parametrize(
    ("candidates", "parameters", "error", "word"),
    [
        ([CELL] * 3, {"n": 2, "space": SPACE}, ValueError, "1 different"),
        ([CELL], {"n": 0, "space": SPACE}, ValueError, "n == 0"),
        ([CELL], {"n": 1}, ValueError, "space"),
        ([], {"n": 1, "space": SPACE}, ValueError, "no candidates"),
        ("nasbench999", {"n": 1}, ValueError, "nasbench999"),
        ("dag", {"n": 1}, ValueError, "list of candidates"),
        ("nasbench201", {"n": 1, "weights": [1.0]}, ValueError, "function"),
        ([CELL], {"n": 1, "space": SPACE, "weights": [1.0, 2.0]}, ValueError, "weights"),
        ([CELL], {"n": 1, "space": SPACE, "weights": [0.0]}, ValueError, "weights"),
        ([CELL], {"n": 1, "space": SPACE, "costs": [0.0]}, ValueError, "costs"),
        ([CELL], {"n": 1, "space": SPACE, "costs": [np.nan]}, ValueError, "costs"),
        ([CELL, "?"], {"n": 1, "space": SPACE}, ArchitectureError, "architecture 1"),
        ([CELL], {"n": 1, "space": SPACE, "known": ["?"]}, ArchitectureError, "known"),
    ],
)
def test_what_cannot_be(candidates, parameters, error, word):
    with pytest.raises(error, match=word):
        choose_architectures(candidates, **parameters)


def test_networks():
    """Modules are captured; the same network twice is one candidate."""
    networks = [
        capture(nn.Sequential(nn.Linear(4, width), layer(), nn.Linear(width, 2)), (1, 4))
        for width in (4, 8, 16, 32, 64)
        for layer in (nn.ReLU, nn.Sigmoid, nn.Identity)
    ]
    chosen, indices = choose_architectures(
        [*networks, *networks], 15, random_state=0, return_indices=True
    )
    assert [networks[index] for index in indices] == chosen.tolist()
    assert len(set(chosen)) == 15
    first = choose_architectures(networks, 4, random_state=0)
    more = choose_architectures(iter(networks), 11, known=first, random_state=0)
    assert {*first, *more} == set(networks)
    modules = [nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 2)), nn.Linear(4, 2)]
    known = [nn.Linear(4, 3)]
    space = NetworkSpace(inputs=(1, 4))
    assert len(choose_architectures(modules, 2, known, space=space, random_state=0)) == 2
