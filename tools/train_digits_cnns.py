"""Train the small CNNs of ``examples/plot_06_your_own_pytorch_models.py`` and measure them.

For maintainers; users never need it. Each network is drawn by a seed, initialised and trained with
the same seed on half of scikit-learn's digits, and tested on the other half; the split is the same
for all. Seeds that draw a network again are left out. Every finished network is a line of the table
at once. Started again, the tool goes on where it was interrupted:

    python tools/train_digits_cnns.py examples/data/digits_cnns.csv

On the same machine and version of torch the same seed gives the same accuracy.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "examples"))

from digits_cnns import build_network, sample_network  # type: ignore[import-not-found]

HEADER = ["seed", "network", "parameters", "accuracy", "seconds"]
SPLIT_SEED = 0
EPOCHS = 12
BATCH_SIZE = 64
LEARNING_RATE = 0.005

Images = tuple[Tensor, Tensor]


def load_images() -> tuple[Images, Images]:
    """Return images of shape (n, 1, 8, 8) and labels: those to train on, those to test on."""
    images, labels = load_digits(return_X_y=True)
    parts = train_test_split(
        images / 8 - 1, labels, test_size=900, stratify=labels, random_state=SPLIT_SEED
    )
    known_images, test_images = (
        torch.tensor(part, dtype=torch.float32).reshape(-1, 1, 8, 8) for part in parts[:2]
    )
    known_labels, test_labels = (torch.tensor(part) for part in parts[2:])
    return (known_images, known_labels), (test_images, test_labels)


def train(network: nn.Module, images: Tensor, labels: Tensor, seed: int) -> None:
    """Train a network with Adam and a one-cycle learning rate."""
    generator = torch.Generator().manual_seed(seed)
    n_steps = EPOCHS * -(-len(images) // BATCH_SIZE)
    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, n_steps)
    network.train()
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(images), generator=generator).split(BATCH_SIZE):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(images[batch]), labels[batch]).backward()
            optimizer.step()
            schedule.step()


@torch.no_grad()
def measure(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return the accuracy in percent."""
    network.eval()
    return 100 * (network(images).argmax(dim=1) == labels).double().mean().item()


def make_row(seed: int, known: Images, test: Images) -> list[object]:
    """Draw, train and test the network of a seed."""
    start = time.perf_counter()
    text = sample_network(seed)
    torch.manual_seed(seed)
    network = build_network(text)
    train(network, *known, seed)
    accuracy = measure(network, *test)
    n_parameters = sum(parameter.numel() for parameter in network.parameters())
    seconds = time.perf_counter() - start
    return [seed, text, n_parameters, f"{accuracy:.2f}", f"{seconds:.2f}"]


def distinct_seeds(n_networks: int) -> list[int]:
    """Return the first seeds that draw different networks."""
    seeds: dict[str, int] = {}
    for seed in itertools.count():
        if len(seeds) == n_networks:
            break
        seeds.setdefault(sample_network(seed), seed)
    return list(seeds.values())


def prepare_table(path: Path) -> set[int]:
    """Return the seeds that are finished, after removing a line that was interrupted half-way."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(",".join(HEADER) + "\n", encoding="ascii")
    text = path.read_text(encoding="ascii")
    if not text.endswith("\n"):
        os.truncate(path, text.rfind("\n") + 1)
    with path.open(encoding="ascii", newline="") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != HEADER:
            sys.exit(f"{path} is not a table of this tool: its columns are {reader.fieldnames}")
        return {int(row["seed"]) for row in reader}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", type=Path, help="the table to write or to go on with, a .csv file")
    parser.add_argument("--networks", type=int, default=300, help="how many (default: 300)")
    options = parser.parse_args(arguments)

    torch.set_num_threads(1)
    known, test = load_images()
    finished = prepare_table(options.table)
    seeds = [seed for seed in distinct_seeds(options.networks) if seed not in finished]
    with options.table.open("a", encoding="ascii", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for seed in tqdm(seeds, initial=len(finished), total=options.networks, unit="network"):
            writer.writerow(make_row(seed, known, test))
            file.flush()
            os.fsync(file.fileno())


if __name__ == "__main__":
    main()
