"""Lengths as users type them: Angstrom unless a suffix says otherwise."""

import re
from dataclasses import dataclass
from typing import Literal

from motes.errors import UnitError

Unit = Literal["A", "px"]

_ANGSTROM_PER = {"A": 1.0, "nm": 10.0, "um": 1e4, "µm": 1e4, "μm": 1e4}
_LENGTH = re.compile(r"\s*([0-9.+-]+(?:[eE][+-]?[0-9]+)?)\s*([a-zA-Zµμ]*)\s*")


@dataclass(frozen=True)
class Length:
    """A length in Angstrom or in pixels of the full-size image."""

    value: float
    unit: Unit

    def __str__(self) -> str:
        return f"{self.value:g}{' A' if self.unit == 'A' else 'px'}"

    def in_pixels(self, pixel_size: float | None) -> float:
        """This length in pixels of an image with that pixel size (A/px); UnitError if it is unknown."""
        if self.unit == "px":
            return self.value
        if pixel_size is None:
            raise UnitError(
                f"a length of {self} was given, but the pixel size is not known; "
                "give --pixel-size (A/px), or the length in pixels, as in 60px"
            )
        return self.value / pixel_size


def parse_length(text: str | float, default_unit: Unit = "A") -> Length:
    """Read '150', '150A', '15nm', '0.5um' or '60px'; a plain number is in the default unit.

    Raises UnitError for anything else, and for a length that is not positive.
    """
    found = _LENGTH.fullmatch(str(text))
    unit = (found.group(2) if found else "") or default_unit
    if found is None or (unit != "px" and unit not in _ANGSTROM_PER):
        raise UnitError(f"cannot read the length {text!r}; write it as 150 (Angstrom), 15nm, 0.5um or 60px")
    try:
        number = float(found.group(1))
    except ValueError:
        raise UnitError(f"cannot read the number in the length {text!r}") from None
    if not 0 < number < float("inf"):
        raise UnitError(f"a length must be positive, found {text!r}")
    return Length(number, "px") if unit == "px" else Length(number * _ANGSTROM_PER[unit], "A")
