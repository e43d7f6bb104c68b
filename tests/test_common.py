"""scikit-learn's estimator checks, with no expected failure."""

import pytest
from sklearn.exceptions import SkipTestWarning
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

from emprox import ArchitectureEmbedder, ArchitectureTokenizer, EmProxRegressor

# Small and quick: the checks fit each of them some hundred times.
EMBEDDER = ArchitectureEmbedder(4, max_epochs=1, random_state=0)


@pytest.mark.filterwarnings("ignore:Skipping check check_array_api_input")
@parametrize_with_checks(
    [
        EMBEDDER,
        ArchitectureEmbedder(4, attention="encoder", max_epochs=1, random_state=0),
        EmProxRegressor(embedder=EMBEDDER),
        EmProxRegressor(random_state=0),
    ]
)
def test_estimators_of_token_matrices(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    "estimator", [ArchitectureTokenizer(), EmProxRegressor(space="nasbench201")]
)
def test_estimators_of_architectures(estimator):
    # scikit-learn cannot make architectures: it checks that they can be cloned, and says so.
    with pytest.warns(SkipTestWarning, match="requires input"):
        results = check_estimator(estimator)
    assert [result["status"] for result in results] == ["passed"]
