"""Chains of layers: NAS-Bench-Macro, NATS-Bench size, TransNAS-Bench-101 macro."""

import itertools

import numpy as np
import pytest

from emprox.spaces import Architecture, ArchitectureError, get_space

MACRO, SIZE, MODULES = map(
    get_space, ("nasbench_macro", "natsbench_size", "transnasbench101_macro")
)
ALL_MACRO = np.array(list(itertools.product(range(3), repeat=8)))


@pytest.mark.parametrize(
    ("space", "decisions", "forms"),
    [
        (
            MACRO,
            (2, 1, 0, 2, 0, 2, 1, 1),
            ["21020211", " 21020211\n", [MACRO.operations[int(digit)] for digit in "21020211"]],
        ),
        (
            SIZE,
            (0, 1, 2, 3, 7),
            [
                "8:16:24:32:64",
                (8, 16, 24, 32, 64),
                np.array([8, 16, 24, 32, 64]),
                "(8, 16, 24, 32, 64)",
                "0,1,2,3,7",
                [f"channels_{channels}" for channels in (8, 16, 24, 32, 64)],
            ],
        ),
        (
            MODULES,
            (1, 2, 3, 4, 0, 0),
            [
                "64-1234-basic",
                "1234",
                "(1, 2, 3, 4)",
                (1, 2, 3, 4),
                ["same", "double_channels", "halve_resolution", "double_and_halve"],
            ],
        ),
    ],
    ids=repr,
)
def test_all_forms_of_a_network(space, decisions, forms):
    forms = [*forms, decisions, np.array(decisions), str(decisions), *space.decode([decisions])]
    for form in forms:
        assert space.encode([form]).tolist() == [[*decisions]], form
    assert space.format([decisions]) == [forms[0]]
    (network,) = space.decode([decisions])
    n_layers = sum(decision > 0 for decision in decisions) if space is MODULES else len(decisions)
    assert network.edges == tuple((node, node + 1) for node in range(n_layers + 1))
    assert network.operations == (
        "input",
        *(space.operations[choice] for choice in decisions[:n_layers]),
        "output",
    )


@pytest.mark.parametrize(("space", "size"), [(MACRO, 3**8), (SIZE, 8**5), (MODULES, 3256)])
def test_sizes_and_different_networks_never_share_tokens(space, size):
    networks = np.concatenate(list(space.enumerate()))
    assert space.size == len(networks) == size
    assert len(set(space.format(networks))) == size
    for sequence in space.sequences:
        tokens = space.tokenize(networks, sequence)
        assert len(np.unique(tokens, axis=0)) == size
        rows = np.random.default_rng(0).choice(size, 300, replace=False)
        np.testing.assert_array_equal(space.detokenize(tokens[rows], sequence), networks[rows])


@pytest.mark.parametrize(
    ("space", "decisions", "tokens", "layers"),
    [
        # In the adjacency the operations follow padding, "no edge" and "edge"; then the output.
        (MACRO, (2, 1, 0, 2, 0, 2, 1, 1), [3, 2, 1, 3, 1, 3, 2, 2], [5, 4, 3, 5, 3, 5, 4, 4, 6]),
        (SIZE, (0, 1, 2, 3, 7), [1, 2, 3, 4, 8], [3, 4, 5, 6, 10, 11]),
        (MODULES, (1, 2, 3, 4, 0, 0), [1, 2, 3, 4, 0, 0], [3, 4, 5, 6, 7]),
    ],
    ids=repr,
)
def test_tokens_of_a_network(space, decisions, tokens, layers):
    assert space.tokenize([decisions]).tolist() == [tokens]
    columns = [[1] * n + [2, code] for n, code in enumerate(layers)]
    expected = list(itertools.chain.from_iterable(columns))
    written = space.tokenize([decisions], "adjacency")
    expected += [0] * (written.shape[1] - len(expected))
    assert written.tolist() == [expected]
    written[0, 1:3] = 2
    with pytest.raises(ArchitectureError):
        space.detokenize(written, "adjacency")
    with pytest.raises(ArchitectureError):
        space.detokenize(np.zeros((1, len(decisions)), int))


def same_network(left, right):
    """Compare the blocks that do something, stage by stage, position of the first kept."""
    for start, stop in ((0, 2), (2, 5), (5, 8)):
        blocks = [
            (network[start], [block for block in network[start + 1 : stop] if block])
            for network in (left, right)
        ]
        if blocks[0] != blocks[1]:
            return False
    return True


def test_canonical_form_merges_exactly_the_same_networks():
    canonical = MACRO.canonicalize(ALL_MACRO)
    for network, form in zip(ALL_MACRO.tolist(), canonical.tolist(), strict=True):
        assert same_network(network, form)
    # 9 first stages; 3 first layers and 1 + 2 + 4 sequences of blocks in the others.
    representatives = np.unique(canonical, axis=0)
    assert len(representatives) == 9 * 21 * 21 == 3969
    chosen = np.random.default_rng(0).choice(3969, 100, replace=False)
    for left, right in itertools.combinations(representatives[chosen].tolist(), 2):
        assert not same_network(left, right)
    texts = ["00002021", "01001002", "10100100"]
    forms = MACRO.format(MACRO.canonicalize(MACRO.encode(texts)))
    assert forms == ["00020021", "01010020", "10100100"]


def test_every_number_of_mutations_is_possible_everywhere():
    networks = np.concatenate(list(MODULES.enumerate()))
    for n_mutations in range(1, 7):
        children = MODULES.mutate(networks, n_mutations, random_state=0)
        assert ((children != networks).sum(axis=1) == n_mutations).all()
        assert MODULES.is_valid(children).all()


@pytest.mark.parametrize(
    ("space", "wrong", "word"),
    [
        (MACRO, "2102021", "eight digits"),
        (MACRO, "21020213", "eight digits"),
        (MACRO, "٢١٠٢٠٢١١", "eight digits"),
        (MACRO, ",".join("٢١٠٢٠٢١١"), "eight digits"),
        (MACRO, (2, 1, 0), "got 3"),
        (MACRO, (2, 1, 0, 2, 0, 2, 1, 3), "layer 7"),
        (SIZE, "8:16:24:32", "got 4"),
        (SIZE, "8:16:24:32:72", "48, 56, 64"),
        (SIZE, "8:16:24:32:+64", "48, 56, 64"),
        (SIZE, (8, 16, 24, 32, 1), "unknown choice 8"),
        (MODULES, "64-123-basic", "four to six modules"),
        (MODULES, "64-1111-basic", "halve"),
        (MODULES, "64-33334-basic", "halve"),
        (MODULES, "64-2224-basic", "double"),
        (MODULES, "64-1235-basic", "layer 3"),
        (MODULES, "64-1200340-basic", "four to six"),
        (MODULES, (1, 2, 0, 3, 4, 0), "four to six"),
        (MODULES, (), "got 0"),
        (MODULES, Architecture(["input", "same", "output"], [(0, 2)]), "four to six"),
        (MODULES, Architecture(["same"] * 6, [(i, i + 1) for i in range(5)]), "four to six"),
    ],
)
def test_what_is_not_a_network_is_refused_and_named(space, wrong, word):
    good = space.format(space.sample(1, 0))[0]
    with pytest.raises(ArchitectureError) as caught:
        space.encode([good, wrong])
    assert caught.value.index == 1
    assert word in str(caught.value)


def test_a_decision_matrix_is_checked():
    matrix = np.array([[1, 2, 3, 4, 0, 0], [1, 2, 3, 0, 4, 0]])
    for use in (MODULES.encode, MODULES.format, MODULES.decode, MODULES.canonicalize):
        with pytest.raises(ArchitectureError, match="four to six") as caught:
            use(matrix)
        assert caught.value.index == 1
        # A row that was cut off is none.
        with pytest.raises(ArchitectureError, match="columns"):
            use(matrix[:, :4])
