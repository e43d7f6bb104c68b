import numpy as np
import pytest

from emprox.encodings import AdjacencyEncoding, OneHotEncoding
from emprox.spaces import DAGSpace, get_space


@pytest.mark.parametrize("name", ["nasbench101", "nasbench_asr", "nasbench_graph", "dag"])
def test_columns_are_edges_and_operations_of_the_architecture(name):
    space = DAGSpace(("a", "b"), 5) if name == "dag" else get_space(name)
    decisions = space.sample(60, random_state=0)
    encoding = AdjacencyEncoding(space, canonicalize=False)
    columns = encoding.fit_transform(decisions)
    architectures = space.decode(decisions)
    for column, text in zip(columns.T, encoding.get_feature_names_out(), strict=True):
        if text.startswith("edge"):
            source, target = map(int, text.removeprefix("edge ").split(" -> "))
            expected = [(source, target) in cell.edges for cell in architectures]
        else:
            node, operation = text.removeprefix("node ").split(" is ")
            expected = [
                int(node) < cell.n_nodes and cell.operations[int(node)] == operation
                for cell in architectures
            ]
        np.testing.assert_array_equal(column, expected)
    # Nothing is left out: they tell all architectures apart.
    n_different = len(np.unique(decisions, axis=0))
    assert len(np.unique(columns, axis=0)) == n_different


def test_nasbench101_has_the_columns_of_the_paper():
    space = get_space("nasbench101")
    names = AdjacencyEncoding(space).fit(space.sample(1, 0)).get_feature_names_out()
    assert sum(name.startswith("edge") for name in names) == 21
    assert sum(name.startswith("node") for name in names) == 15


@pytest.mark.parametrize("canonicalize", [True, False])
def test_it_is_one_hot_where_operations_are_on_the_edges(canonicalize):
    decisions = get_space("nasbench201").sample(50, random_state=0)
    np.testing.assert_array_equal(
        AdjacencyEncoding("nasbench201", canonicalize=canonicalize).fit_transform(decisions),
        OneHotEncoding("nasbench201", canonicalize=canonicalize).fit_transform(decisions),
    )


def test_blended_inputs_of_recurrent_cells_are_told_apart():
    space = get_space("nasbench_nlp")
    decisions = space.sample(300, random_state=0)
    table = AdjacencyEncoding(space).set_output(transform="pandas").fit_transform(decisions)
    first = [name for name in table.columns if name.endswith("is first blended")]
    second = [name for name in table.columns if name.endswith("is second blended")]
    n_blends = table.filter(regex="is blend$").sum(axis=1)
    assert n_blends.sum() > 0
    assert (table[first].sum(axis=1) == n_blends).all()
    assert (table[second].sum(axis=1) == n_blends).all()
