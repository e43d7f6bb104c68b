import pytest

from emprox.spaces import get_space, list_spaces

TERMINAL = {"FORCE_COLOR": "1", "NO_COLOR": "1", "COLUMNS": "80", "TERM": "xterm"}


def test_lists_every_space(run):
    result = run("spaces")
    assert (result.exit_code, result.stderr) == (0, "")
    for name in list_spaces():
        space = get_space(name)
        (line,) = (line for line in result.stdout.splitlines() if line.split()[:1] == [name])
        # Not a terminal: nothing is broken or cut.
        assert f" {space.title} " in line
        assert f" {space.size:,} " in line
        for operation in space.operations:
            assert operation in result.stdout
        for sequence, spec in space.sequences.items():
            assert f"{sequence} ({spec.length})" in result.stdout


def test_known_values(run):
    output = run("spaces").stdout
    for text in ("15,625", "nor_conv_3x3", "operations (6)", "adjacency (35)"):
        assert text in output


@pytest.mark.parametrize("name", list_spaces())
def test_fits_a_terminal_of_80_columns(run, name):
    lines = run("spaces", env=TERMINAL).stdout.splitlines()
    assert max(map(len, lines)) <= 80
    words = {word for line in lines for word in line.split()}
    assert {name, "Architectures", *get_space(name).operations} <= words
