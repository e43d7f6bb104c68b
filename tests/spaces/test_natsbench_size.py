import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emprox.spaces import ArchitectureError, check_search_space
from emprox.spaces._natsbench_size import NATSBenchSizeSpace

SPACE = NATSBenchSizeSpace()
EXAMPLE = "8:16:24:32:64"


@settings(max_examples=10)
@given(seed=st.integers(0, 2**32 - 1))
def test_contract(seed):
    check_search_space(SPACE, n_architectures=20, random_state=seed)


def test_there_are_32768_networks_and_none_share_tokens():
    decisions = SPACE.sample_decisions(SPACE.size, random_state=0)
    assert len(np.unique(decisions, axis=0)) == 8**5 == 32768
    np.testing.assert_array_equal(SPACE.canonicalize(decisions), decisions)
    for sequence in SPACE.sequences:
        assert len(np.unique(SPACE.tokenize(decisions, sequence), axis=0)) == 32768


def test_channels_and_their_indices_are_the_same_network():
    forms = [
        EXAMPLE,
        (8, 16, 24, 32, 64),
        np.array([8, 16, 24, 32, 64]),
        "(8, 16, 24, 32, 64)",
        (0, 1, 2, 3, 7),
        "0,1,2,3,7",
        [f"channels_{channels}" for channels in (8, 16, 24, 32, 64)],
    ]
    networks = {SPACE.parse(form) for form in forms}
    assert len(networks) == 1
    assert SPACE.format(networks.pop()) == EXAMPLE
    np.testing.assert_array_equal(SPACE.encode(np.array([[0, 1, 2, 3, 7]])), [[0, 1, 2, 3, 7]])


@given(channels=st.lists(st.sampled_from(range(8, 65, 8)), min_size=5, max_size=5))
def test_the_text_lists_the_channels(channels):
    text = ":".join(map(str, channels))
    assert SPACE.format(channels) == text
    assert SPACE.encode([text]).tolist() == [[number // 8 - 1 for number in channels]]


def test_sequences():
    sizes = {name: (s.length, s.vocabulary_size) for name, s in SPACE.sequences.items()}
    # 7 nodes: 6 * 9 / 2 tokens.
    assert sizes == {"operations": (5, 9), "adjacency": (27, 12)}
    tokens = SPACE.tokenize(SPACE.encode([EXAMPLE]), "adjacency")[0].tolist()
    assert tokens[:9] == [2, 3, 1, 2, 4, 1, 1, 2, 5]
    assert tokens[-7:] == [1, 1, 1, 1, 1, 2, 11]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("8:16:24:32", "5 layers, got 4"),
        ("8:16:24:32:72", "each of 8, 16, 24, 32, 40, 48, 56, 64; got '8:16:24:32:72'"),
        ("8:16:24:32:+64", "each of 8"),
        ("8:16:24:32:", "each of 8"),
        ((8, 16, 24, 32, 1), "either all are numbers of channels .* or all are their indices"),
        ((8.0, 16.0, 24.0, 32.0, 64.0), "unknown layer 8.0"),
        ((), "5 layers, got 0"),
        (True, "of type bool"),
    ],
)
def test_what_is_not_a_network_is_refused_and_named(wrong, message):
    with pytest.raises(ArchitectureError, match=message) as caught:
        SPACE.encode([EXAMPLE, wrong])
    assert caught.value.index == 1
