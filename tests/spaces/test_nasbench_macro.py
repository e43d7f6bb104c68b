import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emprox.spaces import ArchitectureError, check_search_space
from emprox.spaces._nasbench_macro import NASBenchMacroSpace

SPACE = NASBenchMacroSpace()
ALL_NETWORKS = np.array(list(itertools.product(range(3), repeat=8)))
EXAMPLE = "21020211"


@settings(max_examples=10)
@given(seed=st.integers(0, 2**32 - 1))
def test_contract(seed):
    check_search_space(SPACE, n_architectures=20, random_state=seed)


def test_different_canonical_forms_never_share_tokens():
    canonical = SPACE.canonicalize(ALL_NETWORKS)
    for sequence in SPACE.sequences:
        assert len(np.unique(SPACE.tokenize(canonical, sequence), axis=0)) == 3969


def test_all_forms_of_a_network():
    forms = [
        EXAMPLE,
        "(2, 1, 0, 2, 0, 2, 1, 1)",
        (2, 1, 0, 2, 0, 2, 1, 1),
        np.array([2, 1, 0, 2, 0, 2, 1, 1]),
        [SPACE.operations[int(digit)] for digit in EXAMPLE],
    ]
    networks = {SPACE.parse(form) for form in forms}
    assert len(networks) == 1
    network = networks.pop()
    assert SPACE.format(network) == EXAMPLE
    assert network.edges == tuple((node, node + 1) for node in range(9))


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
    canonical = SPACE.canonicalize(ALL_NETWORKS)
    for network, form in zip(ALL_NETWORKS.tolist(), canonical.tolist(), strict=True):
        assert same_network(network, form)
    # 9 first stages; 3 first layers and 1 + 2 + 4 sequences of blocks in the others.
    representatives = np.unique(canonical, axis=0)
    assert len(representatives) == 9 * 21 * 21 == 3969
    chosen = np.random.default_rng(0).choice(3969, 100, replace=False)
    for left, right in itertools.combinations(representatives[chosen].tolist(), 2):
        assert not same_network(left, right)


@pytest.mark.parametrize(
    ("network", "canonical"),
    [
        ("00000000", "00000000"),
        ("00002021", "00020021"),
        ("01001002", "01010020"),
        ("10100100", "10100100"),
        ("21012012", "21012012"),
    ],
)
def test_identities_move_to_the_end_of_their_stage(network, canonical):
    assert SPACE.format(SPACE.canonical(network)) == canonical


def test_relabel_reaches_every_description_and_no_other():
    networks = np.tile(SPACE.encode(["01012020"]), (200, 1))
    seen = {SPACE.format(network) for network in SPACE.relabel(networks, 0)}
    assert seen == {"01012020", "01012002"}
    networks = np.tile(SPACE.encode(["00020010"]), (400, 1))
    seen = {SPACE.format(network) for network in SPACE.relabel(networks, 0)}
    assert seen == {"00020010", "00002010", "00020001", "00002001"}


def test_tokens_of_a_network():
    decisions = SPACE.encode([EXAMPLE])
    assert SPACE.tokenize(decisions).tolist() == [[3, 2, 1, 3, 1, 3, 2, 2]]
    tokens = SPACE.tokenize(decisions, "adjacency")
    assert tokens.shape == (1, 54)
    # 3 identity, 4 mb3_k3, 5 mb6_k5, 6 output, each after the edges from all earlier nodes.
    columns = [[1] * n + [2, code] for n, code in enumerate([5, 4, 3, 5, 3, 5, 4, 4, 6])]
    assert tokens.tolist() == [list(itertools.chain.from_iterable(columns))]
    tokens[0, 2] = 2
    with pytest.raises(ArchitectureError, match=r"token 2 \(edge\) at position 2"):
        SPACE.detokenize(tokens, "adjacency")
    with pytest.raises(ArchitectureError, match=r"token 0 \(padding\) at position 0"):
        SPACE.detokenize(np.zeros((1, 8), int))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("2102021", "eight digits from 0 to 2"),
        ("21020213", "eight digits from 0 to 2"),
        ("٢١٠٢٠٢١١", "eight digits"),
        ((2, 1, 0), "8 layers, got 3"),
        ((2, 1, 0, 2, 0, 2, 1, 3), "unknown layer 3 at position 7; the layers are 0 identity"),
        (([0],) * 8, r"unknown layer \[0\]"),
        (21020211, "of type int"),
    ],
)
def test_what_is_not_a_network_is_refused_and_named(wrong, message):
    with pytest.raises(ArchitectureError, match=message) as caught:
        SPACE.encode([EXAMPLE, wrong])
    assert caught.value.index == 1
