import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline

from emprox import ArchitectureTokenizer
from emprox.datasets import load_nasbench201
from emprox.model_selection import (
    BudgetSplit,
    IsomorphismShuffleSplit,
    MutationSplit,
    isomorphism_groups,
)
from emprox.spaces import ArchitectureError, get_space

SPACE = get_space("nasbench201")
SKIP, NONE, CONV3, CONV1, POOL = range(5)
SPLITTERS = [IsomorphismShuffleSplit, MutationSplit, BudgetSplit]

seeds = st.integers(0, 2**31 - 1)


@pytest.fixture(scope="module")
def data():
    return load_nasbench201(return_X_y=True)


def keys(decisions):
    """Isomorphism keys, one architecture at a time: what the splits have to keep apart."""
    return [SPACE.isomorphism_key(row) for row in np.asarray(decisions).tolist()]


def sample(seed, n=400):
    """Return few classes with many members: cells of skip connections, none and one more."""
    rng = np.random.default_rng(seed)
    X = rng.choice([SKIP, NONE, CONV3], size=(n, 6))
    return X, rng.normal(90, 1, n)


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

    @given(seeds)
    def test_agree_with_the_keys(self, seed):
        X, _ = sample(seed, 60)
        groups = isomorphism_groups(X, SPACE)
        assert groups.shape == (60,)
        assert set(groups) == set(range(len(set(keys(X)))))
        assert len(set(zip(groups.tolist(), keys(X), strict=True))) == len(set(keys(X)))

    def test_all_cells(self, data):
        assert isomorphism_groups(data[0], "nasbench201").max() == 5424

    def test_group_k_fold(self):
        X, _ = sample(0)
        groups = isomorphism_groups(X, SPACE)
        for train, test in GroupKFold(5).split(X, groups=groups):
            assert set(keys(X[train])).isdisjoint(keys(X[test]))


class TestIsomorphismShuffleSplit:
    @given(seeds, st.booleans(), st.integers(1, 20), st.integers(1, 20) | st.none())
    def test_no_network_on_both_sides(self, seed, unique, n_train, n_test):
        X, _ = sample(seed)
        cv = IsomorphismShuffleSplit(
            3,
            space=SPACE,
            train_size=n_train,
            test_size=n_test,
            unique=unique,
            random_state=seed,
        )
        splits = list(cv.split(X))
        assert len(splits) == cv.get_n_splits() == 3
        for train, test in splits:
            assert len(train) == n_train
            assert len(set(train) | set(test)) == len(train) + len(test)
            train_keys, test_keys = keys(X[train]), keys(X[test])
            assert set(train_keys).isdisjoint(test_keys)
            if unique:
                assert len(set(train_keys + test_keys)) == len(train) + len(test)
            if n_test is not None:
                assert len(test) == n_test
            elif unique:
                assert len(train) + len(test) == len(set(keys(X)))
            else:
                of_train = np.isin(
                    isomorphism_groups(X, SPACE), isomorphism_groups(X, SPACE)[train]
                )
                np.testing.assert_array_equal(np.sort(test), np.flatnonzero(~of_train))

    def test_a_plain_shuffle_does_leak(self):
        X, _ = sample(0)
        order = np.random.default_rng(0).permutation(len(X))
        assert set(keys(X[order[:20]])) & set(keys(X[order[20:40]]))

    def test_large_classes_are_drawn_more_often(self):
        # Nine names of one network and one of another: the order decides which is first, and
        # the second network is the first of the order in a tenth of the splits.
        X = [(NONE, NONE, CONV3, NONE, NONE, NONE), (NONE, NONE, CONV3, CONV1, NONE, NONE)]
        X = [*X * 4, X[0], (NONE, NONE, CONV1, NONE, NONE, NONE)]
        cv = IsomorphismShuffleSplit(1000, space=SPACE, train_size=1, test_size=1, random_state=0)
        share = np.mean([train[0] == 9 for train, _ in cv.split(X)])
        assert abs(share - 0.1) < 5 * (0.1 * 0.9 / 1000) ** 0.5

    def test_sizes_as_shares(self):
        X, _ = sample(0)
        n_classes = len(set(keys(X)))
        cv = IsomorphismShuffleSplit(1, space=SPACE, train_size=0.5, test_size=0.25)
        train, test = next(cv.split(X))
        assert len(train) == int(0.5 * n_classes)
        assert len(test) == int(0.25 * n_classes)
        train, _ = next(cv.set_params(unique=False, test_size=None).split(X))
        assert len(train) == 200

    def test_forms_of_input(self, data):
        pandas = pytest.importorskip("pandas")
        X = data[0][:500]
        cv = IsomorphismShuffleSplit(
            1, space="nasbench201", train_size=20, test_size=20, random_state=0
        )
        expected = next(cv.split(X))
        for form in (
            X.tolist(),
            SPACE.encode(X),
            [SPACE.parse(text) for text in X],
            pandas.DataFrame({"architecture": X}, index=range(7, 507)),
        ):
            np.testing.assert_equal(next(cv.split(form)), expected)

    @pytest.mark.parametrize(
        ("sizes", "message"),
        [
            ({"train_size": 50, "test_size": 1}, "leave 3 for the train set.*train_size=50"),
            ({"train_size": 2, "test_size": 2}, "leave 1 for the test set.*unique=False"),
            ({"train_size": 3, "test_size": None}, "leave 0 for the test set"),
            ({"train_size": 0.1, "test_size": 1}, "train_size=0.1"),
            ({"train_size": 9, "test_size": 1, "unique": False}, "leave 0.*take smaller sets$"),
        ],
    )
    def test_too_few_classes(self, sizes, message):
        X = [(NONE, NONE, operation, NONE, NONE, NONE) for operation in (CONV3, CONV1, POOL)] * 3
        with pytest.raises(ValueError, match=message):
            next(IsomorphismShuffleSplit(space=SPACE, **sizes).split(X))


class TestMutationSplit:
    @settings(max_examples=30)
    @given(
        seeds, st.booleans(), st.integers(1, 3), st.none() | st.integers(1, 6), st.integers(1, 12)
    )
    def test_close_to_a_parent_and_isomorphic_to_nothing(
        self, seed, unique, max_mutations, n_parents, n_train
    ):
        X, y = sample(seed)
        cv = MutationSplit(
            2,
            space=SPACE,
            train_size=n_train,
            test_size=5,
            n_parents=n_parents,
            max_mutations=max_mutations,
            unique=unique,
            random_state=seed,
        )
        try:
            splits = list(cv.split(X, y))
        except ValueError as error:
            if "for the test set" not in str(error):
                raise
            return  # too few are so close, which is no failure
        for train, test in splits:
            assert (len(train), len(test), len(set(test))) == (n_train, 5, 5)
            assert set(keys(X[train])).isdisjoint(keys(X[test]))
            if unique:
                assert len(set(keys(X[train]) + keys(X[test]))) == n_train + 5
            parents = X[sorted(train, key=lambda row: -y[row])[:n_parents]]
            distances = (X[test][:, None] != parents).sum(axis=2).min(axis=1)
            assert distances.min() >= 1
            assert distances.max() <= max_mutations

    def test_everything_close_is_taken(self, data):
        X, y = SPACE.encode(data[0]), data[1]
        cv = MutationSplit(
            1, space=SPACE, train_size=30, test_size=None, unique=False, max_mutations=1,
            n_parents=2, random_state=0,
        )  # fmt: skip
        train, test = next(cv.split(X, y))
        parents = X[train[np.argsort(-y[train])[:2]]]
        close = ((X[:, None] != parents).sum(axis=2) == 1).any(axis=1)
        known = np.isin(isomorphism_groups(X, SPACE), isomorphism_groups(X, SPACE)[train])
        np.testing.assert_array_equal(np.sort(test), np.flatnonzero(close & ~known))

    def test_numbers_of_mutations_are_equally_likely(self, data):
        X, y = data[0][:3000], data[1][:3000]
        cv = MutationSplit(
            2000, space=SPACE, train_size=1, test_size=1, n_parents=1, unique=False, random_state=0
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
        with pytest.raises(ValueError, match=r"call split\(X, y\), or set n_parents=None"):
            next(MutationSplit(space=SPACE).split(X))
        with pytest.raises(ValueError, match="one-dimensional without NaN"):
            next(MutationSplit(space=SPACE).split(X, np.full(500, np.nan)))
        cv = MutationSplit(1, space=SPACE, n_parents=None, test_size=10)
        assert len(next(cv.split(X))[1]) == 10


class TestBudgetSplit:
    @given(seeds, st.sets(st.integers(1, 20), min_size=1, max_size=4), st.booleans())
    def test_nested_training_sets_and_one_test_set(self, seed, budgets, unique):
        X, _ = sample(seed)
        budgets = sorted(budgets)
        cv = BudgetSplit(
            budgets, n_trials=3, space=SPACE, test_size=15, unique=unique, random_state=seed
        )
        splits = list(cv.split(X))
        assert len(splits) == cv.get_n_splits() == 3 * len(budgets)
        for trial in range(3):
            of_trial = splits[trial * len(budgets) :][: len(budgets)]
            assert [len(train) for train, _ in of_trial] == budgets
            largest, test = of_trial[-1]
            assert len(test) == 15
            assert set(keys(X[largest])).isdisjoint(keys(X[test]))
            for train, same_test in of_trial:
                np.testing.assert_array_equal(test, same_test)
                np.testing.assert_array_equal(train, largest[: len(train)])

    def test_trials_differ(self, data):
        cv = BudgetSplit((5, 9), n_trials=2, space=SPACE, test_size=20, random_state=0)
        splits = list(cv.split(data[0][:500]))
        assert set(splits[0][1]) != set(splits[2][1])

    @pytest.mark.parametrize(
        "budgets", [(), (0, 5), (20, 10), (5, 5), (1.5, 2), ("a",), [[1], [2]]]
    )
    def test_impossible_budgets(self, budgets, data):
        with pytest.raises(ValueError, match="each larger than the one before"):
            next(BudgetSplit(budgets, space=SPACE).split(data[0][:500]))


@pytest.mark.parametrize("splitter", SPLITTERS)
class TestEverySplitter:
    def test_the_same_seed_gives_the_same_splits(self, splitter, data):
        X, y = data[0][:2000], data[1][:2000]
        cv = splitter(space="nasbench201", test_size=50, random_state=3)
        once = list(cv.split(X, y))
        np.testing.assert_equal(list(cv.split(X, y)), once)
        np.testing.assert_equal(list(pickle.loads(pickle.dumps(cv)).split(X, y)), once)
        other = list(clone(cv).set_params(random_state=4).split(X, y))
        assert not np.array_equal(other[0][1], once[0][1])

    def test_no_global_generator_is_touched(self, splitter, data):
        before = np.random.get_state()[1].copy()  # noqa: NPY002
        next(splitter(space="nasbench201", test_size=50).split(data[0][:3000], data[1][:3000]))
        np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002

    def test_parameters_and_repr(self, splitter):
        cv = splitter(space="nasbench201", random_state=1)
        assert repr(cv).startswith(f"{splitter.__name__}(")
        assert "random_state=1" in repr(cv)
        assert clone(cv).get_params() == cv.get_params()
        assert cv.set_params(test_size=7).test_size == 7

    @pytest.mark.parametrize(
        "wrong", [{"test_size": 0}, {"test_size": 1.5}, {"unique": "yes"}, {"space": 3}]
    )
    def test_wrong_parameters(self, splitter, wrong, data):
        (name,) = wrong
        cv = splitter(**{"space": "nasbench201", **wrong})
        with pytest.raises(ValueError, match=f"The '{name}' parameter of {splitter.__name__}"):
            next(cv.split(data[0][:100], data[1][:100]))

    def test_wrong_architectures(self, splitter, data):
        X = [*data[0][:3], "no cell"]
        with pytest.raises(ArchitectureError, match="architecture 3: 'no cell'"):
            next(splitter(space="nasbench201").split(X, np.zeros(4)))
        with pytest.raises(ValueError, match="unknown search space 'nasbench'"):
            next(splitter(space="nasbench").split(X))
        with pytest.raises(ValueError, match="leave 0 for the train set"):
            next(splitter(space="nasbench201").split([]))

    def test_in_a_grid_search_on_two_processes(self, splitter, data):
        X, y = data[0][:1500], data[1][:1500]
        sizes = {"budgets": (10, 20)} if splitter is BudgetSplit else {"train_size": 20}
        cv = splitter(space="nasbench201", test_size=30, random_state=0, **sizes)
        cv.set_params(**{"n_trials" if splitter is BudgetSplit else "n_splits": 2})
        model = make_pipeline(ArchitectureTokenizer("nasbench201"), KNeighborsRegressor())
        grid = {"kneighborsregressor__n_neighbors": [1, 5]}
        search = GridSearchCV(model, grid, cv=cv, n_jobs=2).fit(X, y)
        assert search.n_splits_ == cv.get_n_splits()
        serial = cross_validate(model, X, y, cv=cv)["test_score"]
        for split, score in enumerate(serial):
            assert search.cv_results_[f"split{split}_test_score"][1] == score
