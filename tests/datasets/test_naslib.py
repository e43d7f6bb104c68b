import copyreg
import os
import pickle
from collections import OrderedDict

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from emprox.datasets import read_naslib

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
        assert read_naslib(path, dataset="cifar100").chance_level == 1
        for unknown in (None, "imagenet"):
            with pytest.raises(ValueError, match="among 'cifar10', 'cifar100'"):
                read_naslib(path, dataset=unknown)
        del results[CELLS[1]]["cifar100"]
        with pytest.raises(ValueError, match="architecture 1"):
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
        with pytest.raises(ValueError, match="leave out dataset"):
            read_naslib(write(results), dataset="cifar10")


class TestSpaces:
    def test_nasbench301(self, write):
        cell = ((0, 5), (1, 3), (0, 2), (2, 4), (0, 0), (1, 6), (3, 2), (4, 1))
        results = {(cell, cell): {"val_accuracies": [50.5, 94.25], "train_losses": [1.0, 0.5]}}
        bunch = read_naslib(write(results))
        assert bunch.space == "darts"
        assert bunch.target.tolist() == [94.25]

    def test_unknown_form(self, write):
        for key in (3, (1, 2), (((0, 1), (1, 2)), (1, 2, 3), (2,))):
            with pytest.raises(ValueError, match="cannot tell the search space"):
                read_naslib(write({key: {"val_accuracies": 1.0}}))


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

    @pytest.mark.parametrize(
        "array",
        [np.array([print], dtype=object), np.array(["text"]), np.array([1j]), np.array(b"x")],
    )
    def test_only_numbers(self, protocol, array, write):
        with pytest.raises(pickle.UnpicklingError, match=r"not allowed|builtins\.print"):
            read_naslib(write({CELLS[0]: {"eval_acc1es": array}}, protocol))


class TestHostileFiles:
    @pytest.mark.parametrize("protocol", PROTOCOLS)
    def test_nothing_runs(self, protocol, write, tmp_path, call):
        target = tmp_path / "created"
        attack = call(os.mkdir, str(target))
        for malicious in [
            attack,
            {CELLS[0]: attack},
            {**FULL_TRAINING, CELLS[1]: {"cifar10-valid": {"eval_acc1es": [1.0, attack]}}},
            {CELLS[0]: {"eval_acc1es": np.array([attack], dtype=object)}},
            {CELLS[0]: {"eval_acc1es": call(eval, f"__import__('os').mkdir({str(target)!r})")}},
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
    def test_nothing_else_of_numpy_is_reached(self, function, write, call):
        with pytest.raises(pickle.UnpicklingError, match="it asks for"):
            read_naslib(write({CELLS[0]: call(function, "x")}))

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

    @pytest.mark.parametrize(
        ("content", "word"),
        [
            ([], "got list"),
            ({}, "expected a dictionary"),
            ({CELLS[0]: 90.5}, "got float"),
            ({CELLS[0]: {}}, "expected a dictionary"),
            ({CELLS[0]: {"accuracy": 90.5}}, "Allowed are: 'accuracy'"),
            ({CELLS[0]: {"eval_acc1es": "90.5"}}, "unknown target 'eval_acc1es'"),
            ({CELLS[0]: {"eval_acc1es": []}}, "unknown target 'eval_acc1es'"),
            ({CELLS[0]: {"eval_acc1es": True}}, "unknown target 'eval_acc1es'"),
        ],
    )
    def test_other_content(self, content, word, write):
        with pytest.raises(ValueError, match=word):
            read_naslib(write(content))

    @pytest.mark.parametrize(
        "wrong",
        [
            {"eval_acc1es": None},
            {"train_losses": 1.0},
            {"eval_acc1es": []},
            {"eval_acc1es": "90.5"},
            {"eval_acc1es": float("nan")},
            {"eval_acc1es": [90.0, float("inf")]},
            {"eval_acc1es": np.float32("nan")},
            {"eval_acc1es": 10**400},
        ],
    )
    def test_results_that_are_no_numbers(self, wrong, write):
        path = write({CELLS[0]: {"eval_acc1es": 1.0}, CELLS[1]: wrong})
        with pytest.raises(ValueError, match="architecture 1, eval_acc1es"):
            read_naslib(path)

    @pytest.mark.parametrize("make", ["list", "record", "result", "value", "byte order", "rows"])
    def test_nested_lists_are_not_printed(self, make, write):
        # Each level holds the one below it twice: printing it would take 2^60 steps.
        nested = []
        for _ in range(60):
            nested = [nested, nested]
        start = b"cnumpy\ndtype\n(Vf8\ntR(I3\n"
        rows = b"cnumpy._core.multiarray\n_reconstruct\n(tR(I1\n(I1000000000\nI0\nt"
        content = {
            "list": nested,
            "record": {CELLS[0]: nested},
            "result": {CELLS[0]: {"eval_acc1es": nested}},
            "value": {CELLS[0]: {"eval_acc1es": 1.0}, CELLS[1]: {"eval_acc1es": [nested]}},
            "byte order": start + pickle.dumps(nested, 0)[:-1] + b"tb.",
            "rows": rows + b"cnumpy\ndtype\n(Vi1\ntRI00\nC\x00tb.",
        }
        with pytest.raises((ValueError, pickle.UnpicklingError)) as caught:
            read_naslib(write(content[make]))
        assert len(str(caught.value)) < 1000


def test_names_with_dots_are_not_followed(write):
    # Protocol 4 lets a name hold dots, so a careless check of the first part could be passed.
    with pytest.raises(pickle.UnpicklingError, match=r"OrderedDict\.__init__\.evil"):
        read_naslib(write(b"\x80\x04\x8c\x0bcollections\x8c\x19OrderedDict.__init__.evil\x93."))


@pytest.mark.parametrize("opcode", [b"cos\nsystem\n(S'true'\ntR.", b"(S'true'\nios\nsystem\n."])
def test_old_opcodes(opcode, write):
    with pytest.raises(pickle.UnpicklingError, match=r"asks for os\.system"):
        read_naslib(write(opcode))
