"""Build the table that `emprox.datasets.load_nasbench201` reads.

For maintainers; users never need it. The source is the package analog-nasbench 0.1.3 of PyPI, in
which the file ``analognasbench/data.anb`` is a pickle. It is read through the allow-list of
emprox, so nothing in it can run, and the package is not installed. In a checkout, with emprox
installed (``pip install -e .``):

    pip download --no-deps analog-nasbench==0.1.3
    python tools/build_nasbench201_table.py analog_nasbench-0.1.3-py3-none-any.whl \
        emprox/datasets/data/nasbench201_analog.csv.gz

The wheel or the data file itself will do. The same input gives the same bytes each time.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emprox.datasets._restricted_pickle import load_restricted_pickle

SHA256 = "85f3435b877aa2d36268d55ce07f6ff6d73643d17a840f1941745da5eb80db32"
MEMBER = "analognasbench/data.anb"

# Rows are shuffled, so that the first n rows of the table are a random sample of the space.
SHUFFLE_SEED = 201

# Five digits after the point hold every value of the source; one value needs the fifth.
DECIMALS = 5

ACCURACIES = (
    "baseline_accuracy",
    "ptq_accuracy",
    "qat_accuracy",
    "noisy_accuracy",
    "analog_accuracy",
)
DRIFTS = tuple(
    f"{training}_drift_{seconds}"
    for training in ("baseline", "analog")
    for seconds in (60, 3600, 86400, 2592000)
)
HEADER = [
    "operations",
    *ACCURACIES,
    *(name for drift in DRIFTS for name in (f"{drift}s", f"{drift}s_uncertainty")),
]


class Record:
    """Stands in for the two classes of the pickle: holds whatever attributes it brings."""


def read_source(path: Path) -> bytes:
    """Return the content of ``data.anb``, out of the wheel if need be."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as wheel:
            return wheel.read(MEMBER)
    return path.read_bytes()


def read_rows(pickled: bytes) -> dict[tuple[int, ...], list[float]]:
    """Return the numbers of every cell, in the order of the header.

    Raises
    ------
    ValueError
        If the pickle does not hold what is expected.
    """
    architecture = type("Architecture", (Record,), {})
    drift_measurement = type("DriftMeasurement", (Record,), {})
    table: Any = load_restricted_pickle(
        io.BytesIO(pickled),
        {
            ("analognasbench.data", "Architecture"): architecture,
            ("analognasbench.data", "DriftMeasurement"): drift_measurement,
        },
    )
    rows = {}
    for operations, record in table.items():
        if record.architecture != operations or not (
            len(operations) == 6 and set(operations) <= set(range(5))
        ):
            raise ValueError(f"not a NAS-Bench-201 cell: {operations}, {record.architecture}")
        row = [getattr(record, name) for name in ACCURACIES]
        for name in DRIFTS:
            drift = getattr(record, name)
            row += [drift.value, drift.uncertainty]
        if not all(isinstance(value, float) and 0 <= value <= 100 for value in row):
            raise ValueError(f"not percentages: {operations}, {row}")
        rows[operations] = row
    return rows


def format_number(value: float) -> str:
    """Write a number with the decimals that it has, and refuse to lose any."""
    if abs(value - round(value, DECIMALS)) > 1e-9:
        raise ValueError(f"{value!r} has more than {DECIMALS} decimals")
    return f"{value:.{DECIMALS}f}".rstrip("0").rstrip(".")


def format_table(rows: dict[tuple[int, ...], list[float]]) -> bytes:
    """Return the compressed table."""
    cells = sorted(rows)
    order = np.random.default_rng(SHUFFLE_SEED).permutation(len(cells))
    lines = [",".join(HEADER)]
    for cell in (cells[index] for index in order):
        lines.append(",".join(["".join(map(str, cell)), *map(format_number, rows[cell])]))
    compressed = io.BytesIO()
    # Neither file name nor time in the gzip header: the same table is the same bytes
    with gzip.GzipFile(filename="", mode="wb", fileobj=compressed, mtime=0) as stream:
        stream.write("\n".join([*lines, ""]).encode("ascii"))
    return compressed.getvalue()


def print_summary(rows: dict[tuple[int, ...], list[float]], table: bytes) -> None:
    """Print what has been written, to be compared with the description of the data."""
    values = np.array(list(rows.values()))
    print(
        f"{len(values):,} cells, {len(table):,} bytes, sha256 {hashlib.sha256(table).hexdigest()}"
    )
    print(f"{'column':37} {'minimum':>8} {'mean':>8} {'maximum':>8} {'exactly 10 %':>12}")
    for name, column in zip(HEADER[1:], values.T, strict=True):
        numbers = f"{column.min():8.4f} {column.mean():8.4f} {column.max():8.4f}"
        print(f"{name:37} {numbers} {(np.abs(column - 10) < 1e-9).sum():12,}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path, help="wheel of analog-nasbench 0.1.3, or its data.anb")
    parser.add_argument("output", type=Path, help="the table to write, a .csv.gz file")
    options = parser.parse_args(arguments)

    pickled = read_source(options.source)
    found = hashlib.sha256(pickled).hexdigest()
    if found != SHA256:
        sys.exit(f"{options.source}: expected a data.anb of sha256 {SHA256}, found {found}")
    rows = read_rows(pickled)
    table = format_table(rows)
    options.output.write_bytes(table)
    print_summary(rows, table)


if __name__ == "__main__":
    main()
