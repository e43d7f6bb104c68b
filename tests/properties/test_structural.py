import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline

from emprox.properties import StructuralProperties
from emprox.properties._structural import GROUPS
from emprox.spaces import (
    Architecture,
    ArchitectureError,
    DAGSpace,
    NASBench201Space,
    SequenceSpace,
    SignalOperation,
    get_space,
    list_spaces,
    live_edges,
)

SPACE = get_space("nasbench201")
CELLS = SPACE.sample(30, random_state=0)
TEXTS = [SPACE.format(cell) for cell in CELLS]
# A convolution that leads nowhere.
NO_PATH = "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|none~2|"
WEIGHTS = {"soft paths": 2, "successions": 0.5, "decisions": 0.5}
NAMES = ("input", "conv", "pool", "skip", "output")
SIGNALS = {
    "conv": SignalOperation("conv", "renew", kernel_size=3, mixing=9),
    "pool": SignalOperation("pool", "blur", kernel_size=3),
    "skip": SignalOperation("skip", "copy"),
}
SPACES = {
    **{name: get_space(name) for name in list_spaces() if not get_space(name).is_open},
    "labelled graphs": DAGSpace(("a", "b", "c"), max_nodes=6),
    "known graphs": DAGSpace(NAMES, 6, input="input", output="output", signals=SIGNALS),
    "choices": SequenceSpace(
        {"depth": [2, 3, 4], "kernel": [3, 5, 7], "wide": [True, False]},
        conditions={"wide": {"depth": [3, 4]}},
    ),
}
ON_GRAPHS = ("counts", "paths", "soft paths")
GROUPS_OF = {
    "nasbench_nlp": (*ON_GRAPHS, "successions"),
    "labelled graphs": (*ON_GRAPHS, "successions"),
    "choices": ("decisions",),
    "nasbench_graph": (*ON_GRAPHS, "signals", "decisions"),
    "nasbench_macro": (*ON_GRAPHS, "signals", "decisions"),
    "natsbench_size": (*ON_GRAPHS, "signals", "decisions"),
    "transnasbench101_macro": (*ON_GRAPHS, "signals", "decisions"),
}


@pytest.fixture(scope="module", params=SPACES)
def fitted(request):
    """Fit to each space in turn; return the transformer, its space and 60 architectures."""
    space = SPACES[request.param]
    decisions = space.sample_decisions(60, random_state=1, replace=True)
    return request.param, StructuralProperties(space).fit(decisions), space, decisions


def test_every_space_has_its_groups_and_finite_columns(fitted):
    name, properties, _, decisions = fitted
    assert properties.groups_ == GROUPS_OF.get(name, (*ON_GRAPHS, "signals"))
    columns = properties.transform(decisions)
    assert columns.dtype == np.float64
    assert columns.shape == (60, properties.n_features_out_)
    assert np.isfinite(columns).all()
    names = properties.get_feature_names_out()
    assert len(set(names)) == len(names) == columns.shape[1] > 5
    assert all(isinstance(name, str) for name in names)


def test_relabelling_changes_nothing(fitted):
    _, properties, space, decisions = fitted
    relabelled = space.relabel(decisions, random_state=0)
    found, expected = properties.transform(relabelled), properties.transform(decisions)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_the_canonical_form_changes_nothing(fitted):
    _, properties, space, decisions = fitted
    found = properties.transform(space.canonicalize(decisions))
    np.testing.assert_allclose(found, properties.transform(decisions), rtol=1e-9, atol=1e-9)


def test_a_row_depends_on_nothing_but_its_architecture(fitted):
    _, properties, _, decisions = fitted
    together = properties.transform(decisions)
    np.testing.assert_array_equal(together, properties.transform(decisions))
    for row in (0, 17, 59):
        alone = properties.transform(decisions[[row]])
        np.testing.assert_allclose(alone[0], together[row], rtol=1e-12, atol=1e-12)
    backwards = properties.transform(decisions[::-1])
    np.testing.assert_allclose(backwards[::-1], together, rtol=1e-12, atol=1e-12)


def test_many_rows_are_as_few():
    decisions = SPACE.sample_decisions(3000, random_state=0)
    properties = StructuralProperties().fit(decisions)
    many = properties.transform(decisions)
    for rows in ([0], [1023, 1024], [2047, 2048, 2999]):
        few = properties.transform(decisions[rows])
        np.testing.assert_allclose(few, many[rows], rtol=1e-12, atol=1e-12)


def test_a_dead_part_changes_nothing():
    # Node 1 leads to node 2, which leads nowhere.
    text = "|{}~0|+|none~0|nor_conv_3x3~1|+|nor_conv_1x1~0|none~1|none~2|"
    texts = [text.format(operation) for operation in SPACE.operations]
    columns = StructuralProperties().fit_transform(texts)
    np.testing.assert_array_equal(columns, columns[[0] * 5])


def test_without_a_path():
    for group in GROUPS:
        for standardize in (False, True):
            properties = StructuralProperties(groups=[group], standardize=standardize)
            row = properties.fit_transform([NO_PATH])[0]
            assert np.isfinite(row).all()
            if group == "signals":
                assert len(row) > 100
                assert (row == 0).all()
            elif not standardize and group == "soft paths":
                np.testing.assert_allclose(row, np.log(0.02))
            elif not standardize and group in ("counts", "paths", "successions"):
                assert not row.any()


@pytest.mark.parametrize("group", GROUPS)
def test_standardized_columns(group):
    sample = SPACE.sample_decisions(1000, random_state=0)
    plain = StructuralProperties(groups=[group]).fit(sample[:1])
    standard = StructuralProperties(groups=[group], standardize=True).fit(sample[:1])
    assert plain.get_feature_names_out().tolist() == standard.get_feature_names_out().tolist()
    raw, columns = plain.transform(sample), standard.transform(sample)
    if group == "signals":
        has_path = live_edges(SPACE.cell_graphs(sample)[0]).any(axis=0)
        assert 0 < (~has_path).sum() < 100
        assert (columns[~has_path] == 0).all()
        raw, columns = raw[has_path], columns[has_path]
    weight = WEIGHTS.get(group, 1)
    # Values that are more than eight standard deviations away are set to eight.
    limited = (np.abs(columns) > 7.999 * weight).any(axis=0)
    assert limited.mean() < 0.2
    np.testing.assert_allclose(columns[:, ~limited].mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(columns[:, ~limited].std(axis=0), weight, rtol=1e-9)
    expected = weight * np.clip((raw - raw.mean(axis=0)) / raw.std(axis=0), -8, 8)
    np.testing.assert_allclose(columns, expected, rtol=1e-6, atol=1e-6)


def test_the_reference_does_not_depend_on_what_is_given():
    properties = StructuralProperties(standardize=True)
    expected = properties.fit(TEXTS[:1]).transform(TEXTS)
    np.testing.assert_array_equal(properties.fit(TEXTS[5:20]).transform(TEXTS), expected)
    np.testing.assert_array_equal(properties.fit_transform(TEXTS), expected)


def test_the_reference_is_what_is_given_if_asked_for():
    properties = StructuralProperties(standardize=True, n_reference=0, groups=["counts", "paths"])
    columns = properties.fit_transform(TEXTS)
    np.testing.assert_allclose(columns.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(columns.std(axis=0), 1, rtol=1e-9)
    # None of these has a convolution 1x1.
    few = [text for text in TEXTS if "1x1" not in text]
    assert len(few) > 3
    names = properties.fit(few).get_feature_names_out()
    assert not any("nor_conv_1x1" in name for name in names)
    assert "number of nor_conv_1x1" in StructuralProperties().fit(few).get_feature_names_out()


def test_columns_that_never_vary_are_left_out():
    names = StructuralProperties(groups=["counts"]).fit(TEXTS).get_feature_names_out()
    assert "number of nor_conv_3x3" in names
    assert not any(" none" in name for name in names)


def test_a_small_space_is_its_own_reference():
    space = SequenceSpace({"depth": [2, 3], "wide": [True, False]})
    decisions = space.sample_decisions(4, random_state=0)
    columns = StructuralProperties(space, standardize=True).fit_transform(decisions)
    np.testing.assert_allclose(columns.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(columns.std(axis=0), 0.5)


class UnknownOperations(NASBench201Space):
    signal_operations = tuple(map(SignalOperation, NASBench201Space.operations))


def test_operations_of_which_nothing_is_known():
    properties = StructuralProperties(UnknownOperations()).fit(TEXTS)
    assert properties.groups_ == ("counts", "paths", "soft paths", "successions")
    names = set(properties.get_feature_names_out())
    assert {
        "most operations",
        "soft paths (nor_conv_3x3 3)",
        "nor_conv_3x3 after skip_connect",
    } < names
    assert not any("layers" in name or "log weights" in name for name in names)


def test_decisions():
    space = SequenceSpace({"depth": [2, 3, 4], "wide": [True, False], "kernel": [3, 5, 7]})
    decisions = np.array([[0, 1, 2], [2, 1, 2], [1, 0, 1]])
    properties = StructuralProperties(space, n_reference=0).fit(decisions)
    names = properties.get_feature_names_out()
    columns = dict(zip(names, properties.transform(decisions).T.tolist(), strict=True))
    assert columns == {
        "decision 0": [0, 2, 1],
        "decision 0 is 0": [1, 0, 0],
        "decision 0 is 1": [0, 0, 1],
        "decision 0 is 2": [0, 1, 0],
        "decision 1": [1, 1, 0],
        "decision 2": [2, 2, 1],
        "decision 2 is 1": [0, 0, 1],
        "decision 2 is 2": [1, 1, 0],
        "number of choices 0": [1, 0, 1],
        "number of choices 1": [1, 1, 2],
        "number of choices 2": [1, 2, 0],
    }


GRAPHS = [
    Architecture(["input", "conv", "pool", "output"], [(0, 1), (1, 2), (2, 3)]),
    Architecture(["input", "conv", "conv", "output"], [(0, 1), (1, 2), (0, 3), (2, 3)]),
    Architecture(["input", "skip", "output"], [(0, 1), (1, 2)]),
    Architecture(
        ["input", "conv", "skip", "pool", "output"], [(0, 1), (0, 2), (1, 3), (2, 3), (3, 4)]
    ),
]


def test_an_open_space_is_learned():
    properties = StructuralProperties(DAGSpace(), standardize=True)
    columns = properties.fit_transform(GRAPHS)
    assert not properties.space_.is_open
    assert properties.space.is_open
    assert properties.groups_ == ("counts", "paths", "soft paths", "successions")
    np.testing.assert_allclose(columns.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_array_equal(properties.transform(GRAPHS), columns)
    unknown = Architecture(["input", "dense"], [(0, 1)])
    with pytest.raises(ArchitectureError, match=r"architecture 1: .*dense"):
        properties.transform([GRAPHS[0], unknown])
    # What was learned is forgotten.
    properties.fit(GRAPHS[1:3])
    assert "number of skip" in properties.get_feature_names_out()
    assert "number of pool" not in properties.get_feature_names_out()


def test_signals_through_the_graphs_of_an_open_space():
    space = DAGSpace(input="input", output="output", signals=SIGNALS)
    properties = StructuralProperties(space).fit(GRAPHS)
    assert properties.groups_ == ("counts", "paths", "soft paths", "signals")
    names = properties.get_feature_names_out().tolist()
    columns = dict(zip(names, properties.transform(GRAPHS).T, strict=True))
    np.testing.assert_allclose(columns["most wide layers"], [1, 2, 0, 1])
    # A convolution, pooled; one beside the input; the input; a convolution and the input, pooled.
    variance = np.exp(columns["last cell: log variance (whiteness 1)"])
    np.testing.assert_allclose(variance, [1 / 9, 2, 1, 2 / 9])
    layers = columns["last cell: layers by variance (whiteness 0)"]
    np.testing.assert_allclose(layers, [1, 1, 0, 0.5])


def test_all_containers_and_forms_give_the_same_columns():
    expected = StructuralProperties().fit_transform(TEXTS)
    decisions = SPACE.encode(TEXTS)
    for architectures in (
        CELLS,
        np.array(TEXTS),
        np.array(TEXTS, dtype=object)[:, None],
        pd.Series(TEXTS, name="cell"),
        pd.DataFrame({"cell": TEXTS}),
        decisions,
        pd.DataFrame(decisions),
    ):
        found = StructuralProperties().fit(architectures).transform(architectures)
        np.testing.assert_array_equal(found, expected)


def test_pandas_output_and_feature_names():
    properties = StructuralProperties().set_output(transform="pandas")
    frame = properties.fit_transform(pd.Series(TEXTS))
    assert frame.columns.tolist() == properties.get_feature_names_out().tolist()
    np.testing.assert_array_equal(frame, StructuralProperties().fit_transform(TEXTS))
    np.testing.assert_array_equal(properties.transform(TEXTS), frame)
    kinds = StructuralProperties("darts").fit(SPACES["darts"].sample(1, random_state=0))
    names = kinds.get_feature_names_out()
    assert {"normal: number of skip_connect", "reduce: log weights"} < set(names)
    assert any(name.startswith("last reduce cell: ") for name in names)


def test_groups_are_what_is_asked_for_in_their_own_order():
    both = StructuralProperties(groups=["soft paths", "counts"]).fit(TEXTS)
    assert both.groups_ == ("counts", "soft paths")
    one, other = (StructuralProperties(groups=(g,)).fit(TEXTS) for g in ("counts", "soft paths"))
    columns = np.hstack([one.transform(TEXTS), other.transform(TEXTS)])
    np.testing.assert_array_equal(both.transform(TEXTS), columns)
    names = [*one.get_feature_names_out(), *other.get_feature_names_out()]
    assert both.get_feature_names_out().tolist() == names
    assert both.groups == ["soft paths", "counts"]


def test_a_wrong_architecture_is_named():
    properties = StructuralProperties().fit(TEXTS)
    wrong = [*TEXTS[:7], TEXTS[7].replace("~0|+", "~5|+"), *TEXTS[8:]]
    for method in (properties.fit, properties.transform, properties.fit_transform):
        with pytest.raises(ArchitectureError, match=r"architecture 7: .* has to end with '~0'"):
            method(wrong)


@pytest.mark.parametrize("empty", [[], np.array([]), pd.Series([], dtype=object), np.empty((0, 6))])
def test_no_architectures(empty):
    for method in ("fit", "fit_transform"):
        with pytest.raises(ValueError, match="0 samples"):
            getattr(StructuralProperties(), method)(empty)
    with pytest.raises(ValueError, match="0 samples"):
        StructuralProperties().fit(TEXTS).transform(empty)


def test_no_graphs_to_learn_from():
    with pytest.raises(ValueError, match="0 samples"):
        StructuralProperties("dag").fit([])


def test_not_fitted():
    for method in ("transform", "get_feature_names_out"):
        with pytest.raises(NotFittedError):
            getattr(StructuralProperties(), method)(TEXTS)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"space": "nasbench202"}, "did you mean 'nasbench201'"),
        ({"space": 201}, "'space' parameter"),
        ({"groups": "paths"}, "'groups' parameter"),
        ({"groups": []}, "groups is empty; take 'auto' or some of 'counts', 'paths'"),
        (
            {"groups": ["counts", "words"]},
            "unknown group 'words'; the groups are 'counts', 'paths'",
        ),
        ({"standardize": "yes"}, "'standardize' parameter"),
        ({"n_reference": -1}, "'n_reference' parameter"),
        ({"n_reference": 10.0}, "'n_reference' parameter"),
        (
            {"space": UnknownOperations(), "groups": ["signals"]},
            "no columns 'signals' for the space 'nasbench201', which says nothing about what its"
            " operations do",
        ),
    ],
)
def test_wrong_parameters(parameters, message):
    for method in ("fit", "fit_transform"):
        with pytest.raises(ValueError, match=message):
            getattr(StructuralProperties(**parameters), method)(TEXTS)


def test_a_group_of_a_space_without_graphs():
    space = SPACES["choices"]
    properties = StructuralProperties(space, groups=["decisions", "paths"])
    with pytest.raises(ValueError, match=r"no columns 'paths' .* which has no graphs"):
        properties.fit(space.sample_decisions(3, random_state=0))


def test_clone_and_pickle():
    properties = StructuralProperties(SPACE, groups=["soft paths"], standardize=True).fit(TEXTS)
    again = pickle.loads(pickle.dumps(properties))
    np.testing.assert_array_equal(again.transform(TEXTS), properties.transform(TEXTS))
    assert again.get_feature_names_out().tolist() == properties.get_feature_names_out().tolist()
    copied = clone(properties)
    assert copied.get_params()["groups"] == ["soft paths"]
    assert not hasattr(copied, "space_")
    graphs = pickle.loads(pickle.dumps(StructuralProperties(DAGSpace()).fit(GRAPHS)))
    assert graphs.transform(GRAPHS).shape == (4, graphs.n_features_out_)


def test_fit_leaves_parameters_and_input_alone():
    decisions = SPACE.encode(TEXTS)
    given = decisions.copy()
    properties = StructuralProperties(groups=["counts"], standardize=True)
    before = properties.get_params()
    properties.fit_transform(decisions)
    assert properties.get_params() == before
    np.testing.assert_array_equal(decisions, given)


def test_in_a_search_over_a_pipeline():
    decisions = SPACE.sample_decisions(60, random_state=0)
    y = (decisions == 2).sum(axis=1) + 0.1 * (decisions == 3).sum(axis=1)
    model = make_pipeline(
        StructuralProperties(standardize=True), KNeighborsRegressor(3, weights="distance")
    )
    grid = {"structuralproperties__groups": [["decisions"], ["counts", "paths"]]}
    search = GridSearchCV(model, grid, cv=3).fit(decisions, y)
    assert search.best_params_ == {"structuralproperties__groups": ["counts", "paths"]}
    assert search.best_score_ > 0.5
