import json

import pytest

from emprox.utils._optional_imports import import_optional


def test_returns_the_module():
    assert import_optional("json", extra="data", purpose="this test") is json


def test_returns_a_submodule():
    module = import_optional("xml.dom.minidom", extra="data", purpose="this test")
    assert module.__name__ == "xml.dom.minidom"


@pytest.mark.parametrize("module", ["no_such_package", "no_such_package.submodule"])
def test_missing_package_names_purpose_and_extra(module):
    with pytest.raises(ImportError) as caught:
        import_optional(module, extra="plot", purpose="drawing the embedding")
    assert str(caught.value) == (
        "drawing the embedding needs no_such_package, which is not installed. "
        'Install it with: pip install "emprox[plot]"'
    )


def test_broken_package_shows_its_own_error(tmp_path, monkeypatch):
    (tmp_path / "broken_package.py").write_text("import what_it_needs\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="No module named 'what_it_needs'"):
        import_optional("broken_package", extra="plot", purpose="drawing")


def test_an_error_at_import_is_not_hidden(tmp_path, monkeypatch):
    (tmp_path / "failing_package.py").write_text("raise RuntimeError('no display')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RuntimeError, match="no display"):
        import_optional("failing_package", extra="plot", purpose="drawing")
