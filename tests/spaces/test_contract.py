"""What all search spaces share: the contract, their names, and what they refuse."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from emprox.graphs import Graphs
from emprox.spaces import (
    Architecture,
    ArchitectureError,
    DAGSpace,
    NASBench201Space,
    SearchSpace,
    SequenceSpace,
    check_search_space,
    get_space,
    list_spaces,
    register_space,
)


class OwnSpace(SearchSpace):
    """All that a space needs."""

    name = "own"
    choices = {f"layer {layer}": ("conv", "pool") for layer in range(3)}  # noqa: RUF012

    def graphs(self, decisions):
        return (Graphs.chain(np.asarray(decisions), ("conv", "pool")),)


class DeepSpace(OwnSpace):
    """One with a parameter, which `__init__` keeps."""

    def __init__(self, depth):
        self.depth = depth
        self.choices = {f"layer {layer}": ("conv", "pool") for layer in range(depth)}


class PlainSpace(SearchSpace):
    """Even less, without a graph."""

    name = "plain"
    choices = {"kernel": ("3", "5", "7"), "act": ("relu", "gelu"), "fixed": ("yes",)}  # noqa: RUF012


OWN, PLAIN = OwnSpace(), PlainSpace()
REGISTERED = [space for space in map(get_space, list_spaces()) if not space.is_open]
# Open spaces hold nothing before they have learned; these stand for them.
SPACES = [
    *REGISTERED,
    DAGSpace(("a", "b", "c"), max_nodes=6),
    DeepSpace(4),
    SequenceSpace(
        {"depth": [2, 3, 4], "kernel": [3, 5, 7], "act": ["relu", "swish"], "wide": [True, False]},
        conditions={"wide": {"depth": [3, 4]}},
    ),
    OWN,
    PLAIN,
]
seeds = st.integers(0, 2**32 - 1)
every_space = pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)


@every_space
@settings(max_examples=10)
@given(seed=seeds)
def test_contract(space, seed):
    check_search_space(space, n_architectures=20, random_state=seed)


@every_space
@settings(max_examples=10)
@given(seed=seeds)
def test_different_canonical_forms_never_share_tokens(space, seed):
    decisions = space.canonicalize(space.sample(min(300, space.size), seed))
    n_different = len(np.unique(decisions, axis=0))
    for sequence in space.sequences:
        assert len(np.unique(space.tokenize(decisions, sequence), axis=0)) == n_different


def test_a_space_of_ones_own_needs_a_name_choices_and_a_graph():
    assert OWN.format([[0, 1, 0]]) == ["conv,pool,conv"]
    assert OWN.encode(["conv, pool,conv", (0, 1, 0), "0,1,0"]).tolist() == [[0, 1, 0]] * 3
    assert OWN.decode([[0, 1, 0]])[0].operations == ("input", "conv", "pool", "conv", "output")
    assert OWN.operations == ("conv", "pool")
    assert OWN.decision_names == ("layer 0", "layer 1", "layer 2")
    assert (OWN.size, OWN.title, OWN.n_choices) == (8, "own", (2, 2, 2))
    assert OWN.tokenize([[0, 1, 0]]).tolist() == [[1, 2, 1]]
    assert not OWN.positional
    assert PLAIN.positional
    assert PLAIN.format([[1, 0, 0]]) == ["5,relu,yes"]
    # Decisions with the same choices share tokens, others have their own.
    assert PLAIN.tokenize([[1, 0, 0]]).tolist() == [[2, 4, 6]]


RIGHT = NASBench201Space()


@pytest.mark.parametrize(
    ("word", "methods"),
    [
        ("texts", {"_write_text": lambda _, choices: RIGHT._write_text([0, *choices[1:]])}),
        ("idempotent", {"canonicalize": lambda _, decisions: (np.asarray(decisions) + 1) % 5}),
        ("decode back", {"detokenize": lambda _, *tokens: RIGHT.detokenize(*tokens)[:, ::-1]}),
        ("refuse", {"_read_other": lambda _, item: [0] * 6}),
        ("mutate", {"mutate": lambda _, decisions, **how: RIGHT.mutate(decisions, 2, **how)}),
        (
            "alone",
            {"signal_graphs": lambda _, d: RIGHT.graphs(np.roll(RIGHT.canonicalize(d), 1, axis=0))},
        ),
        ("same name", {"signal_graphs": lambda _, decisions: RIGHT.signal_graphs(decisions) * 2}),
    ],
)
def test_the_contract_finds_what_is_broken(word, methods):
    space = type("BrokenSpace", (NASBench201Space,), methods)()
    with pytest.raises(AssertionError, match=word):
        check_search_space(space)


def test_a_mutation_that_does_not_exist_is_given_up():
    space = get_space("nasbench101")
    smallest = space.encode([([[0, 1], [0, 0]], ["input", "output"])])
    with pytest.raises(ValueError, match="fewer mutations"):
        space.mutate(smallest, 26)


def deep():
    nested = []
    for _ in range(100_000):
        nested = [nested]
    return nested


# Neither texts nor objects like these are of any space.
FOREIGN = [
    *(None, 3.5, object(), 1j, 10**400, True, b"x", {"a": 1}, set(), np.array(5), np.zeros(0)),
    *("", "x" * 1_000_000, "1," * 100_000, "[" * 100_000, "{" * 100_000, "|" * 100_000, "\ud800"),
    *([10**400] * 6, [2**63] * 8, [float("nan")] * 6, [[0] * 3] * 6, (deep(),), [deep()] * 6),
    '{"operations": [], "edges": []}',
    '{"operations": ["a"], "operations": ["input", "output"], "edges": [[0, 1]]}',
    '{"operations": null, "edges": null}',
    Architecture((), ()),
]


@every_space
def test_foreign_items_get_a_short_error_that_says_which_they_are(space):
    good = space.format(space.sample(1, 0))[0]
    for item in FOREIGN:
        with pytest.raises(ArchitectureError) as caught:
            space.encode([good, item])
        assert caught.value.index == 1
        assert len(str(caught.value)) < 2000


@every_space
def test_graphs_of_other_spaces_are_refused(space):
    (architecture,) = space.decode(space.sample(1, 0))
    other = Architecture(architecture.operations, architecture.edges, "another")
    if not isinstance(space, DAGSpace):
        for item in (other, other.to_string()):
            with pytest.raises(ArchitectureError):
                space.encode([item])
    nameless = Architecture(architecture.operations, architecture.edges)
    assert space.decode(space.encode([nameless])) == [architecture]


@every_space
def test_wrong_matrices_are_refused(space):
    wrong = np.zeros((2, space.n_decisions))
    for value in (0.5, np.nan, np.inf, -1, 2**62):
        wrong[1, 0] = value
        with pytest.raises(ArchitectureError):
            space.format(wrong)
    for matrix in (wrong[:, :-1], wrong[0], [[1], [1, 2]], None, wrong * 1j):
        with pytest.raises(ArchitectureError):
            space.decode(matrix)
    with pytest.raises(TypeError, match="list"):
        space.encode("one alone")


@pytest.mark.parametrize("space", REGISTERED, ids=lambda space: space.name)
def test_a_registered_space_is_pickled_by_its_name(space):
    space.canonicalize(space.sample(2, 0))
    assert len(pickle.dumps(space)) < 200
    assert pickle.loads(pickle.dumps(space)) is space
    assert copy.deepcopy(space) is clone(space, safe=False) is space


def test_other_spaces_are_equal_if_their_parameters_are():
    space = SequenceSpace({"depth": [1, 2]}, name="mine")
    again = pickle.loads(pickle.dumps(space))
    assert again == space
    assert hash(again) == hash(space)
    assert len(pickle.dumps(space)) < 500
    assert SequenceSpace({"depth": [1, 3]}, name="mine") != space
    assert SequenceSpace({"depth": [1, 2]}, name="other") != space
    assert pickle.loads(pickle.dumps(DeepSpace(4))) == DeepSpace(4) != DeepSpace(5)
    learned = SequenceSpace().learn([{"a": 1}, {"a": 2}])
    wider = pickle.loads(pickle.dumps(learned)).extend([{"a": 3}])
    assert wider.choices == {"a": (1, 2, 3)}
    # What was known before it was extended is not forgotten.
    again = pickle.loads(pickle.dumps(wider))
    assert again == wider
    assert again.sequences["decisions"].vocabulary == ("padding", "a=1", "a=2")


@pytest.fixture
def registered():
    """Return a space that is registered during a test alone."""
    space = OwnSpace()
    yield register_space(space, overwrite="own" in list_spaces())
    register_space(space, overwrite=True)


def test_registering(registered):
    assert get_space("own") is registered
    assert get_space(PLAIN) is PLAIN
    assert "plain" not in list_spaces()
    with pytest.raises(ValueError, match="registered already"):
        register_space(OwnSpace())
    assert register_space(OwnSpace(), overwrite=True) is not registered
    # What is no longer registered is pickled as what it is.
    assert pickle.loads(pickle.dumps(registered)) == registered
    with pytest.raises(TypeError, match="SearchSpace"):
        register_space("nasbench201")
    with pytest.raises(ValueError, match="did you mean 'nasbench201'"):
        get_space("nasbench-201")
