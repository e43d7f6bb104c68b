"""What all loaders return."""

import importlib.util
import inspect

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from emprox.datasets import (
    fetch_nasbench101,
    fetch_nasbench201,
    fetch_nasbench301,
    fetch_nasbench_macro,
    fetch_transnasbench101,
    load_digits_cells,
    load_nasbench201,
    load_nasbench_graph,
    make_architectures,
    read_nasbench_nlp,
)
from emprox.spaces import get_space

LOADERS = {
    "digits": (load_digits_cells, {}, 10),
    "analog": (load_nasbench201, {}, 10),
    "uncertainty": (load_nasbench201, {"target": "analog_drift_60s_uncertainty"}, None),
    "generated": (make_architectures, {"space": "nasbench101", "random_state": 0}, 10),
}
REAL = {
    "nasbench101": (
        *(fetch_nasbench101, {"subset": "naslib"}, 10),
        *("nasbench101", "zc_nasbench101.json"),
    ),
    "nasbench201": (fetch_nasbench201, {}, 10, "nasbench201", "robustness_targets.csv"),
    "darts": (fetch_nasbench301, {}, None, "darts", "9x_all.zip"),
    "transnas": (
        *(fetch_transnasbench101, {"task": "jigsaw"}, 0.04976114630699158),
        *("transnasbench101", "all_benchmarks_zen.zip"),
    ),
    "nlp": (read_nasbench_nlp, {}, None, "nasbench_nlp", "logs.zip"),
}


@pytest.fixture(params=[*LOADERS, *REAL, "graph"])
def loader(request, real_data):
    """Return a function that loads, and the chance level."""
    if request.param == "graph":
        if importlib.util.find_spec("nas_bench_graph") is None:
            pytest.skip("nas-bench-graph is not installed")
        function, parameters, chance_level = load_nasbench_graph, {"dataset": "proteins"}, None
    elif request.param in REAL:
        function, parameters, chance_level, folder, filename = REAL[request.param]
        path = real_data(folder, filename)
        fetches = "data_home" in inspect.signature(function).parameters
        parameters = parameters | ({"data_home": path.parent} if fetches else {"path": path})
    else:
        function, parameters, chance_level = LOADERS[request.param]
    return lambda **options: function(**parameters, **options), chance_level


def test_layout(loader):
    load, chance_level = loader
    bunch = load()
    n_samples = len(bunch.data)
    assert bunch.data.shape == bunch.target.shape == (n_samples,)
    assert (bunch.data.dtype, bunch.target.dtype) == (object, float)
    assert all(isinstance(text, str) for text in bunch.data)
    assert np.isfinite(bunch.target).all()
    assert bunch.feature_names == ["architecture"]
    assert len(bunch.target_names) == 1
    assert bunch.frame is None
    assert len(bunch.DESCR) > 500
    assert bunch.chance_level == chance_level
    space = get_space(bunch.space)
    assert space.is_valid(space.encode(bunch.data[:50])).all()

    frame = load(as_frame=True)
    assert list(frame.frame.columns) == ["architecture", *bunch.target_names]
    assert isinstance(frame.target, pd.Series)
    assert_array_equal(frame.data["architecture"].to_numpy(), bunch.data)
    assert_array_equal(frame.target.to_numpy(), bunch.target)
    X, y = load(return_X_y=True)
    assert_array_equal(X, bunch.data)
    assert_array_equal(y, bunch.target)
    X, y = load(return_X_y=True, as_frame=True)
    assert X.shape == (n_samples, 1)
    assert y.name == bunch.target_names[0]


def test_a_list_of_targets_makes_two_dimensions():
    names = ["analog_accuracy", "baseline_accuracy"]
    bunch = load_nasbench201(target=names)
    assert bunch.target.shape == (15625, 2)
    assert bunch.target.flags.c_contiguous
    assert bunch.chance_level == 10
    for column, name in zip(bunch.target.T, names, strict=True):
        assert_array_equal(column, load_nasbench201(target=name).target)
    assert load_nasbench201(target=names[:1]).target.shape == (15625, 1)
    frame = load_nasbench201(target=names, as_frame=True)
    assert list(frame.target.columns) == names


def test_no_chance_level_for_targets_in_different_units():
    assert load_digits_cells(target=["test_accuracy", "parameters"]).chance_level is None


@pytest.mark.parametrize(
    ("load", "wrong", "near"),
    [
        (load_nasbench201, "analogue_accuracy", "analog_accuracy"),
        (load_digits_cells, "test_acuracy", "test_accuracy"),
        (load_nasbench_graph, "latencies", "latency"),
        (fetch_nasbench101, "test_acuracy", "test_accuracy"),
        (fetch_nasbench_macro, "mean_acc", "mean_accuracy"),
    ],
)
def test_unknown_target_lists_the_known_ones(load, wrong, near):
    with pytest.raises(ValueError, match=f"Did you mean '{near}'"):
        load(target=wrong)
    for target in ([], [near, near], [7]):
        with pytest.raises(ValueError, match="target"):
            load(target=target)
