"""The contract that every search space keeps, as a test that anyone can run on their own space."""

from __future__ import annotations

import pickle

import numpy as np

from ._architecture import Architecture
from ._base import SearchSpace
from ._errors import ArchitectureError
from ._random import RandomState, as_generator
from ._sequences import IntArray
from ._signals import ABSENT, WIRE, CellGraphs

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
    _check_signals(space, decisions, rng)


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


def _check_signals(space: SearchSpace, decisions: np.ndarray, rng: np.random.Generator) -> None:
    operations, kinds = space.signal_operations, space.cell_graphs(decisions)
    names = [operation.name for operation in operations]
    assert len(set(names)) == len(names), f"two signal operations have the same name: {names}"
    if not kinds:
        return
    names = [graphs.name for graphs in kinds]
    assert len(set(names)) == len(names), f"two kinds of cells have the same name: {names}"
    positions = {position.kind for position in space.skeleton.positions}
    assert positions == set(range(len(kinds))), (
        f"there are {len(kinds)} kinds of cells, and the skeleton places the kinds {positions}"
    )
    for graphs in kinds:
        _check_graphs(graphs, len(decisions), len(operations))
    matrices = rng.integers(_MODULUS, size=(len(operations), _MATRIX_SIZE, _MATRIX_SIZE))
    sums = _path_sums(kinds, matrices)
    relabelled = space.relabel(decisions, rng)
    wrong = np.flatnonzero((_path_sums(space.cell_graphs(relabelled), matrices) != sums).any(1))
    assert not len(wrong), (
        "relabelling changes the operations along the paths of cell_graphs, from"
        f" {decisions[wrong[0]]} to {relabelled[wrong[0]]}; an operation that does nothing has to"
        " be a wire if relabel moves it"
    )
    if space.pathless is not None:
        passing = _path_sums(space.cell_graphs(space.pathless[None]), matrices).any()
        assert not passing, f"signals pass the architecture without a path, {space.pathless}"
    alone = [_path_sums(space.cell_graphs(row[None]), matrices)[0] for row in decisions[:5]]
    np.testing.assert_array_equal(
        alone, sums[:5], err_msg="cell_graphs writes an architecture otherwise if it is alone"
    )
    for graphs in space.cell_graphs(decisions[:0]):
        _check_graphs(graphs, 0, len(operations))


def _check_graphs(graphs: CellGraphs, n_architectures: int, n_operations: int) -> None:
    edges, operations = graphs.edges, graphs.operations
    where = f"cell_graphs, kind {graphs.name!r}: "
    assert all(0 <= source < target for source, target in edges), (
        f"{where}an edge does not lead to a later node: {edges}"
    )
    targets = [target for _, target in edges]
    assert targets == sorted(targets), f"{where}the edges are not sorted by target: {edges}"
    assert 0 < graphs.n_inputs <= targets[0], f"{where}an edge leads to an input: {edges}"
    shape = (n_architectures, len(edges))
    assert operations.shape == shape, f"{where}operations has shape {operations.shape}, not {shape}"
    assert np.issubdtype(operations.dtype, np.integer), f"{where}operations are {operations.dtype}"
    assert ((operations >= WIRE) & (operations < n_operations)).all(), (
        f"{where}operations are not all in {WIRE} to {n_operations - 1}"
    )
    into = operations[:, [target in graphs.concatenated for target in targets]]
    assert (into < 0).all(), f"{where}what leads to a node that concatenates is not a wire"
    for name, factors in (("widths", graphs.widths), ("resolutions", graphs.resolutions)):
        assert factors is None or factors.shape == shape, f"{where}{name} do not have shape {shape}"
        assert factors is None or (factors > 0).all(), f"{where}{name} are not all above 0"


def _path_sums(kinds: tuple[CellGraphs, ...], matrices: IntArray) -> IntArray:
    """Sum over all paths the product of random matrices, one for each operation.

    Matrices do not commute, so that architectures have the same sums only if they have the same
    operations in the same order along the same number of paths.
    """
    sums = []
    for graphs in kinds:
        n_cells = len(graphs.operations)
        signals = np.zeros((graphs.n_nodes, n_cells, _MATRIX_SIZE), dtype=np.int64)
        # Any numbers do, as long as inputs differ.
        signals[: graphs.n_inputs] = np.arange(1, 1 + graphs.n_inputs)[:, None, None]
        for edge, (source, target) in enumerate(graphs.edges):
            arriving = np.zeros_like(signals[0])
            for operation in np.unique(graphs.operations[:, edge]).tolist():
                rows = graphs.operations[:, edge] == operation
                if operation == WIRE:
                    arriving[rows] = signals[source, rows]
                elif operation != ABSENT:
                    for row in range(_MATRIX_SIZE):
                        product = signals[source, rows, row, None] * matrices[operation, row]
                        arriving[rows] += product % _MODULUS
            signals[target] = (signals[target] + arriving) % _MODULUS
        sums.append(signals[-1])
    return np.hstack(sums)
