"""What scores of untrained networks add to the other columns, on the digits CNNs, in pairs.

The 300 networks are built with the seed that they were trained from. Known ones are drawn by
``numpy.random.default_rng(trial)``, all others are predicted. Scores are those of one batch of 128:
random numbers, or images that the networks are trained on. Kendall's tau, mean over the trials.

Run: OMP_NUM_THREADS=1 python benchmarks/measured.py [--trials 20]
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import click
import numpy as np
import torch

from emprox import make_emprox_pipeline
from emprox.metrics import kendall_tau
from emprox.networks import capture

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "examples"), str(ROOT / "tools")]


@click.command()
@click.option("--trials", type=click.IntRange(2), default=20, show_default=True)
def main(trials: int) -> None:
    """Measure and print a line for each number of known networks and each batch."""
    from digits_cnns import build_network
    from train_digits_cnns import load_images

    batches = {"random": (128, 1, 8, 8), "images": load_images()[0][0][:128]}
    networks = {name: [] for name in batches}
    with (ROOT / "examples" / "data" / "digits_cnns.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        torch.manual_seed(int(row["seed"]))
        module = build_network(row["network"])
        for name, batch in batches.items():
            networks[name].append(capture(module, (1, 1, 8, 8), batch=batch))
    y = np.array([float(row["accuracy"]) for row in rows])
    pipeline = make_emprox_pipeline("network", random_state=0)
    auto = pipeline.fit(networks["random"][:9], y[:9])["features"].groups_
    groups = {"without": auto, "with": (*auto, "measured"), "alone": ("measured",)}
    for n_known in (50, 150):
        for name, measured in networks.items():
            X, taus = np.array(measured, dtype=object), {key: [] for key in groups}
            for trial in range(trials):
                order = np.random.default_rng(trial).permutation(len(y))
                known, new = order[:n_known], order[n_known:]
                for key, chosen in groups.items():
                    pipeline.set_params(features__groups=chosen).fit(X[known], y[known])
                    taus[key].append(kendall_tau(y[new], pipeline.predict(X[new])))
            gains = np.subtract(taus["with"], taus["without"])
            means = ", ".join(f"{key} {np.mean(each):.3f}" for key, each in taus.items())
            error = gains.std(ddof=1) / trials**0.5
            print(f"{n_known} known, {name}: {means}; gain {gains.mean():+.4f} ± {error:.4f}")


if __name__ == "__main__":
    main()
