"""``emprox imagenet``: how good networks of the user's own would be on ImageNet."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ._entries import capture_entry, load_entry

if TYPE_CHECKING:
    from rich.console import JustifyMethod

    from ..networks import Network

_EXAMPLE = """\b
Example: two networks of my_models.py in this folder.
  emprox imagenet my_models:MyNet my_models:small_net
  emprox imagenet my_models:MyNet --input-size 288 --json
"""
_COVERAGE = 0.9


@click.command(epilog=_EXAMPLE)
@click.argument("networks", nargs=-1, required=True)
@click.option(
    "--input-size",
    type=click.IntRange(min=1),
    default=224,
    show_default=True,
    help="Height and width of the images in pixels.",
)
@click.option(
    "--n-neighbors",
    type=click.IntRange(1, 100),
    default=5,
    show_default=True,
    help="How many of the nearest known networks to list for each.",
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON instead of tables.")
@click.option(
    "--output",
    type=click.Path(allow_dash=True),
    help="Write a CSV file instead of tables; - is standard output.",
)
def imagenet(
    networks: tuple[str, ...], input_size: int, n_neighbors: int, as_json: bool, output: str | None
) -> None:
    """Predict the ImageNet accuracy of PyTorch networks.

    Each of NETWORKS is module:attribute, where the module can be a file in this folder and the
    attribute a torch.nn.Module, or a class or function that makes one and needs no arguments; or
    the name of a .json file that Network.to_json wrote. The network takes images with three
    channels. It is neither trained nor run on data, and needs no weights.

    What is predicted is the top-1 accuracy in percent after training from scratch on ImageNet-1k
    alone, as well as the makers of known networks do it, and an interval that holds that of nine in
    ten networks of families that are not known. A network with a novelty above 1 is unlike all
    known ones.
    """
    from ._output import check_output, echo, status, write_csv

    if as_json and output is not None:
        raise click.UsageError("Give either --json or --output.")
    if output is not None:
        check_output(output, *(name for name in networks if name.endswith(".json")))
    captured = [_read(reference, input_size) for reference in networks]
    with status("Learning from the known networks"):
        records = [
            {"network": reference, **record}
            for reference, record in zip(networks, _predict(captured, n_neighbors), strict=True)
        ]
    if as_json:
        echo(json.dumps(records, indent=2))
    elif output is not None:
        columns = {name: [each[name] for each in records] for name in records[0]}
        names, nearest = columns.pop("network"), columns.pop("nearest")
        columns["nearest"] = [" ".join(each["network"] for each in known) for known in nearest]
        write_csv(output, ["network"], [[name] for name in names], columns)
    else:
        _print(records)


def _read(reference: str, size: int) -> Network:
    """Capture a network that the user names, or read one from a file."""
    from ..networks import CaptureError, Network

    if reference.endswith(".json"):
        try:
            network = Network.from_json(Path(reference).read_text(encoding="utf-8"))
        except ValueError as error:
            raise click.ClickException(f"{reference}: {error}") from error
    else:
        entry = load_entry(reference)
        try:
            network = capture_entry(reference, entry, inputs=(1, 3, size, size))
        except CaptureError as error:
            hint = f" (--input-size says another size of image than {size})"
            raise click.ClickException(f"{reference}: {error}{hint}") from error
    if [shape[:2] for shape in network.input_shapes if len(shape) == 4] != [(1, 3)]:
        raise click.ClickException(
            f"{reference}: captured with inputs of shape {network.input_shapes}, but an image with"
            " three channels, such as (1, 3, 224, 224), is what networks for ImageNet take"
        )
    return network


def _predict(networks: Sequence[Network], n_neighbors: int) -> list[dict[str, Any]]:
    """Predict, and list the nearest known networks."""
    from ..datasets import load_imagenet_networks, load_imagenet_regressor

    known: Any = load_imagenet_networks()
    model: Any = load_imagenet_regressor()
    top1 = model.predict(networks)
    intervals = model.predict_interval(networks, _COVERAGE)
    novelty = model.novelty(networks)
    return [
        {
            "top1": round(float(top1[row]), 2),
            "lower": round(float(max(intervals[row, 0], 0)), 2),
            "upper": round(float(min(intervals[row, 1], 100)), 2),
            "novelty": round(float(novelty[row]), 2),
            "weights": network.n_weights,
            "multiply_adds": network.multiply_adds,
            "nearest": [
                {
                    "network": known.model[index],
                    "input_size": int(known.image_size[index]),
                    "top1": float(known.target[index]),
                    "weights": known.data[index].n_weights,
                    "multiply_adds": known.data[index].multiply_adds,
                }
                for index in neighbors
            ],
        }
        for row, (network, neighbors) in enumerate(
            zip(networks, model.similar(networks, n_neighbors)[1].tolist(), strict=True)
        )
    ]


def _print(records: Sequence[dict[str, Any]]) -> None:
    from ..networks._network import readable
    from ._output import echo, print_table

    def sizes(record: dict[str, Any]) -> list[str]:
        return [readable(record[name]) for name in ("weights", "multiply_adds")]

    rows = [
        [
            each["network"],
            f"{each['top1']:.1f}",
            f"{each['lower']:.1f} to {each['upper']:.1f}",
            f"{each['novelty']:.2f}",
            *sizes(each),
        ]
        for each in records
    ]
    headings: tuple[str, ...] = (
        "network",
        "top-1",
        "90 % interval",
        "novelty",
        "weights",
        "multiply-adds",
    )
    print_table(_columns(*headings), rows)
    for each in records:
        if each["novelty"] > 1:
            echo(f"\n{each['network']} is unlike all known networks: its prediction is a guess.")
        echo(f"\nKnown networks nearest to {each['network']}:\n")
        rows = [
            [known["network"], str(known["input_size"]), f"{known['top1']:.1f}", *sizes(known)]
            for known in each["nearest"]
        ]
        headings = "network", "image size", "top-1", "weights", "multiply-adds"
        print_table(_columns(*headings), rows)


def _columns(first: str, *numbers: str) -> dict[str, JustifyMethod]:
    return {first: "left", **dict.fromkeys(numbers, "right")}
