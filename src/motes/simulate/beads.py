"""Simulated images of microbeads with their truth: a centre, a diameter and an outline for each bead."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from motes.picks import Picks
from motes.simulate.bead_optics import Optics, Profiles, scattered, shining
from motes.simulate.bead_places import Placed, place_beads
from motes.simulate.bead_world import BeadWorld
from motes.simulate.chance import chance

Window = tuple[slice, ...]


class Stream(IntEnum):
    """The independent streams of chance of one image of beads."""

    PLACES = 100
    OPTICS = 101
    DEPTHS = 102
    BRIGHTNESS = 103
    DIRT = 104
    LIGHT = 105
    CAMERA = 106


@dataclass(frozen=True)
class SimulatedBeads:
    """An image of beads and its truth.

    image: (y, x) uint8, or uint16 for cameras of more than 8 bits. labels: (y, x) int32, 0 beside the beads, else
    the number of the bead, from 1. picks: their centres and diameters (px) in the order of the labels, with the
    columns label, area (px that are seen), depth (micrometres beyond the plane in focus) and group (equal for
    beads that were put beside each other). parameters: what was drawn for the image.
    """

    image: NDArray[np.uint8] | NDArray[np.uint16]
    labels: NDArray[np.int32]
    picks: Picks
    parameters: dict[str, Any]


def simulate_beads(world: BeadWorld, seed: int, index: int) -> SimulatedBeads:
    """Image `index` of the run with that seed; it does not depend on how many are made."""
    placed = place_beads(world, chance(seed, index, Stream.PLACES))
    drawn = _drawn(world, chance(seed, index, Stream.OPTICS))
    deviations = chance(seed, index, Stream.DEPTHS).normal(0, world.depth, len(placed.radii))
    depths = drawn["defocus"] + deviations
    dirt, specks = _dirt(world, placed, chance(seed, index, Stream.DIRT))
    if world.optics == "bright-field":
        light = _transmitted(world, placed, depths, drawn) * np.exp(-dirt)
    else:
        light = _shone(world, placed, depths, drawn, chance(seed, index, Stream.BRIGHTNESS)) + dirt
    light = _softened(light, world.blur) * shading(world, chance(seed, index, Stream.LIGHT))
    image = recorded(light, world, drawn["photons"], chance(seed, index, Stream.CAMERA))
    labels = outlines(world.size, placed)
    parameters: dict[str, Any] = {"beads": len(placed.radii), "dirt": specks, **drawn}
    parameters["diameter"] = float(2 * placed.radii.mean()) if len(placed.radii) else None
    return SimulatedBeads(image, labels, _truth(placed, depths, labels), parameters)


def _drawn(world: BeadWorld, rng: np.random.Generator) -> dict[str, float]:
    names = ("defocus", "condenser_aperture", "background", "photons")
    return {name: float(rng.uniform(*getattr(world, name))) for name in names}


def _optics(world: BeadWorld, drawn: dict[str, float]) -> Optics:
    return Optics(world.wavelength, world.numerical_aperture, drawn["condenser_aperture"])


def _transmitted(
    world: BeadWorld, placed: Placed, depths: NDArray[np.float64], drawn: dict[str, float]
) -> NDArray[np.float32]:
    """Light (y, x) that comes through, 1 where nothing is: scattered waves add up with the one that passes."""
    wave = np.ones(world.size, np.complex64)
    if len(placed.radii):
        radii = placed.radii * world.pixel_size
        profiles = scattered(radii, depths, world.index_difference, world.absorption, _optics(world, drawn))
        _paint(wave, placed, profiles, world.pixel_size)
    return np.asarray(wave.real**2 + wave.imag**2)


def _shone(
    world: BeadWorld,
    placed: Placed,
    depths: NDArray[np.float64],
    drawn: dict[str, float],
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Light (y, x) of beads that shine, about 1 in the middle of one."""
    light = np.full(world.size, drawn["background"], np.float32)
    if len(placed.radii):
        profiles = shining(placed.radii * world.pixel_size, depths, _optics(world, drawn))
        deviation = rng.normal(0, world.brightness_spread, (len(placed.radii), 1))
        brightness = np.maximum(1 + deviation, 0.2)
        _paint(light, placed, Profiles(profiles.radii, profiles.values.real * brightness), world.pixel_size)
    return np.maximum(light, 0)


def _paint(
    canvas: NDArray[np.complex64] | NDArray[np.float32], placed: Placed, profiles: Profiles, pixel_size: float
) -> None:
    """Add the profile of each bead to a canvas (y, x) in place, by the distance from its centre."""
    steps = len(profiles.radii) - 1
    per_pixel = steps * pixel_size / float(profiles.radii[-1])
    for centre, values in zip(placed.centres, profiles.values.astype(canvas.dtype), strict=True):
        window, squared = _around(canvas.shape, centre, steps / per_pixel)
        distance = np.sqrt(squared) * per_pixel
        before = np.minimum(distance.astype(np.intp), steps - 1)
        slope = np.append(np.diff(values), 0).astype(canvas.dtype)
        part = values[before] + slope[before] * (distance - before).astype(np.float32)
        canvas[window] += np.where(distance < steps, part, 0)


def _around(
    shape: tuple[int, ...], centre: NDArray[np.float64], radius: float
) -> tuple[Window, NDArray[np.float32]]:
    """The window of a canvas within a radius of a centre, px, and squared distances there, px^2."""
    low = np.maximum(np.floor(centre - radius), 0).astype(int)
    high = np.minimum(np.ceil(centre + radius) + 1, shape).astype(int)
    window = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    y, x = (
        np.arange(a, b, dtype=np.float32) - np.float32(c) for a, b, c in zip(low, high, centre, strict=True)
    )
    return window, y[:, None] ** 2 + x[None, :] ** 2


def outlines(size: tuple[int, int], placed: Placed) -> NDArray[np.int32]:
    """The number (y, x) of the bead that each pixel's centre lies in, from 1; 0 beside them.

    Where two overlap by a hair the pixel goes to the one whose rim it is deeper within.
    """
    labels = np.zeros(size, np.int32)
    depth = np.full(size, -np.inf, np.float32)
    for number, (centre, radius) in enumerate(zip(placed.centres, placed.radii, strict=True), start=1):
        window, squared = _around(size, centre, radius)
        inside = np.float32(radius**2) - squared
        mine = (inside >= 0) & (inside > depth[window])
        labels[window][mine] = number
        depth[window][mine] = inside[mine]
    return labels


def _dirt(world: BeadWorld, placed: Placed, rng: np.random.Generator) -> tuple[NDArray[np.float32], int]:
    """Specks (y, x) that are no beads, as optical density or as brightness, and how many there are.

    A speck is a few soft spots beside each other, more or less out of focus.
    """
    canvas = np.zeros(world.size, np.float32)
    count = int(rng.integers(world.dirt[0], world.dirt[1] + 1))
    bead = 2 * float(placed.radii.mean()) if len(placed.radii) else float(np.mean(world.diameter))
    for _ in range(count):
        middle = rng.uniform(0, np.array(world.size) - 1)
        across = bead * rng.uniform(*world.dirt_diameter)
        strength, softness = rng.uniform(0.1, 0.8), rng.uniform(0.15, 0.4)
        for _ in range(int(rng.integers(1, 5))):
            sigma = max(across * softness * rng.uniform(0.5, 1), 0.5)
            window, squared = _around(world.size, middle + rng.normal(0, across / 4, 2), 4 * sigma)
            canvas[window] += np.float32(strength) * np.exp(-squared / np.float32(2 * sigma**2))
    return canvas, count


def _softened(light: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    return np.asarray(ndimage.gaussian_filter(light, sigma, mode="nearest")) if sigma else light


def shading(world: BeadWorld, rng: np.random.Generator) -> NDArray[np.float32]:
    """Unevenness of the light (y, x), mean about 1: a slope and darker corners."""
    y, x = (np.linspace(-1, 1, length, dtype=np.float32) for length in world.size)
    y, x = y[:, None], x[None, :]
    angle, slope = rng.uniform(0, 2 * np.pi), rng.uniform(0, world.gradient) / 2
    middle, dark = rng.normal(0, 0.2, 2), rng.uniform(0, world.vignetting)
    plane = 1 + slope * (y * np.sin(angle) + x * np.cos(angle))
    bowl = 1 - dark * ((y - middle[0]) ** 2 + (x - middle[1]) ** 2) / 2
    return np.asarray(np.maximum(plane * bowl, 0.05), dtype=np.float32)


def recorded(
    light: NDArray[np.float32], world: BeadWorld, photons: float, rng: np.random.Generator
) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Grey levels (y, x) of a camera: photons are counted, read noise and offset added, the top clipped.

    light: relative to `photons` in a pixel.
    """
    electrons = rng.poisson(light.astype(np.float64) * photons) + rng.normal(0, world.read_noise, light.shape)
    grey = world.largest_grey * (world.offset + world.exposure * electrons / photons)
    levels = np.clip(np.rint(grey), 0, world.largest_grey)
    return levels.astype(np.uint8) if world.bits == 8 else levels.astype(np.uint16)


def _truth(placed: Placed, depths: NDArray[np.float64], labels: NDArray[np.int32]) -> Picks:
    count = len(placed.radii)
    area = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    extra = {"label": np.arange(1, count + 1), "area": area, "depth": depths, "group": placed.groups}
    return Picks(placed.centres, None, None, 2 * placed.radii, extra)
