import itertools
import json
import zipfile

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from emprox.datasets import fetch_transnasbench101
from emprox.spaces import get_space

SPACE = get_space("transnasbench101_micro")
# Lowest and highest result, as the docstring gives them.
RANGES = {
    "class_scene": (7.48, 54.94),
    "class_object": (21.20, 45.59),
    "room_layout": (-1.094, -0.601),
    "jigsaw": (0.03, 95.37),
    "segmentsemantic": (91.64, 94.61),
    "normal": (0.206, 0.587),
    "autoencoder": (0.001, 0.577),
}
TASKS = list(RANGES)
CELLS = list(itertools.product(range(4), repeat=6))
VALID = """,net,val_accs,fisher,new_net
0,"(2, 3, 2, 3, 2, 3)",53.836585998535156,3.17,"(2, 3, 2, 3, 2, 3)"
5,"(1, 0, 2, 0, 3, 1)",52.64729309082031,0.57,"(1, 0, 2, 0, 3, 1)"
"""


def result_of(cell, task):
    return sum(cell) + TASKS.index(task) / 10


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Return a file in the format of the published one: two members for each task."""
    # Neither the members nor the rows in them stand in the order of the index.
    numbers = np.random.default_rng(0).permutation(len(CELLS)).tolist()
    path = tmp_path_factory.mktemp("archive") / "all.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zen/", "")
        for task in TASKS:
            rows = [
                {
                    "idx": str(number),
                    "arch": str(CELLS[number]),
                    "zen": {"score": 1.0, "time": 2.0},
                    "val_accuracy": result_of(CELLS[number], task),
                }
                for number in numbers
            ]
            for start, part in ((2000, rows[2000:]), (0, rows[:2000])):
                name = f"zen/benchmark--transbench101_micro--{task}--{start}.json"
                archive.writestr(name, json.dumps(part))
        archive.writestr("zen/benchmark--nasbench101--cifar10--0.json", "[{}]")
    return path.read_bytes()


def test_valid_cells_of_the_small_file(publish, data_home):
    publish("tnb101_micro_valid_nets.csv", VALID)
    bunch = fetch_transnasbench101()
    assert bunch.data.tolist() == ["64-41414-2_32_323", "64-41414-1_02_031"]
    assert bunch.target.tolist() == [53.836585998535156, 52.64729309082031]
    assert bunch.target_names == ["class_scene_validation_top1"]
    assert bunch.chance_level == 7.484076499938965
    assert bunch.filename == str(data_home / "tnb101_micro_valid_nets.csv")
    assert "Group them before splitting" in bunch.DESCR
    for task in TASKS:
        assert f"\n{task} " in bunch.DESCR


@pytest.mark.parametrize("task", TASKS)
def test_every_task(publish, archive, task):
    publish("all_benchmarks_zen.zip", archive)
    bunch = fetch_transnasbench101(task, cells="all")
    assert_array_equal(SPACE.encode(bunch.data), CELLS)
    assert bunch.target.tolist() == [result_of(cell, task) for cell in CELLS]


def test_valid_cells_are_those_without_a_useless_edge(publish, archive):
    publish("all_benchmarks_zen.zip", archive)
    bunch = fetch_transnasbench101("normal")
    assert bunch.target_names == ["normal_validation_ssim"]
    assert bunch.chance_level is None
    cells = SPACE.encode(bunch.data)
    assert len(cells) == 2128
    assert bunch.target.tolist() == [result_of(cell, "normal") for cell in cells.tolist()]
    # The paths of a cell of four nodes, as edges in the order 0->1, 0->2, 1->2, 0->3, 1->3, 2->3.
    paths = [(3,), (0, 4), (1, 5), (0, 2, 5)]
    valid = set(map(tuple, cells.tolist()))
    for cell in CELLS:
        used = {edge for path in paths if all(cell[edge] for edge in path) for edge in path}
        useful = all(edge in used for edge, operation in enumerate(cell) if operation)
        assert (cell in valid) == useful


def test_wrong_arguments():
    with pytest.raises(ValueError, match="Did you mean 'class_scene'"):
        fetch_transnasbench101("class_scenes")
    with pytest.raises(ValueError, match="'valid', 'all'"):
        fetch_transnasbench101(cells="unique")


@pytest.fixture(scope="module")
def home(real_data):
    """Return the folder of the real file."""
    return real_data("transnasbench101", "all_benchmarks_zen.zip").parent


class TestRealFile:
    def test_what_the_docstring_says(self, home):
        bunch = fetch_transnasbench101(TASKS, cells="all", data_home=home)
        assert bunch.target.shape == (4096, 7)
        ranges = np.column_stack([bunch.target.min(axis=0), bunch.target.max(axis=0)])
        assert_array_equal(np.abs(ranges - list(RANGES.values())) <= 0.0051, True)
        assert len(set(bunch.data)) == 4096

    @pytest.mark.parametrize("task", TASKS[:5])
    def test_chance_level_is_that_of_cells_without_a_path(self, home, task):
        bunch = fetch_transnasbench101(task, cells="all", data_home=home)
        cells = SPACE.canonicalize(SPACE.encode(bunch.data))
        cut_off = (cells == SPACE.canonicalize(SPACE.encode([(0,) * 6]))).all(axis=1)
        assert cut_off.sum() == 169
        assert np.median(bunch.target[cut_off]) == bunch.chance_level

    def test_first_cells_and_their_results(self, home):
        bunch = fetch_transnasbench101(["class_scene", "class_object"], data_home=home)
        assert bunch.target.shape == (2128, 2)
        # The first row of the table of valid cells is the first here, with the same result.
        assert bunch.data[0] == "64-41414-2_32_323"
        assert bunch.target[0].tolist() == [53.836585998535156, 42.7597541809082]
