import sys
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emprox.datasets._generated import _accuracy, make_architectures
from emprox.spaces import Architecture, get_space, list_spaces

seeds = st.integers(0, 2**31 - 1)
# The weights of two operations, from the CRC-32 of their names.
CONV3, CONV1 = 0xAC4EF641 / 2**31 - 1, 0x41C44303 / 2**31 - 1


def closed_spaces():
    """Return the names of the spaces that need not learn from architectures what they hold."""
    return [name for name in list_spaces() if not get_space(name).is_open]


def chain(*operations):
    nodes = ("input", *operations, "output")
    return Architecture(nodes, [(i, i + 1) for i in range(len(nodes) - 1)])


class TestFormula:
    def test_weights_are_the_documented_ones(self):
        assert crc32(b"nor_conv_3x3") / 2**31 - 1 == pytest.approx(CONV3, abs=1e-9)
        assert crc32(b"nor_conv_1x1") / 2**31 - 1 == pytest.approx(CONV1, abs=1e-9)

    @pytest.mark.parametrize(
        ("architecture", "accuracy"),
        [
            (chain(), 60),
            (chain("skip_connect"), 60),
            (chain("none"), 10),
            (chain("nor_conv_3x3", "zero", "nor_conv_3x3"), 10),
            (chain("nor_conv_3x3"), 90 + 4 * CONV3 - 15),
            (chain("nor_conv_3x3", "skip_connect", "nor_conv_1x1"), 90 + 2 * (CONV3 + CONV1) - 7.5),
            # Two paths of two and one operations; the deepest counts, and all three weigh.
            (
                Architecture(
                    ["input", *["nor_conv_3x3"] * 2, "nor_conv_1x1", "output"],
                    [(0, 1), (1, 2), (2, 4), (0, 3), (3, 4)],
                ),
                90 + 4 * (2 * CONV3 + CONV1) / 3 - 7.5,
            ),
            # A third operation is on no path, because what follows it lets nothing through.
            (
                Architecture(
                    ["input", "nor_conv_3x3", "nor_conv_1x1", "none", "output"],
                    [(0, 1), (1, 4), (0, 2), (2, 3), (3, 4)],
                ),
                90 + 4 * CONV3 - 15,
            ),
        ],
    )
    def test_worked_out_by_hand(self, architecture, accuracy):
        assert _accuracy(architecture) == pytest.approx(accuracy, abs=1e-7)


@pytest.mark.parametrize("name", closed_spaces())
class TestEverySpace:
    @settings(max_examples=10)
    @given(seed=seeds)
    def test_isomorphic_architectures_have_the_same_accuracy(self, name, seed):
        space = get_space(name)
        bunch = make_architectures(name, min(30, space.size), random_state=seed)
        relabelled = space.relabel(space.encode(bunch.data), seed)
        again = [_accuracy(space.canonical(row)) for row in relabelled]
        np.testing.assert_allclose(again, bunch.noise_free_target, rtol=1e-12)

    def test_text_form_and_range(self, name):
        space = get_space(name)
        bunch = make_architectures(space, min(50, space.size), random_state=0)
        assert bunch.space == name
        texts = [space.format(space.parse(text)) for text in bunch.data]
        assert texts == bunch.data.tolist()
        assert len(set(texts)) == len(texts)
        assert bunch.target.min() >= 0
        assert bunch.target.max() <= 100
        assert np.ptp(bunch.noise_free_target) > 0


class TestMakeArchitectures:
    def test_isomorphic_cells_of_nasbench201(self):
        bunch = make_architectures("nasbench201", 15625, random_state=0)
        space = get_space("nasbench201")
        keys = [key.tobytes() for key in space.canonicalize(space.encode(bunch.data))]
        assert len(set(zip(keys, bunch.noise_free_target, strict=True))) == 5425
        # The accuracy tells apart what differs, if not everything.
        assert len(set(bunch.noise_free_target)) > 50
        assert (bunch.noise_free_target == 10).sum() == 341

    def test_noise(self):
        bunch = make_architectures(n_architectures=15000, noise=2, random_state=0)
        noise = bunch.target - bunch.noise_free_target
        assert abs(noise.mean()) < 5 * 2 / 15000**0.5
        assert abs(noise.std() - 2) < 5 * 2 / 30000**0.5
        exact = make_architectures(noise=0, random_state=0)
        np.testing.assert_array_equal(exact.target, exact.noise_free_target)
        wild = make_architectures(noise=100, random_state=0).target
        assert (wild.min(), wild.max()) == (0, 100)

    def test_the_seed_decides(self):
        once = make_architectures(random_state=5)
        again = make_architectures(random_state=5)
        np.testing.assert_array_equal(once.data, again.data)
        np.testing.assert_array_equal(once.target, again.target)
        assert set(once.data) != set(make_architectures(random_state=6).data)

    def test_shapes(self):
        bunch = make_architectures(n_architectures=7, random_state=0)
        assert bunch.data.shape == bunch.target.shape == (7,)
        assert bunch.data.dtype == object
        assert bunch.target_names == ["synthetic_accuracy"]
        assert "crc32" in bunch.DESCR
        X, y = make_architectures(n_architectures=7, random_state=0, return_X_y=True)
        np.testing.assert_array_equal(X, bunch.data)
        np.testing.assert_array_equal(y, bunch.target)
        assert make_architectures(n_architectures=0).data.shape == (0,)

    def test_as_frame(self):
        pytest.importorskip("pandas")
        bunch = make_architectures(n_architectures=7, random_state=0, as_frame=True)
        assert list(bunch.frame.columns) == ["architecture", "synthetic_accuracy"]
        arrays = make_architectures(n_architectures=7, random_state=0)
        np.testing.assert_array_equal(bunch.target, arrays.target)

    def test_as_frame_without_pandas(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "pandas", None)
        with pytest.raises(ImportError, match=r"as_frame=True needs pandas"):
            make_architectures(as_frame=True)

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"space": "nasbench202"}, "did you mean 'nasbench201'"),
            ({"n_architectures": 15626}, "15626 architectures are wanted"),
            ({"n_architectures": -1}, "at least 0"),
            ({"noise": -1}, "noise has to be at least 0, got -1"),
            ({"noise": float("nan")}, "noise has to be at least 0, got nan"),
        ],
    )
    def test_wrong_parameters(self, wrong, message):
        with pytest.raises(ValueError, match=message):
            make_architectures(**wrong)
