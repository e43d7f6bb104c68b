"""How good predictors are with how many known architectures."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..utils._options import check_option
from ._axes import check_libraries, get_axes

if TYPE_CHECKING:
    import pandas as pd

_LABELS = {
    "pearson_r": "Pearson r",
    "spearman_rho": "Spearman \N{GREEK SMALL LETTER RHO}",
    "kendall_tau": "Kendall τ",
    "fit_time": "time to fit (s)",
    "score_time": "time to predict (s)",
}
_BANDS = {"standard error": "sem", "standard deviation": "std"}

# After Okabe and Ito (2008), without yellow, which is hard to see on white. Colours come again with
# another marker, which also tells apart what is printed in grey.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">")
# The legend stands beside the axes.
_FIGURE_SIZE, _LEGEND_WIDTH = (8.2, 4.2), 34
# The axis reaches so far beyond the sizes, and a label takes so much of it.
_MARGIN, _LABEL_WIDTH = 0.05, 0.1


@dataclass(kw_only=True, eq=False, repr=False)
class BudgetCurveDisplay:
    """A metric against the number of known architectures, one line for each predictor.

    Lines are means over the splits, bands their standard error or standard deviation. Predictors
    stand in the legend from top to bottom as their lines end.

    Use `from_evaluation` to make one.

    Parameters
    ----------
    metric : str
        Name of the metric.
    summary : DataFrame
        The columns ``mean``, ``spread`` (half the width of the band), ``n_splits`` and
        ``n_missing``; the index is ``predictor`` and ``train_size``.
    band : {"standard error", "standard deviation"} or None
        What the bands show.

    Attributes
    ----------
    lines_ : dict of str to matplotlib.lines.Line2D
        The line of each predictor.
    bands_ : dict of str to matplotlib.artist.Artist
        The band of each predictor, or error bars where there is one size only.
    legend_ : matplotlib.legend.Legend
        The legend.
    ax_, figure_ : matplotlib.axes.Axes, matplotlib.figure.Figure
        Where it is drawn.

    See Also
    --------
    emprox.model_selection.evaluate_predictors : Makes the trials.
    RankAgreementDisplay : Predictions of one predictor against true accuracies.

    Examples
    --------
    >>> import pandas as pd
    >>> from emprox.inspection import BudgetCurveDisplay
    >>> trials = pd.DataFrame(
    ...     {
    ...         "predictor": "EmProx",
    ...         "split": [0, 0, 1, 1],
    ...         "train_size": [50, 100, 50, 100],
    ...         "kendall_tau": [0.6, 0.7, 0.7, 0.9],
    ...     }
    ... )
    >>> display = BudgetCurveDisplay.from_evaluation(trials)
    >>> display.summary["mean"].round(2).tolist()
    [0.65, 0.8]
    >>> display.ax_.get_ylabel()
    'Kendall τ'
    """

    metric: str
    summary: pd.DataFrame
    band: str | None

    @classmethod
    def from_evaluation(
        cls,
        trials: pd.DataFrame,
        metric: str = "kendall_tau",
        *,
        band: str | None = "standard error",
        ax: Any = None,
    ) -> BudgetCurveDisplay:
        """Average over the splits and draw.

        Parameters
        ----------
        trials : DataFrame
            What `emprox.model_selection.evaluate_predictors` returns, or the same from a CSV file:
            one row for each predictor and split, with the columns ``predictor``, ``train_size``
            and the metric. A metric that is not finite counts as missing.
        metric : str, default="kendall_tau"
            Name of the column; also ``"fit_time"`` or ``"score_time"``.
        band : {"standard error", "standard deviation"} or None, default="standard error"
            What to show around each mean: the standard error of the mean, or the standard deviation
            of the splits, or nothing.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a new figure.

        Returns
        -------
        BudgetCurveDisplay
            The display.

        Raises
        ------
        ValueError
            If a column is missing, there is no such band, or no split has a value of the metric.
        """
        check_libraries(cls)
        columns = list(getattr(trials, "columns", ()))
        for column in ("predictor", "train_size", metric):
            check_option("column", column, columns)
        check_option("band", band, [*_BANDS, None])
        values = trials[metric].astype(float).replace([np.inf, -np.inf], np.nan)
        if not values.notna().any():
            raise ValueError(f"no split has a {metric}; the column 'error' may say why")
        groups = values.groupby([trials["predictor"], trials["train_size"]])
        summary = groups.agg(mean="mean", spread=_BANDS.get(band or "", "std"), n_splits="count")
        summary["n_missing"] = groups.size() - summary["n_splits"]
        if band is None:
            summary["spread"] = np.nan
        summary = summary.loc[trials["predictor"].unique().tolist()]
        return cls(metric=metric, summary=summary, band=band).plot(ax)

    def plot(self, ax: Any = None) -> BudgetCurveDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a new figure.

        Returns
        -------
        BudgetCurveDisplay
            The display itself.
        """
        ax = get_axes(ax, _FIGURE_SIZE)
        self.ax_, self.figure_ = ax, ax.figure
        self.lines_: dict[str, Any] = {}
        self.bands_: dict[str, Any] = {}
        names, sizes = (self.summary.index.unique(level) for level in (0, 1))
        # With one size, points stand beside each other.
        shifts = np.linspace(-_MARGIN, _MARGIN, 2 * len(names) + 1)[1::2] * (len(sizes) == 1)
        for number, shift in enumerate(shifts):
            self._draw_line(number, names[number], np.exp(shift), len(sizes) > 1)
        self._set_axes(np.sort(sizes.to_numpy(dtype=float)))
        # In the order of their last points that there are.
        last = {name: self.summary.loc[name, "mean"].dropna() for name in self.lines_}
        ends = {name: means.iloc[-1] if len(means) else -np.inf for name, means in last.items()}
        order = [self.lines_[name] for name in sorted(ends, key=lambda name: -ends[name])]
        least, most = self.summary["n_splits"].agg(["min", "max"]).tolist()
        splits = f"{least:,} to " * (least < most) + f"{most:,} split" + "s" * (most > 1)
        title = f"mean of {splits}" + f"\n± {self.band}" * bool(self.bands_)
        style: dict[str, Any] = {"title_fontsize": "small", "alignment": "left"}
        # Beside the axes if the figure makes room for it.
        if self.figure_.get_layout_engine() is not None:
            style |= {"loc": "center left", "bbox_to_anchor": (1.01, 0.5), "frameon": False}
        self.legend_ = ax.legend(handles=order, title=title, fontsize="small", **style)
        return self

    def _draw_line(self, number: int, name: str, factor: float, joined: bool) -> None:
        table = self.summary.loc[name]
        n_missing = table["n_missing"].sum()
        label = textwrap.fill(str(name), _LEGEND_WIDTH).replace("$", r"\$")
        if n_missing:
            label += f"\n({n_missing:,} of {n_missing + table['n_splits'].sum():,} missing)"
        x = table.index.to_numpy(float) * factor
        mean, spread = table[["mean", "spread"]].to_numpy().T
        color, marker = _COLORS[number % len(_COLORS)], _MARKERS[number % len(_MARKERS)]
        style = {"marker": marker, "markeredgecolor": "white", "markersize": 7}
        # matplotlib leaves out of legends what begins with an underscore.
        style |= {"label": label.removeprefix("_"), "linestyle": "-" * joined}
        self.lines_[name] = self.ax_.plot(x, mean, color=color, **style)[0]
        if joined and np.isfinite(spread).any():
            options = {"color": color, "alpha": 0.15, "linewidth": 0}
            self.bands_[name] = self.ax_.fill_between(x, mean - spread, mean + spread, **options)
        elif np.isfinite(spread).any():
            options = {"fmt": "none", "ecolor": color, "capsize": 3}
            self.bands_[name] = self.ax_.errorbar(x, mean, spread, **options)

    def _set_axes(self, sizes: np.ndarray[Any, Any]) -> None:
        ax = self.ax_
        label = _LABELS.get(self.metric, self.metric.replace("_", " "))
        ax.set(xlabel="number of known architectures", ylabel=label, xscale="log")
        if self.metric.endswith("_time") and self.summary["mean"].min() > 0:
            ax.set_yscale("log")
        low, high = sizes[[0, -1]]
        margin = (high / low) ** _MARGIN if high > low else np.exp(2 * _MARGIN)
        ax.set_xlim(low / margin, high * margin)
        # A size that is near the next one has no label.
        step = np.diff(np.log(sizes), append=np.inf)
        has_room = step >= _LABEL_WIDTH * np.log(high / low)
        labels = [f"{size:,g}" * room for size, room in zip(sizes, has_room.tolist(), strict=True)]
        ax.set_xticks(sizes, labels)
        ax.minorticks_off()
        ax.grid(alpha=0.25)
