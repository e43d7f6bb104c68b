"""Train every cell of the NAS-Bench-201 space on scikit-learn's digits, with its learning curve.

For maintainers; users never need it. What comes out is what `emprox.datasets.load_digits_cells`
reads. Of cells that compute the same function only the canonical form is trained. The digits are
split once; every network sees the same images:

- macro skeleton: 3x3 convolution to 8 channels, the cell at 8 x 8 pixels, ReLU, 3x3 convolution of
  stride 2 to 16 channels, the cell at 4 x 4 pixels, then the mean over the pixels and a linear
  layer; batch normalisation after every convolution, and before the mean a further one and ReLU;
- 500 images to train on, 648 to validate on after every epoch, 649 to test on after the last;
- 12 epochs of SGD, batches of 50, Nesterov momentum .9, learning rate .02 with cosine decay to 0,
  weight decay 5e-4; no augmentation.

One seed decides on the initial weights and on the order of the images. All cells are trained with
seed 0, the first 400 of the random order with the seeds 1 and 2 as well. Every finished network is
a line of the journal at once. Started again, the tool goes on where it was interrupted; several
processes can share the work, each with a journal of its own:

    python tools/train_digits_cells.py train digits_cells_0.csv --part 0/2 &
    python tools/train_digits_cells.py train digits_cells_1.csv --part 1/2
    python tools/train_digits_cells.py pack digits_cells_*.csv \
        emprox/datasets/data/digits_cells.csv.gz

On the same machine and version of torch the same seed gives the same numbers, but for the seconds.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import time
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from emprox.spaces import get_space

SPACE = get_space("nasbench201")
SPLIT_SEED = 0
SHUFFLE_SEED = 201
N_TRAIN, N_VALIDATION = 500, 648
N_CHANNELS = 8
N_EPOCHS = 12
BATCH_SIZE = 50
LEARNING_RATE = 0.02
# Cells trained with all of the seeds; the others are trained with the first alone.
N_REPEATED = 400
SEEDS = (0, 1, 2)

HEADER = [
    *("operations", "seed", "parameters", "multiply_adds", "training_seconds"),
    *(f"train_loss_{epoch}" for epoch in range(1, N_EPOCHS + 1)),
    *(f"validation_accuracy_{epoch}" for epoch in range(1, N_EPOCHS + 1)),
    "test_accuracy",
]

Images = tuple[Tensor, Tensor]


class ConvolutionBlock(nn.Sequential):
    """ReLU, convolution, batch normalisation."""

    def __init__(self, n_in: int, n_out: int, kernel_size: int, stride: int = 1) -> None:
        super().__init__(
            nn.ReLU(),
            nn.Conv2d(n_in, n_out, kernel_size, stride, kernel_size // 2, bias=False),
            nn.BatchNorm2d(n_out),
        )


class Cell(nn.Module):
    """A cell: each of its nodes is the sum of what its incoming edges make of earlier nodes."""

    def __init__(self, operations: tuple[str, ...], n_channels: int) -> None:
        super().__init__()
        self.edges = [
            (*edge, str(number))
            for number, (edge, operation) in enumerate(zip(SPACE.edges, operations, strict=True))
            if operation != SPACE.none
        ]
        self.operations = nn.ModuleDict(
            {name: make_operation(operations[int(name)], n_channels) for *_, name in self.edges}
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the last node; zeros if nothing reaches it."""
        nodes: list[Tensor | None] = [inputs] + [None] * SPACE.edges[-1][1]
        for source, target, name in self.edges:
            start, sum_so_far = nodes[source], nodes[target]
            if start is not None:
                result = self.operations[name](start)
                nodes[target] = result if sum_so_far is None else sum_so_far + result
        output = nodes[-1]
        return torch.zeros_like(inputs) if output is None else output


def make_operation(name: str, n_channels: int) -> nn.Module:
    """Return the module of an operation."""
    if name == "skip_connect":
        return nn.Identity()
    if name == "avg_pool_3x3":
        return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
    return ConvolutionBlock(n_channels, n_channels, {"nor_conv_1x1": 1, "nor_conv_3x3": 3}[name])


def build_network(operations: tuple[str, ...]) -> nn.Sequential:
    """Return the network of a cell, from images of shape (n, 1, 8, 8) to logits of ten classes."""
    return nn.Sequential(
        nn.Conv2d(1, N_CHANNELS, 3, padding=1, bias=False),
        nn.BatchNorm2d(N_CHANNELS),
        Cell(operations, N_CHANNELS),
        ConvolutionBlock(N_CHANNELS, 2 * N_CHANNELS, 3, stride=2),
        Cell(operations, 2 * N_CHANNELS),
        nn.BatchNorm2d(2 * N_CHANNELS),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(2 * N_CHANNELS, 10),
    )


def load_images() -> tuple[Images, Images, Images]:
    """Return images of shape (n, 1, 8, 8) and labels: to train, to validate and to test on."""
    images, labels = load_digits(return_X_y=True)
    train, rest, train_labels, rest_labels = train_test_split(
        images, labels, train_size=N_TRAIN, stratify=labels, random_state=SPLIT_SEED
    )
    validation, test, validation_labels, test_labels = train_test_split(
        rest, rest_labels, train_size=N_VALIDATION, stratify=rest_labels, random_state=SPLIT_SEED
    )
    mean, deviation = train.mean(), train.std()

    def tensors(images: np.ndarray, labels: np.ndarray) -> Images:
        scaled = torch.tensor((images - mean) / deviation, dtype=torch.float32)
        return scaled.reshape(-1, 1, 8, 8), torch.tensor(labels)

    return (
        tensors(train, train_labels),
        tensors(validation, validation_labels),
        tensors(test, test_labels),
    )


@torch.no_grad()
def measure(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return the accuracy in percent."""
    network.eval()
    return 100 * (network(images).argmax(dim=1) == labels).double().mean().item()


@torch.no_grad()
def count_multiply_adds(network: nn.Module) -> int:
    """Return how often the convolutions and the linear layer multiply and add, for one image."""
    counts = []

    def count(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        # Each weight is used once at every pixel of the output.
        counts.append(layer.weight.numel() * output[0, 0].numel())

    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    handles = [layer.register_forward_hook(count) for layer in layers]
    network.eval()
    network(torch.zeros(1, 1, 8, 8))
    for handle in handles:
        handle.remove()
    return sum(counts)


def train(operations: tuple[str, ...], seed: int, parts: tuple[Images, Images, Images]) -> list:
    """Train the network of a cell; return what the table says of it, from `seed` on."""
    (images, labels), validation, test = parts
    torch.manual_seed(seed)
    network = build_network(operations)
    optimizer = torch.optim.SGD(
        network.parameters(), LEARNING_RATE, momentum=0.9, nesterov=True, weight_decay=5e-4
    )
    n_steps = N_EPOCHS * (len(images) // BATCH_SIZE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_steps)
    losses, accuracies, seconds = [], [], 0.0
    for _ in range(N_EPOCHS):
        # The time of the processor, which other programs on the machine do not lengthen.
        start = time.process_time()
        network.train()
        total = torch.zeros(())
        for batch in torch.randperm(len(images)).split(BATCH_SIZE):
            loss = functional.cross_entropy(network(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.detach()
        seconds += time.process_time() - start
        losses.append(total.item() * BATCH_SIZE / len(images))
        accuracies.append(measure(network, *validation))
    n_parameters = sum(parameter.numel() for parameter in network.parameters())
    return [
        *(seed, n_parameters, count_multiply_adds(network), f"{seconds:.3f}"),
        *(f"{loss:.4f}" for loss in losses),
        *(f"{accuracy:.3f}" for accuracy in (*accuracies, measure(network, *test))),
    ]


def canonical_cells() -> list[str]:
    """Return the canonical cells as digits, in a random order that never changes."""
    decisions = SPACE.canonicalize(np.concatenate(list(SPACE.enumerate())))
    cells = sorted({"".join(map(str, cell)) for cell in decisions.tolist()})
    return [cells[i] for i in np.random.default_rng(SHUFFLE_SEED).permutation(len(cells))]


def plan() -> Iterator[tuple[str, int]]:
    """Yield cell and seed of all trainings, in the order in which they are done."""
    cells = canonical_cells()
    for seed in SEEDS:
        for cell in cells[:N_REPEATED]:
            yield cell, seed
    for cell in cells[N_REPEATED:]:
        yield cell, SEEDS[0]


def read_journal(path: Path) -> dict[tuple[str, int], list[str]]:
    """Return the finished lines of a journal by cell and seed."""
    # The last piece is empty, or a line that was interrupted.
    header, *rows = csv.reader(path.read_text(encoding="ascii").split("\n")[:-1])
    if header != HEADER:
        raise click.ClickException(f"{path} is not a journal of this tool: its columns differ")
    return {(row[0], int(row[1])): row for row in rows}


def prepare_journal(path: Path) -> set[tuple[str, int]]:
    """Return what is finished, after removing a line that was interrupted half-way."""
    text = path.read_text(encoding="ascii") if path.exists() else ""
    if "\n" not in text:
        path.write_text(",".join(HEADER) + "\n", encoding="ascii")
    finished = read_journal(path)
    if text and not text.endswith("\n"):
        os.truncate(path, path.read_text(encoding="ascii").rfind("\n") + 1)
    return set(finished)


@click.group()
def main() -> None:
    """Train the cells of NAS-Bench-201 on digits."""


@main.command("train")
@click.argument("journal", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--part", default="0/1", help="Which share of the work, such as 0/2 and 1/2.")
def train_cells(journal: Path, part: str) -> None:
    """Train what the journal does not hold yet."""
    number, n_parts = map(int, part.split("/"))
    torch.set_num_threads(1)
    parts = load_images()
    finished = prepare_journal(journal)
    tasks = list(plan())[number::n_parts]
    left = [task for task in tasks if task not in finished]
    with journal.open("a", encoding="ascii", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for cell, seed in tqdm(left, initial=len(finished), total=len(tasks), unit="network"):
            operations = tuple(SPACE.operations[int(digit)] for digit in cell)
            writer.writerow([cell, *train(operations, seed, parts)])
            file.flush()
            os.fsync(file.fileno())


@main.command()
@click.argument("journals", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.argument("table", type=click.Path(dir_okay=False, path_type=Path))
def pack(journals: tuple[Path, ...], table: Path) -> None:
    """Write the finished lines of the journals to one compressed table, in the order of the plan.

    The same journals give the same bytes each time.
    """
    rows = {key: row for journal in journals for key, row in read_journal(journal).items()}
    tasks = list(plan())
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(rows[task] for task in tasks if task in rows)
    table.write_bytes(gzip.compress(text.getvalue().encode("ascii"), mtime=0))
    click.echo(f"{len(rows):,} of {len(tasks):,} networks, {table.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
