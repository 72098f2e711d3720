"""Augmentation: one affine map for pixels and points, and changes of the grey values.

Every draw is made on the CPU from a generator of its own, so that it depends on nothing but its seed.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field


class Augmentation(BaseModel):
    """How much each crop is varied."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    on_grid: float = Field(
        0.5,
        ge=0,
        le=1,
        description="share of crops that only take quarter turns and flips, so that their noise is as sharp "
        "as in the images to be picked; resampling the others smooths it",
    )
    rotation: float = Field(180.0, ge=0, le=180, description="largest in-plane rotation, degrees")
    flip: bool = Field(True, description="mirror along each axis with probability one half")
    scale: float = Field(
        0.1, ge=0, lt=1, description="largest relative change of size: 0.1 gives 1/1.1 to 1.1"
    )
    contrast: float = Field(0.2, ge=0, lt=1, description="largest relative change of contrast")
    brightness: float = Field(0.2, ge=0, description="largest shift, in standard deviations of the image")
    noise: float = Field(0.2, ge=0, description="largest sigma of added noise, same unit")


NO_AUGMENTATION = Augmentation(on_grid=0, rotation=0, flip=False, scale=0, contrast=0, brightness=0, noise=0)


@dataclass(frozen=True)
class Draw:
    """What was drawn for one crop.

    on_grid: whether the crop's pixels are to fall on pixels of the image.
    linear: (ndim, ndim) map from offsets in the crop to offsets in the image, both from the crop's centre,
    in pixels and array order. contrast, brightness: the grey value v becomes v * contrast + brightness.
    noise: sigma of the noise to add. noise_seed: what that noise is drawn from.
    """

    on_grid: bool
    linear: NDArray[np.float64]
    contrast: float
    brightness: float
    noise: float
    noise_seed: int


def draw(augmentation: Augmentation, ndim: int, rng: np.random.Generator) -> Draw:
    """Draw the changes for one crop; always the same number of draws, whatever is switched on."""
    on_grid = bool(rng.random() < augmentation.on_grid)
    angle, size, contrast, brightness, noise = rng.uniform(-1, 1, size=5)
    mirrored = rng.integers(0, 2, size=ndim) if augmentation.flip else np.zeros(ndim, dtype=int)
    degrees = angle * augmentation.rotation
    if on_grid:
        degrees, size = 90 * round(angle * (augmentation.rotation // 90)), 0
    linear = rotation_in_plane(np.deg2rad(degrees), ndim) @ np.diag(1.0 - 2.0 * mirrored)
    linear = np.rint(linear) if on_grid else linear * (1 + augmentation.scale) ** size
    return Draw(
        on_grid=on_grid,
        linear=linear,
        contrast=float((1 + augmentation.contrast) ** contrast),
        brightness=float(brightness * augmentation.brightness),
        noise=float(abs(noise) * augmentation.noise),
        noise_seed=int(rng.integers(2**63)),
    )


def rotation_in_plane(angle: float, ndim: int) -> NDArray[np.float64]:
    """The rotation by an angle (radians) of the last two axes, y and x; (ndim, ndim)."""
    matrix = np.eye(ndim)
    cosine, sine = np.cos(angle), np.sin(angle)
    matrix[-2:, -2:] = [[cosine, -sine], [sine, cosine]]
    return matrix


def change_grey_values(crop: NDArray[np.float32], drawn: Draw) -> NDArray[np.float32]:
    """Contrast, brightness and noise of one crop, any shape."""
    changed = crop * np.float32(drawn.contrast) + np.float32(drawn.brightness)
    if drawn.noise > 0:
        rng = np.random.default_rng(drawn.noise_seed)
        changed += np.float32(drawn.noise) * rng.standard_normal(crop.shape, dtype=np.float32)
    return changed
