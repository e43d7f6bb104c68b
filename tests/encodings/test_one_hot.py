import numpy as np
import pytest

from emprox.encodings import OneHotEncoding
from emprox.spaces import SequenceSpace, get_space


@pytest.mark.parametrize(
    ("name", "architecture", "expected"),
    [
        (
            "nasbench101",
            "0110000100010000:input,conv3x3-bn-relu,maxpool3x3,output",
            ["edge 0 -> 2", "no edge 1 -> 2", "node 2 is maxpool3x3", "node 3 is not there"],
        ),
        (
            "darts",
            (
                ((0, 3), (1, 2), (1, 3), (2, 3), (1, 3), (3, 3), (1, 3), (4, 5)),
                ((0, 3), (1, 2)) * 4,
            ),
            [
                "normal: first input of node 2 is c_{k-2}",
                "normal: second input of node 5 is node 4",
                "normal: second operation of node 5 is dil_conv_3x3",
                "reduce: second operation of node 5 is skip_connect",
            ],
        ),
    ],
)
def test_names_say_what_was_chosen(name, architecture, expected):
    encoding = OneHotEncoding(name, canonicalize=False)
    row = encoding.fit_transform([architecture])[0]
    chosen = encoding.get_feature_names_out()[row == 1].tolist()
    assert len(chosen) == get_space(name).n_decisions
    assert set(expected) <= set(chosen)


def test_names_of_choices_that_have_names():
    space = SequenceSpace({"depth": [2, 3], "kernel": [3, 5, 7]})
    encoding = OneHotEncoding(space)
    row = encoding.fit_transform([{"depth": 3, "kernel": 3}])[0]
    assert encoding.get_feature_names_out()[row == 1].tolist() == ["depth is 3", "kernel is 3"]
    np.testing.assert_array_equal(row, [0, 1, 1, 0, 0])
