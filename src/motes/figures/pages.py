"""Pages: one self-contained HTML file each, readable in light and dark, on paper and with no network."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image as PillowImage

from motes.output import write_text

TEMPLATES = Path(__file__).parent / "templates"

METRIC_NAMES = {
    "f1": "F1",
    "best_f1": "best F1",
    "best_f2": "best F2",
    "best_f4": "best F4",
    "f4": "F4",
    "czii": "challenge score",
    "precision": "precision",
    "recall": "recall",
    "average_precision": "average precision",
    "pixel_precision": "precision of pixels",
    "pixel_recall": "recall of pixels",
    "pixel_f1": "F1 of pixels",
    "pixel_best_f1": "best F1 of pixels",
    "pixel_iou": "IoU of pixels",
    "pixel_auc": "AUC of pixels",
}


def write_page(path: Path, template: str, **values: Any) -> None:
    """Fill a template of the folder templates with values and write it in one step.

    Text is escaped; values that are SVG or HTML already go through the filter `safe` in the template.
    Raises OutputError where the file cannot be written.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = shown
    write_text(path, environment.get_template(template).render(values))


def data_uri(picture: PillowImage.Image) -> str:
    """A picture as a PNG inside an address, so that the page needs no other file."""
    written = io.BytesIO()
    picture.save(written, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(written.getvalue()).decode("ascii")


def shown(value: float | None, digits: int = 3) -> str:
    """A number as people read it; 'undefined' for None and nan."""
    return "undefined" if value is None or value != value else f"{value:.{digits}f}"


def counted(number: int, word: str) -> str:
    """'1 image', '2 images', '1,234 images'."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def listed(words: Sequence[str]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
