from zlib import crc32

import numpy as np
import pytest

from emprox.datasets import make_architectures
from emprox.spaces import get_space, list_spaces

CLOSED_SPACES = [name for name in list_spaces() if not get_space(name).is_open]
# The weights of two operations, from the CRC-32 of their names.
CONV3, CONV1 = 0xAC4EF641 / 2**31 - 1, 0x41C44303 / 2**31 - 1


@pytest.fixture(scope="module")
def all_cells():
    return make_architectures("nasbench201", 15625, noise=0, random_state=0)


def test_weights_are_the_documented_ones():
    assert crc32(b"nor_conv_3x3") / 2**31 - 1 == pytest.approx(CONV3, abs=1e-9)
    assert crc32(b"nor_conv_1x1") / 2**31 - 1 == pytest.approx(CONV1, abs=1e-9)


@pytest.mark.parametrize(
    ("operations", "accuracy"),
    [
        # What leads 0->1, 0->2, 1->2, 0->3, 1->3, 2->3; no path, and one without an operation.
        ("none none none none none none", 10),
        ("nor_conv_3x3 none none none none nor_conv_3x3", 10),
        ("none none none skip_connect none none", 60),
        ("nor_conv_3x3 none none skip_connect none none", 60),
        ("none none none nor_conv_3x3 none none", 90 + 4 * CONV3 - 15),
        ("nor_conv_3x3 none none none nor_conv_1x1 none", 90 + 2 * (CONV3 + CONV1) - 7.5),
        # Two paths of two and one operations; the deepest counts, and all three weigh.
        (
            "nor_conv_3x3 none none nor_conv_1x1 nor_conv_3x3 none",
            90 + 4 * (2 * CONV3 + CONV1) / 3 - 7.5,
        ),
    ],
)
def test_worked_out_by_hand(all_cells, operations, accuracy):
    a, b, c, d, e, f = operations.split()
    cell = f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"
    (row,) = np.flatnonzero(all_cells.data == cell)
    assert all_cells.target[row] == pytest.approx(accuracy, abs=1e-7)


def test_isomorphic_cells_have_the_same_accuracy(all_cells):
    space = get_space("nasbench201")
    keys = [key.tobytes() for key in space.canonicalize(space.encode(all_cells.data))]
    assert len(set(zip(keys, all_cells.target, strict=True))) == 5425
    # The accuracy tells apart what differs, if not everything.
    assert len(set(all_cells.target)) > 50
    assert (all_cells.target == 10).sum() == 341


@pytest.mark.parametrize("name", CLOSED_SPACES)
def test_every_space(name):
    space = get_space(name)
    n_architectures = min(50, space.size)
    bunch = make_architectures(name, n_architectures, random_state=0)
    assert bunch.space == name
    decisions = space.encode(bunch.data)
    assert len(np.unique(decisions, axis=0)) == n_architectures
    assert 0 <= bunch.target.min() < bunch.target.max() <= 100
    assert np.ptp(bunch.noise_free_target) > 0


def test_noise():
    bunch = make_architectures("nasbench201", 15000, noise=2, random_state=0)
    noise = bunch.target - bunch.noise_free_target
    assert abs(noise.mean()) < 5 * 2 / 15000**0.5
    assert abs(noise.std() - 2) < 5 * 2 / 30000**0.5
    wild = make_architectures("nasbench201", noise=100, random_state=0).target
    assert (wild.min(), wild.max()) == (0, 100)


def test_the_seed_decides():
    once, again, other = (
        make_architectures("nasbench201", random_state=seed) for seed in (5, 5, 6)
    )
    np.testing.assert_array_equal(once.data, again.data)
    np.testing.assert_array_equal(once.target, again.target)
    assert set(once.data) != set(other.data)
    assert make_architectures("nasbench201", 0).data.shape == (0,)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"space": "nasbench202"}, "nasbench201"),
        ({"n_architectures": 15626}, "15626"),
        ({"n_architectures": -1}, "at least 0"),
        ({"noise": -1}, "noise"),
        ({"noise": float("nan")}, "noise"),
    ],
)
def test_wrong_parameters(wrong, word):
    with pytest.raises(ValueError, match=word):
        make_architectures(**{"space": "nasbench201", **wrong})
