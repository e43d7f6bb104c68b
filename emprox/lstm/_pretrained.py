"""Pretrained encoders: the files in the package, and reading and writing such files."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ..spaces import SearchSpace
from ..utils._files import replacing
from ._modules import Autoencoder
from ._tokens import places_in

# The key of the file's metadata, one JSON text: the library writes several in random order.
METADATA = "emprox_encoder"
# Goes up when files of the old version can no longer be read as they were meant.
FORMAT_VERSION = 1

_FOLDER = Path(__file__).with_name("pretrained")
_SUFFIX = ".safetensors"
# Tensors of the file that are no weights of the module.
_TOKENS, _LEGAL_TOKENS = "vocabulary", "legal_tokens"
_UNIT = "property_head.distance_unit"
_METADATA = ("space", "sequence", "canonicalize", "meanings", "attention")
# A larger share of samples with tokens at places where pretraining saw none is no chance.
_MOST_ILLEGAL = 0.1


@dataclass(frozen=True)
class Checkpoint:
    """A trained encoder and decoder, and what they were trained on."""

    weights: dict[str, Tensor]
    vocabulary: NDArray[np.int64]
    legal_tokens: NDArray[np.bool_]
    space: str
    sequence: str
    canonicalize: bool
    meanings: tuple[str, ...]
    attention: str
    source: str = ""

    @property
    def embedding_dim(self) -> int:
        """Size of the embedding."""
        return self.weights["encoder.token_embedding.weight"].shape[1]

    @property
    def n_properties(self) -> int:
        """Number of properties that are predicted from the embedding."""
        bias = self.weights.get("property_head.2.bias")
        return 0 if bias is None else len(bias)

    def make_module(self, dropout: float, seed: int) -> Autoencoder:
        """Build the module with the trained weights."""
        module = Autoencoder(
            n_tokens=len(self.vocabulary) + 1,
            embedding_dim=self.embedding_dim,
            dropout=dropout,
            attend_encoder=self.attention == "encoder",
            seed=seed,
            n_properties=self.n_properties,
        )
        module.load_state_dict(self.weights)
        return module

    def check_parameters(
        self, embedding_dim: int, attention: str, n_properties: int | None
    ) -> None:
        """Check that parameters of an embedder, and properties if there are any, are its own."""
        given = {"embedding_dim": embedding_dim, "attention": attention}
        if n_properties is not None:
            given["n_properties"] = n_properties
        for name, value in given.items():
            if value != getattr(self, name):
                raise ValueError(
                    f"{name}={value!r}, but the pretrained encoder {self.source!r} has"
                    f" {name}={getattr(self, name)!r}"
                )

    def check_tokens(self, tokens: NDArray[np.int64]) -> None:
        """Check that token sequences are of the kind that the encoder was trained on."""
        n_wrong, length, highest = len(tokens), len(self.legal_tokens), len(self.meanings) - 1
        if tokens.shape[1] == length and tokens.max() <= highest:
            places = places_in(self.vocabulary, tokens)
            legal = (places > 0) & self.legal_tokens[np.arange(length), places - 1]
            n_wrong = int((~legal).any(axis=1).sum())
        if n_wrong > _MOST_ILLEGAL * len(tokens):
            raise ValueError(
                f"the pretrained encoder {self.source!r} reads {length} tokens from 0 to"
                f" {highest}, as ArchitectureTokenizer({self.space!r}, sequence={self.sequence!r},"
                f" canonicalize={self.canonicalize}) writes them; {n_wrong} of {len(tokens)}"
                " sequences are not such: take this tokenizer, or pretrained=None"
            )


def list_pretrained() -> list[str]:
    """List the search spaces that there is a pretrained encoder for."""
    return sorted(path.stem for path in _FOLDER.glob(f"*{_SUFFIX}"))


def find_pretrained(space: SearchSpace, sequence: str, canonicalize: bool) -> str | None:
    """Name the encoder for exactly these token sequences; None if there is none."""
    if space.name not in list_pretrained():
        return None
    checkpoint = _load_bundled(space.name)
    kind = (sequence, canonicalize, space.sequences[sequence].vocabulary)
    known = (checkpoint.sequence, checkpoint.canonicalize, checkpoint.meanings)
    return space.name if kind == known else None


def load_pretrained(pretrained: str | os.PathLike[str]) -> Checkpoint:
    """Read the encoder of a space by its name, or any by the path to its file."""
    if pretrained in list_pretrained():
        return _load_bundled(str(pretrained))
    path = Path(pretrained)
    if not path.is_file():
        names = ", ".join(map(repr, list_pretrained()))
        raise ValueError(f"{str(pretrained)!r} is neither a file nor a pretrained encoder: {names}")
    return _read(path, str(path))


def save_pretrained(path: str | os.PathLike[str], checkpoint: Checkpoint, dtype: str) -> None:
    """Write an encoder to a file, with weights of the type "float32" or "float16"."""
    if dtype not in ("float32", "float16"):
        raise ValueError(f"dtype has to be 'float32' or 'float16', got {dtype!r}")
    tensors = {
        name: weight.to("cpu", torch.float32 if name == _UNIT else getattr(torch, dtype))
        for name, weight in checkpoint.weights.items()
    }
    tensors[_TOKENS] = torch.from_numpy(checkpoint.vocabulary)
    tensors[_LEGAL_TOKENS] = torch.from_numpy(checkpoint.legal_tokens)
    metadata = {"format_version": FORMAT_VERSION}
    metadata |= {name: getattr(checkpoint, name) for name in _METADATA}
    with replacing(Path(path)) as temporary:
        temporary.write_bytes(save(tensors, {METADATA: json.dumps(metadata)}))


@cache
def _load_bundled(name: str) -> Checkpoint:
    return _read(_FOLDER / f"{name}{_SUFFIX}", name)


def _read(path: Path, source: str) -> Checkpoint:
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(METADATA)
            tensors = {name: file.get_tensor(name) for name in sorted(file.keys())}
    # A header that is no text is reported by other errors than the library's own.
    except (SafetensorError, ValueError, OSError) as error:
        raise ValueError(
            f"{source!r} is not a safetensors file, or truncated ({error}); encoders are never read"
            " from pickles, which can run any code"
        ) from error
    try:
        if text is None:
            raise ValueError("ArchitectureEmbedder.save_pretrained has not written it")
        checkpoint = _assemble(json.loads(text), tensors, source)
        checkpoint.make_module(dropout=0, seed=0)
    except (KeyError, IndexError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"{source!r} cannot be used as an encoder: {reason}") from error
    return checkpoint


def _assemble(metadata: dict[str, Any], tensors: dict[str, Tensor], source: str) -> Checkpoint:
    version = metadata.pop("format_version")
    if version != FORMAT_VERSION:
        raise ValueError(f"its format is {version}, but this emprox reads {FORMAT_VERSION}")
    vocabulary = tensors.pop(_TOKENS).numpy()
    legal_tokens = tensors.pop(_LEGAL_TOKENS).numpy()
    metadata["meanings"] = tuple(metadata["meanings"])
    if vocabulary.ndim != 1 or vocabulary.dtype != np.int64 or (np.diff(vocabulary) <= 0).any():
        raise ValueError("the vocabulary is not a sorted list of tokens")
    if not len(vocabulary) or vocabulary[0] < 0 or vocabulary[-1] >= len(metadata["meanings"]):
        raise ValueError("the vocabulary holds tokens that have no meaning")
    if legal_tokens.dtype != bool or legal_tokens.shape[1:] != vocabulary.shape:
        raise ValueError("the legal tokens are not those of the vocabulary")
    if metadata["attention"] not in ("embedding", "encoder"):
        raise ValueError(f"there is no attention {metadata['attention']!r}")
    weights = {name: weight.to(torch.float32) for name, weight in tensors.items()}
    for name, weight in weights.items():
        if not weight.isfinite().all():
            raise ValueError(f"{name} holds numbers that are not finite")
    return Checkpoint(weights, vocabulary, legal_tokens, source=source, **metadata)
