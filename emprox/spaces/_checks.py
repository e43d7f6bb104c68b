"""The contract that every search space keeps, as a test that anyone can run on their own space."""

from __future__ import annotations

import pickle

import numpy as np

from ._architecture import Architecture
from ._base import SearchSpace
from ._errors import ArchitectureError
from ._random import RandomState, as_generator


def check_search_space(
    space: SearchSpace, n_architectures: int = 50, random_state: RandomState = 0
) -> None:
    """Check that a search space keeps its contract, on random architectures.

    Parameters
    ----------
    space : SearchSpace
        The space to check.
    n_architectures : int, default=50
        How many random architectures to check it on.
    random_state : int, Generator, RandomState or None, default=0
        Seed or generator.

    Raises
    ------
    AssertionError
        If it does not; the message says what is broken and for which architecture.

    Examples
    --------
    >>> from emprox.spaces import check_search_space, get_space
    >>> check_search_space(get_space("nasbench201"))
    """
    rng = as_generator(random_state)
    n_drawn = min(n_architectures, space.size)
    architectures = space.sample(n_drawn, rng)
    decisions = space.encode(architectures)
    _check_forms(space, architectures, decisions)
    _check_canonical_form(space, decisions, rng)
    _check_sequences(space, decisions)
    _check_changes(space, architectures, rng)
    _check_sampling(space, n_drawn)
    _check_rejections(space)
    _check_invalid_decisions(space, rng)


def _check_forms(
    space: SearchSpace, architectures: list[Architecture], decisions: np.ndarray
) -> None:
    for architecture in architectures:
        text = space.format(architecture)
        assert space.parse(text) == architecture, f"parse(format(a)) != a for {text}"
        json_form = architecture.to_string()
        assert Architecture.from_string(json_form) == architecture, f"JSON form: {json_form}"
        assert space.parse(json_form) == architecture, f"parse does not read JSON: {json_form}"
        assert pickle.loads(pickle.dumps(architecture)) == architecture, f"pickling changes {text}"
        assert architecture.space == space.name, f"{text} says it is of {architecture.space!r}"
    assert space.decode(decisions) == architectures, "decode(encode(a)) != a"


def _check_canonical_form(
    space: SearchSpace, decisions: np.ndarray, rng: np.random.Generator
) -> None:
    canonical = space.canonicalize(decisions)
    assert space.is_valid(canonical).all(), "a canonical form is not valid"
    np.testing.assert_array_equal(
        space.canonicalize(canonical), canonical, err_msg="canonicalize is not idempotent"
    )
    relabelled = space.relabel(decisions, rng)
    assert space.is_valid(relabelled).all(), "relabel made something that is not valid"
    np.testing.assert_array_equal(
        space.canonicalize(relabelled), canonical, err_msg="relabelling changes the canonical form"
    )
    for before, after in zip(space.decode(decisions), space.decode(canonical), strict=True):
        assert space.canonical(before) == after, f"canonical != canonicalize for {before}"
        assert space.isomorphism_key(before) == space.isomorphism_key(after), (
            f"{before} and its canonical form have different isomorphism keys"
        )


def _check_sequences(space: SearchSpace, decisions: np.ndarray) -> None:
    assert space.default_sequence in space.sequences, "default_sequence is none of the sequences"
    assert space.proximity_sequence in space.sequences, "proximity_sequence is no sequence"
    for name, sequence in space.sequences.items():
        for form in (decisions, space.canonicalize(decisions)):
            tokens = space.tokenize(form, name)
            assert tokens.shape == (len(form), sequence.length), f"{name}: shape {tokens.shape}"
            assert tokens.min() >= 0, f"{name}: negative tokens"
            assert tokens.max() < sequence.vocabulary_size, f"{name}: token outside the vocabulary"
            np.testing.assert_array_equal(
                space.detokenize(tokens, name), form, err_msg=f"{name}: tokens do not decode back"
            )


def _check_changes(
    space: SearchSpace, architectures: list[Architecture], rng: np.random.Generator
) -> None:
    for architecture in architectures:
        parent = space.encode([architecture])
        child = space.encode([space.mutate(architecture, random_state=rng)])
        assert (parent != child).sum() == 1, f"mutate changed {(parent != child).sum()} decisions"
        assert space.is_valid(child).all(), f"mutate made {child[0]}, which is not valid"
    around = space.encode(space.neighbors(architectures[0]))
    n_changed = (around != space.encode(architectures[:1])).sum(axis=1)
    assert (n_changed == 1).all(), "a neighbour differs in other than one decision"
    assert len(np.unique(around, axis=0)) == len(around), "a neighbour stands twice"
    assert space.is_valid(around).all(), "a neighbour is not valid"


def _check_sampling(space: SearchSpace, n_architectures: int) -> None:
    drawn = space.sample_decisions(n_architectures, random_state=1)
    again = space.sample_decisions(n_architectures, random_state=1)
    np.testing.assert_array_equal(drawn, again, err_msg="the same seed draws something else")
    assert len(np.unique(drawn, axis=0)) == n_architectures, "a sample holds something twice"
    assert space.is_valid(drawn).all(), "a sample holds an architecture that is not valid"


def _check_rejections(space: SearchSpace) -> None:
    for wrong in ("no such architecture", "", None, 3.5, object(), "__import__('os').getcwd()"):
        try:
            space.encode([wrong])
        except ArchitectureError as error:
            index = error.index
        else:
            raise AssertionError(f"{wrong!r} was read as an architecture")
        assert index == 0, f"the error for {wrong!r} does not say which item is wrong"


def _check_invalid_decisions(space: SearchSpace, rng: np.random.Generator) -> None:
    drawn = rng.integers(space.n_choices, size=(100, space.n_decisions))
    wrong = drawn[~space.is_valid(drawn)][:1]
    if len(wrong):
        try:
            space.encode(wrong)
        except ArchitectureError as error:
            index = error.index
        else:
            raise AssertionError(f"encode accepts {wrong[0]}, which is not valid")
        assert index == 0, "the error for decisions that are not valid does not say which"
