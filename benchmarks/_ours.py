"""Our rows: the methods whose lead over the rivals is measured. A new recipe gets its line here."""

from __future__ import annotations

from _protocol import Method

from emprox import EmProxRegressor, make_emprox_pipeline


def pipeline(recipe: str, chance_level: float | None = None) -> Method:
    """Return the pipeline of a recipe."""
    return lambda space, seed: make_emprox_pipeline(
        space, recipe=recipe, chance_level=chance_level, random_state=seed
    )


def kriging(chance_level: float | None = None) -> Method:
    """Return the kernel prediction of the recipe "best"."""
    return lambda space, seed: EmProxRegressor(
        space=space, weights="kriging", chance_level=chance_level, random_state=seed
    )


OURS: dict[str, Method] = {
    'recipe="best"': pipeline("best"),
    'recipe="best", kriging': kriging(),
    'recipe="lstm"': pipeline("lstm"),
    'recipe="paper"': pipeline("paper"),
}
# Those that take seconds for a fit.
SLOW = ('recipe="paper"',)


def anchored(chance_level: float) -> dict[str, Method]:
    """Return the rows that know the accuracy of an architecture without a path."""
    return {
        'recipe="best" + anchor': pipeline("best", chance_level),
        'recipe="best", kriging + anchor': kriging(chance_level),
        'recipe="lstm" + anchor': pipeline("lstm", chance_level),
    }
