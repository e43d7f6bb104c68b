import pytest

from emprox.spaces import get_space, list_spaces

CLOSED = [name for name in list_spaces() if not get_space(name).is_open]
TERMINAL = {"FORCE_COLOR": "1", "NO_COLOR": "1", "COLUMNS": "80", "TERM": "xterm"}


def size_of(space):
    return f"{space.size:,}" if space.size < 1e12 else f"{space.size:.0e}"


def test_lists_every_space(run):
    result = run("spaces")
    assert (result.exit_code, result.stderr) == (0, "")
    for name in CLOSED:
        space = get_space(name)
        (line,) = (line for line in result.stdout.splitlines() if line.split()[:1] == [name])
        # Not a terminal: nothing is broken or cut.
        assert f" {space.title} " in line
        assert f" {size_of(space)} " in line
        for sequence, spec in space.sequences.items():
            assert f"{sequence} ({spec.length})" in result.stdout


def test_open_spaces_are_said_to_learn(run):
    (line,) = (x for x in run("spaces").stdout.splitlines() if x.split()[:1] == ["sequence"])
    assert line.split()[-2:] == ["any", "learned"]
    assert "any" in run("spaces", "sequence").stdout


@pytest.mark.parametrize("name", CLOSED)
def test_fits_a_terminal_of_80_columns(run, name):
    lines = run("spaces", env=TERMINAL).stdout.splitlines()
    assert max(map(len, lines)) <= 80
    words = {word for line in lines for word in line.split()}
    assert {name, "Architectures", size_of(get_space(name))} <= words


@pytest.mark.parametrize("name", CLOSED)
def test_shows_one_space(run, name):
    space = get_space(name)
    result = run("spaces", name)
    assert (result.exit_code, result.stderr) == (0, "")
    words = result.stdout.split()
    assert set(space.operations) <= set(words)
    assert space.proximity_sequence in words
    example = result.stdout.split("For example:\n")[1].rstrip("\n")
    assert space.is_valid(space.encode([example])).all()
