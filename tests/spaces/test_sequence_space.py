import itertools
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emprox.spaces import Architecture, ArchitectureError, SequenceSpace, check_search_space

DECISIONS = {
    "block": ["conv", "attention"],
    "kernel": [3, 5, 7],
    "heads": [2, 4, 8],
    "squeeze": [None, 0.25, 0.5],
    "kernel2": [3, 5, 7],
    "bias": [True, False],
}
CONDITIONS = {
    "kernel": {"block": ["conv"]},
    "heads": {"block": ["attention"]},
    # An alternative, and a condition on a decision that has one itself.
    "bias": [{"kernel": [7]}, {"heads": [4, 8], "squeeze": [0.5]}],
}
SPACE = SequenceSpace(DECISIONS, CONDITIONS, name="blocks")
ALL = np.array(list(itertools.product(*map(range, SPACE.n_choices))))
seeds = st.integers(0, 2**32 - 1)


def read(space, *items):
    return [json.loads(text) for text in space.format(space.encode(items))]


def expected_activity(row):
    """Say which decisions are active, from the values; written out for the space above."""
    value = {name: choices[i] for (name, choices), i in zip(DECISIONS.items(), row, strict=True)}
    conv = value["block"] == "conv"
    bias = (conv and value["kernel"] == 7) or (
        not conv and value["heads"] in (4, 8) and value["squeeze"] == 0.5
    )
    return [True, conv, not conv, True, True, bias]


@st.composite
def spaces(draw):
    """Random spaces with random conditions on earlier decisions."""
    pool = st.one_of(st.integers(0, 5), st.sampled_from("abc"), st.booleans(), st.just(0.5))
    kinds = [[3, 5, 7], ["a", "b"], [None, 1, 2], [True, False], [4]]
    choices = st.one_of(st.sampled_from(kinds), st.lists(pool, min_size=1, max_size=4, unique=True))
    drawn = draw(st.lists(choices, min_size=1, max_size=6))
    # True equals 1: both at once are refused, which another test is about.
    decisions = {f"d{i}": list(dict.fromkeys(values)) for i, values in enumerate(drawn)}
    if all(len(values) == 1 for values in decisions.values()):
        decisions["d"] = [1, 2]
    conditions = {}
    names = list(decisions)
    for position in range(1, len(names)):
        if names[position] != "d" and draw(st.booleans()):
            parents = draw(st.lists(st.sampled_from(names[:position]), max_size=2, unique=True))
            conditions[names[position]] = {
                parent: draw(st.lists(st.sampled_from(decisions[parent]), max_size=2))
                for parent in parents
            }
    return SequenceSpace(decisions, conditions)


@settings(max_examples=30)
@given(space=spaces(), seed=seeds)
def test_contract_of_random_spaces(space, seed):
    # An architecture without an active decision that has a choice cannot be changed.
    first = space.sample(min(10, space.size), np.random.default_rng(seed))
    if set(space.neighbors(first)[1]) == set(range(len(first))):
        check_search_space(space, n_architectures=10, random_state=np.random.default_rng(seed))


def test_which_decisions_are_active():
    canonical = SPACE.canonicalize(ALL)
    for row, form in zip(ALL.tolist(), canonical.tolist(), strict=True):
        active = expected_activity(row)
        assert form == [
            choice if is_active else 0 for choice, is_active in zip(row, active, strict=True)
        ]
    # 3 x (conv: kernel 3 or 5, or 7 with bias: 4; attention: heads 2, 4, 8 with squeeze None and
    # .25: 3 each; with .5: 1 + 2 x 2) for kernel2 and squeeze.
    assert len(np.unique(canonical, axis=0)) == 3 * (3 * 4 + 2 * 3 + 5)


RECORD = {"block": "conv", "kernel": 7, "kernel2": 5, "bias": False}
DECIDED = [0, 2, 0, 0, 1, 1]


def test_all_forms_are_the_same_architecture():
    values = ["conv", 7, None, float("nan"), 5, False]
    forms = [
        RECORD,
        {**RECORD, "heads": None, "squeeze": float("nan")},
        {name: np.array([value])[0] for name, value in RECORD.items()},
        pd.Series(RECORD),
        values,
        tuple(values),
        np.array(values, dtype=object),
        json.dumps(RECORD),
        json.dumps(values),
        *SPACE.decode([DECIDED]),
        SPACE.decode([DECIDED])[0].to_string(),
    ]
    for form in forms:
        assert SPACE.encode([form]).tolist() == [DECIDED], form
        assert SPACE.encode([RECORD, form]).tolist() == [DECIDED] * 2
    assert SPACE.encode([np.array(DECIDED)]).tolist() == [DECIDED]
    assert read(SPACE, RECORD) == [RECORD]
    assert SPACE.decode([DECIDED]) == [
        Architecture(
            [
                *("input", 'block="conv"', "kernel=7", "heads=null", "squeeze=null"),
                *("kernel2=5", "bias=false", "output"),
            ],
            [(i, i + 1) for i in range(7)],
            "blocks",
        )
    ]


def test_all_containers_give_the_same_decisions():
    decisions = SPACE.canonicalize(SPACE.sample(40, random_state=0))
    texts = SPACE.format(decisions)
    records = [json.loads(text) for text in texts]
    frame = pd.DataFrame(records, columns=list(DECISIONS))
    assert frame["kernel"].dtype == float  # because of the gaps
    for container in (
        records,
        tuple(records),
        texts,
        np.array(texts),
        np.array(texts)[:, None],
        np.array(records, dtype=object),
        pd.Series(records),
        pd.Series(texts, name="kernel"),
        pd.DataFrame({"architecture": texts}),
        pd.DataFrame({"architecture": records}),
        frame,
        frame.iloc[:, ::-1],
        frame.convert_dtypes(),
        frame.astype(object).to_numpy(),
        list(frame.itertuples(index=False, name=None)),
        SPACE.decode(decisions),
        decisions,
        list(decisions),
    ):
        np.testing.assert_array_equal(SPACE.encode(container), decisions)
    # A column that is not there is missing in all rows.
    conv = decisions[:, 0] == 0
    np.testing.assert_array_equal(SPACE.encode(frame[conv].drop(columns="heads")), decisions[conv])


def test_values_of_inactive_decisions_are_kept_until_the_canonical_form():
    record = {"block": "conv", "kernel": 3, "heads": 8, "kernel2": 3}
    assert read(SPACE, record) == [record]
    decisions = SPACE.encode([record])
    canonical = SPACE.canonicalize(decisions)
    (text,) = SPACE.format(canonical)
    assert json.loads(text) == {k: record[k] for k in record if k != "heads"}
    # What a change makes active has the value kept for it, or its first choice.
    for before, heads in ((decisions, 8), (canonical, 2)):
        around = map(json.loads, SPACE.format(SPACE.neighbors(before)[0]))
        (changed,) = [each for each in around if each["block"] == "attention"]
        assert changed["heads"] == heads


def test_changes_are_of_active_decisions():
    around, rows = SPACE.neighbors([DECIDED])
    # block 1, kernel 2, squeeze 2, kernel2 2, bias 1
    assert len(around) == len(rows) == 8
    assert len(np.unique(SPACE.canonicalize(around), axis=0)) == 8
    rng = np.random.default_rng(0)
    for n_mutations in (1, 3, 5):
        (child,) = SPACE.mutate([DECIDED], n_mutations, rng)
        changed = np.flatnonzero(child != DECIDED)
        assert len(changed) == n_mutations
        assert 2 not in changed  # heads
    with pytest.raises(ValueError, match="between 1 and 5"):
        SPACE.mutate([DECIDED], 6)


def test_tokens():
    vocabulary = SPACE.sequences["decisions"].vocabulary
    assert vocabulary == (
        "padding",
        *('block="conv"', 'block="attention"'),
        *("kernel/kernel2=3", "kernel/kernel2=5", "kernel/kernel2=7"),
        *("heads=2", "heads=4", "heads=8"),
        *("squeeze=0.25", "squeeze=0.5"),
        *("bias=true", "bias=false"),
    )
    decisions = SPACE.encode([RECORD, {"block": "attention", "heads": 4, "kernel2": 3}])
    assert SPACE.tokenize(decisions).tolist() == [[1, 5, 0, 0, 4, 12], [2, 0, 7, 0, 3, 0]]
    # block; kernel up to 7; heads up to 8; squeeze up to .5; kernel2 up to 7; bias
    assert SPACE.tokenize(decisions, "levels").tolist() == [
        [1, *(3, 4, 5), *(0, 0, 0), *(0, 0), *(3, 4, 0), 12],
        [2, *(0, 0, 0), *(6, 7, 0), *(0, 0), *(3, 0, 0), 0],
    ]
    tokens = SPACE.tokenize(decisions, "adjacency")[0]
    chain = [2, 3, *(1, 2, 7), *(1, 1, 2, 0), *(1, 1, 1, 2, 0), *(1, 1, 1, 1, 2, 6)]
    chain += [*(1, 1, 1, 1, 1, 2, 14), *(1, 1, 1, 1, 1, 1, 2, 15)]
    assert tokens.tolist() == chain
    assert SPACE.sequences["adjacency"].vocabulary[14:] == ("bias=false", "output")


def test_decisions_share_tokens_if_they_have_the_same_choices():
    space = SequenceSpace(
        {
            "depth": [2, 3, 4],
            "kernel": [3, 5, 7],
            "flag": [False, True],
            "code": [0, 1],
            "other kernel": [None, 3, 5, 7],
            "reversed": [7, 5, 3],
        }
    )
    first = space.tokenize([[1, 0, 0, 0, 1, 2]])[0].tolist()
    assert first[1] == first[4]  # 3 of kernel and other kernel
    assert len(set(first)) == 5


def test_ordinal_decisions():
    decisions = {
        "number": [1, 2],
        "falling": [2, 1],
        "text": ["s", "m", "l"],
        "flag": [True, False],
    }
    assert SequenceSpace(decisions).sequences["levels"].length == 5
    assert SequenceSpace(decisions, ordinal=()).sequences["levels"].length == 4
    space = SequenceSpace(decisions, ordinal=["text", "falling"])
    assert space.sequences["levels"].length == 7
    small, large = space.tokenize([[0, 0, 0, 0], [0, 1, 2, 0]], "levels")
    assert np.flatnonzero(small != large).tolist() == [2, 4, 5]
    assert (np.diff(space.tokenize([[0, 0, i, 0] for i in range(3)])[:, 2]) > 0).all()


FRAME = pd.DataFrame(
    {
        "block": ["conv", "attention", "conv", "conv"],
        "kernel": [7, np.nan, 3, 3],
        "skip": [1, 2, np.nan, 1],
        "size": ["s", "l", "m", "s"],
    }
)


def test_learn():
    space = SequenceSpace()
    learned = space.learn(FRAME)
    assert learned.decisions == {
        "block": ("attention", "conv"),
        "kernel": (None, 3, 7),
        "skip": (None, 1, 2),
        "size": ("l", "m", "s"),
    }
    (text,) = learned.format(learned.encode(FRAME[:1]))
    assert text == '{"block": "conv", "kernel": 7, "skip": 1, "size": "s"}'
    assert learned.encode(FRAME).tolist() == [
        [1, 2, 1, 2],
        [0, 0, 2, 0],
        [1, 1, 0, 1],
        [1, 1, 1, 2],
    ]
    assert learned.learn(FRAME[:1]) is learned
    assert space.decisions is None
    assert space.is_open
    assert not learned.is_open
    check_search_space(learned)
    unnamed = SequenceSpace().learn(list(FRAME.itertuples(index=False, name=None))).decisions
    assert list(unnamed) == ["decision0", "decision1", "decision2", "decision3"]
    assert list(unnamed.values()) == list(learned.decisions.values())


def test_what_was_learned_can_be_extended():
    learned = SequenceSpace(conditions={"kernel": {"block": ["conv", "pool"]}}).learn(FRAME)
    more = [{"block": "pool", "kernel": 5, "skip": 3, "size": "m"}]
    with pytest.raises(ArchitectureError, match="pool"):
        learned.encode(more)
    wider = learned.extend(more)
    assert wider.decisions == {
        "block": ("attention", "conv", "pool"),
        "kernel": (3, 5, 7),
        "skip": (None, 1, 2, 3),
        "size": ("l", "m", "s"),
    }
    assert read(wider, *more) == more
    assert read(wider, *FRAME.to_dict("records")) == read(learned, *FRAME.to_dict("records"))
    assert learned.extend(FRAME) is learned
    # Tokens stay in the words that were learned: none for "pool" and what is there, the next lower.
    for name, sequence in learned.sequences.items():
        assert wider.sequences[name] == sequence
        np.testing.assert_array_equal(
            wider.tokenize(wider.encode(FRAME), name), learned.tokenize(learned.encode(FRAME), name)
        )
    words = [
        wider.sequences["levels"].vocabulary[token]
        for token in wider.tokenize(wider.encode(more), "levels")[0]
    ]
    assert words == ["padding", "kernel=3", "padding", "skip=1", "skip=2", 'size="m"']
    assert learned.extend(learned.sample(3, 0)) is learned
    with pytest.raises(ArchitectureError, match="width"):
        learned.extend([{"width": 3}])
    assert SPACE.extend(more) is SPACE


def test_conditions_explain_what_is_missing():
    conditions = {"kernel": {"block": ["conv", "pool"]}}
    learned = SequenceSpace(conditions=conditions, ordinal=["kernel"]).learn(FRAME)
    assert learned.decisions["kernel"] == (3, 7)
    assert learned.decisions["skip"] == (None, 1, 2)
    assert learned.sequences["levels"].length == 5
    check_search_space(learned)
    with pytest.raises(ArchitectureError, match="'kernel' has no value") as caught:
        learned.encode([FRAME.iloc[1].to_dict(), {"block": "conv", "size": "s"}])
    assert caught.value.index == 1


def test_what_is_not_learned_says_so():
    space = SequenceSpace(name="mine")
    for use in (
        lambda: space.encode(FRAME),
        lambda: space.sample(3),
        lambda: space.size,
        lambda: space.n_choices,
        lambda: space.sequences,
        lambda: space.tokenize([[0]]),
        lambda: next(space.enumerate()),
    ):
        with pytest.raises(ArchitectureError, match="space 'mine' are not known yet: give"):
            use()
    assert repr(space) == "<SequenceSpace 'mine'>"
    assert not hasattr(space, "no_such_attribute")


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({**RECORD, "kernel": 9}, "one of 3, 5, 7"),
        ({**RECORD, "kernel": "7"}, "'7'"),
        ({**RECORD, "kernel": [7]}, "one of 3, 5, 7"),
        ({**RECORD, "kernal": 7}, "'kernal'"),
        ({"block": "conv", "kernel2": 3}, "'kernel' has no value"),
        ({}, "'block' has no value"),
        (("conv", 7), "got 2 values"),
        ('{"block": "conv"', "JSON"),
        ('{"block": "conv", "block": "attention", "kernel2": 3}', "twice"),
        (Architecture(["input", "output"], []), "chain"),
        (Architecture(["input", "block", "output"], [(0, 1), (1, 2)]), "nodes"),
        (Architecture(["input", "a=1", "output"], [(0, 1), (1, 2)]), "'a'"),
        (Architecture(["input", "a=1", "a=1", "output"], [(0, 1), (1, 2), (2, 3)]), "twice"),
    ],
)
def test_what_is_not_of_the_space_is_refused_and_named(wrong, word):
    with pytest.raises(ArchitectureError) as caught:
        SPACE.encode([RECORD, wrong])
    assert caught.value.index == 1
    assert word in str(caught.value)


def test_a_wrong_cell_of_a_frame_is_named():
    frame = pd.DataFrame([RECORD] * 4).astype(object)
    frame.loc[2, "kernel2"] = 6
    with pytest.raises(ArchitectureError, match="architecture 2: decision 'kernel2' is 6"):
        SPACE.encode(frame)
    with pytest.raises(ArchitectureError, match="no decision 'width'"):
        SPACE.encode(frame.assign(width=1))
    for single in (json.dumps(RECORD), RECORD, *SPACE.decode([DECIDED])):
        with pytest.raises(TypeError, match="put it into a list"):
            SPACE.encode(single)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (({},), "at least one decision"),
        (({"a": []},), "choices of 'a' have to be different"),
        (({"a": [1, True]},), "choices of 'a' have to be different"),
        (({"a": "abc"},), "have to be a list"),
        (({"a": [(1, 2)]},), "decision 'a': a choice has to be"),
        (({"a": [1, float("inf")]},), "decision 'a': a choice has to be"),
        (({"a=b": [1]},), "without '='"),
        (({3: [1]},), "has to be a text"),
        (({"a": [1], "b": [2]}, {"a": {"b": [2]}}), "names 'b', which is no earlier"),
        (({"a": [1], "b": [2]}, {"b": {"a": [2]}}), "names the value 2"),
        (({"a": [1]}, {"b": {"a": [1]}}), "no decision 'b', which has a condition"),
        (({"a": [1]}, None, "name", ["b"]), "no decision 'b', which is said to be ordinal"),
    ],
)
def test_wrong_parameters(arguments, message):
    with pytest.raises(ValueError, match=message):
        SequenceSpace(*arguments)
