"""Evidence that cells with the same canonical form are the same network, from outside the package.

Three kinds: networks of PyTorch that share their weights and are compared output by output;
accuracies that were measured; and the string expressions that the literature counts with.
"""

import itertools
from collections import Counter, defaultdict
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emprox.datasets import load_nasbench201
from emprox.spaces import get_space

SPACE = get_space("nasbench201")
SKIP, NONE, CONV3, CONV1, POOL = range(5)
EDGES = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
INPUT, OUTPUT = 0, 3
ALL_CELLS = np.array(list(itertools.product(range(5), repeat=6)))

cells = st.sampled_from(ALL_CELLS.tolist())
seeds = st.integers(0, 2**31 - 1)


def key(cell):
    return tuple(SPACE.canonicalize([cell])[0].tolist())


@pytest.fixture(scope="module")
def classes():
    """Return the number of the class of every cell."""
    return np.unique(SPACE.canonicalize(ALL_CELLS), axis=0, return_inverse=True)[1].reshape(-1)


@dataclass(eq=False)
class Edge:
    """An operation between two nodes; an edge that moves takes its weights along."""

    source: int
    target: int
    operation: int
    module: torch.nn.Module | None = None

    @property
    def name(self):
        return self.source, self.target, self.operation


N_CHANNELS = 3


def make_module(operation, shift=True):
    """Build an operation of NAS-Bench-201 with random weights, in double precision.

    The batch normalisation of a convolution uses the statistics of the batch, as in training, and
    its scale and shift are random; without `shift` the latter is zero.
    """
    if operation == SKIP:
        return torch.nn.Identity()
    if operation == POOL:
        return torch.nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
    size = 3 if operation == CONV3 else 1
    convolution = torch.nn.Conv2d(N_CHANNELS, N_CHANNELS, size, padding=size // 2, bias=False)
    norm = torch.nn.BatchNorm2d(N_CHANNELS, track_running_stats=False)
    torch.nn.init.normal_(norm.weight)
    if shift:
        torch.nn.init.normal_(norm.bias)
    return torch.nn.Sequential(torch.nn.ReLU(), convolution, norm).double()


def bare(cell):
    """Return the edges of a cell without weights, none left out: it is zero, exactly."""
    return [
        Edge(source, target, operation)
        for (source, target), operation in zip(EDGES, cell, strict=True)
        if operation != NONE
    ]


def build(cell, shift=True):
    """Return the edges of a cell with random weights."""
    edges = bare(cell)
    for edge in edges:
        edge.module = make_module(edge.operation, shift)
    return edges


@torch.no_grad()
def run(edges, x):
    """Compute the output of a cell as NAS-Bench-201 does: a node is the sum of its edges."""
    nodes = {INPUT: x}
    for node in (1, 2, 3):
        arriving = [edge.module(nodes[edge.source]) for edge in edges if edge.target == node]
        nodes[node] = sum(arriving, torch.zeros_like(x))
    return nodes[OUTPUT]


def random_images():
    return torch.randn(4, N_CHANNELS, 5, 5, dtype=torch.float64)


def assert_same(left, right):
    torch.testing.assert_close(left, right, rtol=1e-9, atol=1e-9)


def reached(edges):
    nodes = {INPUT}
    for edge in sorted(edges, key=lambda edge: edge.target):
        if edge.source in nodes:
            nodes.add(edge.target)
    return nodes


def needed(edges):
    nodes = {OUTPUT}
    for edge in sorted(edges, key=lambda edge: -edge.source):
        if edge.target in nodes:
            nodes.add(edge.source)
    return nodes


def simplify(edges):
    """Yield what the cell becomes by one step at a time, until no step is left."""
    while True:
        dead = [
            edge
            for edge in edges
            if edge.source not in reached(edges) or edge.target not in needed(edges)
        ]
        if dead:
            edges = [edge for edge in edges if edge is not dead[0]]
            yield edges
            continue
        for node in (1, 2):
            before = [edge for edge in edges if edge.target == node]
            after = [edge for edge in edges if edge.source == node]
            if len(before) == 1 and before[0].operation == SKIP:
                # The node is its source: what leaves it may leave there.
                moved = [Edge(before[0].source, e.target, e.operation, e.module) for e in after]
            elif len(after) == 1 and after[0].operation == SKIP:
                # The node is but a summand of its target: what arrives may arrive there.
                moved = [Edge(e.source, after[0].target, e.operation, e.module) for e in before]
            else:
                continue
            edges = [edge for edge in edges if edge not in before + after] + moved
            yield edges
            break
        else:
            return


def exchanged(edges):
    """Exchange the names of nodes 1 and 2, which no edge may join."""
    new = {INPUT: INPUT, 1: 2, 2: 1, OUTPUT: OUTPUT}
    return [Edge(new[e.source], new[e.target], e.operation, e.module) for e in edges]


def joined(edges):
    return any((edge.source, edge.target) == (1, 2) for edge in edges)


def names(edges):
    return Counter(edge.name for edge in edges)


def share_weights(edges, donors):
    """Match the edges of two isomorphic simplified cells: {module: module to have instead}."""
    if names(edges) != names(donors) and not joined(donors):
        donors = exchanged(donors)
    assert names(edges) == names(donors), "the simplified cells are not isomorphic"
    by_name = [sorted(side, key=lambda edge: edge.name) for side in (edges, donors)]
    return {edge.module: donor.module for edge, donor in zip(*by_name, strict=True)}


def simplified(edges):
    return [edges, *simplify(edges)][-1]


class TestOutputs:
    @settings(max_examples=300)
    @given(cells, seeds, st.booleans())
    def test_no_step_changes_the_output(self, cell, seed, shift):
        torch.manual_seed(seed)
        x = random_images()
        edges = build(cell, shift)
        # Without a shift, convolutions that the input does not reach give zero.
        edges = [edge for edge in edges if not shift or edge.source in reached(edges)]
        expected = run(edges, x)
        for simpler in simplify(edges):
            assert_same(run(simpler, x), expected)
        if not joined(edges):
            assert_same(run(exchanged(edges), x), expected)

    @settings(max_examples=150)
    @given(cell=cells, seed=seeds)
    def test_members_of_a_class_compute_the_same_with_the_same_weights(self, classes, cell, seed):
        members = ALL_CELLS[classes == classes[(cell == ALL_CELLS).all(axis=1)]]
        other = members[seed % len(members)].tolist()
        torch.manual_seed(seed)
        x = random_images()
        edges, other_edges = build(cell, shift=False), build(other, shift=False)
        # Shifts of convolutions that count may be anything.
        for edge in simplified(edges):
            if edge.operation in (CONV3, CONV1):
                torch.nn.init.normal_(edge.module[2].bias)
        shared = share_weights(simplified(other_edges), simplified(edges))
        for edge in other_edges:
            edge.module = shared.get(edge.module, edge.module)
        assert_same(run(other_edges, x), run(edges, x))

    def test_every_class_has_isomorphic_members_and_no_two_classes_have(self, classes):
        seen = {}
        for cell, number in zip(ALL_CELLS.tolist(), classes, strict=True):
            edges = simplified(bare(cell))
            forms = [edges] if joined(edges) else [edges, exchanged(edges)]
            form = min(sorted(edge.name for edge in form) for form in forms)
            assert seen.setdefault(tuple(form), number) == number
        assert len(seen) == 5425

    def test_an_unreached_convolution_gives_its_shift_and_nothing_else(self):
        torch.manual_seed(0)
        x = random_images()
        # Node 1 has no input; its convolution leads to the output.
        cell = (NONE, NONE, CONV3, NONE, CONV1, NONE)
        edges = build(cell, shift=False)
        unreached = next(edge for edge in edges if edge.source == 1)
        alone = [edge for edge in edges if edge is not unreached]
        assert_same(run(edges, x), run(alone, x))
        torch.nn.init.normal_(unreached.module[2].bias)
        difference = run(edges, x) - run(alone, x)
        shift = unreached.module[2].bias.detach()
        assert_same(difference, shift[None, :, None, None].expand_as(difference))
        assert difference.abs().max() > 0.1

    def test_a_shared_convolution_is_kept_apart_from_two(self):
        # Both have the paths convolution, convolution and nothing.
        shared = (CONV3, SKIP, NONE, SKIP, SKIP, SKIP)
        separate = (SKIP, SKIP, SKIP, NONE, CONV3, CONV3)
        assert key(shared) != key(separate)
        torch.manual_seed(0)
        x = random_images()
        edges, other = build(shared), build(separate)
        for edge in other[-2:]:
            edge.module = edges[0].module
        assert_same(run(edges, x), run(other, x))
        # With weights of its own, the second convolution does what the first cell cannot.
        other[-1].module = make_module(CONV3)
        assert (run(edges, x) - run(other, x)).abs().max() > 0.1


def spread(X, y):
    """Return the standard deviations within and between the classes of connected cells.

    Cells without a path are left out: their accuracies are all 10 %, and would flatter.
    """
    canonical = SPACE.canonicalize(SPACE.encode(X))
    connected = (canonical != NONE).any(axis=1)
    y = y[connected]
    numbers = np.unique(canonical[connected], axis=0, return_inverse=True)[1].reshape(-1)
    sizes = np.bincount(numbers)
    assert (len(y), len(sizes), (sizes > 1).sum()) == (15284, 5424, 1178)

    def pooled(values):
        means = np.bincount(numbers, values) / sizes
        within = np.sqrt(((values - means[numbers]) ** 2).sum() / (sizes - 1).sum())
        return within, means.std(ddof=1)

    return *pooled(y), pooled(np.random.default_rng(0).permutation(y))[0]


class TestAccuracies:
    def test_of_the_bundled_table(self):
        within, between, within_random_classes = spread(*load_nasbench201(return_X_y=True))
        assert within == pytest.approx(0.322, abs=5e-4)
        assert between == pytest.approx(5.464, abs=5e-4)
        assert between > 10 * within
        assert within_random_classes > 10 * within


def expression(cell, *, zeros, flat):
    """Write what a cell computes, after the recipe that NAS-Bench-201 counts unique cells with.

    A node is the sum of the expressions that arrive, in alphabetical order; the input is 0. The
    official recipe keeps none as a summand # (``zeros=True``) and takes a sum that arrives over a
    skip connection for a single summand (``flat=False``).
    """
    nodes = {INPUT: ["0"]}
    for node in (1, 2, 3):
        terms = []
        for (source, target), operation in zip(EDGES, cell, strict=True):
            if target != node:
                continue
            arriving = "+".join(nodes[source])
            if operation == NONE or arriving in ("#", ""):
                terms += ["#"] if zeros else []
            elif operation == SKIP:
                terms += nodes[source] if flat else [arriving]
            else:
                terms.append(f"({arriving})@{SPACE.operations[operation]}")
        nodes[node] = sorted(terms)
    return "+".join(nodes[OUTPUT])


class TestLiterature:
    @pytest.mark.parametrize(
        ("zeros", "flat", "count"),
        [
            (True, False, 6466),  # the number of unique cells in the literature
            (False, False, 5390),
            (False, True, 4930),
        ],
    )
    def test_number_of_expressions(self, zeros, flat, count):
        written = {expression(cell, zeros=zeros, flat=flat) for cell in ALL_CELLS.tolist()}
        assert len(written) == count

    def test_ours_are_the_flat_expressions_with_sharing_told_apart(self, classes):
        members = defaultdict(set)
        for cell, number in zip(ALL_CELLS.tolist(), classes.tolist(), strict=True):
            members[expression(cell, zeros=False, flat=True)].add(number)
        # No class of ours has two expressions: the sets are disjoint.
        assert sum(map(len, members.values())) == 5425
        assert Counter(map(len, members.values())) == {1: 4447, 2: 471, 3: 12}
