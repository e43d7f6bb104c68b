"""Speed of tokenising: architectures per second that become canonical token sequences.

For each space, random architectures are written in its sequence for prediction and in that of the
EmProx paper, each with the canonical form, on one thread: from decision matrices, as a search
produces them, and from texts, as tables hold them, which have to be parsed first. The first call,
which may build a table of canonical forms, is not timed but shown in a column of its own.

Run: OMP_NUM_THREADS=1 python benchmarks/tokenizing.py [--architectures 100000] [SPACE ...]
"""

from __future__ import annotations

import time

import click
import numpy as np
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from emprox import ArchitectureTokenizer
from emprox.spaces import get_space, list_spaces

DEFAULT_SPACES = ("nasbench201", "nasbench101", "darts")


def seconds(function, *arguments):
    """Return the seconds that a call takes."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def measure(name, n_architectures, repeats):
    """Yield a row of the table for each sequence: its name, length, and what was measured."""
    space = get_space(name)
    decisions = space.sample(n_architectures, random_state=0, replace=True)
    texts = np.array(space.format(decisions), dtype=object)
    first = seconds(space.canonicalize, decisions[:1])
    for sequence in dict.fromkeys([space.proximity_sequence, space.default_sequence, "adjacency"]):
        tokenizer = ArchitectureTokenizer(space, sequence=sequence).fit(decisions[:1])
        rates = []
        for form in (decisions, texts):
            times = [seconds(tokenizer.transform, form) for _ in range(repeats)]
            rates.append(n_architectures / np.median(times))
        yield sequence, space.sequences[sequence].length, first, *rates


@click.command()
@click.argument("spaces", nargs=-1)
@click.option("--architectures", default=100_000, show_default=True, help="How many.")
@click.option("--repeats", default=3, show_default=True, help="Calls, of which the median counts.")
def main(spaces: tuple[str, ...], architectures: int, repeats: int) -> None:
    """Measure SPACES, by default those of DEFAULT_SPACES that are registered, and print a table."""
    names = spaces or [name for name in DEFAULT_SPACES if name in list_spaces()]
    table = Table(title=f"{architectures:,} random architectures, one thread, canonical form")
    table.add_column("space")
    table.add_column("sequence")
    for heading in ("tokens", "first call (ms)", "from decisions (1/s)", "from text (1/s)"):
        table.add_column(heading, justify="right")
    with threadpool_limits(limits=1):
        for name in names:
            for sequence, length, first, *rates in measure(name, architectures, repeats):
                columns = (f"{1000 * first:.0f}", *(f"{rate:,.0f}" for rate in rates))
                table.add_row(name, sequence, str(length), *columns)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
