"""Images in colour as they are stored, for whoever has to look at their channels one by one."""

from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image as pillow

from motes.errors import ImageError
from motes.formats import raster, tiff

RGB = 2  # PhotometricInterpretation


def read_colours(path: Path, section: int = 0) -> NDArray[Any] | None:
    """Red, green and blue (y, x, 3) of a PNG, JPEG or TIFF image; None where it is not in colours.

    section: 0-based, of a stack. Raises ImageError where the file cannot be read.
    """
    try:
        return _of_tiff(path, section) if path.suffix.lower() in tiff.SUFFIXES else _of_raster(path)
    except Exception as error:  # decoders fail on damaged files in many ways of their own
        raise ImageError(f"{path}: its colours cannot be read ({type(error).__name__}: {error})") from error


def _of_raster(path: Path) -> NDArray[Any] | None:
    if path.suffix.lower() not in raster.SUFFIXES:
        return None
    with pillow.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def _of_tiff(path: Path, section: int) -> NDArray[Any] | None:
    with tifffile.TiffFile(path) as tif:
        series = tif.series[0]
        page, keyframe = series.pages[section], series.keyframe
        if page is None or keyframe.photometric != RGB:
            return None
        data, samples = page.asarray(), keyframe.axes.index("S")
    return np.asarray(np.moveaxis(data, samples, -1)[..., :3])
