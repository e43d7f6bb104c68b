import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from emprox import ArchitectureTokenizer
from emprox.spaces import ArchitectureError, get_space

SPACE = get_space("nasbench201")
CELLS = SPACE.sample(30, random_state=0)
TEXTS = [SPACE.format(cell) for cell in CELLS]


def test_all_containers_and_forms_give_the_same_tokens():
    expected = ArchitectureTokenizer().fit_transform(TEXTS)
    decisions = SPACE.encode(TEXTS)
    for architectures in (
        CELLS,
        tuple(TEXTS),
        np.array(TEXTS),
        np.array(TEXTS, dtype=object)[:, None],
        pd.Series(TEXTS, name="cell"),
        pd.DataFrame({"cell": TEXTS}),
        decisions,
        decisions.tolist(),
        pd.DataFrame(decisions),
        np.array(SPACE.operations)[decisions],
        [str(cell) for cell in CELLS],
    ):
        np.testing.assert_array_equal(
            ArchitectureTokenizer().fit(architectures).transform(architectures), expected
        )


@pytest.mark.parametrize("sequence", [None, *SPACE.sequences])
@pytest.mark.parametrize("canonicalize", [True, False])
def test_round_trip(sequence, canonicalize):
    tokenizer = ArchitectureTokenizer("nasbench201", sequence=sequence, canonicalize=canonicalize)
    tokens = tokenizer.fit_transform(TEXTS)
    assert tokens.shape == (30, SPACE.get_sequence(sequence).length)
    assert tokens.max() < len(tokenizer.vocabulary_)
    expected = [SPACE.format(SPACE.canonical(cell)) for cell in CELLS] if canonicalize else TEXTS
    assert tokenizer.inverse_transform(tokens).tolist() == expected


def test_pandas_output_and_feature_names():
    tokenizer = ArchitectureTokenizer().set_output(transform="pandas")
    frame = tokenizer.fit_transform(pd.Series(TEXTS))
    assert frame.columns.tolist() == [f"token{i}" for i in range(6)]
    assert tokenizer.get_feature_names_out().tolist() == frame.columns.tolist()
    np.testing.assert_array_equal(frame, ArchitectureTokenizer().fit_transform(TEXTS))


def test_a_wrong_architecture_is_named():
    tokenizer = ArchitectureTokenizer().fit(TEXTS)
    wrong = [*TEXTS[:7], TEXTS[7].replace("~0|+", "~5|+"), *TEXTS[8:]]
    for method in (tokenizer.fit, tokenizer.transform):
        with pytest.raises(ArchitectureError, match=r"architecture 7: .* has to end with '~0'"):
            method(wrong)


@pytest.mark.parametrize("empty", [[], np.array([]), pd.Series([], dtype=object), np.empty((0, 6))])
def test_no_architectures(empty):
    with pytest.raises(ValueError, match="0 samples"):
        ArchitectureTokenizer().fit(empty)


def test_not_fitted():
    for method in ("transform", "inverse_transform", "get_feature_names_out"):
        with pytest.raises(NotFittedError):
            getattr(ArchitectureTokenizer(), method)(TEXTS)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"space": "nasbench202"}, "did you mean 'nasbench201'"),
        ({"space": 201}, "'space' parameter"),
        ({"sequence": "words"}, "no sequence 'words'; it has 'operations'"),
        ({"canonicalize": "yes"}, "'canonicalize' parameter"),
    ],
)
def test_wrong_parameters(parameters, message):
    for method in ("fit", "fit_transform"):
        with pytest.raises(ValueError, match=message):
            getattr(ArchitectureTokenizer(**parameters), method)(TEXTS)


def test_clone_and_pickle():
    tokenizer = ArchitectureTokenizer(SPACE, sequence="paths").fit(TEXTS)
    again = pickle.loads(pickle.dumps(tokenizer))
    np.testing.assert_array_equal(again.transform(TEXTS), tokenizer.transform(TEXTS))
    assert clone(tokenizer).get_params()["sequence"] == "paths"
