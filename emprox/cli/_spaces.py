"""``emprox spaces``: which search spaces there are, and what one of them holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ._options import to_space

if TYPE_CHECKING:
    from ..spaces import SearchSpace

_EXAMPLE = """\b
Example: all spaces, and one of them in detail.
  emprox spaces
  emprox spaces nasbench201
"""


@click.command(epilog=_EXAMPLE)
@click.argument("space", required=False, callback=to_space)
def spaces(space: SearchSpace | None) -> None:
    """List the search spaces, or show what SPACE holds.

    The name is what --space takes. A sequence is a way to write an architecture as tokens, which
    is what is embedded; the number of tokens stands behind it. An open space learns its
    operations from the architectures given to it.
    """
    if space is None:
        _list()
    else:
        _show(space)


def _list() -> None:
    from ..spaces import get_space, list_spaces
    from ._output import print_table

    rows = [
        (space.name, space.title, _size(space), "\n".join(_sequences(space)))
        for space in map(get_space, list_spaces())
    ]
    columns = ("Name", "Search space", "Architectures", "Sequences")
    print_table(dict.fromkeys(columns, "left"), rows)


def _show(space: SearchSpace) -> None:
    from ._output import echo, print_table

    echo(f"{space.title}\n")
    rows = [("Architectures", _size(space))]
    if not space.is_open:
        rows += [
            ("Operations", "\n".join(space.operations)),
            ("Sequences", "\n".join(_sequences(space))),
            ("Embedded", space.proximity_sequence),
        ]
    print_table({"Name": "left", space.name: "left"}, rows)
    if not space.is_open:
        echo(f"\nFor example:\n{space.format(space.sample(1, random_state=0))[0]}")


def _size(space: SearchSpace) -> str:
    if space.is_open:
        return "any"
    return f"{space.size:,}" if space.size < 1e12 else f"{space.size:.0e}"


def _sequences(space: SearchSpace) -> list[str]:
    if space.is_open:
        return ["learned"]
    return [f"{name} ({sequence.length})" for name, sequence in space.sequences.items()]
