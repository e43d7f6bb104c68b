"""The EmProx paper's embedding: architectures as token sequences, embedded by an LSTM."""

from typing import TYPE_CHECKING, Any

from ._tokenizer import ArchitectureTokenizer

if TYPE_CHECKING:
    from ._embedder import ArchitectureEmbedder

__all__ = ["ArchitectureEmbedder", "ArchitectureTokenizer"]


def __getattr__(name: str) -> Any:
    # Only now: torch takes seconds to import, and tokens do without.
    if name == "ArchitectureEmbedder":
        from ._embedder import ArchitectureEmbedder

        return ArchitectureEmbedder
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
