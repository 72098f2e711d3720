import pytest
from hypothesis import given
from hypothesis import strategies as st

from motes.errors import UnitError
from motes.units import Length, parse_length


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("150", Length(150, "A")),
        ("150A", Length(150, "A")),
        ("15nm", Length(150, "A")),
        ("0.5um", Length(5000, "A")),
        ("0.5 µm", Length(5000, "A")),
        ("60px", Length(60, "px")),
        (" 1.5e2 ", Length(150, "A")),
        (150, Length(150, "A")),
    ],
)
def test_reads_what_people_write(text, expected):
    assert parse_length(text) == expected


def test_a_plain_number_takes_the_default_unit():
    assert parse_length("20", "px") == Length(20, "px")
    assert parse_length("20A", "px") == Length(20, "A")


@pytest.mark.parametrize("text", ["", "px", "0", "-3", "10 parsec", "1.2.3", "nan", "inf", "1e999"])
def test_refuses_what_is_no_length(text):
    with pytest.raises(UnitError):
        parse_length(text)


@given(value=st.floats(1e-3, 1e6), pixel_size=st.floats(1e-2, 1e3))
def test_angstrom_and_pixels_differ_by_the_pixel_size(value, pixel_size):
    assert Length(value, "A").in_pixels(pixel_size) * pixel_size == pytest.approx(value)
    assert Length(value, "px").in_pixels(pixel_size) == value


def test_without_a_pixel_size_angstrom_cannot_be_pixels_and_the_option_is_named():
    with pytest.raises(UnitError, match="--pixel-size"):
        Length(150, "A").in_pixels(None)
    assert Length(60, "px").in_pixels(None) == 60


@given(st.floats(1e-3, 1e6, allow_nan=False), st.sampled_from(["A", "px"]))
def test_what_is_printed_reads_back(value, unit):
    length = Length(float(f"{value:g}"), unit)
    assert parse_length(str(length)) == length
