"""The contract test, over every registered space."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emprox.spaces import NASBench201Space, check_search_space, get_space, list_spaces

CLOSED = [name for name in list_spaces() if not get_space(name).is_open]
seeds = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize("name", CLOSED)
@settings(max_examples=20)
@given(seed=seeds)
def test_contract(name, seed):
    check_search_space(get_space(name), n_architectures=20, random_state=seed)


@pytest.mark.parametrize("name", CLOSED)
@settings(max_examples=20)
@given(seed=seeds)
def test_different_canonical_forms_never_share_tokens(name, seed):
    space = get_space(name)
    decisions = space.canonicalize(space.sample_decisions(500, seed))
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
