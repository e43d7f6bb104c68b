"""``emprox spaces``: which search spaces there are."""

from __future__ import annotations

import click

_EXAMPLE = """\b
Example:
  emprox spaces
"""


@click.command(epilog=_EXAMPLE)
def spaces() -> None:
    """List the search spaces.

    The name is what --space takes. A sequence is a way to write an architecture as tokens, which
    is what is embedded; the number of tokens stands behind it.
    """
    from ..spaces import get_space, list_spaces
    from ._output import print_table

    rows = [
        (
            space.name,
            space.title,
            f"{space.size:,}",
            "\n".join(space.operations),
            "\n".join(f"{name} ({sequence.length})" for name, sequence in space.sequences.items()),
        )
        for space in map(get_space, list_spaces())
    ]
    columns = ("Name", "Search space", "Architectures", "Operations", "Sequences")
    print_table(dict.fromkeys(columns, "left"), rows)
