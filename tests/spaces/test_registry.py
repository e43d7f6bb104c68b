import pytest

from emprox.spaces import NASBench201Space, get_space, list_spaces, register_space
from emprox.spaces import _registry as registry


@pytest.fixture
def own_registry(monkeypatch):
    monkeypatch.setattr(registry, "_SPACES", dict(registry._SPACES))


class OwnSpace(NASBench201Space):
    name = "own"


def test_a_space_of_ones_own(own_registry):
    space = register_space(OwnSpace())
    assert get_space("own") is space
    assert "own" in list_spaces()


def test_a_space_passes_through():
    space = OwnSpace()
    assert get_space(space) is space
    assert "own" not in list_spaces()


def test_a_taken_name_is_refused_unless_asked(own_registry):
    with pytest.raises(ValueError, match="registered already"):
        register_space(NASBench201Space())
    space = NASBench201Space()
    assert register_space(space, overwrite=True) is get_space("nasbench201")


def test_only_spaces_can_be_registered():
    with pytest.raises(TypeError, match="instance of SearchSpace"):
        register_space("nasbench201")


def test_an_unknown_name_gets_a_suggestion():
    with pytest.raises(ValueError, match="did you mean 'nasbench201'"):
        get_space("nasbench-201")
    with pytest.raises(ValueError, match="register_space"):
        get_space("zzz")
