"""How many architectures `emprox.search.rank_architectures` ranks in a second, and in what memory.

Architectures are written to a text file first, one in each line, and ranked from there, so that
the times hold everything from text to the list of the best, and the start of processes. Each step
is a process of its own, so that its largest memory is its own as well. The accuracies that the
model learns from are random numbers, which take as long as any others.

The processors may be shared with other programs. So the seconds of processor time are given as
well, of all processes together, and the speed that they make with all processors to oneself.

Run: OMP_NUM_THREADS=1 python benchmarks/ranking.py [--million]
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from emprox import EmProxRegressor
from emprox.search import rank_architectures
from emprox.spaces import get_space

N_KNOWN = 121


@click.group(invoke_without_command=True)
@click.option("--million", is_flag=True, help="Rank a million cells of NAS-Bench-201 as well.")
@click.option("--n-architectures", default=60_000, show_default=True, help="Of other spaces.")
@click.pass_context
def main(context, million, n_architectures):
    """Measure all spaces and print a table."""
    if context.invoked_subcommand:
        return
    runs = [("nasbench201", 15_625), ("nasbench101", n_architectures), ("darts", n_architectures)]
    if million:
        runs.append(("nasbench201", 1_000_000))
    table = Table(title=f"{N_KNOWN} known architectures, the best 100 of so many texts")
    headings = "different", "n_jobs", "s", "per s", "processor s", "alone per s", "memory (MB)"
    table.add_column("space")
    for heading in ("texts", *headings):
        table.add_column(heading, justify="right")
    with tempfile.TemporaryDirectory() as folder:
        for name, size in runs:
            path = Path(folder) / f"{name}-{size}.txt"
            n_different = run("write", name, path, size)
            for n_jobs in (1, 2):
                seconds, processor, memory = run("rank", name, path, n_jobs)
                numbers = f"{seconds:.1f}", f"{size / seconds:,.0f}", f"{processor:.1f}"
                alone = f"{n_jobs * size / processor:,.0f}"
                counts = f"{size:,}", f"{n_different:,}", str(n_jobs)
                table.add_row(
                    name, *counts, *numbers, alone, " + ".join(f"{m:.0f}" for m in memory)
                )
    console = Console(width=120)
    console.print(table)
    console.print("Memory: the largest of the process, and of each worker.")


def run(*command):
    """Run a command of this script in a process of its own, and read what it prints."""
    arguments = [sys.executable, __file__, *map(str, command)]
    return json.loads(subprocess.run(arguments, stdout=subprocess.PIPE, check=True).stdout)


@main.command()
@click.argument("name")
@click.argument("path", type=click.Path(path_type=Path))
@click.argument("size", type=int)
def write(name, path, size):
    """Draw architectures, different ones if there are enough; print how many are different."""
    space, rng = get_space(name), np.random.default_rng(0)
    if name == "nasbench101":
        rows = rng.permutation(space.distinct_cells())[:size]
    else:
        rows = space.sample(size, rng, replace=size > space.size)
    architectures = list(map(tuple, rows.tolist()))
    texts = {row: space.format([row])[0] for row in set(architectures)}
    path.write_text("".join(f"{texts[row]}\n" for row in architectures))
    click.echo(len(texts))


@main.command()
@click.argument("name")
@click.argument("path", type=click.Path(path_type=Path))
@click.argument("n_jobs", type=int)
def rank(name, path, n_jobs):
    """Rank the architectures in a file, and print seconds, processor seconds and megabytes."""
    known = get_space(name).sample(N_KNOWN, random_state=1)
    accuracies = np.random.default_rng(0).normal(size=N_KNOWN)
    model = EmProxRegressor(space=name, random_state=0).fit(known, accuracies)
    before, start = processor_seconds(), time.perf_counter()
    with path.open() as file:
        rank_architectures(model, file, n_jobs=n_jobs, verbose=int(sys.stderr.isatty()))
    seconds = time.perf_counter() - start
    memory = [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]
    if n_jobs > 1:
        memory += [resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024] * n_jobs
    click.echo(json.dumps([seconds, processor_seconds() - before, memory]))


def processor_seconds():
    """Return the processor time of this process and of those that it started and that ended."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


if __name__ == "__main__":
    main()
