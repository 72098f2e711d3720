"""Pictures of images and volumes with the outlines of their objects."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from motes.data.sampling import Pixels
from motes.figures.panels import joined_panels
from motes.figures.pictures import CLASS_COLOURS, DIM, LARGEST, MOST_ZOOM, grey
from motes.output import replacing

MOST_SIDE = 4096  # px of a picture; of a larger image every second pixel is shown, or every third, ...
COLOURS = np.array(CLASS_COLOURS[:-1], dtype=np.uint8)  # white is an image's own


def save_object_picture(path: Path, labels: NDArray[np.integer[Any]], data: Pixels | None = None) -> None:
    """Save a PNG of an image, or of the middle section of a volume, with the outlines of its objects.

    labels: ([z,] y, x), 0 and below are no object; neighbours have different colours in most places. data: the image,
    of the same shape; without it the objects are filled. Raises OutputError where the file cannot be written.
    """
    plane = labels.shape[0] // 2 if labels.ndim == 3 else None
    step = -(-max(labels.shape[-2:]) // MOST_SIDE)
    window: tuple[slice, ...] = (slice(None, None, step), slice(None, None, step))
    if plane is not None:
        window = (slice(plane, plane + 1), *window)
    shown = labels[window].reshape(-1, -(-labels.shape[-1] // step))
    below = None if data is None else np.asarray(data[window], dtype=np.float32).reshape(shown.shape)
    picture = outlined_objects(shown, below)
    if plane is not None:
        count = len(np.unique(shown[shown > 0]))
        picture = joined_panels([(f"z = {plane}: {count} objects", [picture])], [])
    with replacing(path) as temporary:
        picture.save(temporary, format="PNG", compress_level=1)  # thrice as fast, a quarter larger


def outlined_objects(
    labels: NDArray[np.integer[Any]], data: NDArray[np.float32] | None = None
) -> PillowImage.Image:
    """A picture of (y, x) with the outermost pixels of each object in one of COLOURS; small images are enlarged."""
    zoom = max(1, min(MOST_ZOOM, LARGEST // max(labels.shape)))
    large = np.repeat(np.repeat(np.maximum(labels, 0), zoom, axis=0), zoom, axis=1)
    if data is None:
        pixels = np.zeros((*large.shape, 3), np.uint8)
        pixels[large > 0] = DIM * _colours(large[large > 0])
    else:
        picture = grey(np.nan_to_num(data, nan=0.0, posinf=0.0, neginf=0.0))
        size = (large.shape[1], large.shape[0])
        pixels = np.array(picture.resize(size, PillowImage.Resampling.BILINEAR).convert("RGB"))
    rim = _rim(large, 1 if zoom == 1 else 2)
    pixels[rim] = _colours(large[rim])
    return PillowImage.fromarray(pixels)


def _colours(labels: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
    """The colour of each label (n,), (n, 3)."""
    return np.asarray(COLOURS[(labels - 1) % len(COLOURS)])


def _rim(labels: NDArray[np.integer[Any]], width: int) -> NDArray[np.bool_]:
    """Pixels of objects that are no further than width along an axis from another label."""
    rim = np.zeros(labels.shape, bool)
    for far in range(1, width + 1):
        for along, marked in ((labels, rim), (labels.T, rim.T)):
            differs = along[far:] != along[:-far]
            marked[far:] |= differs
            marked[:-far] |= differs
    return rim & (labels > 0)
