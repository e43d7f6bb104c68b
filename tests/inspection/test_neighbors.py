from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.dummy import DummyRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline

from emprox import (
    EmProxRegressor,
    StructuralProperties,
    make_emprox_pipeline,
)
from emprox.datasets import load_nasbench201
from emprox.inspection import CellDisplay, NeighborsDisplay
from emprox.spaces import Architecture, ArchitectureError, SequenceSpace, get_space

N_KNOWN = 60
PATHLESS = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"


def show(estimator, architecture, **options):
    return NeighborsDisplay.from_estimator(estimator, architecture, **options)


@pytest.fixture(scope="module")
def data():
    """Known cells that differ and have a path, so that only the anchor is the pathless one."""
    X, y = load_nasbench201(return_X_y=True)
    space = get_space("nasbench201")
    _, first = np.unique(space.canonicalize(space.encode(X[:1000])), axis=0, return_index=True)
    X, y = X[np.sort(first)], y[np.sort(first)]
    return X[y > 60][:200], y[y > 60][:200]


@pytest.fixture(scope="module")
def known(data):
    return {"X_known": data[0][:N_KNOWN], "y_known": data[1][:N_KNOWN]}


@pytest.fixture(scope="module")
def model(data):
    X, y = data
    model = EmProxRegressor("nasbench201", n_neighbors=5, chance_level=10, random_state=0)
    return model.fit(X[:N_KNOWN], y[:N_KNOWN])


@pytest.fixture(scope="module")
def pipeline(data):
    X, y = data
    pipeline = make_emprox_pipeline("nasbench201", chance_level=10, n_neighbors=5, random_state=0)
    return pipeline.fit(X[:N_KNOWN], y[:N_KNOWN])


def titles(display):
    return [text.get_text() for text in display.titles_]


def labels(graphs):
    return [label for graph in graphs for _, label in graph.nodes(data="label")]


def check_made_from_neighbors(display, estimator, query):
    assert display.prediction == estimator.predict([query])[0]
    assert display.neighbors["weight"] @ display.neighbors["accuracy"] == pytest.approx(
        display.prediction
    )


class TestEmProxRegressor:
    def test_shows_what_the_prediction_is_made_from(self, model, data):
        X, y = data
        for query in X[N_KNOWN:][:5]:
            display = show(model, query)
            distances, indices = model.kneighbors([query])
            check_made_from_neighbors(display, model, query)
            assert_array_equal(display.neighbors["distance"], distances[0])
            assert_array_equal(display.neighbors.index, indices[0])
            assert_array_equal(display.neighbors["accuracy"], y[indices[0]])

    def test_titles_and_bars(self, model, data):
        X, _ = data
        display = show(model, X[100], max_neighbors=3, target_name="latency (ms)")
        text = "\n".join(titles(display))
        assert f"predicted latency (ms): {display.prediction:.4g}" in text
        assert f"latency (ms): {display.neighbors['accuracy'].iloc[2]:.4g}" in text
        assert f"weight {100 * display.neighbors['weight'].iloc[2]:.1f} %" in text
        assert "accuracy" not in text
        lengths = np.array([bar.get_width() for bar in display.bars_])
        weights = display.neighbors["weight"].to_numpy()[:3]
        assert_allclose(lengths / lengths[0], weights / weights[0])
        assert "%" not in titles(show(model, X[100]))[0]

    def test_known_architecture(self, model, data):
        X, y = data
        display = show(model, X[3])
        assert display.neighbors["distance"].iloc[0] == 0
        assert display.prediction == y[3]
        assert_allclose(display.neighbors["weight"], [1, 0, 0, 0, 0])

    def test_anchor_is_no_neighbour(self, model, pipeline, known):
        for display in (show(model, PATHLESS), show(pipeline, PATHLESS, **known)):
            assert display.prediction == 10
            assert (display.neighbors.index < N_KNOWN).all()
            assert_allclose(display.neighbors["weight"], 0)
            assert "100 % a guess" in titles(display)[1]

    def test_kriging_has_no_weights(self, data):
        X, y = data
        model = EmProxRegressor("nasbench201", weights="kriging", random_state=0)
        display = show(model.fit(X[:N_KNOWN], y[:N_KNOWN]), X[100])
        assert display.prediction == model.predict(X[100:101])[0]
        assert display.neighbors["weight"].isna().all()
        assert display.bars_ == []
        assert "weight" not in "".join(titles(display))

    def test_search(self, model, data):
        X, y = data
        search = GridSearchCV(model, {"n_neighbors": [2, 3]}, cv=2).fit(X[:N_KNOWN], y[:N_KNOWN])
        check_made_from_neighbors(show(search, X[100]), search, X[100])

    def test_matrix_is_named_and_not_drawn(self):
        rng = np.random.default_rng(0)
        X, y = rng.normal(size=(30, 3)), rng.normal(90, 1, size=30)
        model = EmProxRegressor(n_neighbors=3, random_state=0).fit(X, y)
        display = show(model, X[0] + 0.1)
        check_made_from_neighbors(display, model, X[0] + 0.1)
        names = [f"known architecture {index}" for index in display.neighbors.index]
        assert [labels(graphs)[0] for graphs in display.graphs] == ["this architecture", *names]


class TestPipeline:
    def test_and_searches_for_one(self, pipeline, data, known):
        X, y = data
        search = make_emprox_pipeline("nasbench201", random_state=0)
        search = GridSearchCV(search, {"knn__n_neighbors": [2, 3]}, cv=2).fit(X[:60], y[:60])
        for estimator in (pipeline, search):
            display = show(estimator, X[100], **known)
            check_made_from_neighbors(display, estimator, X[100])
            for graphs, cell in zip(
                display.graphs, [X[100], *X[display.neighbors.index]], strict=True
            ):
                drawn = CellDisplay.from_architecture("nasbench201", cell).graphs
                assert labels(graphs) == labels(drawn)

    def test_neighbors_alone(self):
        X, y = np.arange(6.0)[:, None], np.arange(6.0)
        for weights, expected in (("distance", [0.75, 0.25]), ("uniform", [0.5, 0.5])):
            knn = KNeighborsRegressor(2, weights=weights).fit(X, y)
            display = show(knn, [2.25], X_known=X, y_known=y)
            check_made_from_neighbors(display, knn, [2.25])
            assert_array_equal(display.neighbors.index, [2, 3])
            assert_allclose(display.neighbors["weight"], expected)

    def test_needs_the_known(self, pipeline, data):
        X, y = data
        for options in (
            {},
            {"X_known": X[:N_KNOWN]},
            {"X_known": X[:N_KNOWN], "y_known": y[:N_KNOWN][::-1]},
            {"X_known": X[:2], "y_known": y[:2]},
            {"X_known": X[:60], "y_known": np.column_stack([y[:60], y[:60]])},
        ):
            with pytest.raises(ValueError, match=r"known|inconsistent"):
                show(pipeline, X[100], **options)


@pytest.mark.parametrize("space", ["darts", "nasbench_nlp", "nasbench_macro"])
def test_other_spaces(space):
    X = get_space(space).sample(25, random_state=0)
    y = np.random.default_rng(0).normal(90, 1, size=25)
    model = EmProxRegressor(space, n_neighbors=3, random_state=0).fit(X[:24], y[:24])
    display = show(model, X[24])
    assert display.prediction == model.predict(X[24:])[0]
    check_layout(display)


def test_row_of_a_data_frame():
    space = SequenceSpace({"depth": [1, 2, 3, 4], "act": ["relu", "tanh"]})
    frame = pd.DataFrame({"depth": [1, 2, 3, 4] * 2, "act": ["relu"] * 4 + ["tanh"] * 4})
    model = EmProxRegressor(space, n_neighbors=3, random_state=0).fit(frame[:7], np.arange(7.0))
    for row in (frame.iloc[7], frame.iloc[[7]]):
        display = show(model, row)
        assert display.prediction == model.predict(frame[7:])[0]
        assert "depth=4" in labels(display.graphs[0])


def test_open_space_and_deep_networks():
    chains = [
        Architecture(["a"] * n, [(i, i + 1) for i in range(n - 1)]) for n in range(40, 120, 8)
    ]
    model = EmProxRegressor("dag", n_neighbors=3, random_state=0).fit(chains, np.arange(10.0))
    display = show(model, chains[4])
    assert display.neighbors.index[0] == 4
    assert len(display.graphs[1][0]) == 72
    check_layout(display)
    # The names can be read: a unit of the drawings is not much smaller than a point.
    box = display.cells_[0].get_window_extent()
    points = box.width * 72 / display.figure_.dpi
    assert points / np.ptp(display.cells_[0].get_xlim()) > 0.7
    assert max(display.figure_.get_size_inches()) < 40


def check_layout(display):
    """Check that texts and drawings lie in the figure and not on each other."""
    figure = display.figure_
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    parts = [part.get_window_extent(renderer) for part in (*display.titles_, *display.cells_)]
    width, height = figure.bbox.size
    for part in parts:
        assert min(part.x0, part.y0) >= 0
        assert part.x1 <= width
        assert part.y1 <= height
    for one, other in combinations(parts, 2):
        beside = one.x1 <= other.x0 + 1 or other.x1 <= one.x0 + 1
        assert beside or one.y1 <= other.y0 + 1 or other.y1 <= one.y0 + 1


@pytest.mark.parametrize("max_neighbors", [1, 2, 3, 8])
def test_nothing_overlaps(plt, model, data, max_neighbors):
    display = show(model, data[0][101], max_neighbors=max_neighbors)
    assert len(display.cells_) == 1 + min(max_neighbors, 5)
    assert len(display.neighbors.index) == 5
    check_layout(display)
    _, ax = plt.subplots()
    assert display.plot(ax, max_neighbors=2) is display
    assert display.ax_ is ax
    check_layout(display)


def test_bad_estimators(plt, model, data):
    X, y = data
    for estimator in (EmProxRegressor("nasbench201"), make_emprox_pipeline("nasbench201")):
        with pytest.raises(NotFittedError):
            show(estimator, PATHLESS)
    linear = make_pipeline(StructuralProperties("nasbench201"), LinearRegression())
    for estimator in (linear.fit(X[:20], y[:20]), DummyRegressor().fit(X[:20], y[:20])):
        with pytest.raises(TypeError, match="has no neighbours"):
            show(estimator, X[30])
    with pytest.raises(ArchitectureError):
        show(model, get_space("nasbench101").sample(1, random_state=0)[0])
    several = EmProxRegressor("nasbench201", n_neighbors=3, random_state=0)
    with pytest.raises(ValueError, match="one accuracy"):
        show(several.fit(X[:20], np.column_stack([y, y])[:20]), X[30])
    assert not plt.get_fignums()
