"""Architectures as token sequences, and back."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from emprox import ArchitectureEmbedder, ArchitectureTokenizer
from emprox.spaces import Architecture, ArchitectureError, get_space

SPACE = get_space("nasbench201")
DECISIONS = SPACE.encode(SPACE.sample(30, random_state=0))
CELLS = SPACE.decode(DECISIONS)


@pytest.fixture(scope="module")
def texts():
    tokenizer = ArchitectureTokenizer("nasbench201", canonicalize=False)
    return tokenizer.inverse_transform(tokenizer.fit_transform(DECISIONS)).tolist()


def test_all_containers_and_forms_give_the_same_tokens(texts):
    expected = ArchitectureTokenizer("nasbench201").fit_transform(texts)
    for architectures in (
        CELLS,
        tuple(texts),
        np.array(texts),
        np.array(texts, dtype=object)[:, None],
        pd.Series(texts, name="cell"),
        pd.DataFrame({"cell": texts}),
        DECISIONS,
        pd.DataFrame(DECISIONS),
        np.array(SPACE.operations)[DECISIONS],
    ):
        tokenizer = ArchitectureTokenizer(SPACE).fit(architectures)
        np.testing.assert_array_equal(tokenizer.transform(architectures), expected)


@pytest.mark.parametrize("sequence", [None, *SPACE.sequences])
@pytest.mark.parametrize("canonicalize", [True, False])
def test_round_trip(texts, sequence, canonicalize):
    tokenizer = ArchitectureTokenizer("nasbench201", sequence=sequence, canonicalize=canonicalize)
    tokens = tokenizer.fit_transform(texts)
    assert tokens.shape == (30, SPACE.sequences[sequence or SPACE.default_sequence].length)
    assert tokens.max() < len(tokenizer.vocabulary_)
    expected = SPACE.canonicalize(DECISIONS) if canonicalize else DECISIONS
    np.testing.assert_array_equal(SPACE.encode(tokenizer.inverse_transform(tokens)), expected)


def test_pandas_output_and_feature_names(texts):
    tokenizer = ArchitectureTokenizer("nasbench201").set_output(transform="pandas")
    frame = tokenizer.fit_transform(pd.Series(texts))
    assert frame.columns.tolist() == [f"token{i}" for i in range(6)]
    assert tokenizer.get_feature_names_out().tolist() == frame.columns.tolist()
    np.testing.assert_array_equal(frame, ArchitectureTokenizer("nasbench201").fit_transform(texts))


def test_a_wrong_architecture_is_named(texts):
    tokenizer = ArchitectureTokenizer("nasbench201").fit(texts)
    wrong = [*texts[:7], texts[7].replace("~0|+", "~5|+"), *texts[8:]]
    for method in (tokenizer.fit, tokenizer.transform):
        with pytest.raises(ArchitectureError, match="architecture 7"):
            method(wrong)


@pytest.mark.parametrize("empty", [[], np.array([]), pd.Series([], dtype=object), np.empty((0, 6))])
def test_no_architectures(empty):
    with pytest.raises(ValueError, match="0 samples"):
        ArchitectureTokenizer("nasbench201").fit(empty)


def test_operations_that_training_lacked_are_unknown_tokens():
    known = [graph_of("a", "b"), graph_of("b", "b"), graph_of("b", "a")] * 4
    tokenizer = ArchitectureTokenizer("dag").fit(known)
    tokens = tokenizer.transform([graph_of("a", "new"), graph_of("b", "a")])
    np.testing.assert_array_equal(tokens[1], tokenizer.transform(known[2:3])[0])
    embedder = ArchitectureEmbedder(4, max_epochs=1, random_state=0)
    embedder.fit(tokenizer.transform(known))
    with pytest.warns(UserWarning, match="did not occur in fit"):
        embedding = embedder.transform(tokens)
    assert np.isfinite(embedding).all()


def graph_of(*operations):
    nodes = ("input", *operations, "output")
    return Architecture(nodes, [(node, node + 1) for node in range(len(nodes) - 1)])


def test_a_space_is_needed():
    with pytest.raises(TypeError, match="space"):
        ArchitectureTokenizer()


@pytest.mark.parametrize(
    ("parameters", "word"),
    [
        ({"space": "nasbench202"}, "did you mean 'nasbench201'"),
        ({"space": 201}, "space"),
        ({"sequence": "words"}, "'operations'"),
        ({"canonicalize": "yes"}, "canonicalize"),
    ],
)
def test_wrong_parameters(texts, parameters, word):
    tokenizer = ArchitectureTokenizer(**{"space": "nasbench201", **parameters})
    for method in (tokenizer.fit, tokenizer.fit_transform):
        with pytest.raises(ValueError, match=word):
            method(texts)


def test_not_fitted_clone_and_pickle(texts):
    tokenizer = ArchitectureTokenizer(SPACE, sequence="paths").fit(texts)
    again = pickle.loads(pickle.dumps(tokenizer))
    np.testing.assert_array_equal(again.transform(texts), tokenizer.transform(texts))
    for method in ("transform", "inverse_transform", "get_feature_names_out"):
        with pytest.raises(NotFittedError):
            getattr(clone(tokenizer), method)(texts)
