import pytest

from emprox.utils._texts import one_line


@pytest.mark.parametrize(
    ("text", "most", "expected"),
    [
        ("plain text", None, "plain text"),
        ("\n two\r\n\tlines\n", None, "two lines"),
        ("abcdef", 6, "abcdef"),
        ("abcdef", 5, "abcde…"),
        ("", 3, ""),
    ],
)
def test_one_line(text, most, expected):
    assert one_line(text, most) == expected
