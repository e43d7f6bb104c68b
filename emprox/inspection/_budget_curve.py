"""How good predictors are with how many known architectures."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..utils._optional_imports import import_optional
from ._artists import text_width
from ._axes import POINTS, check_matplotlib, size_in_points

Array = NDArray[np.float64]

# Label of each metric, with its unit.
_LABELS = {
    "mean_absolute_error": "mean absolute error (percentage points)",
    "root_mean_squared_error": "root mean squared error (percentage points)",
    "pearson_r": "Pearson r",
    "spearman_rho": "Spearman \N{GREEK SMALL LETTER RHO}",
    "kendall_tau": "Kendall τ",
    "fit_time": "time to fit (s)",
    "score_time": "time to predict (s)",
}
_TIMES = ("fit_time", "score_time")
_NO_METRICS = ("predictor", "train_size", "split", "error")
_BANDS = {"standard error": True, "standard deviation": False}

# After Okabe and Ito (2008), without yellow, which is hard to see on white. Colours come again with
# another line style; markers tell apart what is printed in grey.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
_LINE_STYLES = ("-", "--", ":", "-.")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">")
# In points; a star of the same size as a circle is smaller to the eye.
_MARKER_SIZES = {"o": 6.5, "s": 6.0, "D": 6.0, "P": 8.0, "X": 8.0, "*": 11.0}

_AXES_SIZE = (5.6, 4.2)
# Of a legend beside its longest name, in points; and the longest line in it, in characters.
_LEGEND_MARGIN, _LEGEND_WIDTH = 64.0, 34
# Points in a figure of one size are spread over this range, as factors on the size.
_SPREAD = 0.12


class BudgetCurveDisplay:
    """A metric against the number of known architectures, one line for each predictor.

    Lines are means over the trials, bands their standard error or standard deviation. Predictors
    stand in the legend from top to bottom as their lines end.

    Use `from_evaluation` to make one.

    Parameters
    ----------
    metric : str
        Name of the metric.
    predictors : list of str
        Names of the predictors.
    train_sizes : ndarray of shape (n_sizes,)
        Numbers of known architectures, ascending.
    means : ndarray of shape (n_predictors, n_sizes)
        Means over the trials; NaN where there is no trial.
    deviations : ndarray of shape (n_predictors, n_sizes)
        Half the widths of the bands; NaN where there are fewer than two trials.
    n_trials : ndarray of shape (n_predictors, n_sizes)
        Numbers of trials that have a value.
    n_missing : ndarray of shape (n_predictors, n_sizes)
        Numbers of trials that have none, because they failed or the metric is not defined.
    band : {"standard error", "standard deviation"} or None
        What the bands show.

    Attributes
    ----------
    lines_ : dict of str to matplotlib.lines.Line2D
        The line of each predictor that has a value.
    bands_ : dict of str to matplotlib.artist.Artist
        The band of each predictor that has one, or error bars where there is one size only.
    legend_ : matplotlib.legend.Legend
        The legend.
    ax_ : matplotlib.axes.Axes
        The axes.
    figure_ : matplotlib.figure.Figure
        The figure.

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
    >>> display.means
    array([[0.65, 0.8 ]])
    >>> display.ax_.get_ylabel()
    'Kendall τ'
    """

    def __init__(
        self,
        *,
        metric: str,
        predictors: list[str],
        train_sizes: NDArray[np.int64],
        means: Array,
        deviations: Array,
        n_trials: NDArray[np.int64],
        n_missing: NDArray[np.int64],
        band: str | None,
    ) -> None:
        self.metric = metric
        self.predictors = predictors
        self.train_sizes = train_sizes
        self.means = means
        self.deviations = deviations
        self.n_trials = n_trials
        self.n_missing = n_missing
        self.band = band

    @classmethod
    def from_evaluation(
        cls,
        trials: pd.DataFrame,
        metric: str = "kendall_tau",
        *,
        predictors: Sequence[str] | None = None,
        band: str | None = "standard error",
        ax: Any = None,
        line_kwargs: dict[str, Any] | None = None,
    ) -> BudgetCurveDisplay:
        """Average over the trials and draw.

        Parameters
        ----------
        trials : DataFrame
            What `emprox.model_selection.evaluate_predictors` returns, or the same from a CSV file:
            one row for each predictor and split, with the columns ``predictor``, ``train_size``
            and the metric. A metric that is NaN counts as missing.
        metric : str, default="kendall_tau"
            Name of the column.
        predictors : sequence of str, default=None
            Names of the predictors to draw; None takes all.
        band : {"standard error", "standard deviation"} or None, default="standard error"
            What to show around each mean: the standard error of the mean, or the standard deviation
            of the trials, or nothing.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a new figure.
        line_kwargs : dict, default=None
            Further arguments of ``ax.plot``.

        Returns
        -------
        BudgetCurveDisplay
            The display.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there are no rows or a column is missing, there is no such metric, predictor or
            band, or no trial has a value of the metric.
        """
        check_matplotlib(cls)
        if band is not None and band not in _BANDS:
            raise ValueError(
                f"unknown band {band!r}; there are {', '.join(map(repr, _BANDS))} and None"
            )
        _check_trials(trials)
        known = [name for name in trials if name not in _NO_METRICS]
        _check_known("metric", metric, known)
        names = list(dict.fromkeys(map(str, trials["predictor"])))
        if isinstance(predictors, str) or (predictors is not None and not len(predictors)):
            raise ValueError(
                f"predictors has to be a list of names, or None for all, got {predictors!r}"
            )
        for predictor in predictors or ():
            _check_known("predictor", predictor, names)
        names = names if predictors is None else list(predictors)
        trials = trials[trials["predictor"].isin(names)]
        sizes = np.unique(trials["train_size"].to_numpy(dtype=np.int64))
        values = trials[metric].where(np.isfinite(trials[metric].astype(float)))
        groups = values.groupby([trials["predictor"], trials["train_size"]])
        summary = groups.agg(
            ["mean", "count", "size", "sem" if band is not None and _BANDS[band] else "std"]
        )
        # One block of columns for each of the four, the predictors in rows.
        table = summary.unstack("train_size").reindex(names)
        means, counts, rows, deviations = (
            table.to_numpy(dtype=float).reshape(len(names), 4, -1).transpose(1, 0, 2)
        )
        n_trials = np.nan_to_num(counts).astype(np.int64)
        n_missing = np.nan_to_num(rows).astype(np.int64) - n_trials
        if band is None:
            deviations = np.full_like(means, np.nan)
        if not n_trials.any():
            raise ValueError(
                f"no trial has a value of {metric}; the column 'error' says what was raised"
            )
        return cls(
            metric=metric,
            predictors=names,
            train_sizes=sizes,
            means=means,
            deviations=deviations,
            n_trials=n_trials,
            n_missing=n_missing,
            band=band,
        ).plot(ax, line_kwargs=line_kwargs)

    def plot(
        self, ax: Any = None, *, line_kwargs: dict[str, Any] | None = None
    ) -> BudgetCurveDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a new figure.
        line_kwargs : dict, default=None
            Further arguments of ``ax.plot``.

        Returns
        -------
        BudgetCurveDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        labels = [self._label(number) for number in range(len(self.predictors))]
        if ax is None:
            plt = import_optional("matplotlib.pyplot", extra="plot", purpose=type(self).__name__)
            longest = max(text_width(line) for label in labels for line in label.split("\n"))
            width = _AXES_SIZE[0] + (longest + _LEGEND_MARGIN) / POINTS
            ax = plt.subplots(figsize=(width, _AXES_SIZE[1]), layout="constrained")[1]
        self.lines_: dict[str, Any] = {}
        self.bands_: dict[str, Any] = {}
        for number, name in enumerate(self.predictors):
            if self.n_trials[number].any():
                self._draw_predictor(ax, number, name, labels[number], line_kwargs or {})
        self._set_axes(ax)
        self._draw_legend(ax, labels)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _label(self, number: int) -> str:
        lines = textwrap.wrap(self.predictors[number], _LEGEND_WIDTH) or [""]
        n_missing = int(self.n_missing[number].sum())
        if n_missing:
            n_all = n_missing + int(self.n_trials[number].sum())
            lines.append(f"({n_missing:,} of {n_all:,} trials missing)")
        label = "\n".join(lines).replace("$", r"\$")  # which is no sign of a formula here
        # matplotlib leaves out of legends what begins with an underscore.
        return f" {label}" if label.startswith("_") else label

    def _draw_predictor(
        self, ax: Any, number: int, name: str, label: str, line_kwargs: dict[str, Any]
    ) -> None:
        there = self.n_trials[number] > 0
        x, y = self.train_sizes[there].astype(float), self.means[number, there]
        deviation = self.deviations[number, there]
        marker = _MARKERS[number % len(_MARKERS)]
        options = {
            "color": _COLORS[number % len(_COLORS)],
            "marker": marker,
            "linestyle": _LINE_STYLES[number // len(_COLORS) % len(_LINE_STYLES)],
            "linewidth": 1.5,
            "markersize": _MARKER_SIZES.get(marker, 7.5),
            "markeredgecolor": "white",
            "markeredgewidth": 0.5,
            **line_kwargs,
        }
        if len(self.train_sizes) == 1:
            options["linestyle"] = "none"
            x = x * _spread(number, len(self.predictors))
        (line,) = ax.plot(x, y, **options, label=label, zorder=3)
        self.lines_[name] = line
        if np.isnan(deviation).all():
            return
        if len(self.train_sizes) == 1:
            self.bands_[name] = ax.errorbar(
                x, y, deviation, fmt="none", ecolor=line.get_color(), capsize=3, zorder=2
            )
        else:
            self.bands_[name] = ax.fill_between(
                x,
                y - deviation,
                y + deviation,
                color=line.get_color(),
                alpha=0.15,
                linewidth=0,
                zorder=1,
            )

    def _set_axes(self, ax: Any) -> None:
        ticker = import_optional("matplotlib.ticker", extra="plot", purpose=type(self).__name__)
        label = _LABELS.get(self.metric, self.metric.replace("_", " "))
        ax.set_xscale("log")
        if self.metric in _TIMES and np.nanmin(self.means) > 0:
            ax.set_yscale("log")
            ax.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
            ax.yaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
            ax.yaxis.set_minor_formatter(ticker.NullFormatter())
        ax.set(xlabel="number of known architectures", ylabel=label)
        low, high = self.train_sizes[[0, -1]].astype(float)
        margin = (high / low) ** 0.05 if high > low else 1 + 2 * _SPREAD
        ax.set_xlim(low / margin, high * margin)
        ax.xaxis.set_major_locator(ticker.FixedLocator(self.train_sizes))
        ax.xaxis.set_major_formatter(ticker.FixedFormatter(self._tick_labels(ax, margin)))
        ax.xaxis.set_minor_locator(ticker.NullLocator())
        ax.grid(alpha=0.25, linewidth=0.6)

    def _tick_labels(self, ax: Any, margin: float) -> list[str]:
        """Write the sizes, the last and those before it that there is room for."""
        labels = [f"{size:,}" for size in self.train_sizes]
        if len(labels) == 1:
            return labels
        # A legend beside the axes takes some of their width later.
        logs = np.log(self.train_sizes)
        length = 0.7 * size_in_points(ax)[0]
        x = length * (logs - logs[0]) / (logs[-1] - logs[0] + 2 * np.log(margin))
        room = [text_width(label, 11.0) + 6 for label in labels]
        shown = [len(labels) - 1]
        for number in range(len(labels) - 2, -1, -1):
            if x[shown[-1]] - x[number] >= (room[shown[-1]] + room[number]) / 2:
                shown.append(number)
        return [label if number in shown else "" for number, label in enumerate(labels)]

    def _draw_legend(self, ax: Any, labels: list[str]) -> None:
        # The last value that there is, as what the line ends with.
        ends = {
            name: means[~np.isnan(means)][-1]
            for name, means in zip(self.predictors, self.means, strict=True)
            if name in self.lines_
        }
        order = sorted(ends, key=lambda name: -ends[name])
        handles = [self.lines_[name] for name in order]
        texts = [handle.get_label() for handle in handles]
        lines = import_optional("matplotlib.lines", extra="plot", purpose=type(self).__name__)
        for number, name in enumerate(self.predictors):
            if name not in self.lines_:
                handles.append(lines.Line2D([], [], linestyle="none"))
                texts.append(labels[number])
        options: dict[str, Any] = {
            "title": self._trials(),
            "fontsize": "small",
            "title_fontsize": "small",
            "alignment": "left",
        }
        # Beside the axes if the figure makes room for it.
        if ax.figure.get_layout_engine() is not None:
            options |= {"loc": "center left", "bbox_to_anchor": (1.01, 0.5), "frameon": False}
        else:
            options |= {"loc": "best", "framealpha": 0.85}
        self.legend_ = ax.legend(handles, texts, **options)

    def _trials(self) -> str:
        numbers = self.n_trials[self.n_trials > 0]
        least, most = int(numbers.min()), int(numbers.max())
        trials = f"{most:,} trial{'s' * (most != 1)}"
        if least < most:
            trials = f"{least:,} to {trials}"
        if self.band is None or most == 1:
            return trials if most == 1 else f"mean of {trials}"
        return f"mean ± {self.band},\n{trials}"


def _spread(number: int, n_numbers: int) -> float:
    """Return a factor that puts points of the same size beside each other."""
    middle = (n_numbers - 1) / 2
    return float((1 + _SPREAD) ** ((number - middle) / max(middle, 1)))


def _check_trials(trials: Any) -> None:
    if not isinstance(trials, pd.DataFrame):
        raise TypeError(
            f"expected the data frame that evaluate_predictors returns, got {type(trials).__name__}"
        )
    for name in ("predictor", "train_size"):
        if name not in trials:
            raise ValueError(f"the trials have no column {name!r}")
    if trials.empty:
        raise ValueError("the trials have no rows")


def _check_known(kind: str, name: str, known: Sequence[str]) -> None:
    if name not in known:
        close = get_close_matches(str(name), known, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else "."
        raise ValueError(f"unknown {kind} {name!r}{hint} There are {', '.join(map(repr, known))}")
