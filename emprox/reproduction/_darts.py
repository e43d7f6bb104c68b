"""The paper's experiment on the search space of DARTS."""

from __future__ import annotations

import os
from typing import ClassVar

from . import _rows
from ._claims import Faster
from ._comparison import ComparisonExperiment
from ._experiment import Data, Predictor, explain
from ._numbers import FIT, KENDALL, PEARSON
from ._paper import DARTS
from ._table1 import FIT_TIMES


class Darts(ComparisonExperiment):
    """EmProx on measured DARTS networks, whose sequences have 629 tokens.

    There are 199 of them, so that 121 are known and 78 predicted.
    """

    name = "darts"
    title = "The paper's experiment on DARTS: sequences of 629 tokens"
    test_size = 78
    reference = "emprox-k10"
    published = DARTS
    pictured = PEARSON
    short = (PEARSON, KENDALL, FIT)
    claims: ClassVar = (
        Faster(
            "EmProx (k = 10) is fitted much faster than SemiNAS, here at least 15 times",
            "SemiNAS took more than 24 hours, EmProx 146 s",
            "emprox-k10",
            "seminas",
            15,
        ),
    )

    def load(
        self, data_home: str | os.PathLike[str] | None = None, *, download: bool = True
    ) -> Data:
        """Load measured accuracies of DARTS networks.

        Parameters
        ----------
        data_home : str or path-like, default=None
            Folder of benchmark files, as in `emprox.datasets.get_data_home`.
        download : bool, default=True
            Whether to download a file that is not there.

        Returns
        -------
        Data
            The data.

        Raises
        ------
        OSError
            If the file cannot be had, or is not the published one. Nothing that comes with emprox
            could stand in for it; the message says which file to put where.
        ImportError
            If the file has to be downloaded and pooch is not installed.
        """
        from ..datasets import fetch_nasbench301

        try:
            X, y = fetch_nasbench301(
                "scifar100", data_home=data_home, download_if_missing=download, return_X_y=True
            )
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"{explain(error)} No accuracies of DARTS networks come with emprox, so nothing"
                " could stand in for them."
            ) from error
        return Data(
            "DARTS, ScifAR100",
            X,
            y,
            "darts",
            None,
            "accuracies of 199 networks of the DARTS space that were really trained for"
            " NAS-Bench-Suite-Zero, on ScifAR100: CIFAR-100 projected onto a sphere.",
            [
                "The paper predicts CIFAR-10 accuracies of the surrogate model NAS-Bench-301, which"
                " can be asked for any network and is nearly free of noise. These are measured, on"
                " another task and with a hundred classes: errors cannot be compared, correlations"
                " only roughly.",
                "There are only 199 networks, so that trials share most of them: standard errors"
                " are too small.",
                "Of the three tasks that these networks were trained on this is the one whose"
                " differences (standard deviation 1.8 points) are well above the noise of"
                " measuring them (0.5 points).",
            ],
        )

    def predictors(self) -> dict[str, Predictor]:
        """Return EmProx, what is fast, and on demand what is slow.

        Returns
        -------
        dict of str to Predictor
            The predictors by name.
        """
        return {
            "emprox-k10": _rows.emprox(
                10, "The paper does not say which k it took for DARTS; here 10."
            ),
            "emprox-k60": _rows.emprox(60, by_default=False),
            "nao": _rows.nao(by_default=False),
            "seminas": _rows.seminas(by_default=False),
            "xgb": _rows.xgboost(),
            "graf-xgb": _rows.graf_xgboost(),
            "emprox-best": _rows.emprox_best(),
            "emprox-kriging": _rows.emprox_kriging(),
        }

    def remarks(self) -> list[str]:
        """Return why numbers differ from the paper's, for all predictors.

        Returns
        -------
        list of str
            The reasons.
        """
        return [
            "The paper predicts surrogate accuracies, these are measured ones of another task (see"
            " the top).",
            FIT_TIMES,
            "NAO and SemiNAS take minutes to hours for a single fit at 629 tokens, and run only if"
            " they are named with --predictors. The paper could not run SemiNAS either.",
        ]
