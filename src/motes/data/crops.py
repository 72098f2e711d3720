"""Crops: which places of which images are trained on, cut on the CPU, turned and painted on the device.

`cut` takes from each image the patch that a crop can reach, cheaply and in the background; `finish` does
the rest for a whole batch on the device that trains: one resampling, grey values, targets, mixing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from motes.data import geometry, grey
from motes.data.augment import Augmentation, Draw, draw
from motes.data.mixing import Pair, class_shares, draw_pair, mix
from motes.data.object_targets import Separator, object_targets
from motes.data.paint import IGNORED, Marks, Target, paint_marks
from motes.data.sampling import (
    Kind,
    Labelled,
    Pixels,
    Sampling,
    Search,
    anywhere,
    check_diameters,
    find_place,
    near,
    weighted_pass,
)
from motes.errors import InputError, RecipeError

__all__ = ["IGNORED", "CropPlan", "CropSource", "Labelled", "Patches", "Pixels", "Sampling"]

PAINTED = 0.1  # a target below it is background, or the end of a Gaussian

# What each stream of draws is for; the fourth number of its seed.
PLACE, CHANGES, MIXING, ORDER = range(4)


@dataclass(frozen=True)
class CropPlan:
    """One crop before it is cut: the image's number, its centre there (px, array order), what changes."""

    image: int
    centre: NDArray[np.float64]
    drawn: Draw


@dataclass(frozen=True)
class Patches:
    """What a batch is made from, to be moved to a device as one.

    pixels: (b, 1, *patch) float32. labels: (k, 1, *patch) float32, the classes of those crops whose targets
    are cut from labels; labelled: their k rows. unknown: (u, 1, *patch) float32, 1 where an unmarked pixel may
    belong to a particle, of those crops whose images say so; unclear: their u rows. maps, limits: (b, ...) of
    geometry.patch_map and patch_limits. exact: crops whose pixels fall on the image's. over_edge: crops that may
    reach out of it. marks: particles in px of the crops before elastic deformation, crop by crop; counts: how
    many each has. ice, transfers: see change_grey_values.
    """

    pixels: Tensor
    labels: Tensor
    labelled: tuple[int, ...]
    unknown: Tensor
    unclear: tuple[int, ...]
    maps: Tensor
    limits: Tensor
    exact: tuple[bool, ...]
    over_edge: tuple[bool, ...]
    marks: Marks
    counts: tuple[int, ...]
    ice: tuple[Tensor | None, ...]
    transfers: tuple[Tensor | None, ...]
    plans: tuple[CropPlan, ...]
    pairs: tuple[Pair, ...]

    @property
    def draws(self) -> tuple[Draw, ...]:
        """What changes about each crop."""
        return tuple(plan.drawn for plan in self.plans)

    def to(self, device: torch.device) -> "Patches":
        """The same with every tensor on a device."""
        moved: Patches = _each_tensor(self, lambda tensor: tensor.to(device, non_blocking=True))
        return moved

    def pin_memory(self) -> "Patches":
        """The same in page-locked memory, from where a GPU fetches it while it computes."""
        pinned: Patches = _each_tensor(self, Tensor.pin_memory)
        return pinned


def _each_tensor(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Change the tensors of a record, of the records in it, and of tuples in it."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, Patches | Marks):
        return replace(value, **{f.name: _each_tensor(getattr(value, f.name), change) for f in fields(value)})
    if isinstance(value, tuple) and any(isinstance(part, Tensor) for part in value):
        return tuple(_each_tensor(part, change) for part in value)
    return value


@dataclass(frozen=True)
class CropSource:
    """All that crops are made from.

    diameters: of each class in working pixels, () where all targets come from labels. pixel_size: A per
    working pixel, for the defocus change. outputs: 1 for one class, else classes + 1. order: gives the order
    of the images from (seed, epoch) where sampling.images is "pass"; a weight shows an image there more often
    than once, or not at all. hard: places for sampling.hard. separator: where labels number objects, which
    map beside that of their interior is to be learnt; None: labels are classes.
    Raises RecipeError for settings that do not fit each other, InputError for images that do not fit them.
    """

    images: Sequence[Labelled]
    diameters: tuple[float, ...]
    sampling: Sampling
    augmentation: Augmentation
    target: Target
    pixel_size: float | None = None
    outputs: int = 1
    order: Callable[[int, int], NDArray[np.int64]] | None = None
    hard: tuple[tuple[int, NDArray[np.float64]], ...] = ()
    separator: Separator | None = None

    def __post_init__(self) -> None:
        if not self.images:
            raise InputError("there is no image to cut crops from; give at least one with labels")
        if self.augmentation.defocus and self.pixel_size is None:
            raise RecipeError(
                f"augmentation.defocus is {self.augmentation.defocus:g}, but the pixel size is not known; "
                "give --pixel-size (A/px), or set augmentation.defocus=0"
            )
        if self.several and self.target.shape == "gaussian":
            raise RecipeError(
                f"target.shape is gaussian, which is for one class, and there are {self.outputs - 1}; "
                "use target.shape=disc"
            )
        if not 0 < self._weights_up_to[-1] < np.inf:
            raise InputError("the weights of the images sum to nothing; give at least one a positive weight")
        check_diameters(self.images, len(self.diameters))

    def with_hard(self, places: Sequence[tuple[int, NDArray[np.float64]]]) -> "CropSource":
        """The same source, that knows places (number of the image, (ndim,) px) where the net fired wrongly."""
        return replace(self, hard=tuple((int(image), np.asarray(point)) for image, point in places))

    @property
    def several(self) -> bool:
        """Whether targets are the numbers of several classes."""
        return self.outputs > 1 and self.separator is None

    @property
    def ndim(self) -> int:
        """Dimensions of the images."""
        return self.images[0].data.ndim

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """The shape of a crop, (z,) y, x."""
        return self.sampling.shape(self.ndim)

    @cached_property
    def patch(self) -> tuple[int, ...]:
        """The shape of all patches: what a crop can reach, or the largest image."""
        margin = self.augmentation.elastic_margin(self.ndim)
        reach = geometry.patch_reach(self.shape, self.augmentation.rotation, self.augmentation.scale, margin)
        largest = np.max([image.data.shape for image in self.images], axis=0)
        return tuple(min(one, int(other)) for one, other in zip(reach, largest, strict=True))

    @cached_property
    def _weights_up_to(self) -> NDArray[np.float64]:
        return np.cumsum(self._weights)

    @cached_property
    def _weights(self) -> NDArray[np.float64]:
        return np.array([image.weight for image in self.images], dtype=np.float64)

    def plan(self, seed: int, epoch: int, number: int) -> CropPlan:
        """Choose a crop by its seed alone: the same whatever came before, and whoever asks."""
        return self.plans(seed, epoch, [number])[0]

    def plans(self, seed: int, epoch: int, numbers: Sequence[int]) -> list[CropPlan]:
        """Choose the crops with these numbers of an epoch."""
        order = self._order(seed, epoch)
        return [self._plan(seed, epoch, number, order) for number in numbers]

    def cut(self, seed: int, epoch: int, numbers: Sequence[int]) -> Patches:
        """Cut what these crops can show, and collect the particles near them: plain NumPy, thread-safe."""
        plans = self.plans(seed, epoch, numbers)
        shown = [self.images[plan.image] for plan in plans]
        starts = [
            geometry.patch_start(plan.centre, self.patch, image.data.shape)
            for plan, image in zip(plans, shown, strict=True)
        ]
        labels = {row: image.labels for row, image in enumerate(shown) if image.labels is not None}
        unknown = {row: image.unknown for row, image in enumerate(shown) if image.unknown is not None}
        maps = [
            geometry.patch_map(plan.drawn.linear, plan.centre - start, self.patch)
            for plan, start in zip(plans, starts, strict=True)
        ]
        limits = [
            geometry.patch_limits(start, image.data.shape, self.patch)
            for image, start in zip(shown, starts, strict=True)
        ]
        marks, counts = self._marks(plans)
        return Patches(
            pixels=_read([image.data for image in shown], starts, self.patch),
            labels=_read(list(labels.values()), [starts[row] for row in labels], self.patch),
            labelled=tuple(labels),
            unknown=_read(list(unknown.values()), [starts[row] for row in unknown], self.patch),
            unclear=tuple(unknown),
            maps=_stack(maps),
            limits=_stack(limits),
            exact=tuple(self._keeps_to_grid(plan) for plan in plans),
            over_edge=tuple(self._reaches_out(plan) for plan in plans),
            marks=marks,
            counts=counts,
            ice=tuple(self._ice(plan.drawn) for plan in plans),
            transfers=tuple(self._transfer(plan.drawn) for plan in plans),
            plans=tuple(plans),
            pairs=self._pairs(seed, epoch, numbers),
        )

    def finish(self, patches: Patches, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
        """Crops (b, 1, (z,) y, x) and their targets, float32, on a device.

        Targets are (b, 1, (z,) y, x): for one output values in [0, 1], else class numbers, 0 background;
        (b, outputs, (z,) y, x) shares of the classes where MixUp is on, and of objects interior and separator.
        IGNORED outside of the image, and where nothing is painted but a particle may be.
        """
        patches = patches.to(torch.device(device))
        grid, marks = self._place(patches)
        crops = self._resampled(patches.pixels, patches.maps, grid, patches.exact)
        out = geometry.outside(grid, patches.limits) if any(patches.over_edge) else None
        targets = self._targets(patches, grid, marks, out)
        if out is not None:
            crops.masked_fill_(out, 0)
            targets.masked_fill_(out, IGNORED)
        grey.change_grey_values(crops, patches.draws, self.augmentation, patches.ice, patches.transfers)
        if self.several and self.augmentation.mixup:
            targets = class_shares(targets, self.outputs)
        mix(crops, targets, patches.pairs)
        return crops, targets

    def batch(
        self, seed: int, epoch: int, numbers: Sequence[int], device: torch.device | str = "cpu"
    ) -> tuple[Tensor, Tensor]:
        """Cut and finish."""
        return self.finish(self.cut(seed, epoch, numbers), device)

    def _order(self, seed: int, epoch: int) -> NDArray[np.int64] | None:
        """The order of the images in a pass, None where each crop draws its own."""
        if self.sampling.images == "random":
            return None
        rng = np.random.default_rng([seed, epoch, 0, ORDER])
        if self.order is not None:
            return weighted_pass(self.order(seed, epoch), self._weights, rng)
        return rng.permutation(weighted_pass(np.arange(len(self.images)), self._weights, rng))

    def _plan(self, seed: int, epoch: int, number: int, order: NDArray[np.int64] | None) -> CropPlan:
        rng = np.random.default_rng([seed, epoch, number, PLACE])
        chance = rng.random() * self._weights_up_to[-1]
        if order is None:
            image = int(np.searchsorted(self._weights_up_to[:-1], chance, side="right"))
        else:
            image = int(order[number % len(order)])
        image, centre = self._find_place(self.sampling.kind(number), image, order is None, rng)
        drawn = draw(self.augmentation, self.ndim, self._chance(seed, epoch, number, CHANGES))
        return CropPlan(image, self._settle(image, centre, drawn), drawn)

    def _chance(self, seed: int, epoch: int, number: int, stream: int) -> np.random.Generator:
        """What the changes of a crop are drawn from."""
        own = [self.augmentation.seed] if self.augmentation.seed else []
        return np.random.default_rng([seed, epoch, number, stream, *own])

    def _find_place(
        self, kind: Kind, image: int, any_image: bool, rng: np.random.Generator
    ) -> tuple[int, NDArray[np.float64]]:
        """The image, and where the crop is centred; hard places bring their own image if any will do."""
        if kind == "hard":
            places = [place for place in self.hard if any_image or place[0] == image]
            if not places:
                return image, anywhere(self.images[image].data.shape, rng)
            image, point = places[int(rng.random() * len(places))]
            return image, near(point, self.shape, rng)
        return image, find_place(kind, Search(self.images[image], self.sampling, self.diameters), rng)

    def _settle(self, image: int, centre: NDArray[np.float64], drawn: Draw) -> NDArray[np.float64]:
        """In the middle of an image that is no larger than the crop; on the grid if that was drawn."""
        shape, size = np.array(self.images[image].data.shape), np.array(self.shape)
        centre = np.where(size >= shape, (shape - 1) / 2, centre)
        if drawn.on_grid:
            centre = np.floor(centre) + np.abs(drawn.linear) @ ((size - 1) / 2) % 1
        return centre

    def _pairs(self, seed: int, epoch: int, numbers: Sequence[int]) -> tuple[Pair, ...]:
        if not (self.augmentation.mixup or self.augmentation.cutmix):
            return ()
        firsts = numbers[: len(numbers) - 1 : 2]
        rngs = [self._chance(seed, epoch, number, MIXING) for number in firsts]
        return tuple(draw_pair(self.augmentation, self.shape, rng) for rng in rngs)

    def _margin(self, drawn: Draw) -> float:
        """How far a crop's elastic deformation may reach, px."""
        return 0.0 if drawn.elastic is None else self.augmentation.elastic_margin(self.ndim)

    def _keeps_to_grid(self, plan: CropPlan) -> bool:
        """Whether each pixel of a crop falls on one of the image."""
        still = plan.drawn.elastic is None
        return still and geometry.keeps_to_grid(plan.drawn.linear, plan.centre, self.shape)

    def _reaches_out(self, plan: CropPlan) -> bool:
        """Whether a crop may show what lies outside of its image."""
        half = (np.array(self.shape) - 1) / 2 + self._margin(plan.drawn) + 0.01  # for rounding
        extent = np.abs(plan.drawn.linear) @ half
        last = np.array(self.images[plan.image].data.shape) - 0.5
        return bool(np.any(plan.centre - extent < -0.5) or np.any(plan.centre + extent > last))

    def _marks(self, plans: Sequence[CropPlan]) -> tuple[Marks, tuple[int, ...]]:
        """The particles that may reach into the crops, in px of these, and how many may reach into each."""
        parts = [self._marks_of(plan) for plan in plans]
        points, radii, classes = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        counts = tuple(len(part[0]) for part in parts)
        marks = Marks(
            torch.from_numpy(points.astype(np.float32)),
            torch.from_numpy(np.repeat(np.arange(len(plans)), counts)),
            torch.from_numpy(radii.astype(np.float32)),
            torch.from_numpy(classes.astype(np.int64)),
            largest=float(radii.max(initial=0)),
        )
        return marks, counts

    def _marks_of(self, plan: CropPlan) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
        """Points, painted radii and classes of the particles that may reach into one crop."""
        image = self.images[plan.image]
        if image.labels is not None:
            return np.zeros((0, self.ndim)), np.zeros(0), np.zeros(0, dtype=np.int64)
        classes = image.class_of_points()
        enlarged = self.target.radius / 2 * geometry.zoom(plan.drawn.linear)
        radii = enlarged * np.array(self.diameters)[classes]
        size = np.array(self.shape)
        points = (image.points - plan.centre) @ np.linalg.inv(plan.drawn.linear).T + (size - 1) / 2
        reach = 2 * radii[:, None] + self._margin(plan.drawn) + 1
        close = np.all((points > -reach) & (points < size - 1 + reach), axis=1)
        return points[close], radii[close], classes[close]

    def _ice(self, drawn: Draw) -> Tensor | None:
        if drawn.ice is None:
            return None
        return torch.from_numpy(grey.ice_map(self.shape, np.random.default_rng(drawn.ice)))

    def _transfer(self, drawn: Draw) -> Tensor | None:
        if drawn.defocus is None or self.pixel_size is None:
            return None
        pixel_size = self.pixel_size / geometry.zoom(drawn.linear)
        return torch.from_numpy(grey.defocus_transfer(self.shape, pixel_size, *drawn.defocus))

    def _place(self, patches: Patches) -> tuple[Tensor, Marks]:
        """Where each pixel of the crops lies in the patches, and each particle in the crops."""
        grid = geometry.sampling_grid(patches.maps, self.shape)
        points = list(patches.marks.points.split_with_sizes(patches.counts))
        for row, drawn in enumerate(patches.draws):
            if drawn.elastic is not None:
                generator = torch.Generator(grid.device).manual_seed(drawn.elastic)
                augmentation = self.augmentation
                field = geometry.displacement(
                    self.shape, augmentation.elastic_alpha, augmentation.elastic_sigma, generator
                )
                grid[row] = geometry.displaced_grid(grid[row], patches.maps[row, :, :-1], field)
                points[row] = geometry.displaced_points(points[row], field)
        return grid, replace(patches.marks, points=torch.cat(points))

    def _resampled(self, pixels: Tensor, maps: Tensor, grid: Tensor, nearest: Sequence[bool]) -> Tensor:
        """Patches (b, 1, ...) as crops; in volumes, planes stay planes as long as nothing is deformed."""
        if self.ndim == 3 and not self.augmentation.elastic:
            return geometry.resample_planes(pixels, maps, self.shape, nearest)
        return geometry.resample(pixels, grid, nearest)

    def _targets(self, patches: Patches, grid: Tensor, marks: Marks, out: Tensor | None) -> Tensor:
        """Painted around the points, or for the crops of labelled images cut from the labels; out: of the image."""
        several = self.several
        count = len(patches.pixels)
        rows = list(patches.labelled)
        if self.separator is not None:
            numbers = self._resampled(patches.labels, patches.maps, grid, [True] * count)
            if out is not None:  # an object ends at its rim, not where the image does
                numbers = numbers.masked_fill(out, IGNORED)
            return object_targets(numbers, self.separator).masked_fill_(numbers < 0, IGNORED)
        if len(rows) < count:
            targets = paint_marks(marks, count, self.shape, self.target.shape, several)[:, None]
        else:
            targets = torch.empty_like(grid[:, :1])
        if rows:
            cut = self._resampled(patches.labels, patches.maps[rows], grid[rows], [True] * len(rows))
            targets[rows] = cut if several else cut.clamp_(max=1)
        if patches.unclear:
            rows = list(patches.unclear)
            unknown = self._resampled(patches.unknown, patches.maps[rows], grid[rows], [True] * len(rows))
            targets[rows] = without_unknown(targets[rows], unknown)
        return targets


def without_unknown(targets: Tensor, unknown: Tensor) -> Tensor:
    """Targets, IGNORED where nothing is painted and what is there is unknown (1, else 0); both of one shape."""
    return targets.masked_fill((unknown > 0) & (targets < PAINTED), IGNORED)


def _read(images: Sequence[Pixels], starts: Sequence[NDArray[np.int64]], patch: tuple[int, ...]) -> Tensor:
    """Patches of images, (n, 1, *patch) float32; where an image ends its edge goes on for a pixel, then 0."""
    patches = np.empty((len(images), 1, *patch), dtype=np.float32)
    for into, image, start in zip(patches[:, 0], images, starts, strict=True):
        part = tuple(slice(int(low), int(low) + side) for low, side in zip(start, patch, strict=True))
        read = image[part]
        if read.shape == patch:
            into[...] = read
            continue
        into[...] = 0
        into[tuple(slice(length) for length in read.shape)] = read
        for axis, length in enumerate(read.shape):
            along = np.moveaxis(into, axis, 0)
            along[length : length + 1] = along[length - 1]
    return torch.from_numpy(patches)


def _stack(arrays: Sequence[NDArray[np.float64]]) -> Tensor:
    return torch.from_numpy(np.stack(arrays).astype(np.float32))
