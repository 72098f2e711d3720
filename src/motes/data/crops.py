"""Crops: which places of which images are trained on, cut, turned and painted in one go."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.ndimage import map_coordinates
from torch import Tensor

from motes.data.augment import Augmentation, Draw, change_grey_values, draw
from motes.data.paint import Target, paint

IGNORED = -1.0


class Sampling(BaseModel):
    """Where crops are taken."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: int = Field(128, ge=16, description="side of a crop in working pixels")
    around_points: float = Field(
        0.5, ge=0, le=1, description="share of the crops that are centred near a particle"
    )


@dataclass(frozen=True)
class Labelled:
    """One image to train on: data (..., y, x) at the working scale, points (n, ndim) on the same pixels."""

    data: NDArray[np.float32]
    points: NDArray[np.float64]


@dataclass(frozen=True)
class CropPlan:
    """One crop before it is cut: the image's number, its centre there, and what changes."""

    image: int
    centre: NDArray[np.float64]
    drawn: Draw


@dataclass(frozen=True)
class CropSource:
    """All that crops are made from. diameter: of a particle in working pixels."""

    images: Sequence[Labelled]
    diameter: float
    sampling: Sampling
    augmentation: Augmentation
    target: Target

    def plan(self, seed: int, epoch: int, number: int) -> CropPlan:
        """Choose a crop by its seed alone: the same whatever came before, and whoever asks."""
        rng = np.random.default_rng([seed, epoch, number])
        image = int(rng.integers(len(self.images)))
        labelled = self.images[image]
        near_point, which = rng.random(2)
        anywhere = rng.random(labelled.data.ndim) * labelled.data.shape - 0.5
        shift = rng.uniform(-0.5, 0.5, labelled.data.ndim) * self.sampling.size / 2
        if len(labelled.points) and near_point < self.sampling.around_points:
            centre = labelled.points[int(which * len(labelled.points))] + shift
        else:
            centre = anywhere
        drawn = draw(self.augmentation, labelled.data.ndim, rng)
        if drawn.on_grid:
            centre = np.floor(centre) + (self.sampling.size - 1) / 2 % 1
        return CropPlan(image, centre, drawn)

    def batch(self, seed: int, epoch: int, numbers: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Crops and their targets, each (batch, 1, [z,] y, x) float32; IGNORED outside the image."""
        made = [self.crop(self.plan(seed, epoch, number)) for number in numbers]
        crops, targets = (torch.from_numpy(np.stack(arrays))[:, None] for arrays in zip(*made, strict=True))
        return crops, targets

    def crop(self, plan: CropPlan) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Cut one crop and paint its target, both ([z,] y, x)."""
        labelled = self.images[plan.image]
        shape = (self.sampling.size,) * labelled.data.ndim
        pixels, inside = cut(labelled.data, plan.centre, plan.drawn.linear, shape)
        middle = (np.array(shape) - 1) / 2
        points = (labelled.points - plan.centre) @ np.linalg.inv(plan.drawn.linear).T + middle
        target = paint(points, shape, self.diameter * _zoom(plan.drawn.linear), self.target)
        target[~inside] = IGNORED
        return change_grey_values(pixels, plan.drawn), target


def cut(
    data: NDArray[np.float32],
    centre: NDArray[np.float64],
    linear: NDArray[np.float64],
    shape: tuple[int, ...],
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Resample a crop from an image once, by linear interpolation.

    The crop's pixel at offset o from its middle shows the image at centre + linear @ o. Returns the crop
    and where it lies inside the image; outside of it the crop is 0, the mean of a normalised image.
    """
    middle = (np.array(shape) - 1) / 2
    offsets = np.indices(shape) - _along_axes(middle)
    source = np.tensordot(linear, offsets, axes=1) + _along_axes(centre)
    edge = _along_axes(np.array(data.shape) - 0.5)
    inside = np.all((source >= -0.5) & (source <= edge), axis=0)
    pixels = map_coordinates(data, source, order=1, mode="nearest")
    return np.where(inside, pixels, np.float32(0)), inside


def _along_axes(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """A vector (ndim,) in the shape (ndim, 1, ...) that goes with coordinates (ndim, [z,] y, x)."""
    return vector.reshape(-1, *[1] * len(vector))


def _zoom(linear: NDArray[np.float64]) -> float:
    """By how much things look larger in the crop than in the image."""
    return float(abs(np.linalg.det(linear)) ** (-1 / len(linear)))
