"""scikit-learn's estimator checks, and ours of what reads architectures."""

import pytest
import sklearn
from packaging.version import Version
from sklearn.utils.estimator_checks import parametrize_with_checks

from emprox import (
    ArchitectureEmbedder,
    ArchitectureTokenizer,
    EmProxRegressor,
    ProximityMetric,
    ProximityRegressor,
    StructuralProperties,
    make_emprox_pipeline,
)
from emprox.encodings import AdjacencyEncoding, GRAFEncoding, OneHotEncoding, PathEncoding
from emprox.predictors import (
    BANANASRegressor,
    EarlyStoppingRegressor,
    GCNRegressor,
    LcSVR,
    NAORegressor,
    SemiNASRegressor,
    SoTLERegressor,
    make_xgboost,
)
from emprox.spaces import check_architecture_estimator

# Until it was mended, the check itself subtracted a float from whole numbers in place.
BROKEN_CHECKS = (
    {"check_positive_only_tag_during_fit": "scikit-learn's check fails on any categorical input"}
    if Version(sklearn.__version__) < Version("1.7.1")
    else {}
)
# Small and quick: the checks fit each of them some hundred times.
EMBEDDER = ArchitectureEmbedder(4, max_epochs=1, random_state=0)


@pytest.mark.filterwarnings("ignore:Skipping check check_array_api_input")
@pytest.mark.filterwarnings("ignore:X holds tokens that did not occur in fit")
@parametrize_with_checks(
    [
        EMBEDDER,
        ArchitectureEmbedder(4, attention="encoder", max_epochs=1, random_state=0),
        ArchitectureEmbedder(4, output="properties", max_epochs=1, random_state=0),
    ],
    expected_failed_checks=lambda estimator: BROKEN_CHECKS,
)
def test_estimators_of_token_matrices(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore:Skipping check check_array_api_input")
@parametrize_with_checks(
    [
        ProximityMetric(random_state=0),
        ProximityMetric(3, n_estimators=3, random_state=0),
        ProximityRegressor(random_state=0),
        ProximityRegressor(metric=None),
        ProximityRegressor("auto", weights="uniform", random_state=0),
        ProximityRegressor(weights="kriging", random_state=0),
        EmProxRegressor(random_state=0),
        SoTLERegressor(),
        SoTLERegressor(None, calibrate=False),
        EarlyStoppingRegressor(),
        EarlyStoppingRegressor(1),
        EarlyStoppingRegressor(calibrate=False),
        LcSVR(n_iter=20, random_state=0),
    ]
)
def test_estimators_of_any_matrices(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    "estimator",
    [
        ArchitectureTokenizer("nasbench201"),
        StructuralProperties("nasbench201", standardize=True),
        EmProxRegressor("nasbench201", random_state=0),
        EmProxRegressor("nasbench201", weights="kriging", chance_level=10, random_state=0),
        EmProxRegressor("nasbench201", recipe="lstm", random_state=0),
        make_emprox_pipeline("nasbench201", "paper", random_state=0),
        OneHotEncoding("nasbench201"),
        AdjacencyEncoding("nasbench201"),
        PathEncoding("nasbench201"),
        GRAFEncoding("nasbench201"),
        make_xgboost("nasbench201", random_state=0),
        NAORegressor("nasbench201", max_epochs=2, random_state=0),
        SemiNASRegressor("nasbench201", max_epochs=2, random_state=0),
        GCNRegressor("nasbench201", max_epochs=2, random_state=0),
        BANANASRegressor("nasbench201", max_epochs=2, random_state=0),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_estimators_of_architectures(estimator):
    check_architecture_estimator(estimator, "nasbench201")


def test_a_broken_estimator_is_found():
    class Forgetful(StructuralProperties):
        def transform(self, X):
            return super().transform(X) + len(X)

    with pytest.raises(AssertionError, match="row"):
        check_architecture_estimator(Forgetful("nasbench201"), "nasbench201")
