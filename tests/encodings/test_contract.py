"""What every transformer of architectures keeps, on every space."""

import numpy as np
import pytest
from sklearn.base import clone

from emprox.encodings import AdjacencyEncoding, GRAFEncoding, OneHotEncoding, PathEncoding
from emprox.properties import StructuralProperties
from emprox.spaces import (
    Architecture,
    DAGSpace,
    SequenceSpace,
    SignalOperation,
    get_space,
    list_spaces,
)

NAMES = ("in", "conv", "pool", "zero", "out")
SIGNALS = {
    "conv": SignalOperation("conv", "renew", kernel_size=3),
    "pool": SignalOperation("pool", "blur", kernel_size=3),
    "zero": SignalOperation("zero", "block"),
}
SPACES = {
    **{name: get_space(name) for name in list_spaces() if not get_space(name).is_open},
    "labelled graphs": DAGSpace(("a", "b", "c"), max_nodes=6),
    "known graphs": DAGSpace(NAMES, 6, input="in", output="out", signals=SIGNALS),
    "choices": SequenceSpace({"depth": [2, 3, 4], "kernel": [3, 5, 7], "wide": [True, False]}),
}
ENCODINGS = {
    "one-hot": OneHotEncoding,
    "adjacency": AdjacencyEncoding,
    "path": lambda space, **kw: PathEncoding(space, n_paths=300, **kw),
    "graf": GRAFEncoding,
}
TRANSFORMERS = {**ENCODINGS, "properties": StructuralProperties}
IMPOSSIBLE = [("choices", "path"), ("choices", "graf")]
PAIRS = [(space, name) for space in SPACES for name in TRANSFORMERS]
SPACE = get_space("nasbench201")
TEXTS = SPACE.format(SPACE.sample(20, random_state=0))


@pytest.fixture(scope="module", params=[pair for pair in PAIRS if pair not in IMPOSSIBLE], ids=str)
def fitted(request):
    """Fit a transformer to a space; return it, the space and 50 architectures."""
    name, transformer = request.param
    space = SPACES[name]
    decisions = space.sample(50, random_state=1, replace=True)
    return TRANSFORMERS[transformer](space).fit(decisions), space, decisions


def assert_close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_columns_are_finite_and_named(fitted):
    transformer, space, decisions = fitted
    columns = transformer.transform(decisions)
    assert columns.dtype == np.float64
    assert columns.shape == (50, transformer.n_features_out_)
    assert np.isfinite(columns).all()
    # A chain has one path, which is likely to be none of the 300 of 32,768 that are kept.
    if not (isinstance(transformer, PathEncoding) and space.name == "natsbench_size"):
        assert (columns.std(axis=0) > 0).any()
    names = transformer.get_feature_names_out()
    assert names.dtype == object
    assert len(set(names)) == len(names) == columns.shape[1]
    # XGBoost refuses these.
    assert not any(set("[]<").intersection(name) for name in names)


def test_a_row_depends_on_nothing_but_its_architecture(fitted):
    transformer, space, decisions = fitted
    columns = transformer.transform(decisions)
    for row in range(0, 50, 10):
        assert_close(transformer.transform(decisions[[row]])[0], columns[row])
    assert_close(transformer.transform(decisions[::-1]), columns[::-1])
    if space is SPACE:
        assert_close(transformer.transform(np.tile(decisions, (50, 1)))[-50:], columns)
    assert_close(clone(transformer).fit_transform(decisions), columns)
    # Nor on what fit was given, but in families of graphs, of which random ones say little.
    if not isinstance(space, DAGSpace):
        assert_close(clone(transformer).fit(decisions[:1]).transform(decisions), columns)
    assert_close(transformer.transform(space.decode(decisions)), columns)
    assert_close(transformer.transform(np.array(space.format(decisions), dtype=object)), columns)


def test_what_is_written_is_encoded_only_if_asked_for(fitted):
    transformer, space, decisions = fitted
    columns = transformer.transform(decisions)
    assert_close(transformer.transform(space.canonicalize(decisions)), columns)
    if isinstance(transformer, OneHotEncoding):
        written = clone(transformer).set_params(canonicalize=False).fit_transform(decisions)
        starts = np.cumsum([0, *space.n_choices[:-1]])
        assert written[np.arange(50)[:, None], decisions + starts].all()
        assert (written.sum(axis=1) == space.n_decisions).all()


@pytest.mark.parametrize("pair", IMPOSSIBLE, ids=str)
def test_what_is_impossible_is_refused(pair):
    space = SPACES[pair[0]]
    with pytest.raises(ValueError, match="graphs"):
        ENCODINGS[pair[1]](space).fit(space.sample(3, random_state=0))


@pytest.mark.parametrize("name", TRANSFORMERS)
@pytest.mark.parametrize(
    ("space", "given", "word"),
    [
        ("nasbench201", [], "0 samples"),
        ("nasbench2001", TEXTS, "nasbench201"),
        (201, TEXTS, "space"),
    ],
)
def test_what_is_wrong_is_refused(name, space, given, word):
    with pytest.raises(ValueError, match=word):
        TRANSFORMERS[name](space).fit(given)


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_what_training_lacked_is_no_error(name):
    chain = Architecture(["input", "conv", "relu"], [(0, 1), (1, 2)])
    residual = Architecture(["input", "conv", "add"], [(0, 1), (0, 2), (1, 2)])
    transformer = TRANSFORMERS[name]("dag").fit([chain, residual])
    assert transformer.space_.operations == ("add", "conv", "input", "relu")
    assert (transformer.transform([chain]) != transformer.transform([residual])).any()
    unknown = Architecture(
        ["input", "conv", "linear", "add", "add"], [(0, 1), (1, 2), (2, 3), (3, 4)]
    )
    (row,) = transformer.transform([unknown])
    assert np.isfinite(row).all()
    names = transformer.get_feature_names_out()
    assert not any("linear" in name for name in names)
    if name not in ("path", "graf"):
        assert row.any()
