import numpy as np
import pytest

from emprox.encodings import PathEncoding
from emprox.spaces import Architecture, DAGSpace, get_space

N_ALL = {
    "darts": 4 * (7 + 7**2 + 7**3 + 7**4),
    "nasbench101": 1 + 3 + 3**2 + 3**3 + 3**4 + 3**5,
    "nasbench201": 4 + 4**2 + 4**3,
    "nasbench_asr": 1 + 5 + 5**2 + 5**3,
    "nasbench_graph": 9 + 9**2 + 9**3 + 9**4,
    "nasbench_macro": 3**8,
    "transnasbench101_macro": 4**4 + 4**5 + 4**6,
    "transnasbench101_micro": 3 + 3**2 + 3**3,
}


def names_of_paths(graphs):
    """Name all paths of an architecture."""
    found = set()
    for graph in graphs:
        for name, start in graph.inputs.items():
            origin = f"{name} > " if name else ""
            for path in graph.paths(start):
                steps = " > ".join(graph.names[node] for node in path)
                found.add(graph.prefix + origin + (steps or "no operation"))
    return found


def test_bits_are_the_paths_found_by_listing(listed):
    space, decisions, all_graphs = listed
    n_paths = 5000 if space.name == "nasbench_nlp" else None
    encoding = PathEncoding(space, canonicalize=False, n_paths=n_paths).fit(decisions)
    columns, names = encoding.transform(decisions), encoding.get_feature_names_out()
    assert set(np.unique(columns)) == {0, 1}
    n_known = n_expected = 0
    for row, graphs in zip(columns, all_graphs, strict=True):
        expected = names_of_paths(graphs)
        # A recurrent cell may have paths that are not among the most probable ones.
        assert set(names[row == 1]) == expected & set(names)
        n_known += len(expected & set(names))
        n_expected += len(expected)
    assert n_known > 0.7 * n_expected if n_paths else n_known == n_expected


@pytest.mark.parametrize("canonicalize", [True, False])
@pytest.mark.parametrize("name", N_ALL)
def test_number_of_possible_paths(name, canonicalize):
    space = get_space(name)
    encoding = PathEncoding(space, canonicalize=canonicalize)
    assert encoding.fit(space.sample(1, random_state=0)).n_features_out_ == N_ALL[name]


def test_paths_of_canonical_forms():
    # A skip that is contracted, an edge that leads nowhere, and a convolution.
    cell = (2, 2, 1, 1, 0, 1)
    written = PathEncoding("nasbench201", canonicalize=False).fit([cell])
    canonical = PathEncoding("nasbench201").fit([cell])
    names = written.get_feature_names_out()
    assert names[written.transform([cell])[0] == 1].tolist() == ["nor_conv_3x3 > skip_connect"]
    assert names[canonical.transform([cell])[0] == 1].tolist() == ["nor_conv_3x3"]


@pytest.mark.parametrize("name", ["nasbench201", "nasbench101", "darts", "nasbench_nlp"])
@pytest.mark.parametrize("n_paths", [1, 60])
def test_the_most_frequent_paths_are_kept(name, n_paths):
    space = get_space(name)
    few = PathEncoding(space, n_paths=n_paths)
    reference = space.sample(1000, random_state=0)
    many = PathEncoding(space, n_paths=84 if name == "nasbench201" else 300)
    n_having = many.fit_transform(reference).sum(axis=0)
    counts = dict(zip(many.get_feature_names_out(), n_having, strict=True))
    kept = set(few.fit(reference[:2]).get_feature_names_out())
    assert len(kept) == n_paths
    least = min(counts[name] for name in kept)
    assert least > 0
    assert all(count <= least for name, count in counts.items() if name not in kept)
    # What is kept stands in the order of the full encoding.
    order = [name for name in many.get_feature_names_out() if name in kept]
    assert order == few.get_feature_names_out().tolist()


def test_paths_of_a_family_of_graphs_are_those_given_to_fit():
    space = DAGSpace(("a", "b"), 4)
    chain = Architecture(["a", "b", "a"], [(0, 1), (1, 2)])
    fork = Architecture(["a", "a", "b"], [(0, 1), (0, 2)])
    of_chain = PathEncoding(space, canonicalize=False).fit([chain])
    assert of_chain.n_features_out_ == 2**3
    assert of_chain.transform([fork]).sum() == 0
    of_fork = PathEncoding(space, canonicalize=False).fit([fork])
    names = of_fork.get_feature_names_out()
    assert names.tolist() == ["a > a", "a > b", "b > a", "b > b"]
    assert names[of_fork.transform([fork])[0] == 1].tolist() == ["a > a", "a > b"]
    # What an earlier fit found is forgotten.
    np.testing.assert_array_equal(of_chain.fit([fork]).get_feature_names_out(), names)


def test_too_many_paths():
    # To draw random graphs of this size would take minutes.
    graph = Architecture(
        [f"op{number % 10}" for number in range(400)], [(node, node + 1) for node in range(399)]
    )
    large = DAGSpace().learn([graph])
    assert PathEncoding(large, n_paths=5).fit_transform([graph]).sum() == 1
    for space in (large, get_space("natsbench_size"), get_space("nasbench_nlp")):
        given = [graph] if space is large else space.sample(2, random_state=0)
        with pytest.raises(ValueError, match="n_paths"):
            PathEncoding(space).fit(given)
