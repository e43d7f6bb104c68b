"""Reading DARTS genotypes: texts, named tuples, dictionaries and pairs of cells."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...graphs import ArchitectureError
from ...utils._texts import shown
from .._parsing import refuse

KINDS = ("normal", "reduce")
N_INPUTS = 2
N_NODES = 4
INNER_NODES = range(N_INPUTS, N_INPUTS + N_NODES)
ACCEPTED = (
    "a genotype such as Genotype(normal=[('sep_conv_3x3', 1), ...], normal_concat=range(2, 6),"
    " reduce=[...], reduce_concat=range(2, 6)), a pair of cells or the 32 decisions"
)

# Genotypes have about 500 characters; the parser of Python is not made for endless ones.
_MAX_CHARACTERS = 10_000
_FIELDS = ("normal", "normal_concat", "reduce", "reduce_concat")
# The usual form, which is much quicker to take apart than to parse.
_PAIR = re.compile(r"\('(\w+)', ([0-9])\)")
_CELL = r"\[\('\w+', [0-9]\)(?:, \('\w+', [0-9]\)){7}\]"
_USUAL = re.compile(
    rf"Genotype\(normal={_CELL}, normal_concat=range\(2, 6\),"
    rf" reduce={_CELL}, reduce_concat=range\(2, 6\)\)"
)


def read_usual(text: str) -> list[Any] | None:
    """Return inputs and operations of a text in the usual form; None if it is in another."""
    if not _USUAL.fullmatch(text):
        return None
    return [item for name, source in _PAIR.findall(text) for item in (int(source), name)]


def read_text(text: str) -> Any:
    """Turn the text of a genotype into lists and dictionaries, without evaluating it."""
    if len(text) > _MAX_CHARACTERS:
        raise ArchitectureError(
            f"a text of {len(text)} characters is no genotype; {_MAX_CHARACTERS} are allowed"
        )
    try:
        with warnings.catch_warnings():
            # Python warns of what looks like a mistake in code; this is refused below.
            warnings.simplefilter("ignore")
            (statement,) = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise refuse(text, ACCEPTED) from error
    if not isinstance(statement, (ast.Expr, ast.Assign)):
        raise refuse(text, ACCEPTED)
    return _plain(statement.value, text)


def read_items(genotype: Any) -> list[Any]:
    """Return the 32 choices of a genotype, by name or number as they are given."""
    if hasattr(genotype, "normal") and hasattr(genotype, "reduce"):
        fields = {name: getattr(genotype, name) for name in _FIELDS if hasattr(genotype, name)}
    elif isinstance(genotype, Mapping):
        fields = dict(genotype)
    elif (cells := _list(genotype)) is not None and len(cells) == len(KINDS):
        fields = dict(zip(KINDS, cells, strict=True))
    else:
        raise refuse(genotype, ACCEPTED)
    if not set(KINDS) <= fields.keys() <= set(_FIELDS):
        raise ArchitectureError(
            "a genotype has the fields 'normal' and 'reduce', and may have 'normal_concat' and"
            f" 'reduce_concat'; got {shown(list(fields))}"
        )
    items = []
    for kind in KINDS:
        concat = _list(fields.get(f"{kind}_concat", INNER_NODES)) or []
        nodes = sorted(node for node in concat if isinstance(node, (int, np.integer)))
        if nodes != list(INNER_NODES) or len(concat) != N_NODES:
            raise ArchitectureError(
                f"{kind}_concat is {shown(fields[f'{kind}_concat'])}, but in this space the output"
                f" of a cell is made of its {N_NODES} inner nodes: {list(INNER_NODES)}"
            )
        items += _read_cell(kind, fields[kind])
    return items


def _plain(node: ast.expr, text: str) -> Any:
    """Turn one piece of a parsed text into plain data, if it may stand in a genotype."""
    match node:
        case ast.Constant(value=value) if type(value) in (int, str):
            return value
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_plain(item, text) for item in items]
        case ast.Dict(keys=keys, values=values) if all(isinstance(k, ast.Constant) for k in keys):
            names = [key.value for key in keys if isinstance(key, ast.Constant)]
            if len(set(names)) == len(names):
                return dict(zip(names, [_plain(value, text) for value in values], strict=True))
        case ast.Call(func=ast.Name(id="Genotype"), args=args, keywords=keywords):
            given = [*zip(_FIELDS, args, strict=False), *((k.arg, k.value) for k in keywords)]
            fields = {name: _plain(value, text) for name, value in given}
            if len(fields) == len(args) + len(keywords):
                return fields
        case ast.Call(func=ast.Name(id="range"), args=[*args], keywords=[]):
            numbers = [_plain(argument, text) for argument in args]
            if numbers == [INNER_NODES.start, INNER_NODES.stop]:
                return list(INNER_NODES)
        case ast.Call(func=ast.Name(id="list" | "tuple"), args=[item], keywords=[]):
            return _plain(item, text)
    raise ArchitectureError(
        f"{shown(ast.get_source_segment(text, node))} is not allowed in a genotype: it may hold"
        f" Genotype(...), lists, tuples, range(2, 6), operation names in quotes and whole numbers"
    )


def _read_cell(kind: str, cell: Any) -> list[Any]:
    pairs = _list(cell)
    if pairs is not None and len(pairs) == N_NODES:
        nodes = [_list(node) or [] for node in pairs]
        pairs = [pair for node in nodes for pair in node]
    if pairs is None or len(pairs) != 2 * N_NODES:
        raise ArchitectureError(
            f"the {kind} cell has to be a list of {2 * N_NODES} pairs, two for each of its"
            f" {N_NODES} inner nodes, got {shown(cell)}"
        )
    items = []
    for position, pair in enumerate(pairs):
        both = _list(pair)
        if both is None or len(both) != 2:
            raise ArchitectureError(
                f"{kind} cell, node {INNER_NODES[position // 2]}, pair {position % 2}: expected"
                " (operation, input), as in ('sep_conv_3x3', 1), or (input, operation number),"
                f" as in (1, 3), got {shown(pair)}"
            )
        operation, source = both if isinstance(both[0], str) else both[::-1]
        items += [source, operation]
    return items


def _list(value: Any) -> list[Any] | None:
    """Turn a sequence of a genotype's length at most into a list; None if it is none."""
    if isinstance(value, (list, tuple, range, np.ndarray)) and 0 < len(value) <= 2 * N_NODES:
        return list(value)
    return None
