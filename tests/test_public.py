import pathlib
import re

import pytest

import motes
from motes import errors


def test_all_names_exist_and_are_public():
    assert sorted(motes.__all__) == motes.__all__
    for name in motes.__all__:
        assert hasattr(motes, name)


def test_every_error_is_a_motes_error_and_stands_in_the_tree():
    kinds = [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and value.__module__ == "motes.errors"
    ]
    assert len(kinds) > 5
    for kind in kinds:
        assert issubclass(kind, errors.MotesError)
        assert kind.__name__ in (errors.__doc__ or "")


def test_did_you_mean_names_the_close_one_and_all_known():
    hint = errors.did_you_mean("widht", ["width", "depth"])
    assert "'width'" in hint
    assert "depth, width" in hint
    assert "Did you mean" not in errors.did_you_mean("zzzz", ["width"])


@pytest.mark.parametrize("pattern", [r"^\s*(import|from) torchvision", "TODO"])
def test_the_package_holds_no_such_line(pattern):
    package = pathlib.Path(motes.__file__).parent
    found = [
        p for p in package.rglob("*.py") if re.search(pattern, p.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert not found
