"""What all cells with operations on their edges share, on a space that is none of the package's."""

import itertools

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emprox.spaces import ArchitectureError, check_search_space
from emprox.spaces._cells import contract_skips
from emprox.spaces._edge_cells import EdgeCellSpace

NONE, SKIP, CONV = range(3)


class FiveNodes(EdgeCellSpace):
    """Cells of five nodes and ten edges, grouped by the node they lead to."""

    name = "five_nodes"
    title = "cells of 10 edges with 3 operations each"
    operations = ("none", "skip", "conv")
    edges = tuple((source, target) for target in range(1, 5) for source in range(target))
    n_choices = (3,) * 10
    none = "none"
    skip = "skip"
    _benchmark = "five-node"
    _accepted = "a text of ten letters, ten operations"

    def format(self, architecture):
        return "".join("nsc"[choice] for choice in self._read(architecture))

    def _read_text(self, text):
        if len(text) != 10 or set(text) - set("nsc"):
            raise ArchitectureError(f"expected ten letters n, s or c, got {text!r}")
        return ["nsc".index(letter) for letter in text]


class FiveNodesReducing(FiveNodes):
    """The same, with skips from the input that change its shape."""

    skip_copies_input = False


SPACES = [FiveNodes(), FiveNodesReducing()]


@pytest.mark.parametrize("space", SPACES, ids=repr)
def test_contract(space):
    check_search_space(space, random_state=0)


@pytest.mark.parametrize("space", SPACES, ids=repr)
@settings(max_examples=10)
@given(seed=st.integers(0, 2**32 - 1))
def test_different_canonical_forms_never_share_tokens(space, seed):
    canonical = space.canonicalize(space.sample_decisions(300, seed))
    n_different = len(np.unique(canonical, axis=0))
    for sequence in space.sequences:
        assert len(np.unique(space.tokenize(canonical, sequence), axis=0)) == n_different


def test_sizes_follow_from_the_number_of_nodes():
    space = SPACES[0]
    assert space.n_nodes == 5
    # 12 nodes in the line graph: 11 * 14 / 2 tokens.
    assert space.sequences["adjacency"].length == 77
    # Of the 8 paths one has 1 edge, three have 2, three have 3, one has 4; 8 end tokens.
    assert space.sequences["paths"].length == 10 + (1 + 3 * 2 + 3 * 3 + 4) + 8


def with_edges(space, **operations):
    """Make a cell of the operations of some edges, given as e01=CONV."""
    cell = [NONE] * 10
    for edge, operation in operations.items():
        cell[space.edges.index((int(edge[1]), int(edge[2])))] = operation
    return tuple(cell)


def test_prune_keeps_exactly_the_edges_on_paths():
    space = SPACES[0]
    cell = with_edges(space, e01=CONV, e14=SKIP, e02=CONV, e34=CONV, e13=SKIP, e12=CONV)
    # Node 2 leads nowhere; 0->1->3->4 and 0->1->4 are paths.
    kept = with_edges(space, e01=CONV, e14=SKIP, e34=CONV, e13=SKIP)
    assert tuple(space.prune([cell])[0]) == kept
    assert not space.prune([with_edges(space, e12=CONV, e24=CONV)]).any()


def test_skips_from_the_input_are_merged_only_where_they_copy():
    copying, reducing = SPACES
    through_a_skip = with_edges(copying, e01=SKIP, e14=CONV)
    direct = with_edges(copying, e04=CONV)
    assert copying.isomorphism_key(through_a_skip) == copying.isomorphism_key(direct)
    assert reducing.isomorphism_key(through_a_skip) != reducing.isomorphism_key(direct)
    # A skip between inner nodes copies in both, and so does one that ends in the output.
    inner = with_edges(copying, e01=CONV, e12=SKIP, e24=CONV)
    short = with_edges(copying, e01=CONV, e14=CONV)
    for space in SPACES:
        assert space.isomorphism_key(inner) == space.isomorphism_key(short)
    for space in SPACES:
        after = with_edges(space, e01=SKIP, e14=SKIP)
        assert space.isomorphism_key(after) == space.isomorphism_key(with_edges(space, e04=SKIP))


def test_path_tokens_leave_out_the_skips_that_copy():
    copying, reducing = SPACES
    cell = with_edges(copying, e01=SKIP, e12=SKIP, e24=CONV)
    end = 4
    for space, word in ((copying, [CONV + 1]), (reducing, [SKIP + 1, CONV + 1])):
        tokens = space.tokenize([cell], "paths")[0, 10:]
        assert tokens[tokens != 0].tolist() == [*word, end]


@pytest.mark.parametrize("space", SPACES, ids=repr)
def test_path_tokens_do_not_depend_on_the_description(space):
    cells = space.sample_decisions(500, random_state=1)
    before = space.tokenize(cells, "paths")[:, 10:]
    for other in (space.canonicalize(cells), space.relabel(cells, 1), space.prune(cells)):
        np.testing.assert_array_equal(space.tokenize(other, "paths")[:, 10:], before)


def test_relabel_reaches_every_order_of_three_unjoined_nodes():
    space = SPACES[0]
    cell = with_edges(space, e01=CONV, e02=SKIP, e14=CONV, e24=CONV, e34=SKIP, e03=CONV)
    seen, cells = set(), np.array([cell] * 200)
    for seed in range(4):
        cells = space.relabel(cells, seed)
        seen |= set(map(tuple, cells.tolist()))
    # (in, out) of the three inner nodes: (conv, conv), (skip, conv), (conv, skip), in any order.
    orders = set()
    for nodes in itertools.permutations([(CONV, CONV), (SKIP, CONV), (CONV, SKIP)]):
        edges = {f"e0{i}": pair[0] for i, pair in enumerate(nodes, 1)}
        orders.add(with_edges(space, **edges, **{f"e{i}4": p[1] for i, p in enumerate(nodes, 1)}))
    assert seen == orders


def signal_graph(space, cell):
    """Build which operation reads which others' outputs, without contracting anything."""
    graph = nx.DiGraph()
    graph.add_node("in", label="in")
    last = space.n_nodes - 1
    signals = [{"in": 1}, *({} for _ in range(last))]
    for edge in sorted(range(len(space.edges)), key=lambda edge: space.edges[edge][1]):
        source, target = space.edges[edge]
        if cell[edge] == NONE:
            continue
        copies = cell[edge] == SKIP and (space.skip_copies_input or source > 0)
        arriving = signals[source]
        if not copies:
            graph.add_node(edge, label=cell[edge])
            for vertex, count in arriving.items():
                graph.add_edge(vertex, edge, count=count)
            arriving = {edge: 1} if arriving else {}
        for vertex, count in arriving.items():
            signals[target][vertex] = signals[target].get(vertex, 0) + count
    graph.add_node("out", label="out")
    for vertex, count in signals[last].items():
        graph.add_edge(vertex, "out", count=count)
    used = nx.ancestors(graph, "out") & (nx.descendants(graph, "in") | {"in"})
    return graph.subgraph(used | {"out"})


def isomorphic(left, right):
    return nx.is_isomorphic(
        left,
        right,
        node_match=lambda a, b: a["label"] == b["label"],
        edge_match=lambda a, b: a["count"] == b["count"],
    )


@pytest.mark.parametrize("space", SPACES, ids=repr)
def test_cells_and_their_representatives_are_the_same_signal_graph(space):
    cells = space.sample_decisions(200, random_state=0)
    for cell, canonical in zip(cells.tolist(), space.canonicalize(cells).tolist(), strict=True):
        assert isomorphic(signal_graph(space, cell), signal_graph(space, canonical))


def test_contract_skips_merges_behind_the_input_unless_told_otherwise():
    # 0 -skip-> 1 -conv-> 2
    cells = np.zeros((1, 3, 3, 2), dtype=np.int8)
    cells[0, 0, 1, 0] = cells[0, 1, 2, 1] = 1
    merged = np.zeros_like(cells)
    merged[0, 0, 2, 1] = 1
    np.testing.assert_array_equal(contract_skips(cells, skip=0), merged)
    np.testing.assert_array_equal(contract_skips(cells, skip=0, from_input=False), cells)


def test_errors_say_what_kind_of_cell_it_is():
    space = SPACES[0]
    with pytest.raises(ArchitectureError, match="not those of a five-node cell"):
        space.detokenize(np.ones((1, 77), int), "adjacency")
    with pytest.raises(ArchitectureError, match="expected a text of ten letters, ten operations"):
        space.encode([None])
    with pytest.raises(ArchitectureError, match="unknown operation 'pool' on edge 0->1"):
        space.encode([("pool",) + ("conv",) * 9])
    # More digits than Python turns into a number.
    with pytest.raises(ArchitectureError, match="expected ten letters"):
        space.encode(["1" * 5000])
