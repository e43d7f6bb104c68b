"""Capture the networks of timm's ImageNet results, as `load_imagenet_networks` reads them.

For maintainers; users never need it. It needs timm (``pip install timm``), but neither weights nor
images: each architecture is built once for each size of image, without memory, and captured. The
source is timm's ``results/results-imagenet.csv``, or any part of it:

    python tools/build_imagenet_networks.py results-imagenet.csv \
        --output emprox/datasets/data/imagenet_networks.zip

Every captured network is a line of the journal at once, a file beside the output; started again,
the tool goes on where it was interrupted. What timm cannot build, and numbers of weights that are
not those of the table, are listed at the end, and then nothing is written.

The archive holds ``results.csv``, the rows in a random order that is always the same,
``networks.jsonl``, a network a line as `Network.to_json` writes it, and timm's licence. The same
table and the same version of timm give the same bytes.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from emprox.datasets._timm_results import read_results
from emprox.networks import Network, capture

SHUFFLE_SEED = 1000
COLUMNS = ["model", "family", "training", "img_size", "top1", "top5"]

Key = tuple[str, int]


def build(architecture: str, size: int) -> Any:
    """Build a network of timm for a size of image, without memory."""
    import timm
    import torch

    # Some are of other weights by default, for other classes.
    options = {"pretrained": False, "num_classes": 1000}
    with torch.device("meta"):
        try:
            return timm.create_model(architecture, img_size=size, **options)
        except TypeError:  # It takes images of any size.
            return timm.create_model(architecture, **options)


def read_journal(path: Path) -> Iterator[tuple[Key, Network]]:
    """Yield what was captured before; a last line that is cut off counts as not there."""
    if not path.exists():
        return
    *lines, rest = path.read_text(encoding="utf-8").split("\n")
    if rest:
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    for line in lines:
        architecture, size, text = json.loads(line)
        yield (architecture, size), Network.from_json(text)


def capture_all(keys: Sequence[Key], journal: Path) -> tuple[dict[Key, Network], list[str]]:
    """Capture every network that is not in the journal; return all of them, and the failures."""
    networks = dict(read_journal(journal))
    failures = []
    left = [key for key in keys if key not in networks]
    with journal.open("a", encoding="utf-8") as file, tqdm(left, unit="network") as bar:
        for architecture, size in bar:
            bar.set_postfix_str(architecture)
            try:
                network = capture(build(architecture, size), (1, 3, size, size))
            except Exception as error:  # timm's own are of any kind
                failures.append(f"{architecture} at {size}: {type(error).__name__}: {error}")
                continue
            networks[architecture, size] = network
            line = json.dumps([architecture, size, network.to_json()])
            file.write(f"{line}\n")
            file.flush()
    return networks, failures


def check_weights(results: pd.DataFrame, networks: Mapping[Key, Network]) -> list[str]:
    """Compare the numbers of weights with those of the table, in millions with two decimals."""
    return [
        f"{row.model} at {row.img_size}: {networks[key].n_weights / 1e6:.4f} M weights,"
        f" {row.param_count} M in the table"
        for row in results.itertuples()
        if (key := (row.architecture, row.img_size)) in networks
        and abs(networks[key].n_weights / 1e6 - row.param_count) > 0.00501
    ]


def write_archive(
    output: Path,
    results: pd.DataFrame,
    keys: Sequence[Key],
    networks: Mapping[Key, Network],
    licence: str,
) -> None:
    """Write rows and networks, without the time, so that the same content is the same bytes."""
    numbers = {key: number for number, key in enumerate(keys)}
    table = results[COLUMNS].assign(
        network=[numbers[key] for key in zip(results.architecture, results.img_size, strict=True)]
    )
    table = table.iloc[np.random.default_rng(SHUFFLE_SEED).permutation(len(table))]
    lines = "".join(f"{networks[key].to_json()}\n" for key in keys)
    members = {
        "LICENSE": licence,
        "results.csv": table.to_csv(index=False, lineterminator="\n"),
        "networks.jsonl": lines,
    }
    with zipfile.ZipFile(output, "w", zipfile.ZIP_LZMA) as archive:
        for name, text in members.items():
            archive.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_LZMA)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path, help="results-imagenet.csv of timm, or a part of it")
    parser.add_argument("--output", type=Path, required=True, help="a .zip file to write")
    parser.add_argument("--journal", type=Path, help="default: the output with .journal appended")
    options = parser.parse_args(arguments)

    journal = options.journal or options.output.with_name(f"{options.output.name}.journal")
    results = read_results(options.source)
    keys = sorted(set(zip(results.architecture, results.img_size.tolist(), strict=True)))
    networks, failures = capture_all(keys, journal)
    if problems := failures + check_weights(results, networks):
        sys.exit("\n".join([*problems, f"{len(problems)} problem(s); nothing was written"]))
    licence = importlib.metadata.distribution("timm").read_text("licenses/LICENSE")
    write_archive(options.output, results, keys, networks, licence)
    print(f"{len(results):,} rows, {len(keys):,} networks, {options.output.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
