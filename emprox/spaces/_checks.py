"""The contract that every search space keeps, as a test that anyone can run on their own space."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graphs import ABSENT, WIRE, Architecture, ArchitectureError, Graphs
from ..graphs._graphs import IntArray
from ..utils._random import RandomState, as_generator
from ._base import SearchSpace

# For sums over paths: a large prime whose square fits into 64 bits, and the size of matrices.
_MODULUS, _MATRIX_SIZE = 2**31 - 1, 4


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
    decisions = space.sample(min(n_architectures, space.size), rng)
    assert space.is_valid(decisions).all(), "a sample holds an architecture that is not valid"
    assert len(np.unique(decisions, axis=0)) == len(decisions), "a sample holds something twice"
    make, arguments = space.__reduce__()
    assert make(*arguments) == space, "the space cannot be made again, as when it is unpickled"
    assert [len(choices) for choices in space.choices.values()] == list(space.n_choices), (
        "n_choices are not the numbers of choices"
    )
    _check_forms(space, decisions)
    _check_canonical_form(space, decisions)
    _check_sequences(space, decisions)
    _check_changes(space, decisions, rng)
    _check_rejections(space, rng)
    _check_signals(space, decisions, rng)


def _check_forms(space: SearchSpace, decisions: IntArray) -> None:
    architectures = space.decode(decisions)
    jsons = [architecture.to_string() for architecture in architectures]
    forms: dict[str, Any] = {
        "texts": space.format(decisions),
        "graphs": architectures,
        "JSON forms": jsons,
        "decisions": decisions,
    }
    for name, items in forms.items():
        again = space.encode(items)
        wrong = np.flatnonzero((again != decisions).any(axis=1))
        assert not len(wrong), f"encode reads the {name} otherwise, such as {items[wrong[0]]}"
    for architecture, text in zip(architectures, jsons, strict=True):
        assert Architecture.from_string(text) == architecture, f"JSON form: {text}"
        assert architecture.space == space.name, f"{text} is of the space {architecture.space!r}"


def _check_canonical_form(space: SearchSpace, decisions: IntArray) -> None:
    canonical = space.canonicalize(decisions)
    assert space.is_valid(canonical).all(), "a canonical form is not valid"
    np.testing.assert_array_equal(
        space.canonicalize(canonical), canonical, err_msg="canonicalize is not idempotent"
    )


def _check_sequences(space: SearchSpace, decisions: IntArray) -> None:
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


def _check_changes(space: SearchSpace, decisions: IntArray, rng: np.random.Generator) -> None:
    children = space.mutate(decisions, random_state=rng)
    assert ((children != decisions).sum(axis=1) == 1).all(), "mutate changed other than 1 decision"
    assert space.is_valid(children).all(), "mutate made something that is not valid"
    around, rows = space.neighbors(decisions[:3])
    n_changed = (around != decisions[rows]).sum(axis=1)
    assert (n_changed == 1).all(), "a neighbour differs in other than one decision"
    listed = np.column_stack([rows, around])
    assert len(np.unique(listed, axis=0)) == len(listed), "a neighbour stands twice"
    assert space.is_valid(around).all(), "a neighbour is not valid"


def _check_rejections(space: SearchSpace, rng: np.random.Generator) -> None:
    drawn = rng.integers(space.n_choices, size=(100, space.n_decisions))
    foreign = ["no such architecture", "", None, 3.5, object(), "__import__('os').getcwd()"]
    containers: list[Any] = [[item] for item in foreign]
    containers += [drawn[~space.is_valid(drawn)][:1]] * (not space.is_valid(drawn).all())
    for wrong in containers:
        index = None
        try:
            space.encode(wrong)
        except ArchitectureError as error:
            index = error.index
        assert index == 0, f"encode has to refuse {wrong}, and to say which item it is"


def _check_signals(space: SearchSpace, decisions: IntArray, rng: np.random.Generator) -> None:
    kinds = space.signal_graphs(decisions)
    names = [operation.name for operation in space.signal_operations]
    assert len(set(names)) == len(names), f"two signal operations have the same name: {names}"
    if not kinds:
        return
    assert len({graphs.kind for graphs in kinds}) == len(kinds), "two kinds have the same name"
    positions = {position.kind for position in space.skeleton.positions}
    assert positions == set(range(len(kinds))), (
        f"there are {len(kinds)} kinds of cells, and the skeleton places the kinds {positions}"
    )
    for graphs in (*kinds, *space.graphs(decisions), *space.signal_graphs(decisions[:0])):
        _check_graphs(graphs)
    blocking = [n for n, each in enumerate(space.signal_operations) if each.effect == "block"]
    matrices = rng.integers(_MODULUS, size=(len(names), _MATRIX_SIZE, _MATRIX_SIZE))

    def sums(some: IntArray) -> IntArray:
        graphs = [kind.without(blocking) for kind in space.signal_graphs(some)]
        return np.hstack([_path_sums(each, matrices) for each in graphs])

    for graphs in kinds:
        assert set(graphs.names) <= set(names), f"operations {graphs.names} are not all described"
    together = sums(decisions)
    np.testing.assert_array_equal(
        sums(space.canonicalize(decisions)),
        together,
        err_msg="canonical forms have other operations along their paths",
    )
    if space.pathless is not None:
        assert not sums(space.pathless[None]).any(), f"signals pass {space.pathless}"
    np.testing.assert_array_equal(
        np.concatenate([sums(row[None]) for row in decisions[:5]]),
        together[:5],
        err_msg="signal_graphs writes an architecture otherwise if it is alone",
    )


def _check_graphs(graphs: Graphs) -> None:
    operations = graphs.operations
    where = f"graphs of kind {graphs.kind!r}: "
    ends = operations[:, [*range(graphs.n_inputs), -1]]
    assert (ends == WIRE).all(), f"{where}an input or the output has an operation"
    for name, numbers in graphs.numbers.items():
        assert numbers.shape == operations.shape, f"{where}{name} is of shape {numbers.shape}"
        there = numbers[operations != ABSENT]
        assert (there > 0).all(), f"{where}{name} are not all above 0"


def _path_sums(graphs: Graphs, matrices: IntArray) -> IntArray:
    """Sum over all paths the product of random matrices, one for each operation."""
    # Matrices do not commute, so that equal sums mean the same operations in the same order along
    # the same number of paths.
    signals = np.zeros((graphs.n_nodes, graphs.n_graphs, _MATRIX_SIZE), dtype=np.int64)
    # Any numbers do, as long as inputs differ.
    signals[: graphs.n_inputs] = np.arange(1, 1 + graphs.n_inputs)[:, None, None]
    for node, sources in graphs.reads.items():
        for source, where in sources:
            signals[node] += signals[source] * (True if where is None else where[:, None])
        signals[node] %= _MODULUS
        computed, operations = graphs.by_node[node] >= 0, graphs.by_node[node]
        products = signals[node, computed, None, :] * matrices[operations[computed]] % _MODULUS
        signals[node, computed] = products.sum(axis=2) % _MODULUS
        signals[node, ~graphs.nodes[node]] = 0
    return signals[-1]
