"""What StructuralProperties promises for every space."""

import numpy as np
import pytest
from sklearn.base import clone

from emprox.properties import StructuralProperties
from emprox.spaces import (
    Architecture,
    DAGSpace,
    NASBench201Space,
    SequenceSpace,
    SignalOperation,
    get_space,
)

SPACE = get_space("nasbench201")
DECISIONS = SPACE.sample(30, random_state=0)
TEXTS = SPACE.format(DECISIONS)
# A convolution that leads nowhere.
NO_PATH = "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|none~2|"
ON_GRAPHS = ("counts", "paths", "soft paths")
GROUPS = (*ON_GRAPHS, "successions", "signals", "decisions")
WEIGHTS = {"soft paths": 2, "successions": 0.5, "decisions": 0.5}
SIGNALS = {
    "conv": SignalOperation("conv", "renew", kernel_size=3, mixing=9),
    "pool": SignalOperation("pool", "blur", kernel_size=3),
    "skip": SignalOperation("skip", "copy"),
}
GROUPS_OF = {
    "nasbench201": (*ON_GRAPHS, "signals"),
    "nasbench_nlp": (*ON_GRAPHS, "successions"),
    "nasbench_macro": (*ON_GRAPHS, "signals", "decisions"),
    DAGSpace(("a", "b", "c"), max_nodes=6): (*ON_GRAPHS, "successions"),
    SequenceSpace({"depth": [2, 3, 4], "wide": [True, False]}): ("decisions",),
}


@pytest.mark.parametrize("space", GROUPS_OF, ids=str)
def test_every_space_has_groups_that_make_sense_for_it(space):
    decisions = get_space(space).sample(6, random_state=0)
    assert StructuralProperties(space).fit(decisions).groups_ == GROUPS_OF[space]
    both = StructuralProperties(space, groups=["decisions", *GROUPS_OF[space][:1]]).fit(decisions)
    names = StructuralProperties(space, groups=["decisions"]).fit(decisions).get_feature_names_out()
    assert both.get_feature_names_out()[-len(names) :].tolist() == names.tolist()


@pytest.mark.parametrize("group", GROUPS)
def test_without_a_path(group):
    (row,) = StructuralProperties(SPACE, groups=[group]).fit_transform([NO_PATH])
    if group != "decisions":
        np.testing.assert_allclose(row, np.log(0.02) if group == "soft paths" else 0)


@pytest.mark.parametrize("group", GROUPS)
def test_standardized_columns(group):
    sample = SPACE.sample(1000, random_state=0)
    plain = StructuralProperties(SPACE, groups=[group]).fit(sample[:1])
    standard = StructuralProperties(SPACE, groups=[group], standardize=True).fit(sample[:1])
    assert plain.get_feature_names_out().tolist() == standard.get_feature_names_out().tolist()
    raw, columns = plain.transform(sample), standard.transform(sample)
    if group == "signals":
        has_path = (
            SPACE.signal_graphs(sample)[0].without([SPACE.operations.index("none")]).connected
        )
        assert 0 < (~has_path).sum() < 100
        assert not columns[~has_path].any()
        raw, columns = raw[has_path], columns[has_path]
    weight = WEIGHTS.get(group, 1)
    # Values that are more than eight standard deviations away are set to eight.
    expected = weight * np.clip((raw - raw.mean(axis=0)) / raw.std(axis=0), -8, 8)
    np.testing.assert_allclose(columns, expected, rtol=1e-6, atol=1e-6)


def test_the_reference_is_what_is_given_if_asked_for():
    groups = ["counts", "paths"]
    properties = StructuralProperties(SPACE, standardize=True, n_reference=0, groups=groups)
    columns = properties.fit_transform(TEXTS)
    np.testing.assert_allclose(columns.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(columns.std(axis=0), 1, rtol=1e-9)
    # What is the same for all of these has no column.
    few = [text for text in TEXTS if "1x1" not in text]
    assert len(few) > 3
    names = properties.fit(few).get_feature_names_out()
    assert not any("nor_conv_1x1" in name for name in names)
    assert "number of nor_conv_1x1" in StructuralProperties(SPACE).fit(few).get_feature_names_out()


def test_the_reference_is_drawn_once_for_all_copies_of_a_space():
    n_drawn = []

    class Counting(NASBench201Space):
        def sample(self, *args, **kwargs):
            n_drawn.append(1)
            return super().sample(*args, **kwargs)

    properties = StructuralProperties(Counting()).fit(DECISIONS)
    for _ in range(3):
        properties = clone(properties).fit(DECISIONS)
    assert len(n_drawn) == 1


class UnknownOperations(NASBench201Space):
    signal_operations = tuple(map(SignalOperation, NASBench201Space.operations))


class HalfKnownOperations(NASBench201Space):
    signal_operations = (
        SignalOperation("skip_connect", "copy"),
        *UnknownOperations.signal_operations[1:],
    )


def test_operations_of_which_nothing_is_known():
    properties = StructuralProperties(UnknownOperations()).fit(TEXTS)
    assert properties.groups_ == (*ON_GRAPHS, "successions")
    names = set(properties.get_feature_names_out())
    assert {"soft paths (nor_conv_3x3 3)", "nor_conv_3x3 after skip_connect"} < names
    assert not any("layers" in name or "log weights" in name for name in names)
    with pytest.raises(ValueError, match="'nor_conv_3x3'"):
        StructuralProperties(HalfKnownOperations()).fit(TEXTS)


def test_decisions():
    space = SequenceSpace({"depth": [2, 3, 4], "wide": [True, False]})
    decisions = np.array([[0, 1], [2, 1], [1, 0]])
    properties = StructuralProperties(space, n_reference=0).fit(decisions)
    names = properties.get_feature_names_out()
    columns = dict(zip(names, properties.transform(decisions).T.tolist(), strict=True))
    # How often choice 1 is taken is the same for all, and no column.
    assert columns == {
        "decision 0": [0, 2, 1],
        "decision 0 is 0": [1, 0, 0],
        "decision 0 is 1": [0, 0, 1],
        "decision 0 is 2": [0, 1, 0],
        "decision 1": [1, 1, 0],
        "number of choices 0": [1, 0, 1],
        "number of choices 2": [0, 1, 0],
    }


GRAPHS = [
    Architecture(["input", "conv", "pool", "output"], [(0, 1), (1, 2), (2, 3)]),
    Architecture(["input", "conv", "conv", "output"], [(0, 1), (1, 2), (0, 3), (2, 3)]),
    Architecture(["input", "skip", "output"], [(0, 1), (1, 2)]),
    Architecture(
        ["input", "conv", "skip", "pool", "output"], [(0, 1), (0, 2), (1, 3), (2, 3), (3, 4)]
    ),
]


@pytest.mark.parametrize("known", [False, True])
def test_what_training_lacked_is_described_by_what_is_around_it(known):
    signals = {"conv": SIGNALS["conv"], "skip": SIGNALS["skip"]} if known else None
    space = DAGSpace(input="input", output="output", signals=signals)
    properties = StructuralProperties(space).fit(GRAPHS[1:3])
    unknown = Architecture(
        ["input", "conv", "dense", "conv", "output"], [(0, 1), (1, 2), (2, 3), (3, 4)]
    )
    names = properties.get_feature_names_out()
    found = dict(zip(names, properties.transform([unknown])[0], strict=True))
    assert found["number of conv"] == found["most of conv"] == 2
    assert found["conv after the input"] == found["conv before the output"] == 1
    assert known or found["most operations"] == 3
    assert not any("dense" in name for name in names)


def test_signals_through_the_graphs_of_an_open_space():
    space = DAGSpace(input="input", output="output", signals=SIGNALS)
    properties = StructuralProperties(space).fit(GRAPHS)
    assert properties.groups_ == (*ON_GRAPHS, "signals")
    names = properties.get_feature_names_out().tolist()
    columns = dict(zip(names, properties.transform(GRAPHS).T, strict=True))
    np.testing.assert_allclose(columns["most wide layers"], [1, 2, 0, 1])
    # A convolution, pooled; one beside the input; the input; a convolution and the input, pooled.
    variance = np.exp(columns["last cell: log variance (whiteness 1)"])
    np.testing.assert_allclose(variance, [1 / 9, 2, 1, 2 / 9])
    layers = columns["last cell: layers by variance (whiteness 0)"]
    np.testing.assert_allclose(layers, [1, 1, 0, 0.5])


@pytest.mark.parametrize(
    "parameters",
    [
        {"groups": "paths"},
        {"groups": []},
        {"groups": ["counts", "words"]},
        {"standardize": "yes"},
        {"n_reference": -1},
        {"space": UnknownOperations(), "groups": ["signals"]},
        {"space": SequenceSpace({"depth": range(10)}), "groups": ["paths"]},
    ],
    ids=str,
)
def test_wrong_parameters(parameters):
    space = parameters.pop("space", SPACE)
    given = [{"depth": 3}, {"depth": 4}] if isinstance(space, SequenceSpace) else TEXTS
    with pytest.raises(ValueError, match=str(next(iter(parameters), "space"))):
        StructuralProperties(space, **parameters).fit(given)


def test_spaces_of_a_class_do_not_share_a_reference():
    spaces = [SequenceSpace({"depth": range(n_choices)}) for n_choices in (3, 9)]
    properties = [StructuralProperties(space).fit([{"depth": 1}]) for space in spaces]
    assert [each.n_features_out_ for each in properties] == [7, 19]
