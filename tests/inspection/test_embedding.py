import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from emprox import EmProxRegressor, make_emprox_pipeline
from emprox.datasets import load_nasbench201
from emprox.inspection import EmbeddingDisplay


@pytest.fixture
def groups():
    """Two groups of embeddings far from each other, with low and high accuracies."""
    rng = np.random.default_rng(0)
    embedding = np.repeat([[1, 0, 0, 0], [0, 0, 1, 0]], 40, axis=0) + rng.normal(0, 0.05, (80, 4))
    return embedding, np.repeat([60.0, 90.0], 40)


@pytest.mark.parametrize("method", ["tsne", "pca"])
def test_keeps_groups_apart(groups, method):
    embedding, y = groups
    display = EmbeddingDisplay.from_embedding(embedding, y, method=method, random_state=0)
    assert display.coordinates.shape == (80, 2)
    assert_allclose(display.scatter_.get_offsets(), display.coordinates)
    assert_array_equal(display.scatter_.get_array(), y)
    low, high = display.coordinates[:40], display.coordinates[40:]
    distances = np.linalg.norm(high[:, None] - low, axis=2)
    assert distances.min() > np.linalg.norm(low - low.mean(axis=0), axis=1).mean()
    again = EmbeddingDisplay.from_embedding(embedding, y, method=method, random_state=0)
    assert_array_equal(again.coordinates, display.coordinates)
    if method == "pca":
        assert_allclose(display.coordinates, PCA(2).fit_transform(embedding))


def test_labels(plt, groups):
    display = EmbeddingDisplay.from_embedding(*groups, method="pca")
    assert display.ax_.get_xlabel() == "principal component 1"
    assert display.colorbar_.ax.get_ylabel() == "accuracy"
    assert display.figure_ is display.ax_.figure is plt.gcf()
    display = EmbeddingDisplay.from_embedding(*groups, method="pca", target_name="latency (ms)")
    assert display.colorbar_.ax.get_ylabel() == "latency (ms)"


def test_outliers_do_not_use_up_the_colours(groups):
    embedding, _ = groups
    y = np.linspace(80, 94, 80)
    y[:3] = 10
    display = EmbeddingDisplay.from_embedding(embedding, y, method="pca")
    assert display.scatter_.get_clim() == (y[3], 94)
    assert display.colorbar_.extend == "min"
    y[-1] = 200
    assert EmbeddingDisplay.from_embedding(embedding, y, method="pca").colorbar_.extend == "both"


def test_plots_again(plt, groups):
    display = EmbeddingDisplay.from_embedding(*groups, method="pca")
    _, ax = plt.subplots()
    assert display.plot(ax) is display
    assert display.ax_ is ax


class TestFromEstimator:
    def test_same_whatever_it_is_wrapped_in(self):
        X, y = load_nasbench201(return_X_y=True)
        X, y = X[:60], y[:60]
        pipeline = make_emprox_pipeline("nasbench201", n_neighbors=3, random_state=0)
        regressor = EmProxRegressor("nasbench201", n_neighbors=3, random_state=0).fit(X, y)
        expected = PCA(2).fit_transform(regressor.transform(X))
        for estimator in (
            pipeline.fit(X, y),
            regressor,
            GridSearchCV(pipeline, {"knn__n_neighbors": [3]}, cv=2).fit(X, y),
            GridSearchCV(regressor, {"n_neighbors": [3]}, cv=2).fit(X, y),
        ):
            display = EmbeddingDisplay.from_estimator(estimator, X, pd.Series(y), method="pca")
            assert_allclose(display.coordinates, expected, atol=1e-8)

    def test_other_pipelines_and_no_embedding(self, groups):
        scaled = make_pipeline(StandardScaler(), KNeighborsRegressor()).fit(*groups)
        display = EmbeddingDisplay.from_estimator(scaled, *groups, method="pca")
        assert_allclose(display.coordinates, PCA(2).fit_transform(scaled[:1].transform(groups[0])))
        knn = KNeighborsRegressor().fit(*groups)
        for estimator in (knn, make_pipeline(knn), GridSearchCV(knn, {}, cv=2).fit(*groups)):
            with pytest.raises(TypeError, match="has no embedding"):
                EmbeddingDisplay.from_estimator(estimator, *groups)


@pytest.mark.parametrize(
    ("embedding", "y", "message"),
    [
        (np.eye(4), np.ones(3), "inconsistent"),
        (np.eye(4), np.ones((4, 2)), "shape"),
        (np.eye(4), [1, 2, 3, np.nan], "NaN"),
        (np.ones((4, 4)), np.ones(4), "3 different"),
        (np.arange(4)[:, None], np.ones(4), "2 dimensions"),
    ],
)
def test_bad_input(embedding, y, message):
    with pytest.raises(ValueError, match=message):
        EmbeddingDisplay.from_embedding(embedding, y)


def test_bad_options(groups):
    with pytest.raises(ValueError, match="umap"):
        EmbeddingDisplay.from_embedding(*groups, method="umap")
