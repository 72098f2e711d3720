"""Augmentation: what may change about a crop, and what is drawn for one.

Every draw is made on the CPU from a generator of its own, so that it depends on nothing but its seed; each
change has its own row of draws, so that switching one on leaves all others as they are.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from motes.data.geometry import elastic_margin, rotation_in_plane
from motes.errors import RecipeError
from motes.fairness import may_change

# New names go to the end, for the draws of the others to stay.
ROWS = ("turn", "flip", "contrast", "brightness", "noise", "elastic", "blur", "squares", "ice", "defocus")
DRAWS_A_ROW = 4
ASSUMED_DEFOCUS = (1.0, 2.5)  # micrometres: what a micrograph's own defocus is taken to be
LEAST_DEFOCUS = 0.3


class Augmentation(BaseModel):
    """How much each crop is varied. RecipeError for a change that on_grid=1 leaves without effect."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=may_change("draws"))

    seed: int = Field(
        0,
        ge=0,
        description="another number draws other changes for the same crops; chance is no treatment, so arms of a "
        "study share it",
        json_schema_extra=may_change(),
    )
    on_grid: float = Field(
        0.5,
        ge=0,
        le=1,
        json_schema_extra=may_change("draws", "places"),
        description="share of crops that only take quarter turns and flips, so that their noise is as sharp "
        "as in the images to be picked; resampling the others smooths it",
    )
    rotation: float = Field(180.0, ge=0, le=180, description="largest in-plane rotation, degrees")
    flip: bool = Field(True, description="mirror along each axis with probability one half")
    scale: float = Field(
        0.1, ge=0, lt=1, description="largest relative change of size: 0.1 gives 1/1.1 to 1.1"
    )
    elastic: float = Field(
        0, ge=0, le=1, description="probability of an elastic deformation, of the crops not on the grid"
    )
    elastic_alpha: float = Field(
        50,
        ge=0,
        description="its strength, px: what its smooth noise is times",
        json_schema_extra=may_change(),
    )
    elastic_sigma: float = Field(
        5, ge=1, description="its smoothness, px: sigma of the Gaussian", json_schema_extra=may_change()
    )
    contrast: float = Field(0.2, ge=0, lt=1, description="largest relative change of contrast")
    contrast_share: float = Field(1, ge=0, le=1, description="share of crops whose contrast changes")
    brightness: float = Field(
        0.2,
        ge=0,
        description="largest shift, in standard deviations of the image; in grey values where these stay as they are",
    )
    brightness_share: float = Field(1, ge=0, le=1, description="share of crops whose brightness changes")
    noise: float = Field(0.2, ge=0, description="largest sigma of added noise, same unit")
    noise_share: float = Field(1, ge=0, le=1, description="share of crops that noise is added to")
    blur: float = Field(0, ge=0, description="largest sigma of a Gaussian blur, px")
    blur_share: float = Field(1, ge=0, le=1, description="share of crops that are blurred")
    squares: int = Field(0, ge=0, description="number of dropped-out squares (cubes in 3D)")
    squares_size: int = Field(16, ge=1, description="their largest side, px", json_schema_extra=may_change())
    squares_share: float = Field(1, ge=0, le=1, description="share of crops with dropped-out squares")
    ice: float = Field(0, ge=0, le=1, description="probability of a simulated piece of contamination ice")
    defocus: float = Field(
        0, ge=0, description="largest change of defocus, micrometres; the pixel size must be known"
    )
    defocus_share: float = Field(1, ge=0, le=1, description="share of crops whose defocus changes")
    mixup: float = Field(0, ge=0, le=1, description="probability that a pair of crops is blended (MixUp)")
    mixup_alpha: float = Field(0.4, gt=0, description="the share of each is drawn from Beta(alpha, alpha)")
    cutmix: float = Field(
        0, ge=0, le=1, description="probability that a pair of crops exchanges a rectangle (CutMix)"
    )
    cutmix_alpha: float = Field(1, gt=0, description="its share of the crop is drawn from Beta(alpha, alpha)")

    @model_validator(mode="after")
    def _has_effect(self) -> "Augmentation":
        lost = [name for name in ("scale", "elastic") if getattr(self, name)]
        if 0 < self.rotation < 90:
            lost.append("rotation")
        if self.on_grid == 1 and lost:
            found = ", ".join(f"augmentation.{name} ({getattr(self, name):g})" for name in lost)
            zeros = " ".join(f"{name}=0" for name in lost)
            raise RecipeError(
                "augmentation.on_grid is 1, so that every crop keeps the pixels of its image and only takes "
                f"quarter turns and flips: {found} would have no effect; set on_grid=0 (or a share below 1) to "
                f"use this, or {zeros} to leave it out"
            )
        return self

    def elastic_margin(self, ndim: int) -> float:
        """How far an elastic deformation may move anything along an axis, px."""
        return elastic_margin(self.elastic_alpha, self.elastic_sigma, ndim) if self.elastic else 0.0


NO_AUGMENTATION = Augmentation(on_grid=0, rotation=0, flip=False, scale=0, contrast=0, brightness=0, noise=0)


@dataclass(frozen=True)
class Draw:
    """What was drawn for one crop.

    on_grid: whether the crop's pixels are to fall on pixels of the image.
    linear: (ndim, ndim) map from offsets in the crop to offsets in the image, both from the crop's centre,
    in pixels and array order. contrast, brightness: the grey value v becomes v * contrast + brightness.
    noise: sigma of the noise to add. blur: sigma, px. defocus: assumed and new, micrometres.
    elastic, noise_seed, squares, ice: what each is drawn from; None for a crop without.
    """

    on_grid: bool
    linear: NDArray[np.float64]
    elastic: int | None
    contrast: float
    brightness: float
    noise: float
    noise_seed: int
    blur: float
    squares: int | None
    ice: int | None
    defocus: tuple[float, float] | None

    def as_text(self) -> str:
        """All of it, to the last digit: equal for equal draws only."""
        return repr(vars(self) | {"linear": self.linear.tolist()})


def draw(augmentation: Augmentation, ndim: int, rng: np.random.Generator) -> Draw:
    """Draw the changes for one crop; always the same number of draws, whatever is switched on."""
    rows = dict(zip(ROWS, rng.random((len(ROWS), DRAWS_A_ROW)), strict=True))
    on_grid, linear = _draw_linear(augmentation, ndim, rows["turn"], rows["flip"])
    contrast = _up_to(augmentation.contrast_share, rows["contrast"])
    brightness = _up_to(augmentation.brightness_share, rows["brightness"])
    noise = _up_to(augmentation.noise_share, rows["noise"])
    blur = _up_to(augmentation.blur_share, rows["blur"])
    return Draw(
        on_grid=on_grid,
        linear=linear,
        elastic=_seed_of(0 if on_grid else augmentation.elastic, rows["elastic"]),
        contrast=float((1 + augmentation.contrast) ** contrast),
        brightness=float(brightness * augmentation.brightness),
        noise=float(abs(noise) * augmentation.noise),
        noise_seed=as_seed(rows["noise"][2]),
        blur=float(abs(blur) * augmentation.blur),
        squares=_seed_of(augmentation.squares_share if augmentation.squares else 0, rows["squares"]),
        ice=_seed_of(augmentation.ice, rows["ice"]),
        defocus=_draw_defocus(augmentation, rows["defocus"]),
    )


def as_seed(chance: float) -> int:
    """A seed from a draw in [0, 1), which holds 53 bits."""
    return int(chance * 2**53)


def _draw_linear(
    augmentation: Augmentation, ndim: int, turn: NDArray[np.float64], flip: NDArray[np.float64]
) -> tuple[bool, NDArray[np.float64]]:
    """Whether the crop keeps to the grid, and its linear map."""
    on_grid = bool(turn[0] < augmentation.on_grid)
    angle, size = 2 * turn[1:3] - 1
    degrees = angle * augmentation.rotation
    if on_grid:
        degrees, size = 90 * round(angle * (augmentation.rotation // 90)), 0
    mirrored = (flip[:ndim] < 0.5) & augmentation.flip
    linear = rotation_in_plane(np.deg2rad(degrees), ndim) @ np.diag(1.0 - 2.0 * mirrored)
    return on_grid, np.rint(linear) if on_grid else linear * (1 + augmentation.scale) ** size


def _draw_defocus(augmentation: Augmentation, row: NDArray[np.float64]) -> tuple[float, float] | None:
    change = _up_to(augmentation.defocus_share, row) * augmentation.defocus
    if change == 0:
        return None
    low, high = ASSUMED_DEFOCUS
    assumed = float(low + (high - low) * row[2])
    return assumed, max(assumed + float(change), LEAST_DEFOCUS)


def _up_to(share: float, row: NDArray[np.float64]) -> float:
    """A number from -1 to 1 where the change is made, else 0."""
    return float(2 * row[1] - 1) if row[0] < share else 0.0


def _seed_of(share: float, row: NDArray[np.float64]) -> int | None:
    """A seed where the change is made, else None."""
    return as_seed(row[1]) if row[0] < share else None
