"""What can go wrong, as a tree of exceptions.

    MotesError              everything motes raises on purpose; the command line catches this one
    ├── InputError          something the user gave cannot be used as it is
    │   ├── ImageError      an image file
    │   ├── PicksError      a coordinate file, or picks that do not fit their image
    │   ├── RecipeError     a recipe, or a value given for one of its fields
    │   ├── ModelError      a model file, or an image that a model cannot take
    │   └── UnitError       a length without the pixel size that it needs
    ├── OutputError         a result cannot be written (no permission, disk full, folder in use)
    └── TrainingError       training cannot go on (loss not finite, nothing learnt)

Every message says what was found, what was expected and what to do.
"""

import difflib
from collections.abc import Iterable


class MotesError(Exception):
    """Base of everything that motes raises on purpose."""


class InputError(MotesError):
    """Something the user gave cannot be used as it is."""


class ImageError(InputError):
    """An image file cannot be used."""


class PicksError(InputError):
    """A coordinate file cannot be used, or picks do not fit their image."""


class RecipeError(InputError):
    """A recipe, or a value given for one of its fields, cannot be used."""


class ModelError(InputError):
    """A model file cannot be used, or cannot be used on this image."""


class UnitError(InputError):
    """A length cannot be turned into pixels or Angstrom."""


class OutputError(MotesError):
    """A result cannot be written."""


class TrainingError(MotesError):
    """Training cannot go on."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint to append to an error: the known names, with the likeliest first when one is close."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return f"{hint} Known: {', '.join(names)}."
