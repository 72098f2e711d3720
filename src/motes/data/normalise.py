"""Bringing the grey values of any camera to one scale."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from motes.errors import ImageError
from motes.fairness import may_change


class Normalisation(BaseModel):
    """How grey values are brought to one scale."""

    # Crops at informative places are found by their grey values.
    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=may_change("places"))

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


@dataclass(frozen=True)
class GreyScale:
    """What normalise does to an image, in five numbers: they give its result in any window of the image.

    fill: what takes the place of NaN and infinite pixels. low, high: limits of clipping; None for grey values
    that stay as they are, as then mean is 0 and spread 1.
    """

    low: float | None = None
    high: float | None = None
    mean: float = 0.0
    spread: float = 1.0
    fill: float = 0.0

    def apply(self, pixels: NDArray[Any]) -> NDArray[np.float32]:
        """Pixels of any shape on this scale."""
        values = np.asarray(pixels, dtype=np.float32)
        good = np.isfinite(values)
        if not good.all():
            values = np.where(good, values, np.float32(self.fill))
        if self.low is None:
            return values
        clipped = np.clip(values, self.low, self.high)
        return np.asarray((clipped - np.float32(self.mean)) / np.float32(self.spread))


def grey_scale(
    pixels: NDArray[np.float32], how: Normalisation, name: str = "the image", fill: float = 0.0
) -> GreyScale:
    """The grey scale of a whole image of any shape, with finite values.

    Its extremes are clipped, then the mean subtracted, and what remains divided by the standard deviation.
    Raises ImageError for an image without contrast, or, where the values are to stay as they are, one with
    values outside [0, 1].
    """
    if how.kind == "none":
        _check_between_0_and_1(pixels, name)
        return GreyScale(fill=fill)
    low, high = map(float, np.percentile(pixels, [how.clip_percent, 100 - how.clip_percent]))
    clipped = np.clip(pixels, low, high)
    spread = float(clipped.std())
    if not spread > 1e-6 * max(abs(low), abs(high), 1e-30):
        raise ImageError(
            f"{name}: all pixels have the same value ({low:g}) after clipping {how.clip_percent:g} % at both "
            "ends; there is nothing to see in it, leave it out"
        )
    return GreyScale(low, high, float(clipped.mean()), spread, fill)


def normalise(
    pixels: NDArray[np.float32], how: Normalisation, name: str = "the image"
) -> NDArray[np.float32]:
    """Bring a whole image to its grey scale; raises ImageError as grey_scale does."""
    return grey_scale(pixels, how, name).apply(pixels)


def _check_between_0_and_1(pixels: NDArray[np.float32], name: str) -> None:
    low, high = float(pixels.min()), float(pixels.max())
    if low < 0 or high > 1:
        raise ImageError(
            f"{name}: its values go from {low:g} to {high:g}, where this model or recipe takes images between 0 "
            "and 1 as they are; bring them to that range (`motes prepare` writes such images), or train with "
            "normalisation.kind=zscore"
        )
