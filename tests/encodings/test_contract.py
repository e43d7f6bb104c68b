"""What every encoding keeps, on every space."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from emprox.encodings import AdjacencyEncoding, GRAFEncoding, OneHotEncoding, PathEncoding
from emprox.spaces import (
    Architecture,
    ArchitectureError,
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
# What cannot be encoded, and why.
IMPOSSIBLE = {
    ("choices", "path"): "PathEncoding describes graphs of operations, but the space 'sequence'",
    ("choices", "graf"): "GRAFEncoding describes graphs of operations, but the space 'sequence'",
}
PAIRS = [(space, name) for space in SPACES for name in ENCODINGS]
CELLS = get_space("nasbench201").sample(20, random_state=0)


@pytest.fixture(scope="module", params=[pair for pair in PAIRS if pair not in IMPOSSIBLE], ids=str)
def fitted(request):
    """Fit an encoding to a space; return it, the space and 50 architectures."""
    name, encoding = request.param
    space = SPACES[name]
    decisions = space.sample_decisions(50, random_state=1, replace=True)
    return ENCODINGS[encoding](space).fit(decisions), space, decisions


def test_columns_are_finite_and_named(fitted):
    encoding, space, decisions = fitted
    columns = encoding.transform(decisions)
    assert columns.dtype == np.float64
    assert columns.shape == (50, encoding.n_features_out_)
    assert np.isfinite(columns).all()
    # A chain has one path, which is likely to be none of the 300 of 32,768 that are kept.
    if not (isinstance(encoding, PathEncoding) and space.name == "natsbench_size"):
        assert (columns.std(axis=0) > 0).any()
    names = encoding.get_feature_names_out()
    assert names.dtype == object
    assert len(set(names)) == len(names) == columns.shape[1]
    # XGBoost refuses these.
    assert not any(set("[]<").intersection(name) for name in names)


def test_a_row_depends_on_nothing_but_its_architecture(fitted):
    encoding, space, decisions = fitted
    columns = encoding.transform(decisions)
    for row in range(0, 50, 10):
        np.testing.assert_array_equal(encoding.transform(decisions[[row]])[0], columns[row])
    np.testing.assert_array_equal(encoding.transform(decisions[::-1]), columns[::-1])
    np.testing.assert_array_equal(clone(encoding).fit_transform(decisions), columns)
    # Nor on what fit was given, but for the paths of families of graphs, which it has to learn.
    if not (isinstance(encoding, PathEncoding) and isinstance(space, DAGSpace)):
        other = clone(encoding).fit(decisions[:1])
        np.testing.assert_array_equal(other.transform(decisions), columns)
    np.testing.assert_array_equal(encoding.transform(space.decode(decisions)), columns)
    texts = [space.format(architecture) for architecture in space.decode(decisions)]
    np.testing.assert_array_equal(encoding.transform(np.array(texts, dtype=object)), columns)


def test_large_batches_are_cut(fitted):
    encoding, _, decisions = fitted
    few = pickle.loads(pickle.dumps(encoding))
    few._at_once = 7
    np.testing.assert_array_equal(few.transform(decisions), encoding.transform(decisions))


def test_canonical_forms_do_not_depend_on_the_description(fitted):
    encoding, space, decisions = fitted
    other = space.relabel(decisions, random_state=2)
    np.testing.assert_array_equal(encoding.transform(other), encoding.transform(decisions))


def test_what_is_written_is_encoded_if_asked_for(fitted):
    encoding, space, decisions = fitted
    written = clone(encoding).set_params(canonicalize=False).fit(decisions)
    canonical = space.canonicalize(decisions)
    np.testing.assert_array_equal(
        clone(encoding).fit(decisions).transform(decisions), encoding.transform(canonical)
    )
    if isinstance(encoding, OneHotEncoding):
        chosen = written.transform(decisions)
        starts = np.cumsum([0, *space.n_choices[:-1]])
        assert chosen[np.arange(50)[:, None], decisions + starts].all()
        assert (chosen.sum(axis=1) == space.n_decisions).all()


@pytest.mark.parametrize(("pair", "message"), IMPOSSIBLE.items(), ids=str)
def test_what_is_impossible_is_refused(pair, message):
    space = SPACES[pair[0]]
    with pytest.raises(ValueError, match=f"{message}.*take OneHotEncoding"):
        ENCODINGS[pair[1]](space).fit(space.sample_decisions(3, random_state=0))


@pytest.mark.parametrize("name", ENCODINGS)
class TestInput:
    def test_forms(self, name):
        encoding = ENCODINGS[name]("nasbench201")
        texts = [str(get_space("nasbench201").format(cell)) for cell in CELLS]
        expected = encoding.fit_transform(CELLS)
        frame = pd.DataFrame({"cell": texts}, index=range(100, 120))
        for form in (texts, np.array(texts), frame, frame["cell"]):
            np.testing.assert_array_equal(clone(encoding).fit_transform(form), expected)

    def test_pandas_output(self, name):
        texts = [cell.to_string() for cell in CELLS]
        frame = pd.DataFrame({"cell": texts}, index=range(100, 120))
        encoding = ENCODINGS[name]("nasbench201").set_output(transform="pandas")
        table = encoding.fit(frame).transform(frame)
        assert list(table.columns) == list(encoding.get_feature_names_out())
        assert list(table.index) == list(range(100, 120))

    def test_pickle_and_clone(self, name):
        encoding = ENCODINGS[name]("nasbench201", canonicalize=False).fit(CELLS)
        again = pickle.loads(pickle.dumps(encoding))
        np.testing.assert_array_equal(again.transform(CELLS), encoding.transform(CELLS))
        unfitted = clone(encoding)
        assert unfitted.get_params() == encoding.get_params()
        with pytest.raises(NotFittedError):
            unfitted.transform(CELLS)
        with pytest.raises(NotFittedError):
            unfitted.get_feature_names_out()

    def test_errors(self, name):
        encoding = ENCODINGS[name]("nasbench201")
        with pytest.raises(ArchitectureError, match="unknown operation 'conv'") as caught:
            encoding.fit([CELLS[0], ("conv",) * 6])
        assert caught.value.index == 1
        assert not hasattr(encoding, "space_")
        with pytest.raises(ValueError, match="0 samples"):
            encoding.fit([])
        with pytest.raises(ValueError, match="0 samples"):
            encoding.fit(CELLS).transform([])
        with pytest.raises(ValueError, match="did you mean 'nasbench201'"):
            ENCODINGS[name]("nasbench2001").fit(CELLS)
        with pytest.raises(ValueError, match="'canonicalize' parameter"):
            ENCODINGS[name]("nasbench201", canonicalize="yes").fit(CELLS)

    def test_learned_space(self, name):
        chain = Architecture(["input", "conv", "relu"], [(0, 1), (1, 2)])
        residual = Architecture(["input", "conv", "add"], [(0, 1), (0, 2), (1, 2)])
        encoding = ENCODINGS[name]("dag").fit([chain, residual])
        assert encoding.space_.operations == ("add", "conv", "input", "relu")
        assert (encoding.transform([chain]) != encoding.transform([residual])).any()
        with pytest.raises(ArchitectureError, match="architecture 0"):
            encoding.transform([Architecture(["input", "linear"], [(0, 1)])])

    def test_in_a_search(self, name):
        model = make_pipeline(ENCODINGS[name]("nasbench201"), Ridge())
        step = next(iter(model.named_steps))
        search = GridSearchCV(model, {f"{step}__canonicalize": [True, False]}, cv=2)
        search.fit(CELLS, np.arange(20.0))
        assert search.predict(CELLS).shape == (20,)
