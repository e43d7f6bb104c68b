import copyreg
import os
import pickle
from collections import OrderedDict

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from emprox.datasets._naslib import _guess_space, read_naslib
from emprox.datasets._restricted_pickle import UnsafePickleError
from emprox.spaces import ArchitectureError

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
CELLS = [
    "|avg_pool_3x3~0|+|skip_connect~0|none~1|+|nor_conv_1x1~0|avg_pool_3x3~1|nor_conv_1x1~2|",
    "|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|",
    "|skip_connect~0|+|none~0|none~1|+|none~0|nor_conv_3x3~1|none~2|",
]
TUPLES = [(4, 0, 3, 1, 4, 3), (1, 1, 2, 1, 1, 1), (0, 1, 1, 1, 2, 1)]


def result(accuracies, params):
    return {
        "train_losses": [2.5, 1.5],
        "eval_acc1es": accuracies,
        "cost_info": {"flops": 7.8, "params": params, "latency": 0.01, "train_time": 9},
    }


FULL_TRAINING = {
    CELLS[0]: {"cifar10-valid": result([10.0, 84.99], 0.1)},
    CELLS[1]: {"cifar10-valid": result([20.0, 90.5], 0.2)},
    CELLS[2]: {"cifar10-valid": result([30.0, 88.4], 0.3)},
}


@pytest.fixture
def write(tmp_path):
    """Return a function that pickles an object to a file and returns the path."""

    def write(content, protocol=pickle.DEFAULT_PROTOCOL):
        path = tmp_path / "benchmark.pickle"
        data = content if isinstance(content, bytes) else pickle.dumps(content, protocol)
        path.write_bytes(data)
        return path

    return write


class TestFullTraining:
    def test_bunch(self, write):
        path = write(FULL_TRAINING)
        bunch = read_naslib(path, with_curves=True)
        assert bunch.data.tolist() == CELLS
        assert bunch.data.dtype == object
        assert bunch.target.tolist() == [84.99, 90.5, 88.4]
        assert bunch.target_names == ["eval_acc1es"]
        assert (bunch.space, bunch.dataset) == ("nasbench201", "cifar10-valid")
        assert bunch.filename == str(path)
        assert set(bunch.curves) == {"train_losses", "eval_acc1es"}
        assert_array_equal(bunch.curves["eval_acc1es"], [[10, 84.99], [20, 90.5], [30, 88.4]])
        for word in ("percent", "Licen", "10,000"):
            assert word in bunch.DESCR
        assert read_naslib(path).curves is None

    def test_targets_of_a_list_and_of_the_costs(self, write):
        X, y = read_naslib(write(FULL_TRAINING), target=["params", "train_losses"], return_X_y=True)
        assert X.tolist() == CELLS
        assert_array_equal(y, [[0.1, 1.5], [0.2, 1.5], [0.3, 1.5]])

    def test_several_data_sets(self, write):
        results = {
            CELLS[0]: {"cifar10": {"eval_acc1es": 91.0}, "cifar100": {"eval_acc1es": 51.5}},
            CELLS[1]: {"cifar100": {"eval_acc1es": 61.5}, "cifar10": {"eval_acc1es": 92.0}},
        }
        path = write(results)
        assert read_naslib(path, dataset="cifar100").target.tolist() == [51.5, 61.5]
        with pytest.raises(ValueError, match=r"several data sets.*among 'cifar10', 'cifar100'"):
            read_naslib(path)
        with pytest.raises(ValueError, match="no data set 'imagenet'; it has 'cifar10'"):
            read_naslib(path, dataset="imagenet")
        del results[CELLS[1]]["cifar100"]
        with pytest.raises(ValueError, match=r"no results on 'cifar100' for '.none~0"):
            read_naslib(write(results), dataset="cifar100")

    def test_curves_of_different_length(self, write):
        results = {
            TUPLES[0]: {"val_accuracies": [10.0, 20.0, 30.0], "runtime": 5.5},
            TUPLES[1]: {"val_accuracies": [40.0], "runtime": 6.5},
            TUPLES[2]: {"val_accuracies": (50.0, 60.0), "runtime": 7.5},
        }
        bunch = read_naslib(write(results), with_curves=True)
        assert bunch.data.tolist() == CELLS
        assert bunch.target.tolist() == [30, 40, 60]
        assert bunch.dataset is None
        nan = np.nan
        expected = [[10, 20, 30], [40, nan, nan], [50, 60, nan]]
        assert_array_equal(bunch.curves["val_accuracies"], expected)
        assert list(bunch.curves) == ["val_accuracies"]
        assert read_naslib(write(results), target="runtime").target.tolist() == [5.5, 6.5, 7.5]
        with pytest.raises(ValueError, match="leave out dataset='cifar10'"):
            read_naslib(write(results), dataset="cifar10")

    def test_as_frame(self, write):
        pytest.importorskip("pandas")
        bunch = read_naslib(write(FULL_TRAINING), as_frame=True)
        assert list(bunch.frame.columns) == ["architecture", "eval_acc1es"]
        assert bunch.target.tolist() == [84.99, 90.5, 88.4]


class TestSpaces:
    @pytest.mark.parametrize(
        ("architecture", "space"),
        [
            (CELLS[0], "nasbench201"),
            (TUPLES[0], "nasbench201"),
            ((((0, 2), (1, 3)) * 4,) * 2, "darts"),
        ],
    )
    def test_told_from_the_form(self, architecture, space, tmp_path):
        assert _guess_space(tmp_path, architecture) == space

    def test_nasbench301(self, write):
        cell = ((0, 5), (1, 3), (0, 2), (2, 4), (0, 0), (1, 6), (3, 2), (4, 1))
        results = {(cell, cell): {"val_accuracies": [50.5, 94.25], "train_losses": [1.0, 0.5]}}
        bunch = read_naslib(write(results))
        assert bunch.space == "darts"
        assert bunch.target.tolist() == [94.25]

    def test_unknown_form(self, write):
        for key in (3, (1, 2), (((0, 1), (1, 2)), (1, 2, 3), (2,))):
            with pytest.raises(ValueError, match="cannot tell the search space of"):
                read_naslib(write({key: {"val_accuracies": 1.0}}))

    def test_architecture_of_another_space(self, write):
        results = {**FULL_TRAINING, "|conv~0|": FULL_TRAINING[CELLS[0]]}
        with pytest.raises(ArchitectureError, match=r"architecture 3: .*benchmark.*: '\|conv"):
            read_naslib(write(results))


@pytest.mark.parametrize("protocol", PROTOCOLS)
class TestNumpy:
    @pytest.mark.parametrize(
        "dtype", ["float64", "float32", "float16", "int64", "int8", "uint16", ">f8", "<i4"]
    )
    def test_numbers_and_arrays(self, protocol, dtype, write):
        curves = np.array([[1, 2, 3], [40, 50, 60]], dtype=dtype)
        results = {
            CELLS[row]: OrderedDict(
                eval_acc1es=curves[row], params=curves[row][0], epochs=np.int8(3)
            )
            for row in range(2)
        }
        bunch = read_naslib(
            write(results, protocol), target=["eval_acc1es", "params"], with_curves=True
        )
        assert_array_equal(bunch.target, [[3, 1], [60, 40]])
        assert_array_equal(bunch.curves["eval_acc1es"], curves.astype(float))

    def test_order_of_a_matrix(self, protocol, write):
        # Two dimensions are no result, but the error shows how they were read.
        for order in "CF":
            matrix = np.array([[1, 2], [3, 4]], dtype="u1", order=order)
            results = {CELLS[0]: {"eval_acc1es": 1.0, "matrix": matrix}}
            with pytest.raises(ValueError, match=r"Allowed are: 'eval_acc1es'$"):
                read_naslib(write(results, protocol), target="matrix")
            results = {CELLS[0]: matrix}
            with pytest.raises(ValueError, match=r"got \[\[1, 2\], \[3, 4\]\] of type"):
                read_naslib(write(results, protocol))

    @pytest.mark.parametrize(
        "array",
        [np.array([print], dtype=object), np.array(["text"]), np.array([1j]), np.array(b"x")],
    )
    def test_only_numbers(self, protocol, array, write):
        with pytest.raises(pickle.UnpicklingError, match=r"not allowed|builtins\.print"):
            read_naslib(write({CELLS[0]: {"eval_acc1es": array}}, protocol))


class Call:
    """Pickled, it is a call of the function; unpickled carelessly, the function runs."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


class TestHostileFiles:
    @pytest.mark.parametrize("protocol", PROTOCOLS)
    def test_nothing_runs(self, protocol, write, tmp_path):
        target = tmp_path / "created"
        attack = Call(os.mkdir, str(target))
        for malicious in [
            attack,
            {CELLS[0]: attack},
            {**FULL_TRAINING, CELLS[1]: {"cifar10-valid": {"eval_acc1es": [1.0, attack]}}},
            {CELLS[0]: {"eval_acc1es": np.array([attack], dtype=object)}},
            {CELLS[0]: {"eval_acc1es": Call(eval, f"__import__('os').mkdir({str(target)!r})")}},
        ]:
            path = write(malicious, protocol)
            with pytest.raises(pickle.UnpicklingError, match=r"benchmark\.pickle: "):
                read_naslib(path)
        assert not target.exists()
        # The attack is real: read carelessly, it does run.
        pickle.loads(pickle.dumps(attack, protocol))
        assert target.is_dir()

    @pytest.mark.parametrize(
        "function", [np.load, np.fromfile, np.memmap, np.save, getattr, copyreg._reconstructor]
    )
    def test_nothing_else_of_numpy_is_reached(self, function, write):
        with pytest.raises(UnsafePickleError, match="it asks for"):
            read_naslib(write({CELLS[0]: Call(function, "x")}))

    @pytest.mark.parametrize(
        "pickled",
        [
            # numpy.dtype("O"), numpy.ndarray(()), and a codec other than latin1
            b"cnumpy\ndtype\n(VO\ntR.",
            b"cnumpy\nndarray\n(tR.",
            b"c_codecs\nencode\n(Vtext\nVbz2\ntR.",
            # A state given to a stand-in itself, which would change it for every later file
            b"cnumpy\ndtype\n}Vcode\nVO\nsb.",
            b"cnumpy\ndtype\n(N}V__call__\nN\nstb.",
            # A scalar of no bytes, of too many, and of a type that is none
            b"cnumpy._core.multiarray\nscalar\n(cnumpy\ndtype\n(Vf8\ntRC\x00tR.",
            b"cnumpy._core.multiarray\nscalar\n(cnumpy\ndtype\n(Vi1\ntRC\x02abtR.",
            b"cnumpy._core.multiarray\nscalar\n(Vf8\nC\x08abcdefghtR.",
            # A byte order that is none
            b"cnumpy\ndtype\n(Vf8\ntR(I3\nVx\ntb.",
            # An array whose shape does not fit its content
            b"cnumpy._core.multiarray\n_reconstruct\n(tR(I1\n(I1000000000\ntcnumpy\ndtype\n(Vi1\n"
            b"tRI00\nC\x02abtb.",
        ],
    )
    def test_misuse_of_the_stand_ins(self, pickled, write):
        with pytest.raises(pickle.UnpicklingError):
            read_naslib(write(pickled))
        assert read_naslib(write(FULL_TRAINING)).target.tolist() == [84.99, 90.5, 88.4]

    def test_truncated(self, write):
        whole = pickle.dumps(FULL_TRAINING)
        for length in (0, 1, len(whole) // 2, len(whole) - 1):
            with pytest.raises(
                pickle.UnpicklingError, match=r"benchmark\.pickle: .*(truncated|not a readable)"
            ):
                read_naslib(write(whole[:length]))

    @pytest.mark.parametrize("content", [b"net,val_accs\n", b'{"a": 1}', b"PK\x03\x04abc"])
    def test_no_pickle(self, content, write):
        with pytest.raises(pickle.UnpicklingError, match=r"benchmark\.pickle"):
            read_naslib(write(content))

    def test_missing(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            read_naslib(tmp_path / "nb201_all.pickle")

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ([], r"expected a dictionary.*got \[\] of type list"),
            ({}, "expected a dictionary"),
            ({CELLS[0]: 90.5}, "got 90.5 of type float"),
            ({CELLS[0]: {}}, "expected a dictionary"),
            ({CELLS[0]: {"accuracy": 90.5}}, "choose target= among 'accuracy'"),
            ({CELLS[0]: {"eval_acc1es": "90.5"}}, "unknown target 'eval_acc1es'"),
            ({CELLS[0]: {"eval_acc1es": []}}, "unknown target 'eval_acc1es'"),
            ({CELLS[0]: {"eval_acc1es": True}}, "unknown target 'eval_acc1es'"),
            (
                {CELLS[0]: {"eval_acc1es": 1.0}, CELLS[1]: {"eval_acc1es": None}},
                "architecture 1: eval_acc1es has to be a number.*got None",
            ),
            (
                {CELLS[0]: {"eval_acc1es": 1.0}, CELLS[1]: {"train_losses": 1.0}},
                "architecture 1: eval_acc1es has to be a number",
            ),
        ],
    )
    def test_other_content(self, content, message, write):
        with pytest.raises(ValueError, match=message):
            read_naslib(write(content))
