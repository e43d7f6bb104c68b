"""Reading DARTS genotypes: texts, named tuples, dictionaries and pairs of cells."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .._errors import ArchitectureError

N_INPUTS = 2
N_NODES = 4
INNER_NODES = range(N_INPUTS, N_INPUTS + N_NODES)

# Genotypes have about 500 characters; the parser of Python is not made for endless ones.
_MAX_CHARACTERS = 10_000
_NODE_OF_PAIR = tuple(node for node in INNER_NODES for _ in range(2))
_FIELDS = ("normal", "normal_concat", "reduce", "reduce_concat")

# The usual form, which is much quicker to take apart than to parse.
_PAIR = re.compile(r"\('(\w+)', (\d)\)")
_CELL = r"\[(\('\w+', \d\)(?:, \('\w+', \d\)){7})\]"
_USUAL = re.compile(
    rf"Genotype\(normal={_CELL}, normal_concat=range\(2, 6\),"
    rf" reduce={_CELL}, reduce_concat=range\(2, 6\)\)"
)


def read_usual(text: str, numbers: Mapping[str, int]) -> list[int] | None:
    """Read the decisions of a genotype in its usual form, quickly.

    Parameters
    ----------
    text : str
        The text.
    numbers : mapping of str to int
        Numbers of the operations.

    Returns
    -------
    list of int or None
        What `read_cells` returns; None if the text is something else, or wrong, which the other
        functions say in words.
    """
    usual = _USUAL.fullmatch(text)
    if usual is None:
        return None
    decisions: list[int] = []
    for cell in usual.groups():
        other = None
        for (name, digit), node in zip(_PAIR.findall(cell), _NODE_OF_PAIR, strict=True):
            source, operation = int(digit), numbers.get(name)
            if operation is None or source >= node or source == other:
                return None
            decisions += (source, operation)
            # The input of a node's first pair, which that of its second has to differ from.
            other = source if other is None else None
    return decisions


def read_text(text: str) -> Any:
    """Turn the text of a genotype into lists, tuples and a dictionary, without evaluating it.

    Parameters
    ----------
    text : str
        ``Genotype(normal=[...], normal_concat=range(2, 6), reduce=[...], reduce_concat=...)``,
        perhaps behind ``NAME =``, or a tuple, list or dictionary of literals.

    Returns
    -------
    object
        What `read_cells` reads.

    Raises
    ------
    ArchitectureError
        If the text holds anything but these calls, strings and whole numbers.
    """
    if usual := _USUAL.fullmatch(text):
        normal, reduce = (
            [(name, int(source)) for name, source in _PAIR.findall(cell)] for cell in usual.groups()
        )
        return {"normal": normal, "reduce": reduce}
    if len(text) > _MAX_CHARACTERS:
        raise ArchitectureError(
            f"a text of {len(text)} characters is no genotype; {_MAX_CHARACTERS} are allowed"
        )
    try:
        with warnings.catch_warnings():
            # Python warns of what looks like a mistake in code; this is refused below.
            warnings.simplefilter("ignore")
            statements = ast.parse(text.strip()).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ArchitectureError(f"{_shortened(text)} is no genotype: {error}") from error
    if len(statements) == 1 and isinstance(statements[0], (ast.Expr, ast.Assign)):
        return _plain(statements[0].value)
    raise ArchitectureError(f"expected a single genotype, got {_shortened(text)}")


def read_cells(genotype: Any, operations: Sequence[str]) -> list[int]:
    """Read the decisions of a genotype.

    Parameters
    ----------
    genotype : mapping, object with the attributes normal and reduce, or pair of cells
        The genotype. A cell is a sequence of 8 pairs, or of 4 nodes with 2 pairs each; a pair is
        ``(operation name, input)`` or ``(input, operation number or name)``.
    operations : sequence of str
        Names of the operations.

    Returns
    -------
    list of int
        Input and operation of each pair: 16 numbers for the normal cell, 16 for the reduction
        cell.

    Raises
    ------
    ArchitectureError
        If something is missing, unknown or not allowed.
    """
    if hasattr(genotype, "normal") and hasattr(genotype, "reduce"):
        fields = {name: getattr(genotype, name) for name in _FIELDS if hasattr(genotype, name)}
    elif isinstance(genotype, Mapping):
        fields = dict(genotype)
    elif isinstance(genotype, (list, tuple, np.ndarray)) and len(genotype) == 2:
        fields = {"normal": genotype[0], "reduce": genotype[1]}
    else:
        raise ArchitectureError(
            "expected a genotype such as Genotype(normal=[('sep_conv_3x3', 1), ...],"
            " normal_concat=range(2, 6), reduce=[...], reduce_concat=range(2, 6)), a pair of cells"
            f" or an Architecture, got {_shortened(genotype)} of type {type(genotype).__name__}"
        )
    missing = {"normal", "reduce"} - fields.keys()
    unknown = fields.keys() - set(_FIELDS)
    if missing or unknown:
        raise ArchitectureError(
            "a genotype has the fields 'normal' and 'reduce', and may have 'normal_concat' and"
            f" 'reduce_concat'; got {', '.join(map(repr, fields)) or 'none'}"
        )
    numbers = {name: number for number, name in enumerate(operations)}
    decisions: list[int] = []
    for name in ("normal", "reduce"):
        _check_concat(name, fields.get(f"{name}_concat", INNER_NODES))
        decisions += _read_cell(name, fields[name], numbers)
    return decisions


def _plain(node: ast.expr) -> Any:
    """Turn one piece of a parsed text into plain data, if it may stand in a genotype."""
    if isinstance(node, ast.Constant) and type(node.value) in (int, str):
        return node.value
    if isinstance(node, ast.List):
        return [_plain(item) for item in node.elts]
    if isinstance(node, ast.Tuple):
        return tuple(_plain(item) for item in node.elts)
    if isinstance(node, ast.Dict) and None not in node.keys:
        keys = [_plain(key) for key in node.keys if key is not None]
        if all(isinstance(key, str) for key in keys):
            return dict(zip(keys, map(_plain, node.values), strict=True))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        arguments = [_plain(argument) for argument in node.args]
        keywords = {word.arg: _plain(word.value) for word in node.keywords if word.arg}
        if len(keywords) == len(node.keywords):
            made = _call(node.func.id, arguments, keywords)
            if made is not None:
                return made
    raise ArchitectureError(
        f"{_shortened(ast.unparse(node))} is not allowed in a genotype: it may hold Genotype(...),"
        " lists, tuples, range(...), operation names in quotes and whole numbers"
    )


def _call(function: str, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    """Make what one of the known calls makes, or None."""
    if function == "Genotype" and len(arguments) <= len(_FIELDS):
        positional = dict(zip(_FIELDS, arguments, strict=False))
        return None if positional.keys() & keywords.keys() else positional | keywords
    if keywords:
        return None
    if function == "range" and arguments and all(type(number) is int for number in arguments):
        try:
            return range(*arguments)
        except (TypeError, ValueError):
            return None
    if function in ("list", "tuple") and len(arguments) == 1:
        return arguments[0]
    return None


def _check_concat(name: str, concat: Any) -> None:
    """Raise an error unless the output of a cell is made of its four inner nodes."""
    try:
        # A range can be endless, and is compared by its length first.
        right = len(concat) == N_NODES and sorted(concat) == list(INNER_NODES)
    except TypeError:
        right = False
    if not right:
        raise ArchitectureError(
            f"{name}_concat is {_shortened(concat)}, but in this space the output of a cell is made"
            f" of its {N_NODES} inner nodes: {list(INNER_NODES)}"
        )


def _read_cell(name: str, cell: Any, numbers: Mapping[str, int]) -> list[int]:
    pairs = _items(cell)
    if pairs is not None and len(pairs) == N_NODES:
        nodes = [_items(node) for node in pairs]
        if all(node is not None and len(node) == 2 for node in nodes):
            pairs = [pair for node in nodes if node is not None for pair in node]
    if pairs is None or len(pairs) != 2 * N_NODES:
        found = type(cell).__name__ if pairs is None else len(pairs)
        raise ArchitectureError(
            f"the {name} cell has to be a list of {2 * N_NODES} pairs, two for each of its"
            f" {N_NODES} inner nodes, got {found}"
        )
    decisions: list[int] = []
    for position, pair in enumerate(pairs):
        node = INNER_NODES[position // 2]
        place = f"{name} cell, node {node}, pair {position % 2}"
        source, operation = _read_pair(place, pair, numbers)
        if not 0 <= source < node:
            raise ArchitectureError(
                f"{place}: the input is {source}, but has to be a cell input (0 or 1) or an earlier"
                f" inner node, so from 0 to {node - 1}"
            )
        decisions += [source, operation]
        if position % 2 and decisions[-4] == source:
            raise ArchitectureError(
                f"{name} cell, node {node}: both pairs have the input {source}; in DARTS they"
                " differ"
            )
    return decisions


def _read_pair(place: str, pair: Any, numbers: Mapping[str, int]) -> tuple[int, int]:
    """Return the input and the operation number of a pair in either order."""
    items = _items(pair)
    if items is None or len(items) != 2:
        raise ArchitectureError(
            f"{place}: expected (operation, input), as in ('sep_conv_3x3', 1), or (input,"
            f" operation number), as in (1, 3), got {_shortened(pair)}"
        )
    operation, source = items if isinstance(items[0], str) else reversed(items)
    if isinstance(operation, str):
        operation = numbers.get(operation, operation)
    if not _is_whole(operation) or not 0 <= operation < len(numbers):
        allowed = ", ".join(f"{number} {name}" for name, number in numbers.items())
        raise ArchitectureError(
            f"{place}: unknown operation {_shortened(operation)}; the operations are {allowed}"
        )
    if not _is_whole(source):
        raise ArchitectureError(
            f"{place}: the input has to be a whole number, got {_shortened(source)}"
        )
    return int(source), int(operation)


def _is_whole(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _items(value: Any) -> list[Any] | None:
    if isinstance(value, np.ndarray):
        value = value.tolist()
    return list(value) if isinstance(value, (list, tuple)) else None


def _shortened(value: Any, length: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= length else f"{text[:length]}..."
