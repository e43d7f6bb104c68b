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
    from ..spaces import get_space, list_spaces
    from ._output import echo, print_table

    if space is None:
        spaces = map(get_space, list_spaces())
        rows = [(one.name, one.title, *_summary(one).values()) for one in spaces]
        headings = ("Name", "Search space", "Architectures", "Sequences")
        print_table(dict.fromkeys(headings, "left"), rows)
        return
    echo(f"{space.title}\n")
    table = _summary(space)
    if not space.is_open:
        table |= {"Operations": "\n".join(space.operations), "Embedded": space.proximity_sequence}
    print_table({"Name": "left", space.name: "left"}, list(table.items()))
    if not space.is_open:
        echo(f"\nFor example:\n{space.format(space.sample(1, random_state=0))[0]}")


def _summary(space: SearchSpace) -> dict[str, str]:
    if space.is_catalogue:
        return {"Architectures": "any", "Sequences": "none"}
    if space.is_open:
        return {"Architectures": "any", "Sequences": "learned"}
    size = f"{space.size:,}" if space.size < 1e12 else f"{space.size:.0e}"
    sequences = [f"{name} ({spec.length})" for name, spec in space.sequences.items()]
    return {"Architectures": size, "Sequences": "\n".join(sequences)}
