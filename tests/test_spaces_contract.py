"""The contract test, over every registered space."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emprox.spaces import (
    DAGSpace,
    NASBench201Space,
    SequenceSpace,
    check_search_space,
    get_space,
    list_spaces,
)

# Open spaces hold nothing before they have learned; these stand for them.
SPACES = [
    *(space for space in map(get_space, list_spaces()) if not space.is_open),
    DAGSpace(("a", "b", "c"), max_nodes=6),
    SequenceSpace(
        {"depth": [2, 3, 4], "kernel": [3, 5, 7], "act": ["relu", "swish"], "wide": [True, False]},
        conditions={"wide": {"depth": [3, 4]}},
    ),
]
seeds = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
@settings(max_examples=20)
@given(seed=seeds)
def test_contract(space, seed):
    check_search_space(space, n_architectures=20, random_state=seed)


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
@settings(max_examples=20)
@given(seed=seeds)
def test_different_canonical_forms_never_share_tokens(space, seed):
    decisions = space.canonicalize(space.sample_decisions(min(500, space.size), seed))
    n_different = len(np.unique(decisions, axis=0))
    for sequence in space.sequences:
        assert len(np.unique(space.tokenize(decisions, sequence), axis=0)) == n_different


class WrongFormat(NASBench201Space):
    def format(self, architecture):
        return super().format(architecture).replace("avg_pool_3x3", "skip_connect")


class WrongCanonicalForm(NASBench201Space):
    def canonicalize(self, decisions):
        return (np.asarray(decisions) + 1) % 5


class DependsOnLabels(NASBench201Space):
    def canonicalize(self, decisions):
        return np.asarray(decisions)


class WrongTokens(NASBench201Space):
    def detokenize(self, tokens, sequence=None):
        return super().detokenize(tokens, sequence)[:, ::-1]


class Credulous(NASBench201Space):
    def _read(self, architecture):
        try:
            return super()._read(architecture)
        except ValueError:
            return [0] * 6


class KnowsButDoesNotCheck(NASBench201Space):
    size = 12500

    def is_valid(self, decisions):
        return np.asarray(decisions)[:, 0] > 0

    def relabel(self, decisions, random_state=None):
        return np.asarray(decisions)

    def canonicalize(self, decisions):
        return np.asarray(decisions)


class WrongMutation(NASBench201Space):
    def mutate(self, architecture, n_mutations=1, random_state=None):
        return super().mutate(architecture, 2, random_state)


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (WrongFormat(), "parse"),
        (WrongCanonicalForm(), "idempotent"),
        (DependsOnLabels(), "relabelling changes the canonical form"),
        (WrongTokens(), "do not decode back"),
        (Credulous(), "read as an architecture"),
        (WrongMutation(), "mutate changed 2"),
        (KnowsButDoesNotCheck(), "which is not valid"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_contract_finds_what_is_broken(space, message):
    with pytest.raises(AssertionError, match=message):
        check_search_space(space)


def test_a_mutation_that_does_not_exist_is_given_up():
    with pytest.raises(ValueError, match="differs in exactly 26 decisions"):
        get_space("nasbench101").mutate(([[0, 1], [0, 0]], ["input", "output"]), 26)
