"""Pretrain the encoders that ``ArchitectureEmbedder.from_pretrained`` finds in the package.

For maintainers; users never need it, but it shows how to pretrain an encoder for a space of one's
own. Architectures are drawn from the space, written in the form that the recipe "lstm" embeds, and
described by `emprox.properties.StructuralProperties`. No accuracy is involved.

    OMP_NUM_THREADS=1 python tools/pretrain_encoders.py emprox/lstm/pretrained

writes a file and a model card for each space, in one to three minutes each on one core. On the same
machine and version of torch they come out the same. They have to be made again when the canonical
forms, token sequences or properties of a space change.
"""

from __future__ import annotations

import argparse
import re
import textwrap
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from skorch.callbacks import LRScheduler

from emprox import ArchitectureEmbedder, ArchitectureTokenizer
from emprox.properties import StructuralProperties
from emprox.spaces import SearchSpace, get_space

SPACES = (
    "darts",
    "nasbench101",
    "nasbench201",
    "nasbench_asr",
    "nasbench_graph",
    "nasbench_macro",
    "natsbench_size",
    "transnasbench101_macro",
    "transnasbench101_micro",
)
# Those that were measured against accuracies as well.
WITH_ACCURACIES = {
    "darts",
    "nasbench101",
    "nasbench201",
    "nasbench_graph",
    "transnasbench101_micro",
}
MEASURED = "measured by `benchmarks/pretrained.py`, with and without, on real accuracies"
CHOSEN = (
    " How to draw from large spaces was chosen with a look at accuracies of NAS-Bench-101, which"
    " `benchmarks/pretrained.py` says more about; the training sees none."
)
SEED = 0
# Up to this size all architectures of a space are used, each once; beyond it so many are drawn.
LARGEST_ENUMERATED = 200_000
N_DRAWN = 200_000
# Of those that are drawn so many are used as they come, so that frequent ones are there many times,
# and so many out of all that are different, so that rare ones are there too.
N_AS_DRAWN = N_DIFFERENT = 20_000
N_TESTED = 5000
# Enough for the loss to settle in all the spaces.
N_STEPS = 7000
BATCH_SIZE = 128
LEARNING_RATE = 8e-3

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

CARD = """\
# {name}: pretrained encoder and decoder

For `ArchitectureEmbedder.from_pretrained("{name}")` and `make_emprox_pipeline("{name}",
recipe="lstm")`. {title}.

- **Reads** the token sequence "{sequence}" of the space in canonical form, {length} tokens, as
  `ArchitectureTokenizer("{name}", sequence="{sequence}")` writes it.
- **Is** a bidirectional LSTM with an embedding of {embedding_dim} numbers, an LSTM decoder with
  attention, and a layer that predicts {n_properties} structural properties from the embedding:
  {n_weights:,} weights in half precision, {kilobytes:.0f} kB.
- **Data**: {data}. No accuracies, no other measurements: file and card follow from the definition
  of the space alone.
- **Training**: to predict `StructuralProperties("{name}", standardize=True)`, to have the
  distances between architectures that these have, and to reconstruct the tokens. Adam with one
  cycle of the learning rate up to {learning_rate:g}, {n_epochs} epochs in batches of {batch_size},
  seed {seed}. Made by `tools/pretrain_encoders.py` with torch {torch}.
- **Checked on** {tested}: {tokens:.1%} of the tokens are reconstructed from the embedding,
  {explained:.1%} of the variance of the properties is predicted (median of the properties
  {median:.1%}), and distances between embeddings correlate with distances between properties at
  {correlation:.3f}.
- **Predictions** with it: {predictions}.{chosen}
- **Limits**: it knows of an architecture what its structure says, and roughly at that. What
  trained networks are like, only `fit(X, y)` can tell it. Architectures unlike those that it was
  trained on are embedded somehow.
"""


@dataclass(frozen=True)
class Check:
    """How good an encoder is on some architectures.

    Parameters
    ----------
    tokens : float
        Share of the tokens that are reconstructed.
    explained : float
        Share of the variance of all properties that is predicted.
    median : float
        The same, median over the properties.
    correlation : float
        Of distances between embeddings and distances between properties.
    """

    tokens: float
    explained: float
    median: float
    correlation: float


def draw(space: SearchSpace, seed: int) -> Integers:
    """Return canonical architectures to train on, as decisions."""
    complete = space.size <= LARGEST_ENUMERATED
    n_drawn = int(space.size) if complete else N_DRAWN
    drawn = space.canonicalize(space.sample(n_drawn, seed))
    different = np.random.default_rng(seed).permutation(np.unique(drawn, axis=0))
    if complete:
        return different
    return np.concatenate([drawn[:N_AS_DRAWN], different[:N_DIFFERENT]])


def pretrain(tokens: Integers, properties: Floats, n_steps: int, seed: int) -> ArchitectureEmbedder:
    """Train encoder and decoder with the properties."""
    n_batches = -(-len(tokens) // BATCH_SIZE)
    max_epochs = max(1, round(n_steps / n_batches))
    schedule = LRScheduler(
        torch.optim.lr_scheduler.OneCycleLR,
        max_lr=LEARNING_RATE,
        total_steps=max_epochs * n_batches,
        pct_start=0.1,
        step_every="batch",
    )
    embedder = ArchitectureEmbedder(
        max_epochs=max_epochs,
        batch_size=BATCH_SIZE,
        dropout=0,
        weight_decay=0,
        callbacks=[schedule],
        random_state=seed,
    )
    return embedder.fit(tokens, properties=properties)


def check(embedder: ArchitectureEmbedder, tokens: Integers, properties: Floats) -> Check:
    """Measure how good a pretrained embedder is."""
    embedding = embedder.transform(tokens)
    with torch.inference_mode():
        predicted = embedder.net_.module_.property_head(torch.from_numpy(embedding)).numpy()
    errors, variances = ((predicted - properties) ** 2).mean(axis=0), properties.var(axis=0)
    left, right = np.random.default_rng(0).integers(len(tokens), size=(2, 20_000))
    distances = [np.linalg.norm(m[left] - m[right], axis=1) for m in (embedding, properties)]
    return Check(
        tokens=float(np.mean(embedder.reconstruct(tokens) == tokens)),
        explained=float(1 - errors.sum() / variances.sum()),
        median=float(np.median(1 - errors[variances > 0] / variances[variances > 0])),
        correlation=float(np.corrcoef(*distances)[0, 1]),
    )


def make(name: str, folder: Path, n_steps: int = N_STEPS) -> None:
    """Pretrain the encoder of a space, write it and its card."""
    start = time.perf_counter()
    space = get_space(name)
    decisions = draw(space, SEED)
    tokenizer = ArchitectureTokenizer(space, sequence=space.proximity_sequence).fit(decisions)
    describe = StructuralProperties(name, standardize=True).fit(decisions)
    trained = pretrain(tokenizer.transform(decisions), describe.transform(decisions), n_steps, SEED)
    seconds = time.perf_counter() - start
    file = folder / f"{name}.safetensors"
    trained.save_pretrained(file, tokenizer, dtype="float16")

    complete = space.size <= LARGEST_ENUMERATED
    if complete:
        data = f"all {len(decisions):,} different canonical forms of the space"
        tested = "the same, which are all there are"
    else:
        data = (
            f"{len(decisions):,} canonical forms out of {N_DRAWN:,} architectures drawn at random:"
            f" the first {N_AS_DRAWN:,}, and {len(decisions) - N_AS_DRAWN:,} of those that are"
            " different"
        )
        tested = f"{N_TESTED:,} other random architectures"
        decisions = space.canonicalize(space.sample(N_TESTED, SEED + 1))
    saved = ArchitectureEmbedder.from_pretrained(file)
    measured = check(saved, tokenizer.transform(decisions), describe.transform(decisions))
    module = saved.net_.module_
    text = CARD.format(
        name=name,
        title=space.title,
        sequence=space.proximity_sequence,
        length=saved.n_features_in_,
        embedding_dim=saved.embedding_dim,
        n_properties=len(describe.get_feature_names_out()),
        n_weights=sum(weight.numel() for weight in module.parameters()),
        kilobytes=file.stat().st_size / 1000,
        data=data,
        learning_rate=LEARNING_RATE,
        n_epochs=len(trained.net_.history),
        batch_size=BATCH_SIZE,
        seed=SEED,
        torch=torch.__version__,
        tested=tested,
        predictions=MEASURED if name in WITH_ACCURACIES else "not measured, for want of accuracies",
        chosen="" if complete else CHOSEN,
        **vars(measured),
    )
    title, *paragraphs = text.split("\n\n")
    bullets = [bullet for paragraph in paragraphs for bullet in re.split(r"\n(?=- )", paragraph)]
    filled = [
        textwrap.fill(" ".join(bullet.split()), 100, subsequent_indent="  " * (bullet[0] == "-"))
        for bullet in bullets
    ]
    card = "\n\n".join([title, filled[0], "\n".join(filled[1:])]) + "\n"
    file.with_suffix(".md").write_text(card, encoding="utf-8")
    print(f"{name}: {file.stat().st_size:,} bytes in {seconds:.0f} s, {measured}", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where to write the files")
    parser.add_argument("--spaces", nargs="+", default=SPACES, help="default: all that have one")
    parser.add_argument("--steps", type=int, default=N_STEPS, help=f"default: {N_STEPS}")
    options = parser.parse_args(arguments)

    torch.set_num_threads(1)
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in options.spaces:
        make(name, options.folder, options.steps)


if __name__ == "__main__":
    main()
