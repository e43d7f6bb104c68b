from itertools import combinations

import pytest

from emprox.encodings import GRAFEncoding, PathEncoding
from emprox.spaces import Architecture, DAGSpace, SignalOperation


def expected_columns(graph, operations, most_nodes):
    """Name and compute the columns of a graph by listing its paths."""
    by_input = {name: graph.paths(start) for name, start in graph.inputs.items()}
    live = {node for paths in by_input.values() for path in paths for node in path}
    first = {name: {path[0] for path in paths if path} for name, paths in by_input.items()}
    last = {path[-1] for paths in by_input.values() for path in paths if path}
    columns = {}
    for size in range(1, len(operations) + 1):
        for subset in combinations(operations, size):
            described = " + ".join(subset)
            if size == len(operations):
                described = "any operation"
            elif len(operations) > 5 and size == len(operations) - 1:
                (missing,) = set(operations) - set(subset)
                described = f"all but {missing}"
            elif len(operations) > 5 and size > 2:
                continue
            start = f"{graph.prefix}{described}: "
            inside = {node for node in live if graph.names[node] in subset}
            for name, paths in by_input.items():
                origin = f" from {name}" if name else ""
                only = [len(path) for path in paths if inside.issuperset(path)]
                counts = [len(inside.intersection(path)) for path in paths]
                columns[f"{start}shortest path{origin}"] = min(only, default=most_nodes)
                columns[f"{start}fewest on a path{origin}"] = min(counts, default=most_nodes)
                columns[f"{start}longest path{origin}"] = max(only, default=-1)
                columns[f"{start}most on a path{origin}"] = max(counts, default=-1)
                columns[f"{start}reading {name or 'the input'}"] = len(inside & first[name])
            columns[f"{start}read by the output"] = len(inside & last)
            columns[f"{start}number"] = len(inside)
    return columns


# Operations, inputs and outputs of the largest cell of each space.
MOST_NODES = {
    "darts": 11,
    "nasbench101": 7,
    "nasbench201": 8,
    "nasbench_asr": 5,
    "nasbench_graph": 6,
    "nasbench_macro": 10,
    "nasbench_nlp": 17,
    "transnasbench101_macro": 8,
    "transnasbench101_micro": 8,
}


def test_columns_are_those_found_by_listing_all_paths(listed):
    space, decisions, all_graphs = listed
    encoding = GRAFEncoding(space, canonicalize=False)
    columns = encoding.fit_transform(decisions)
    operations = [name for name in space.operations if name not in ("none", "zero")]
    for row, graphs in zip(columns, all_graphs, strict=True):
        expected = {}
        for graph in graphs:
            expected |= expected_columns(graph, operations, MOST_NODES[space.name])
        # The order, too, is fixed: boosted trees take the first of equal columns.
        found = dict(zip(encoding.get_feature_names_out(), row, strict=True))
        assert list(found) == list(expected)
        assert found == expected


def test_cell_without_a_path():
    columns = GRAFEncoding("nasbench201").fit_transform([(1, 1, 1, 2, 2, 2)])
    assert columns.reshape(15, 7).tolist() == [[8, 8, -1, -1, 0, 0, 0]] * 15


class TestLabelledGraphs:
    """Graphs that say in different ways, or not at all, what their inputs and outputs are."""

    OPERATIONS = ("a", "b", "in", "out")

    def columns(self, space, operations, edges):
        encoding = GRAFEncoding(space, canonicalize=False)
        row = encoding.fit_transform([Architecture(operations, edges)])[0]
        return dict(zip(encoding.get_feature_names_out(), row, strict=True))

    def test_without_named_ends_all_ends_count(self):
        # a -> b and a second graph b: two ways in, two ways out.
        space = DAGSpace(("a", "b"), 4)
        found = self.columns(space, ["a", "b", "b"], [(0, 1), (0, 2)])
        assert found["a: reading the input"] == 1
        assert found["b: read by the output"] == 2
        assert found["any operation: longest path"] == 2

    def test_operations_that_block_are_no_nodes(self):
        signals = {"a": SignalOperation("a", "renew"), "b": SignalOperation("b", "block")}
        space = DAGSpace(self.OPERATIONS, 5, input="in", output="out", signals=signals)
        edges = [(0, 1), (0, 2), (1, 3), (2, 3)]
        found = self.columns(space, ["in", "a", "b", "out"], edges)
        assert found["any operation: number"] == 1
        assert len(found) == 7
        found = self.columns(space, ["in", "b", "out"], [(0, 1), (1, 2)])
        assert found["any operation: number"] == 0
        assert found["any operation: longest path"] == -1

    def test_many_paths(self):
        # Two ways at each of 20 stages, so that there are a million different paths.
        names, edges, ends = ["in"], [], [0]
        for _ in range(20):
            stage = [len(names), len(names) + 1]
            edges += [(source, target) for source in ends for target in stage]
            names += ["a", "b"]
            ends = stage
        edges += [(source, len(names)) for source in ends]
        graph = Architecture([*names, "out"], edges)
        encoding = GRAFEncoding("dag").fit([graph])
        (values,) = encoding.transform([graph])
        row = dict(zip(encoding.get_feature_names_out(), values, strict=True))
        # Here "in" and "out" are operations as any others.
        assert row["any operation: shortest path"] == 22
        assert row["a: fewest on a path"] == 0
        assert row["a: most on a path"] == 20
        with pytest.raises(ValueError, match="GRAFEncoding"):
            PathEncoding("dag", n_paths=10).fit([graph])
