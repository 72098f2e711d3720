"""The geometry of crops: one map moves pixels, labels and points alike, in any number of dimensions.

A crop's pixel at offset o from its middle shows the image at centre + linear @ (o + d(o)), where d is the
elastic displacement in pixels of the crop.
"""

import math
from collections.abc import Sequence
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

FARTHEST = 5  # standard deviations that an elastic displacement is limited to
INVERSE_STEPS = 30
TRUNCATED = 4  # standard deviations that a Gaussian filter reaches, as in SciPy


def rotation_in_plane(angle: float, ndim: int) -> NDArray[np.float64]:
    """The rotation by an angle (radians) of the last two axes, y and x; (ndim, ndim)."""
    matrix = np.eye(ndim)
    cosine, sine = np.cos(angle), np.sin(angle)
    matrix[-2:, -2:] = [[cosine, -sine], [sine, cosine]]
    return matrix


def zoom(linear: NDArray[np.float64]) -> float:
    """By how much things look larger in the crop than in the image."""
    return float(abs(np.linalg.det(linear)) ** (-1 / len(linear)))


def patch_reach(size: Sequence[int], rotation: float, scale: float, margin: float) -> tuple[int, ...]:
    """Sides (px) of a patch of the image that holds a crop wherever it lies and however it is turned.

    size: of the crop, px. rotation: largest, degrees, in the plane. scale: largest relative change of size.
    margin: what an elastic displacement adds on each side, px.
    """
    half = [(length - 1) / 2 + margin for length in size]
    limit = math.radians(rotation)
    half[-2:] = [_turned(half[-2], half[-1], limit), _turned(half[-1], half[-2], limit)]
    return tuple(2 * math.ceil(length * (1 + scale)) + 3 for length in half)


def _turned(along: float, across: float, limit: float) -> float:
    """Half the extent of a rectangle along one axis when it is turned by at most limit (radians)."""
    angle = min(limit, math.atan2(across, along))
    return math.cos(angle) * along + math.sin(angle) * across


def patch_start(centre: NDArray[np.float64], patch: Sequence[int], image: Sequence[int]) -> NDArray[np.int64]:
    """Where in the image the patch of a crop begins, (ndim,) px: moved inwards as far as the image allows.

    centre: (ndim,) of the crop, px. patch, image: their shapes.
    """
    start = np.floor(centre).astype(np.int64) - np.array(patch) // 2
    return np.asarray(np.clip(start, 0, np.maximum(np.array(image) - patch, 0)))


def keeps_to_grid(linear: NDArray[np.float64], centre: NDArray[np.float64], shape: Sequence[int]) -> bool:
    """Whether each pixel of a crop of that shape falls on one of the image."""
    first = centre - linear @ ((np.array(shape) - 1) / 2)
    numbers = np.concatenate([linear.ravel(), first])
    return bool(np.abs(numbers - np.rint(numbers)).max() < 1e-9)


def patch_map(
    linear: NDArray[np.float64], place: NDArray[np.float64], patch: Sequence[int]
) -> NDArray[np.float64]:
    """The map of a crop's pixels to a patch's normalised coordinates, (ndim, ndim + 1).

    place: (ndim,) where the crop's middle lies in the patch, px. Rows in the order of grid_sample (x, y, z),
    which wants -1 and 1 at the centres of the outermost pixels (align_corners); columns in array order, for
    offsets from the crop's middle in px, and the constant last.
    """
    both = np.concatenate([linear, place[:, None]], axis=1)
    normalised = both * _per_pixel(patch)[:, None]
    normalised[:, -1] -= 1
    return normalised[::-1]


def patch_limits(start: NDArray[np.int64], image: Sequence[int], patch: Sequence[int]) -> NDArray[np.float64]:
    """The image's edges in a patch's normalised coordinates: (2, ndim), lower and upper, order x, y, z.

    start: (ndim,) of the patch in the image, px. image, patch: their shapes. Pixels reach half a pixel out.
    """
    edges = np.stack([-0.5 - start, np.array(image) - 0.5 - start])
    return np.asarray((edges * _per_pixel(patch) - 1)[:, ::-1])


def _per_pixel(patch: Sequence[int]) -> NDArray[np.float64]:
    return np.array([2 / max(length - 1, 1) for length in patch])


def sampling_grid(maps: Tensor, shape: Sequence[int]) -> Tensor:
    """Where each pixel of each crop lies in its patch: (b, ndim, *shape), order x, y, z, normalised.

    maps: (b, ndim, ndim + 1) of patch_map. shape: of a crop.
    """
    count, ndim = maps.shape[:2]
    grid = maps[..., -1].reshape(count, ndim, *[1] * ndim)
    for axis, length in enumerate(shape):
        offsets = torch.arange(length, device=maps.device, dtype=maps.dtype) - (length - 1) / 2
        along = maps[:, :, axis, None] * offsets
        grid = grid + along.reshape(count, ndim, *[length if other == axis else 1 for other in range(ndim)])
    return grid


def resample(patches: Tensor, grid: Tensor, nearest: Sequence[bool]) -> Tensor:
    """Show patches (b, 1, ...) at the places of a grid (b, ndim, *crop): (b, 1, *crop).

    nearest: which of them take the nearest pixel's value in place of linear interpolation. Beyond a patch
    its edge goes on.
    """
    crops, first = [], 0
    for kind, stretch in groupby(nearest):  # neighbours of a kind go together: nothing has to be copied
        rows = slice(first, first + len(list(stretch)))
        crops.append(_resample_all(patches[rows], grid[rows], kind))
        first = rows.stop
    return crops[0] if len(crops) == 1 else torch.cat(crops)


def _resample_all(patches: Tensor, grid: Tensor, nearest: bool) -> Tensor:
    """Resample all alike. Torch shares the work out by crop, so that a single one is cut into slabs."""
    places = grid.movedim(1, -1)
    slabs = math.gcd(places.shape[1], 16) if len(patches) == 1 else 1
    if slabs > 1:
        places = places.reshape(slabs, -1, *places.shape[2:])
        patches = patches.expand(slabs, *patches.shape[1:])
    mode = "nearest" if nearest else "bilinear"
    crops = functional.grid_sample(patches, places, mode, padding_mode="border", align_corners=True)
    return crops.reshape(len(grid), 1, *grid.shape[2:])


def resample_planes(patches: Tensor, maps: Tensor, shape: Sequence[int], nearest: Sequence[bool]) -> Tensor:
    """Show patches of volumes (b, 1, z, y, x) through their maps (b, 3, 4): what resample gives, (b, 1, *shape).

    For maps that keep planes of constant z as they are, which all without displacement do: first along z, then
    all planes at once by one grid, which is several times as fast.
    """
    flat = torch.tensor([False, True, True, True], device=maps.device)
    grid = sampling_grid(maps[:, :2, flat], shape[1:])
    slices = [
        _along_depth(
            patch[0], _places(maps[row, 2, 0], maps[row, 2, 3], shape[0], len(patch[0])), nearest[row]
        )
        for row, patch in enumerate(patches)
    ]
    crops = [
        _resample_all(each[:, None], part.expand(len(each), *part.shape[1:]), kind)[:, 0]
        for each, part, kind in zip(slices, torch.split(grid, 1), nearest, strict=True)
    ]
    return torch.stack(crops)[:, None]


def _places(step: Tensor, middle: Tensor, length: int, size: int) -> Tensor:
    """Where the planes of a crop lie along z of a patch of that size, (length,) px, never outside of it."""
    offsets = torch.arange(length, device=step.device, dtype=step.dtype) - (length - 1) / 2
    return ((middle + step * offsets + 1) * ((size - 1) / 2)).clamp(0, size - 1)


def _along_depth(patch: Tensor, places: Tensor, nearest: bool) -> Tensor:
    """The planes of a patch (z, y, x) at places (n,) along z: (n, y, x)."""
    if nearest:
        return patch[places.round().long()]
    below = places.floor()
    return torch.lerp(patch[below.long()], patch[places.ceil().long()], (places - below)[:, None, None])


def outside(grid: Tensor, limits: Tensor) -> Tensor:
    """Where crops lie outside of their images, bool (b, 1, *crop); grid (b, ndim, *crop), limits (b, 2, ndim)."""
    low, high = limits.reshape(*limits.shape, *[1] * (grid.ndim - 2)).unbind(1)
    return torch.any((grid < low) | (grid > high), dim=1, keepdim=True)


def elastic_margin(alpha: float, sigma: float, ndim: int) -> float:
    """The largest elastic displacement along an axis, px; see displacement."""
    # Of uniform noise, times the root of a Gaussian's summed squares.
    deviation = math.sqrt(1 / 3) * math.pow(2 * math.sqrt(math.pi) * sigma, -ndim / 2)
    return FARTHEST * alpha * deviation


def displacement(shape: Sequence[int], alpha: float, sigma: float, generator: torch.Generator) -> Tensor:
    """An elastic displacement field: (ndim, *shape) px, array order, on the generator's device.

    White noise, uniform in [-1, 1], smoothed by a Gaussian of sigma px and multiplied by alpha px (Simard et
    al. 2003, ICDAR, 958), limited to elastic_margin.
    """
    noise = torch.rand((len(shape), *shape), generator=generator, device=generator.device)
    field = smooth(noise.mul_(2).sub_(1), sigma, whole=False).mul_(alpha)
    limit = elastic_margin(alpha, sigma, len(shape))
    return field.clamp_(-limit, limit)


def smooth(values: Tensor, sigma: float, whole: bool = True) -> Tensor:
    """Gaussian smoothing along all axes but the first; values (channels, ...), sigma in px.

    whole: weights that fall outside are given to those inside; otherwise what lies outside counts as 0.
    """
    for axis in range(1, values.ndim):
        weights = _smoothing(values.shape[axis], sigma, whole, values.device)
        values = (values.movedim(axis, -1) @ weights.T).movedim(-1, axis)
    return values.contiguous()


def _smoothing(length: int, sigma: float, whole: bool, device: torch.device) -> Tensor:
    """(length, length) weights of a Gaussian along one axis, each row around its own pixel."""
    reach = math.ceil(TRUNCATED * sigma)
    at = torch.arange(length, device=device, dtype=torch.float32)
    # Beyond its reach a Gaussian is 0 and not a denormal number, which processors are slow with.
    distance = (at[:, None] - at).abs_().clamp_(max=reach + 1)
    weights = torch.exp(distance.square().mul_(-1 / (2 * sigma**2))).masked_fill_(distance > reach, 0)
    if whole:
        return weights / weights.sum(dim=1, keepdim=True)
    total = sum(math.exp(-(step**2) / (2 * sigma**2)) for step in range(-reach, reach + 1))
    return weights / total


def displaced_grid(grid: Tensor, linear: Tensor, field: Tensor) -> Tensor:
    """The grid of one crop (ndim, *crop) with a displacement field (ndim, *crop) added.

    linear: (ndim, ndim), the crop's patch_map without its constant.
    """
    moved: Tensor = torch.tensordot(linear, field, dims=1)
    return grid + moved


def displaced_points(points: Tensor, field: Tensor) -> Tensor:
    """Where points of an undisplaced crop are seen in the displaced one; (n, ndim) px of the crop.

    field: (ndim, *crop). A pixel at o shows what was at o + field(o), so that o = point - field(o) is sought,
    by fixed-point iteration; outside of the crop the field goes on as at its edge.
    """
    ndim = len(field)
    per_pixel = torch.tensor([2 / max(n - 1, 1) for n in field.shape[1:]], device=field.device)
    moved = points
    for _ in range(INVERSE_STEPS):
        places = (moved * per_pixel - 1).flip(1).reshape(1, -1, *[1] * (ndim - 1), ndim)
        shifts = functional.grid_sample(field[None], places, padding_mode="border", align_corners=True)
        moved = points - shifts.reshape(ndim, -1).T
    return moved
