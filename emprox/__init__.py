"""Predict the accuracy of neural architectures from their neighbours in a learned embedding.

Everything is imported on first use, so that ``import emprox`` costs nothing: in particular it
imports neither torch nor pandas nor matplotlib.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__ as __version__

if TYPE_CHECKING:
    from . import (
        datasets,
        encodings,
        inspection,
        metrics,
        model_selection,
        networks,
        predictors,
        properties,
        proximity,
        search,
        spaces,
    )
    from ._pipeline import make_emprox_pipeline
    from ._regressor import EmProxRegressor
    from .lstm import ArchitectureEmbedder, ArchitectureTokenizer
    from .networks import capture
    from .properties import NetworkProperties, StructuralProperties
    from .proximity import (
        ProximityMetric,
        ProximityRegressor,
        SideInformation,
        add_chance_anchor,
    )

__all__ = [
    "ArchitectureEmbedder",
    "ArchitectureTokenizer",
    "EmProxRegressor",
    "NetworkProperties",
    "ProximityMetric",
    "ProximityRegressor",
    "SideInformation",
    "StructuralProperties",
    "add_chance_anchor",
    "capture",
    "datasets",
    "encodings",
    "inspection",
    "make_emprox_pipeline",
    "metrics",
    "model_selection",
    "networks",
    "predictors",
    "properties",
    "proximity",
    "search",
    "spaces",
]

_MODULES = {
    "ArchitectureEmbedder": ".lstm",
    "ArchitectureTokenizer": ".lstm",
    "EmProxRegressor": "._regressor",
    "NetworkProperties": ".properties",
    "ProximityMetric": ".proximity",
    "ProximityRegressor": ".proximity",
    "SideInformation": ".proximity",
    "StructuralProperties": ".properties",
    "add_chance_anchor": ".proximity",
    "capture": ".networks",
    "make_emprox_pipeline": "._pipeline",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        value = getattr(import_module(_MODULES[name], __name__), name)
    elif name in __all__:
        value = import_module(f".{name}", __name__)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
