import builtins
import io
import os
import pickle
from collections import Counter, OrderedDict

import pytest

from emprox.datasets._restricted_pickle import UnsafePickleError, load_restricted_pickle

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def load(pickled, allowed=()):
    return load_restricted_pickle(io.BytesIO(pickled), dict(allowed))


class Call:
    """Pickled, it is a call of the function; unpickled carelessly, the function runs."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_plain_data_needs_no_permission(protocol):
    data = {(0, 1): [1.5, None, True, "é"], "big": 2**100}
    if protocol >= 4:  # older protocols call a function to make bytes and sets
        data |= {"bytes": b"\x00", "set": {1, 2}}
    assert load(pickle.dumps(data, protocol)) == data


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_malicious_pickle_runs_nothing(protocol, tmp_path):
    target = tmp_path / "created"
    attack = Call(os.mkdir, str(target))
    for malicious in [
        attack,
        Call(os.system, f"mkdir '{target}'"),
        Call(eval, f"__import__('os').mkdir({str(target)!r})"),
        Call(exec, f"import os; os.mkdir({str(target)!r})"),
        {"harmless": 1, "hidden": [(attack,)]},
    ]:
        with pytest.raises(UnsafePickleError, match="it asks for"):
            load(pickle.dumps(malicious, protocol), {("builtins", "dict"): dict})
    assert not target.exists()

    # The attack is real: read carelessly, it does run
    pickle.loads(pickle.dumps(attack, protocol))
    assert target.is_dir()


def test_dotted_name_is_not_followed():
    # Protocol 4 lets a name hold dots, so a careless check of the first part could be passed
    pickled = b"\x80\x04\x8c\x0banalogtable\x8c\x14Record.__init__.evil\x93."
    with pytest.raises(UnsafePickleError, match=r"analogtable\.Record\.__init__\.evil"):
        load(pickled, {("analogtable", "Record"): dict})


@pytest.mark.parametrize("opcode", [b"cos\nsystem\n(S'true'\ntR.", b"(S'true'\nios\nsystem\n."])
def test_old_opcodes(opcode):
    with pytest.raises(UnsafePickleError, match=r"it asks for os\.system"):
        load(opcode)


def test_refused_module_is_not_imported(tmp_path, monkeypatch):
    (tmp_path / "trap.py").write_text("import pathlib; pathlib.Path(__file__).unlink()\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UnsafePickleError, match=r"trap\.spring"):
        load(b"ctrap\nspring\n.")
    assert (tmp_path / "trap.py").exists()


def test_message_lists_what_is_allowed():
    with pytest.raises(UnsafePickleError) as caught:
        load(pickle.dumps(eval), {("b", "Two"): dict, ("a", "One"): dict})
    assert str(caught.value) == (
        "refused to read the pickle: it asks for builtins.eval, and nothing but plain Python data "
        "and a.One, b.Two is allowed. It is not the file that was expected, and may be malicious."
    )
    with pytest.raises(UnsafePickleError, match="nothing but plain Python data is allowed"):
        load(pickle.dumps(builtins.exec))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_stand_in_takes_the_place_of_a_class(protocol):
    class StandIn(dict):
        pass

    pickled = pickle.dumps([OrderedDict(a=1), OrderedDict(b=2)], protocol)
    loaded = load(pickled, {("collections", "OrderedDict"): StandIn})
    assert [type(item) for item in loaded] == [StandIn, StandIn]
    assert loaded == [{"a": 1}, {"b": 2}]


def test_allowing_one_name_allows_no_other_of_the_module():
    pickled = pickle.dumps([OrderedDict(a=1), Counter("a")])
    with pytest.raises(UnsafePickleError, match=r"collections\.Counter"):
        load(pickled, {("collections", "OrderedDict"): dict})


@pytest.mark.parametrize(
    "damaged", [b"", b"not a pickle", pickle.dumps([1, 2, 3])[:-2], b"\x80\x04\x8c\x02\xff\xff."]
)
def test_damaged_pickle(damaged):
    with pytest.raises(pickle.UnpicklingError) as caught:
        load(damaged)
    assert not isinstance(caught.value, UnsafePickleError)
