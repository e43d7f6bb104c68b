import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline

from emprox import ArchitectureTokenizer
from emprox.datasets import load_nasbench201
from emprox.model_selection import ArchitectureShuffleSplit, MutationSplit, isomorphism_groups
from emprox.spaces import get_space

SPACE = get_space("nasbench201")
SKIP, NONE, CONV3, CONV1 = range(4)
SPLITTERS = [ArchitectureShuffleSplit, MutationSplit]

seeds = st.integers(0, 2**31 - 1)


@pytest.fixture(scope="module")
def data():
    return load_nasbench201(return_X_y=True)


def keys(decisions):
    """Canonical forms, one architecture at a time: what the splits have to keep apart."""
    return [tuple(SPACE.canonicalize(np.array([row]))[0]) for row in np.asarray(decisions)]


def sample(seed, n=400):
    """Return few classes with many members: cells of skip connections, none and one more."""
    rng = np.random.default_rng(seed)
    return rng.choice([SKIP, NONE, CONV3], size=(n, 6)), rng.normal(90, 1, n)


class TestIsomorphismGroups:
    def test_classes_worked_out_by_hand(self):
        cells = [
            (SKIP, NONE, NONE, NONE, CONV3, NONE),  # a 3x3 convolution over node 1
            (CONV3, NONE, CONV1, NONE, NONE, NONE),  # a 1x1 convolution, and a dead 3x3
            (NONE, NONE, CONV3, NONE, NONE, NONE),  # a 3x3 convolution
            (NONE, CONV3, NONE, NONE, NONE, SKIP),  # a 3x3 convolution over node 2
            (NONE, NONE, CONV1, NONE, NONE, NONE),  # a 1x1 convolution
        ]
        groups = isomorphism_groups(cells, "nasbench201")
        assert groups[0] == groups[2] == groups[3]
        assert groups[1] == groups[4]
        assert sorted(set(groups)) == [0, 1]

    def test_all_cells(self, data):
        assert isomorphism_groups(data[0], "nasbench201").max() == 5424


class TestArchitectureShuffleSplit:
    @given(seeds, st.sets(st.integers(1, 20), min_size=1, max_size=4), st.booleans())
    def test_nested_training_sets_and_one_test_set(self, seed, sizes, apart):
        X, _ = sample(seed)
        sizes = sorted(sizes)
        cv = ArchitectureShuffleSplit(
            3,
            train_sizes=sizes,
            test_size=15,
            space=SPACE if apart else None,
            random_state=seed,
        )
        splits = list(cv.split(X))
        assert len(splits) == cv.get_n_splits() == 3 * len(sizes)
        for draw in range(3):
            of_draw = splits[draw * len(sizes) :][: len(sizes)]
            assert [len(train) for train, _ in of_draw] == sizes
            known, test = of_draw[-1]
            assert len(set(known) | set(test)) == len(known) + 15
            if apart:
                assert set(keys(X[known])).isdisjoint(keys(X[test]))
            for train, same in of_draw:
                np.testing.assert_array_equal(test, same)
                np.testing.assert_array_equal(train, known[: len(train)])

    def test_draws_are_those_that_the_documentation_says(self):
        X = np.arange(80)
        groups = X % 40
        cv = ArchitectureShuffleSplit(3, train_sizes=20, test_size=30, random_state=5)
        for draw, (train, test) in enumerate(cv.split(X)):
            drawn = np.random.default_rng(5 + draw).choice(80, 50, replace=False)
            np.testing.assert_array_equal(np.concatenate([train, test]), drawn)
        for draw, (train, test) in enumerate(cv.split(X, groups=groups.tolist())):
            drawn = np.random.default_rng(5 + draw).permutation(80)
            np.testing.assert_array_equal(train, drawn[:20])
            others = [row for row in drawn[20:] if groups[row] not in set(groups[train])]
            np.testing.assert_array_equal(test, others[:30])

    def test_space_is_the_same_as_its_groups(self):
        X, _ = sample(0)
        cv = ArchitectureShuffleSplit(3, train_sizes=5, test_size=None, random_state=0)
        expected = list(cv.split(X, groups=isomorphism_groups(X, SPACE)))
        np.testing.assert_equal(list(clone(cv).set_params(space=SPACE).split(X)), expected)
        # All that are not isomorphic to a known one.
        for train, test in expected:
            others = [row for row, key in enumerate(keys(X)) if key not in set(keys(X[train]))]
            assert sorted(test) == others

    def test_shares(self):
        cv = ArchitectureShuffleSplit(1, train_sizes=(0.1, 0.5), test_size=0.25)
        assert [(len(a), len(b)) for a, b in cv.split(np.zeros(80))] == [(8, 20), (40, 20)]

    @pytest.mark.parametrize("sizes", [(), (0, 5), (20, 10), (5, 5), 80, 0.001])
    def test_impossible_train_sizes(self, sizes):
        with pytest.raises(ValueError, match="train"):
            next(ArchitectureShuffleSplit(train_sizes=sizes, test_size=10).split(np.zeros(80)))

    @pytest.mark.parametrize("test_size", [61, 0.001])
    def test_impossible_test_sizes(self, test_size):
        cv = ArchitectureShuffleSplit(train_sizes=20, test_size=test_size)
        with pytest.raises(ValueError, match="test set"):
            next(cv.split(np.zeros(80)))
        with pytest.raises(ValueError, match="test set"):
            next(cv.set_params(test_size=None).split(np.zeros(80), groups=np.zeros(80)))


class TestMutationSplit:
    @settings(max_examples=30)
    @given(seeds, st.integers(1, 3), st.none() | st.integers(1, 6), st.integers(1, 12))
    def test_close_to_a_parent_and_isomorphic_to_nothing_known(
        self, seed, max_mutations, n_parents, n_train
    ):
        X, y = sample(seed)
        cv = MutationSplit(
            2,
            space=SPACE,
            train_size=n_train,
            test_size=5,
            n_parents=n_parents,
            max_mutations=max_mutations,
            random_state=seed,
        )
        try:
            splits = list(cv.split(X, y))
        except ValueError as error:
            if "test set" not in str(error):
                raise
            return  # too few are so close, which is no failure
        for train, test in splits:
            assert (len(train), len(test), len(set(test))) == (n_train, 5, 5)
            assert set(keys(X[train])).isdisjoint(keys(X[test]))
            parents = X[sorted(train, key=lambda row: -y[row])[:n_parents]]
            distances = (X[test][:, None] != parents).sum(axis=2).min(axis=1)
            assert distances.min() >= 1
            assert distances.max() <= max_mutations

    def test_numbers_of_mutations_are_equally_likely(self, data):
        X, y = data[0][:3000], data[1][:3000]
        cv = MutationSplit(
            2000, space=SPACE, train_size=1, test_size=1, n_parents=1, random_state=0
        )
        decisions = SPACE.encode(X)
        distances = [
            (decisions[train[0]] != decisions[test[0]]).sum() for train, test in cv.split(X, y)
        ]
        shares = np.bincount(distances, minlength=4)[1:] / 2000
        np.testing.assert_allclose(shares, 1 / 3, atol=5 * (2 / 9 / 2000) ** 0.5)

    def test_the_target_decides_who_is_mutated(self, data):
        X, y = data
        cv = MutationSplit(1, space=SPACE, random_state=0)
        (train, best), (same_train, worst) = next(cv.split(X, y)), next(cv.split(X, -y))
        np.testing.assert_array_equal(train, same_train)
        assert y[best].mean() > y[train].mean() > y[worst].mean()

    def test_target_is_needed_for_the_best_only(self, data):
        X = data[0][:500]
        for y in (None, np.full(500, np.nan)):
            with pytest.raises(ValueError, match="NaN"):
                next(MutationSplit(space=SPACE).split(X, y))
        cv = MutationSplit(1, space=SPACE, n_parents=None, test_size=10)
        assert len(next(cv.split(X))[1]) == 10


@pytest.mark.parametrize("splitter", SPLITTERS)
class TestEverySplitter:
    def test_the_same_seed_gives_the_same_splits(self, splitter, data):
        X, y = data[0][:2000], data[1][:2000]
        cv = splitter(space="nasbench201", test_size=50, random_state=3)
        once = list(cv.split(X, y))
        np.testing.assert_equal(list(cv.split(X, y)), once)
        np.testing.assert_equal(list(pickle.loads(pickle.dumps(cv)).split(X, y)), once)
        other = list(clone(cv).set_params(random_state=4).split(X, y))
        # Draw t has the seed random_state + t.
        np.testing.assert_equal(other[:-1], once[1:])

    @pytest.mark.parametrize("wrong", [{"test_size": 0}, {"test_size": 1.5}, {"space": 3}])
    def test_wrong_parameters(self, splitter, wrong, data):
        (name,) = wrong
        with pytest.raises(ValueError, match=name):
            next(splitter(**{"space": "nasbench201", **wrong}).split(data[0][:9], data[1][:9]))

    def test_in_a_grid_search_on_two_processes(self, splitter, data):
        X, y = data[0][:1500], data[1][:1500]
        size = "train_sizes" if splitter is ArchitectureShuffleSplit else "train_size"
        cv = splitter(2, space="nasbench201", test_size=30, random_state=0, **{size: 20})
        model = make_pipeline(ArchitectureTokenizer("nasbench201"), KNeighborsRegressor())
        grid = {"kneighborsregressor__n_neighbors": [1, 5]}
        search = GridSearchCV(model, grid, cv=cv, n_jobs=2).fit(X, y)
        serial = cross_validate(model, X, y, cv=cv)["test_score"]
        for split, score in enumerate(serial):
            assert search.cv_results_[f"split{split}_test_score"][1] == score
