import pickle
import sys
from itertools import combinations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.dummy import DummyRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline

from emprox import (
    ArchitectureTokenizer,
    EmProxRegressor,
    StructuralProperties,
    make_emprox_pipeline,
)
from emprox.datasets import load_nasbench201
from emprox.inspection import CellDisplay, NeighborsDisplay
from emprox.spaces import Architecture, ArchitectureError, get_space

N_KNOWN = 60
PATHLESS = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"


@pytest.fixture(scope="module")
def data():
    """Known cells that differ and have a path, so that only the anchor is the pathless one."""
    X, y = load_nasbench201(return_X_y=True)
    space = get_space("nasbench201")
    _, first = np.unique(space.canonicalize(space.encode(X[:1000])), axis=0, return_index=True)
    X, y = X[np.sort(first)], y[np.sort(first)]
    return X[y > 60][:200], y[y > 60][:200]


@pytest.fixture(scope="module")
def model(data):
    X, y = data
    model = EmProxRegressor(n_neighbors=5, space="nasbench201", chance_level=10, random_state=0)
    return model.fit(X[:N_KNOWN], y[:N_KNOWN])


@pytest.fixture(scope="module")
def pipeline(data):
    X, y = data
    pipeline = make_emprox_pipeline("nasbench201", chance_level=10, n_neighbors=5, random_state=0)
    return pipeline.fit(X[:N_KNOWN], y[:N_KNOWN])


def titles(display):
    return [text.get_text() for text in display.titles_]


class TestEmProxRegressor:
    def test_shows_what_the_prediction_is_made_from(self, model, data):
        X, y = data
        apart = model.kneighbors(X[N_KNOWN:])[0][:, 0] > 0
        for query in X[N_KNOWN:][apart][:5]:
            display = NeighborsDisplay.from_estimator(model, query)
            distances, indices = model.kneighbors([query])
            assert display.prediction == model.predict([query])[0]
            assert_array_equal(display.distances, distances[0])
            assert_array_equal(display.indices, indices[0])
            assert_array_equal(display.accuracies, y[indices[0]])
            inverse = 1 / distances[0]
            assert_allclose(display.weights, inverse / inverse.sum())
            assert display.weights @ display.accuracies == pytest.approx(display.prediction)
            assert not display.is_anchor.any()

    def test_draws_the_cells(self, model, data):
        X, _ = data
        display = NeighborsDisplay.from_estimator(model, X[100])
        shown = [X[100], *X[display.indices]]
        for graphs, cell in zip(display.graphs, shown, strict=True):
            assert graphs == CellDisplay.from_architecture("nasbench201", cell).graphs

    def test_titles(self, model, data):
        X, _ = data
        display = NeighborsDisplay.from_estimator(model, X[100])
        query, how, first, details, *_ = titles(display)
        assert query == f"predicted accuracy {display.prediction:.2f} %"
        assert how == "weighted mean of 5 neighbours"
        assert first == f"accuracy {display.accuracies[0]:.2f} %"
        weight = 100 * display.weights[0]
        assert details == f"distance {display.distances[0]:.3g}, weight {weight:.1f} %"
        assert len(display.titles_) == 2 * 6
        assert len(display.cells_) == 6
        lengths = np.array([bar.get_width() for bar in display.bars_])
        assert_allclose(lengths / lengths.sum(), display.weights)

    def test_known_architecture(self, model, data):
        X, y = data
        display = NeighborsDisplay.from_estimator(model, X[3])
        assert display.distances[0] == 0
        assert display.prediction == y[3]
        assert_array_equal(display.weights, [1, 0, 0, 0, 0])
        assert titles(display)[1] == "mean of 1 neighbour at distance 0"

    def test_after_partial_fit(self, data):
        X, y = data
        model = EmProxRegressor(n_neighbors=4, space="nasbench201", chance_level=10, random_state=0)
        model.fit(X[:40], y[:40]).partial_fit(X[40:60], y[40:60], refit=False)
        for query in (X[100], X[50], PATHLESS):
            display = NeighborsDisplay.from_estimator(model, query)
            assert display.prediction == model.predict([query])[0]
            assert_array_equal(display.accuracies, y[:60][display.indices])

    def test_kriging_has_no_weights(self, data):
        X, y = data
        model = EmProxRegressor(
            n_neighbors=4, space="nasbench201", weights="kriging", random_state=0
        )
        model.fit(X[:N_KNOWN], y[:N_KNOWN])
        display = NeighborsDisplay.from_estimator(model, X[100])
        assert display.prediction == model.predict(X[100:101])[0]
        assert display.weights is None
        assert display.bars_ == []
        assert titles(display)[1] == "kriging over 60 known architectures; the nearest of them:"
        assert "weight" not in titles(display)[3]

    @pytest.mark.parametrize("weights", ["uniform", lambda distances: np.exp(-distances)])
    def test_other_weights(self, data, weights):
        X, y = data
        model = EmProxRegressor(n_neighbors=4, space="nasbench201", weights=weights, random_state=0)
        model.fit(X[:N_KNOWN], y[:N_KNOWN])
        display = NeighborsDisplay.from_estimator(model, X[100])
        assert display.weights @ display.accuracies == pytest.approx(display.prediction)
        assert (np.ptp(display.weights) == 0) == (weights == "uniform")

    def test_matrix_is_named_and_not_drawn(self):
        rng = np.random.default_rng(0)
        X, y = rng.normal(size=(30, 3)), rng.normal(90, 1, size=30)
        model = EmProxRegressor(n_neighbors=3, random_state=0).fit(X, y)
        display = NeighborsDisplay.from_estimator(model, X[0] + 0.1)
        assert display.prediction == model.predict(X[:1] + 0.1)[0]
        labels = [graph.nodes[0].label for (graph,) in display.graphs]
        known = [f"known architecture {index}" for index in display.indices]
        assert labels == ["this architecture", *known]


class TestPipeline:
    def test_shows_what_the_prediction_is_made_from(self, pipeline, data):
        X, y = data
        embedding = pipeline[:-1].transform(X[100:101])
        distances, indices = pipeline[-1].kneighbors(embedding)
        display = NeighborsDisplay.from_estimator(
            pipeline, X[100], X_known=X[:N_KNOWN], y_known=y[:N_KNOWN]
        )
        assert display.prediction == pipeline.predict(X[100:101])[0]
        assert_array_equal(display.indices, indices[0])
        assert_array_equal(display.distances, distances[0])
        assert display.weights @ display.accuracies == pytest.approx(display.prediction)

    def test_search(self, data):
        X, y = data
        pipeline = make_emprox_pipeline("nasbench201", random_state=0)
        search = GridSearchCV(pipeline, {"knn__n_neighbors": [2, 3]}, cv=2).fit(X[:40], y[:40])
        display = NeighborsDisplay.from_estimator(search, X[100], X_known=X[:40], y_known=y[:40])
        assert display.prediction == search.predict(X[100:101])[0]
        assert len(display.indices) == search.best_params_["knn__n_neighbors"]

    def test_of_other_parts(self, data):
        X, y = data
        tokenizer = ArchitectureTokenizer("nasbench201")
        pipeline = make_pipeline(tokenizer, KNeighborsRegressor(3)).fit(X[:40], y[:40])
        display = NeighborsDisplay.from_estimator(pipeline, X[100], X_known=X[:40], y_known=y[:40])
        assert display.prediction == pipeline.predict(X[100:101])[0]
        assert_allclose(display.weights, 1 / 3)
        assert display.graphs[0] == CellDisplay.from_architecture("nasbench201", X[100]).graphs

    def test_neighbors_alone(self):
        X, y = np.arange(6.0)[:, None], np.arange(6.0)
        knn = KNeighborsRegressor(2, weights="distance").fit(X, y)
        display = NeighborsDisplay.from_estimator(knn, [2.25], X_known=X, y_known=y)
        assert display.prediction == pytest.approx(2.25)
        assert_array_equal(display.indices, [2, 3])
        assert_allclose(display.weights, [0.75, 0.25])

    def test_needs_the_known(self, pipeline, data):
        X, _ = data
        with pytest.raises(
            ValueError, match=r"ArchitecturePipeline does not keep .* X_known .* y_known"
        ):
            NeighborsDisplay.from_estimator(pipeline, X[100])
        with pytest.raises(ValueError, match="give them as X_known"):
            NeighborsDisplay.from_estimator(pipeline, X[100], X_known=X[:N_KNOWN])

    def test_other_known(self, pipeline, data):
        X, y = data
        with pytest.raises(ValueError, match=r"holds 59 architectures, but .* fitted to 60"):
            NeighborsDisplay.from_estimator(pipeline, X[100], X_known=X[:59], y_known=y[:59])
        with pytest.raises(ValueError, match="in the same order"):
            NeighborsDisplay.from_estimator(
                pipeline, X[100], X_known=X[:N_KNOWN], y_known=y[:N_KNOWN][::-1]
            )
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            NeighborsDisplay.from_estimator(pipeline, X[100], X_known=X[:60], y_known=y[:59])
        with pytest.raises(ValueError, match=r"one accuracy .* shape \(60, 2\)"):
            NeighborsDisplay.from_estimator(
                pipeline, X[100], X_known=X[:60], y_known=np.column_stack([y[:60], y[:60]])
            )


@pytest.mark.parametrize(
    "space", ["darts", "nasbench101", "nasbench_nlp", "nasbench_macro", "nasbench_graph"]
)
def test_other_spaces(space):
    X = get_space(space).sample(25, random_state=0)
    y = np.random.default_rng(0).normal(90, 1, size=25)
    model = EmProxRegressor(n_neighbors=3, space=space, random_state=0).fit(X[:24], y[:24])
    display = NeighborsDisplay.from_estimator(model, X[24])
    assert display.prediction == model.predict(X[24:])[0]
    check_layout(display)


def test_open_space():
    chains = [Architecture(["a"] * n, [(i, i + 1) for i in range(n - 1)]) for n in range(2, 12)]
    model = EmProxRegressor(n_neighbors=3, space="dag", random_state=0).fit(chains, np.arange(10.0))
    display = NeighborsDisplay.from_estimator(model, chains[4])
    assert display.indices[0] == 4
    assert [len(graph.nodes) for (graph,) in display.graphs[:2]] == [6, 6]


def check_layout(display):
    """Check that texts and drawings lie in the figure and not on each other."""
    figure = display.figure_
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    parts = [part.get_window_extent(renderer) for part in (*display.titles_, *display.cells_)]
    width, height = figure.bbox.size
    for part in parts:
        assert part.x0 >= 0
        assert part.y0 >= 0
        assert part.x1 <= width
        assert part.y1 <= height
    for one, other in combinations(parts, 2):
        apart = (
            one.x1 <= other.x0 + 1
            or other.x1 <= one.x0 + 1
            or one.y1 <= other.y0 + 1
            or other.y1 <= one.y0 + 1
        )
        assert apart


class TestFigure:
    @pytest.mark.parametrize("max_neighbors", [1, 2, 3, 8])
    def test_nothing_overlaps(self, model, data, max_neighbors):
        X, _ = data
        display = NeighborsDisplay.from_estimator(model, X[101], max_neighbors=max_neighbors)
        assert len(display.cells_) == 1 + min(max_neighbors, 5)
        check_layout(display)

    def test_says_what_is_not_shown(self, model, data):
        X, _ = data
        display = NeighborsDisplay.from_estimator(model, X[101], max_neighbors=2)
        share = 100 * display.weights[:2].sum()
        assert titles(display)[1] == (
            f"weighted mean of 5 neighbours, 2 shown ({share:.0f} % of the weight)"
        )
        assert len(display.indices) == 5

    def test_given_axes(self, plt, model, data):
        X, _ = data
        _, ax = plt.subplots()
        display = NeighborsDisplay.from_estimator(model, X[101], ax=ax)
        assert display.ax_ is ax
        check_layout(display)
        first = display.cells_
        assert display.plot(max_neighbors=2, direction="down") is display
        assert display.ax_ is not ax
        assert len(display.cells_) == 3 < len(first)

    def test_without_dead(self, model, data):
        X, _ = data
        display = NeighborsDisplay.from_estimator(model, X[101], show_dead=False)
        assert all(edge.live for cell in display.graphs for graph in cell for edge in graph.edges)

    def test_canonical_forms(self, model, data):
        X, _ = data
        display = NeighborsDisplay.from_estimator(model, X[101], canonicalize=True)
        space = get_space("nasbench201")
        for graphs, cell in zip(display.graphs, [X[101], *X[display.indices]], strict=True):
            canonical = space.canonical(cell)
            assert graphs == CellDisplay.from_architecture("nasbench201", canonical).graphs

    def test_pickle(self, model, data):
        display = NeighborsDisplay.from_estimator(model, data[0][101])
        assert pickle.loads(pickle.dumps(display)).prediction == display.prediction


class TestBadInput:
    def test_not_fitted(self):
        with pytest.raises(NotFittedError):
            NeighborsDisplay.from_estimator(EmProxRegressor(space="nasbench201"), PATHLESS)
        pipeline = make_emprox_pipeline("nasbench201")
        with pytest.raises(NotFittedError):
            NeighborsDisplay.from_estimator(pipeline, PATHLESS, X_known=[PATHLESS], y_known=[1])

    def test_no_neighbors(self, data):
        X, y = data
        linear = make_pipeline(StructuralProperties("nasbench201"), LinearRegression())
        for estimator in (linear.fit(X[:20], y[:20]), DummyRegressor().fit(X[:20], y[:20])):
            with pytest.raises(TypeError, match="has no neighbours: expected a fitted EmProx"):
                NeighborsDisplay.from_estimator(estimator, X[30])

    def test_architecture_of_another_space(self, plt, model):
        other = get_space("nasbench101").sample(1, 0)[0]
        with pytest.raises(ArchitectureError, match="NAS-Bench-201"):
            NeighborsDisplay.from_estimator(model, other)
        assert not plt.get_fignums()

    def test_another_space(self, model):
        with pytest.raises(ValueError, match="of the space 'nasbench201', not 'darts'"):
            NeighborsDisplay.from_estimator(model, PATHLESS, space="darts")

    def test_several_accuracies(self, data):
        X, y = data
        model = EmProxRegressor(n_neighbors=3, space="nasbench201", random_state=0)
        model.fit(X[:20], np.column_stack([y, y])[:20])
        with pytest.raises(ValueError, match="predicts 2 accuracies"):
            NeighborsDisplay.from_estimator(model, X[30])

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"max_neighbors": 0}, "max_neighbors has to be a whole number from 1, got 0"),
            ({"max_neighbors": 2.5}, "max_neighbors has to be a whole number from 1, got 2.5"),
            ({"direction": "left"}, "direction has to be 'right' or 'down' or None, got 'left'"),
        ],
    )
    def test_options(self, model, options, message):
        with pytest.raises(ValueError, match=message):
            NeighborsDisplay.from_estimator(model, PATHLESS, **options)

    def test_without_matplotlib(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "matplotlib", None)
        with pytest.raises(ImportError, match=r'NeighborsDisplay needs .*"emprox\[plot\]"'):
            NeighborsDisplay.from_estimator(None, None)
