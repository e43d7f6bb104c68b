"""scikit-learn's estimator checks, with no expected failure of emprox."""

import pytest
import sklearn
from packaging.version import Version
from sklearn.exceptions import SkipTestWarning
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

from emprox import (
    ArchitectureEmbedder,
    ArchitectureTokenizer,
    EmProxRegressor,
    ProximityMetric,
    ProximityRegressor,
    StructuralProperties,
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
)

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
        SoTLERegressor(non_finite="worst"),
        SoTLERegressor(calibrate=False, non_finite="worst"),
        EarlyStoppingRegressor(),
        EarlyStoppingRegressor(1),
        EarlyStoppingRegressor(calibrate=False),
        EarlyStoppingRegressor(non_finite="worst"),
        LcSVR(n_iter=20, random_state=0),
    ]
)
def test_estimators_of_any_matrices(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    "estimator",
    [
        ArchitectureTokenizer("nasbench201"),
        StructuralProperties(),
        EmProxRegressor(space="nasbench201"),
        EmProxRegressor(space="nasbench201", recipe="paper"),
        EmProxRegressor(space="nasbench201", weights="kriging", chance_level=10),
        OneHotEncoding(),
        AdjacencyEncoding(),
        PathEncoding(),
        GRAFEncoding(),
        NAORegressor("nasbench201"),
        SemiNASRegressor("nasbench201"),
        GCNRegressor("nasbench201"),
        BANANASRegressor("nasbench201"),
    ],
    ids=repr,
)
def test_estimators_of_architectures(estimator):
    # scikit-learn cannot make architectures: it checks that they can be cloned, and says so.
    with pytest.warns(SkipTestWarning, match="requires input"):
        results = check_estimator(estimator)
    assert [result["status"] for result in results] == ["passed"]
