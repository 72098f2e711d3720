"""Numbers and files of a page."""

import math

import pytest

from motes.errors import OutputError
from motes.figures.pages import counted, shown, write_page


def test_numbers_as_people_read_them() -> None:
    assert [counted(n, "image") for n in (0, 1, 1234)] == ["0 images", "1 image", "1,234 images"]
    assert [shown(v) for v in (0.12345, None, math.nan)] == ["0.123", "undefined", "undefined"]


def test_a_page_that_cannot_be_written_says_why(tmp_path) -> None:
    (tmp_path / "page.html").mkdir()
    with pytest.raises(OutputError, match="a folder stands where a file is needed"):
        write_page(tmp_path / "page.html", "page.html", title="a title")
