import sys

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline

from emprox import EmProxRegressor, make_emprox_pipeline
from emprox.datasets import load_nasbench201
from emprox.inspection import EmbeddingDisplay


@pytest.fixture
def groups():
    """Two groups of embeddings far from each other, with low and high accuracies."""
    rng = np.random.default_rng(0)
    embedding = np.repeat([[1, 0, 0, 0], [0, 0, 1, 0]], 40, axis=0) + rng.normal(0, 0.05, (80, 4))
    return embedding, np.repeat([60.0, 90.0], 40)


@pytest.fixture(scope="module")
def cells():
    X, y = load_nasbench201(return_X_y=True)
    return X[:60], y[:60]


@pytest.mark.parametrize("method", ["tsne", "pca"])
def test_keeps_groups_apart(groups, method):
    embedding, y = groups
    display = EmbeddingDisplay.from_embedding(embedding, y, method=method, random_state=0)
    assert display.method == method
    assert display.coordinates.shape == (80, 2)
    assert_allclose(display.scatter_.get_offsets(), display.coordinates)
    assert_array_equal(display.scatter_.get_array(), y)
    low, high = display.coordinates[:40], display.coordinates[40:]
    distances = np.linalg.norm(high[:, None] - low, axis=2)
    spread = np.linalg.norm(low - low.mean(axis=0), axis=1).mean()
    assert distances.min() > spread


def test_pca_is_that_of_scikit_learn(groups):
    embedding, y = groups
    display = EmbeddingDisplay.from_embedding(embedding, y, method="pca")
    assert_allclose(display.coordinates, PCA(2).fit_transform(embedding))
    assert display.ax_.get_xlabel() == "principal component 1"


def test_same_seed_same_map(groups):
    first, same = (
        EmbeddingDisplay.from_embedding(*groups, random_state=0).coordinates for _ in range(2)
    )
    assert_array_equal(first, same)


def test_labels(plt, groups):
    display = EmbeddingDisplay.from_embedding(*groups, random_state=0)
    assert isinstance(display, EmbeddingDisplay)
    assert display.ax_.get_xlabel() == "t-SNE dimension 1"
    assert display.ax_.get_ylabel() == "t-SNE dimension 2"
    assert display.colorbar_.ax.get_ylabel() == "accuracy (%)"
    assert display.figure_ is display.ax_.figure is plt.gcf()
    assert display.scatter_.get_cmap().name == "viridis"


def test_chance_level_does_not_use_up_the_colours(groups):
    embedding, _ = groups
    y = np.linspace(80, 94, 80)
    y[:3] = 10
    display = EmbeddingDisplay.from_embedding(embedding, y, method="pca")
    assert display.scatter_.get_clim() == (y[3], 94)
    assert display.colorbar_.extend == "min"
    display.plot(robust=False)
    assert display.scatter_.get_clim() == (10, 94)
    assert display.colorbar_.extend == "neither"


def test_outliers_on_both_sides(groups):
    embedding, _ = groups
    y = np.linspace(80, 81, 80)
    y[0], y[-1] = 10, 99
    display = EmbeddingDisplay.from_embedding(embedding, y, method="pca")
    assert display.colorbar_.extend == "both"


def test_plots_again(plt, groups):
    display = EmbeddingDisplay.from_embedding(*groups, method="pca")
    _, ax = plt.subplots()
    again = display.plot(ax, cmap="cividis", scatter_kwargs={"s": 50, "vmin": 0})
    assert again is display
    assert display.ax_ is ax
    assert display.scatter_.get_cmap().name == "cividis"
    assert display.scatter_.get_sizes() == [50]
    assert display.scatter_.get_clim()[0] == 0


class TestFromEstimator:
    def test_pipeline(self, cells):
        X, y = cells
        model = make_emprox_pipeline("nasbench201", random_state=0).fit(X[:40], y[:40])
        display = EmbeddingDisplay.from_estimator(model, X[40:], y[40:], method="pca")
        embedding = model.transform(X[40:])
        expected = EmbeddingDisplay.from_embedding(embedding, y[40:], method="pca")
        assert_array_equal(display.coordinates, expected.coordinates)

    def test_regressor(self, cells):
        X, y = cells
        pipeline = make_emprox_pipeline("nasbench201", random_state=0).fit(X, y)
        expected = EmbeddingDisplay.from_estimator(pipeline, X, y, method="pca")
        model = EmProxRegressor("nasbench201", random_state=0).fit(X, y)
        display = EmbeddingDisplay.from_estimator(model, X, pd.Series(y), method="pca")
        assert_array_equal(display.coordinates, expected.coordinates)

    @pytest.mark.parametrize("wrap", [lambda model: model, make_pipeline])
    def test_no_embedding(self, groups, wrap):
        model = wrap(KNeighborsRegressor()).fit(*groups)
        with pytest.raises(TypeError, match="has no embedding"):
            EmbeddingDisplay.from_estimator(model, *groups)


@pytest.mark.parametrize("method", ["tsne", "pca"])
@pytest.mark.parametrize("n_samples", [3, 5, 40])
def test_few_and_repeated(groups, method, n_samples):
    embedding = np.tile(groups[0][[0, 1, 79]], (20, 1))[:n_samples]
    y = np.full(n_samples, 90.0)
    display = EmbeddingDisplay.from_embedding(embedding, y, method=method, random_state=0)
    assert np.isfinite(display.coordinates).all()
    display.figure_.canvas.draw()


@pytest.mark.parametrize(
    ("embedding", "y", "message"),
    [
        (np.eye(4), np.ones(3), "inconsistent numbers of samples"),
        (np.eye(4), np.ones((4, 2)), r"got y of shape \(4, 2\)"),
        (np.eye(4), [1, 2, 3, np.nan], "y contains NaN"),
        (np.full((4, 4), np.inf), np.ones(4), "embedding contains infinity"),
        (np.ones((4, 4)), np.ones(4), "at least 3 different embeddings .* got 1 of 4"),
        (np.arange(4)[:, None], np.ones(4), "of at least 2 dimensions, got 4 of 1"),
        (np.ones(4), np.ones(4), "Expected 2D array"),
    ],
)
def test_bad_input(embedding, y, message):
    with pytest.raises(ValueError, match=message):
        EmbeddingDisplay.from_embedding(embedding, y)


def test_unknown_method(groups):
    with pytest.raises(ValueError, match="unknown method 'umap'; there are 'tsne', 'pca'"):
        EmbeddingDisplay.from_embedding(*groups, method="umap")


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'EmbeddingDisplay needs .*"emprox\[plot\]"'):
        EmbeddingDisplay.from_estimator(None, None, None)
