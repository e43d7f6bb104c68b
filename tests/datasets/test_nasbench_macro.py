import json

import pytest

from emprox.datasets import fetch_nasbench_macro
from emprox.spaces import get_space

FILENAME = "nas-bench-macro_cifar10.json"
NETWORKS = {
    "21020211": {
        "test_acc": [92.5, 93.0, 93.25],
        "mean_acc": 92.91666666666667,
        "std": 0.31180478223116176,
        "params": 1234567,
        "flops": 89012345,
    },
    "00000000": {
        "test_acc": [85.0, 85.0, 85.0],
        "mean_acc": 85.0,
        "std": 0.0,
        "params": 400000,
        "flops": 2**31,
    },
}


def test_every_target(publish, data_home):
    publish(FILENAME, json.dumps(NETWORKS))
    bunch = fetch_nasbench_macro()
    assert bunch.data.tolist() == ["21020211", "00000000"]
    assert bunch.target.tolist() == [92.91666666666667, 85.0]
    assert bunch.filename == str(data_home / FILENAME)
    assert bunch.url.endswith(f"/data/{FILENAME}")
    assert bunch.chance_level == 10
    assert get_space(bunch.space).encode(bunch.data).shape == (2, 8)
    for word in ("percent", "3,969", "Apache License 2.0", "best test"):
        assert word in bunch.DESCR
    names = [
        *("mean_accuracy", "accuracy_run1", "accuracy_run2", "accuracy_run3", "accuracy_std"),
        *("params", "flops"),
    ]
    assert fetch_nasbench_macro(target=names).target.tolist() == [
        [92.91666666666667, 92.5, 93.0, 93.25, 0.31180478223116176, 1234567, 89012345],
        [85.0, 85.0, 85.0, 85.0, 0.0, 400000, 2**31],
    ]


@pytest.mark.parametrize("content", ["{", '{"21020211": 1, "21020211": 2}', "[" * 100_000])
def test_what_is_not_json_is_called_so(publish, content):
    publish(FILENAME, content)
    with pytest.raises(ValueError, match=FILENAME):
        fetch_nasbench_macro()
