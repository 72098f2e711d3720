"""Pictures of images with their picks."""

from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageDraw

from motes.output import replacing
from motes.picks import Picks

# Sky blue and orange are told apart by every kind of colour vision (Okabe & Ito 2008).
PICKED = (230, 159, 0)
TRUE = (86, 180, 233)
LARGEST = 1600

Value = TypeVar("Value", bound=np.generic)


def save_picture(
    path: Path, data: NDArray[np.float32], picks: Picks, diameter: float, truth: Picks | None = None
) -> None:
    """Save a PNG of an image with orange circles around picks and wider blue ones around true particles.

    data: (y, x), or (z, y, x) of which the middle section is shown. picks, truth: in pixels of data.
    diameter: of the circles, px.
    """
    flat = middle_section(data)
    zoom = max(1, min(4, LARGEST // max(flat.shape)))
    size = (flat.shape[1] * zoom, flat.shape[0] * zoom)
    picture = grey(flat).convert("RGB").resize(size, PillowImage.Resampling.BILINEAR)
    canvas = ImageDraw.Draw(picture)
    if truth is not None:
        _draw(canvas, circles(truth, data.shape, diameter), 1.15, zoom, TRUE)
    _draw(canvas, circles(picks, data.shape, diameter), 1, zoom, PICKED)
    with replacing(path) as temporary:
        picture.save(temporary, format="PNG")


def middle_section(data: NDArray[Value]) -> NDArray[Value]:
    """The (y, x) image itself, or the section in the middle of a (z, y, x) volume."""
    return data if data.ndim == 2 else data[data.shape[0] // 2]


def grey(data: NDArray[np.float32]) -> PillowImage.Image:
    """An 8-bit grey picture of (y, x), the middle 99 % of the grey values stretched from black to white."""
    low, high = np.percentile(data, [0.5, 99.5])
    scaled = np.clip((data - low) / max(high - low, 1e-12), 0, 1) * 255
    return PillowImage.fromarray(scaled.astype(np.uint8))


def circles(picks: Picks, shape: tuple[int, ...], diameter: float) -> NDArray[np.float64]:
    """Where the middle section cuts the particles: (n, 3) rows of y, x, radius in px; 0 where it does not.

    shape: (y, x) or (z, y, x) of the image that the picks are in. diameter: of the particles, px. In an
    image every circle has the radius of the particle.
    """
    height = picks.points[:, 0] - shape[0] // 2 if len(shape) == 3 else np.zeros(len(picks))
    radius = np.sqrt(np.clip((diameter / 2) ** 2 - height**2, 0, None))
    return np.column_stack([picks.points[:, -2:], radius])


def _draw(
    canvas: ImageDraw.ImageDraw,
    rows: NDArray[np.float64],
    wider: float,
    zoom: int,
    colour: tuple[int, int, int],
) -> None:
    """Draw the circles (n, 3) of `circles` on a picture enlarged by zoom, each radius times wider."""
    for y, x, r in rows[rows[:, 2] > 0]:
        row, column, radius = (y + 0.5) * zoom, (x + 0.5) * zoom, r * wider * zoom
        canvas.ellipse(
            (column - radius, row - radius, column + radius, row + radius), outline=colour, width=2
        )
