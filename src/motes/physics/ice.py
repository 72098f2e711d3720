"""The ice and what lies in it: granularity, thickness, contamination, the carbon film around a hole."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from motes.physics.potential import ICE, granularity

# Zero-loss mean free path of 300 kV electrons in ice, A (Rice et al. 2018, J. Struct. Biol. 204, 38).
MEAN_FREE_PATH = 3950.0


def ice_structure_factor(frequency: NDArray[np.floating], unevenness: float = 200.0) -> NDArray[np.float64]:
    """How strongly amorphous ice scatters at a frequency (1/A), relative to independent molecules.

    A floor (the compressibility of water), a rise towards distances of more than `unevenness` (A), where
    the thickness varies, and the broad peak at 1/3.7 A (McMullan et al. 2015, Ultramicroscopy 158, 26).
    """
    long = (1 / unevenness) ** 2 / np.maximum(frequency**2, 1e-8)
    peak = 1.6 * np.exp(-(((frequency - 1 / 3.7) / 0.05) ** 2))
    return np.asarray(ICE.structure_factor * (1 + np.minimum(long, 100)) + peak)


def ice_granularity(
    frequency: NDArray[np.floating], thickness: float, voltage: float, pixel_size: float
) -> NDArray[np.float64]:
    """Amplitude spectrum (rad) of the phase noise of ice, for coloured_noise.

    frequency in 1/A, thickness in A, voltage in kV, pixel_size in A/px. Shape: that of frequency.
    """
    return granularity(ICE, thickness, voltage, pixel_size, ice_structure_factor(frequency))


def transmission(thickness: NDArray[np.floating]) -> NDArray[np.float32]:
    """Fraction of electrons left in the image behind so much ice (A; any shape), by Beer and Lambert."""
    return np.asarray(np.exp(-thickness / MEAN_FREE_PATH), dtype=np.float32)


def thickness_map(
    shape: Sequence[int], mean: float, gradient: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Thickness (A) of a sheet of ice (y, x): a slope in a random direction and a bowl, as in a hole.

    gradient: change across the image divided by the mean; 0 gives the same thickness everywhere.
    """
    y, x = (np.linspace(-0.5, 0.5, length, dtype=np.float32) for length in shape)
    angle = rng.uniform(0, 2 * np.pi)
    slope = np.sin(angle) * y[:, None] + np.cos(angle) * x[None, :]
    bowl = y[:, None] ** 2 + x[None, :] ** 2 - np.float32(1 / 6)
    relative = gradient * (slope + rng.uniform(-0.5, 1.0) * bowl)
    return np.asarray(mean * np.maximum(1 + relative, 0.1), dtype=np.float32)


def contamination_blob(
    radius: float, corners: int, rng: np.random.Generator, roughness: float = 0.06
) -> NDArray[np.float32]:
    """Height, 0 to 1, of a piece of contamination ice of that radius (px), in a square box around it.

    corners 0 gives a rounded blob; 6 the hexagon of a crystal. roughness: relative unevenness of the
    outline. Box: (n, n), n odd, centre at n // 2, all of the piece inside.
    """
    reach = int(np.ceil(radius * 1.5)) + 2
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    angle = np.arctan2(y, x) + rng.uniform(0, 2 * np.pi)
    outline, unevenness = np.ones_like(angle), roughness
    if corners:
        sector, unevenness = np.pi / corners, roughness / 3
        outline = np.cos(sector) / np.cos(angle % (2 * sector) - sector)
    for order in range(2, 7):
        outline += unevenness * 2 / order * rng.normal() * np.cos(order * angle + rng.uniform(0, 2 * np.pi))
    inside = np.clip(1 - np.hypot(y, x) / (radius * np.clip(outline, 0.4, 1.4)), 0, 1)
    return np.asarray(np.sqrt(1 - (1 - inside) ** 2), dtype=np.float32)


def carbon_film(
    shape: Sequence[int], hole_radius: float, covered: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Where the carbon film around a round hole lies in an image (y, x): 1 carbon, 0 hole.

    hole_radius in px; covered: the fraction of the image's width that the carbon reaches in from a random
    side. The edge is one pixel soft.
    """
    y, x = np.ogrid[: shape[0], : shape[1]]
    angle = rng.uniform(0, 2 * np.pi)
    direction = np.array([np.sin(angle), np.cos(angle)])
    middle = (np.array(shape) - 1) / 2
    half_width = float(np.abs(direction * np.array(shape)).sum()) / 2
    edge = half_width * (1 - 2 * covered)
    centre = middle + direction * (edge - hole_radius)
    distance = np.hypot(y - centre[0], x - centre[1])
    return np.asarray(np.clip(distance - hole_radius + 0.5, 0, 1), dtype=np.float32)
