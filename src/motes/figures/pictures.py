"""Pictures of images with their picks."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageDraw

from motes.output import replacing
from motes.picks import Picks

PICKED = (255, 170, 30)
TRUE = (60, 200, 255)
LARGEST = 1600


def save_picture(
    path: Path, data: NDArray[np.float32], picks: Picks, diameter: float, truth: Picks | None = None
) -> None:
    """Save a PNG of an image with orange circles around picks and wider blue ones around true particles.

    data: (y, x), or (z, y, x) of which the middle section is shown. picks, truth: in pixels of data.
    diameter: of the circles, px.
    """
    flat = data if data.ndim == 2 else data[len(data) // 2]
    zoom = max(1, min(4, LARGEST // max(flat.shape)))
    picture = grey(flat).resize((flat.shape[1] * zoom, flat.shape[0] * zoom), PillowImage.Resampling.BILINEAR)
    canvas = ImageDraw.Draw(picture)
    if truth is not None:
        _circles(canvas, truth, diameter * 1.15, zoom, TRUE)
    _circles(canvas, picks, diameter, zoom, PICKED)
    with replacing(path) as temporary:
        picture.save(temporary, format="PNG")


def grey(data: NDArray[np.float32]) -> PillowImage.Image:
    """An 8-bit RGB picture of (y, x), the middle 99 % of the grey values stretched from black to white."""
    low, high = np.percentile(data, [0.5, 99.5])
    scaled = np.clip((data - low) / max(high - low, 1e-12), 0, 1) * 255
    return PillowImage.fromarray(scaled.astype(np.uint8)).convert("RGB")


def _circles(
    canvas: ImageDraw.ImageDraw, picks: Picks, diameter: float, zoom: int, colour: tuple[int, int, int]
) -> None:
    radius = diameter / 2 * zoom
    for y, x in (picks.points[:, -2:] + 0.5) * zoom:
        canvas.ellipse((x - radius, y - radius, x + radius, y + radius), outline=colour, width=2)
