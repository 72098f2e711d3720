"""Bringing the grey values of any camera to one scale."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from motes.errors import ImageError


class Normalisation(BaseModel):
    """How grey values are brought to one scale."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["zscore", "none"] = Field(
        "zscore",
        description="zscore: mean 0 and standard deviation 1, over the image; none: as they are, which must "
        "be between 0 and 1",
    )
    clip_percent: float = Field(
        0.1,
        ge=0,
        lt=50,
        description="per cent of the darkest and of the brightest pixels that are clipped first, "
        "so that a hot pixel or a gold bead does not set the scale",
    )


def fill_bad_pixels(pixels: NDArray[Any], name: str) -> tuple[NDArray[np.float32], int]:
    """Replace NaN and infinite pixels by the median of the others; also returns how many there were.

    Raises ImageError where more than half of the pixels are bad.
    """
    values = np.asarray(pixels, dtype=np.float32)
    good = np.isfinite(values)
    bad = int(good.size - np.count_nonzero(good))
    if bad == 0:
        return values, 0
    if bad > good.size / 2:
        raise ImageError(
            f"{name}: {bad} of {good.size} pixels are NaN or infinite; the file is damaged, write it again"
        )
    return np.where(good, values, np.median(values[good])), bad


def normalise(
    pixels: NDArray[np.float32], how: Normalisation, name: str = "the image"
) -> NDArray[np.float32]:
    """Clip the extremes, then subtract the mean and divide by the standard deviation, all over the image.

    Any shape, finite values. Raises ImageError for an image without contrast, or, where the values are to
    stay as they are, one with values outside [0, 1].
    """
    if how.kind == "none":
        return _between_0_and_1(pixels, name)
    low, high = map(float, np.percentile(pixels, [how.clip_percent, 100 - how.clip_percent]))
    clipped = np.clip(pixels, low, high)
    spread = float(clipped.std())
    if not spread > 1e-6 * max(abs(low), abs(high), 1e-30):
        raise ImageError(
            f"{name}: all pixels have the same value ({low:g}) after clipping {how.clip_percent:g} % at both "
            "ends; there is nothing to see in it, leave it out"
        )
    normalised: NDArray[np.float32] = (clipped - clipped.mean()) / np.float32(spread)
    return normalised


def _between_0_and_1(pixels: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    low, high = float(pixels.min()), float(pixels.max())
    if low < 0 or high > 1:
        raise ImageError(
            f"{name}: its values go from {low:g} to {high:g}, where this model or recipe takes images between 0 "
            "and 1 as they are; bring them to that range, or train with normalisation.kind=zscore"
        )
    return pixels
