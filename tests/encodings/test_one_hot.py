from emprox.encodings import OneHotEncoding
from emprox.spaces import SequenceSpace

GENOTYPE = (
    ((0, 3), (1, 2), (1, 3), (2, 3), (1, 3), (3, 3), (1, 3), (4, 5)),
    ((0, 3), (1, 2)) * 4,
)


def chosen(space, architecture):
    """Name the columns that are 1."""
    encoding = OneHotEncoding(space, canonicalize=False)
    row = encoding.fit_transform([architecture])[0]
    return encoding.get_feature_names_out()[row == 1].tolist()


def test_names_say_what_was_chosen():
    names = chosen("darts", GENOTYPE)
    assert len(names) == 32
    assert {
        "normal: first input of node 2 is c_{k-2}",
        "normal: second input of node 5 is node 4",
        "normal: second operation of node 5 is dil_conv_3x3",
        "reduce: second operation of node 5 is skip_connect",
    } < set(names)
    space = SequenceSpace({"depth": [2, 3], "kernel": [3, 5, 7]})
    assert chosen(space, {"depth": 3, "kernel": 3}) == ["depth is 3", "kernel is 3"]
