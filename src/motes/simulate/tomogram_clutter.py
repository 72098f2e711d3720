"""What lies in the ice of a tomogram beside particles: membranes, filaments and gold, as density (protein is 1)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

HEAD_DISTANCE, HEAD_SPREAD = 36.0, 7.0  # A: between the two layers of head groups, and how sharp they are
HEADS, TAILS = 1.4, -0.25  # density of head groups (they hold phosphorus) and of the lipids' tails
GOLD_DENSITY = 7.0  # mean inner potential of gold (28 V) against ice, over that of protein against ice
TWIST = 370.0  # A, over which the width of a filament swings once, as actin's does


def bilayer(distance: NDArray[np.float32]) -> NDArray[np.float32]:
    """Density across a lipid bilayer at a signed distance (A; any shape) from its middle."""
    away = np.abs(distance)
    heads = np.exp(-0.5 * ((away - HEAD_DISTANCE / 2) / HEAD_SPREAD) ** 2)
    tails = np.exp(-0.5 * (away / HEAD_SPREAD) ** 2)
    return np.asarray(HEADS * heads + TAILS * tails, dtype=np.float32)


def vesicle(
    diameter: float, flatness: float, voxel_size: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """A closed membrane in a box (z, y, x), its middle in the middle: round, a little dented, lower in z.

    diameter and voxel_size in A; flatness: height over width, 0 to 1.
    """
    reach = int(np.ceil(diameter / 2 * 1.15 / voxel_size)) + 5
    height = int(np.ceil(reach * flatness)) + 5
    z, y, x = np.ogrid[-height : height + 1, -reach : reach + 1, -reach : reach + 1]
    squeezed = z / flatness
    radius = np.sqrt(squeezed**2 + y**2 + x**2).astype(np.float32) * np.float32(voxel_size)
    around, up = np.arctan2(y, x), np.clip(squeezed * voxel_size / np.maximum(radius, 1.0), -1, 1)
    wave = np.zeros(radius.shape, np.float32)
    for order in (2, 3):
        wave += rng.normal(0, 0.03) * np.cos(order * around + rng.uniform(0, 2 * np.pi)) * (1 - up**2)
    slope = np.sqrt(up**2 / flatness**2 + 1 - up**2)  # of the radius along the normal
    return bilayer((radius - np.float32(diameter / 2) * (1 + wave)) / slope)


def sheet(
    shape: Sequence[int], voxel_size: float, low: float, high: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """A membrane through a whole volume (z, y, x), a part of a large ball; voxel_size in A.

    It stands steeply and ends at the surfaces of the ice, low and high along z, px.
    """
    radius = max(shape) * voxel_size * rng.uniform(1.0, 4.0)
    through = rng.uniform(0.15, 0.85, size=3) * np.array(shape)
    around, up = rng.uniform(0, 2 * np.pi), rng.uniform(-0.35, 0.35)
    direction = np.array([up, np.sqrt(1 - up**2) * np.sin(around), np.sqrt(1 - up**2) * np.cos(around)])
    centre = through + direction * radius / voxel_size
    z, y, x = (np.arange(n, dtype=np.float32) - np.float32(c) for n, c in zip(shape, centre, strict=True))
    made = np.empty(tuple(shape), np.float32)
    for section, height in enumerate(z):
        inside = np.clip(min(section - low, high - section), 0, 1)
        away = np.sqrt(height**2 + y[:, None] ** 2 + x[None, :] ** 2) * np.float32(voxel_size)
        made[section] = np.float32(inside) * bilayer(away - np.float32(radius))
    return made


def filament_path(
    shape: Sequence[int], low: float, high: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Points (n, 3) z, y, x along a filament that bends a little, one px apart, between low and high along z (px)."""
    point = np.array([rng.uniform(low, high), *rng.uniform(0, shape[1:])])
    heading, length = rng.uniform(0, 2 * np.pi), rng.uniform(0.4, 1.2) * max(shape)
    turn, up = 0.0, rng.normal(0, 0.05)
    points = []
    for _ in range(int(length)):
        turn = 0.98 * turn + rng.normal(0, 0.001)
        heading += turn
        if not low <= point[0] + up <= high:
            up = -up
        point = point + np.array([up, np.sin(heading), np.cos(heading)])
        points.append(point)
    return np.array(points)


def filament_patches(radius: float, voxel_size: float) -> list[NDArray[np.float32]]:
    """Balls of protein that a filament is strung from, a voxel apart, until it repeats; radius and voxel_size in A."""
    steps = max(1, round(TWIST / voxel_size))
    wide = radius * (1 + 0.2 * np.cos(2 * np.pi * np.arange(steps) / steps))
    return [soft_ball(float(each), np.zeros(3), voxel_size) for each in wide]


def soft_ball(radius: float, offset: NDArray[np.float64], voxel_size: float) -> NDArray[np.float32]:
    """A ball of density 1 in a cube (z, y, x), offset (z, y, x; px) from its middle; radius and voxel_size in A.

    Voxels at its surface hold the share that is inside, as far as that is seen on eight points each.
    """
    reach = int(np.ceil(radius / voxel_size)) + 2
    axis = np.arange(-2 * reach - 1, 2 * reach + 1) / 2 + 0.25
    z, y, x = np.meshgrid(*(axis - shift for shift in offset), indexing="ij")
    distance = np.sqrt(z**2 + y**2 + x**2) * voxel_size - radius
    fine = np.clip(0.5 - distance / (voxel_size / 2), 0, 1)
    side = 2 * reach + 1
    return np.asarray(fine.reshape(side, 2, side, 2, side, 2).mean(axis=(1, 3, 5)), dtype=np.float32)
