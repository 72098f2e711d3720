"""Simulated tomograms with their truth."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from motes.image import Image
from motes.picks import Picks
from motes.simulate.orientations import relion_angles
from motes.simulate.reconstruct import back_projected
from motes.simulate.tilt_series import TiltSeries, take_tilt_series
from motes.simulate.tomogram_specimen import Specimen, build_specimen
from motes.simulate.tomogram_world import TomogramWorld


@dataclass(frozen=True)
class SimulatedTomogram:
    """A tomogram, its denoised copy, its truth, and the numbers that were drawn for it.

    Protein is dark (low), as the public challenge stores it. Truth picks carry class, diameter (px) and the columns
    rot, tilt and psi (degrees, RELION's convention).
    """

    image: Image
    denoised: Image
    picks: Picks
    parameters: dict[str, Any]


def simulate_tomogram(world: TomogramWorld, seed: int, index: int) -> SimulatedTomogram:
    """Tomogram `index` of the run with that seed; it does not depend on how many are made.

    Raises RecipeError where the particles that are asked for do not fit in, RecipeError and InputError for
    structures that cannot be used.
    """
    specimen = build_specimen(world, seed, index)
    series = take_tilt_series(world, specimen.density, seed, index)
    volume = back_projected(series.images, series.angles, world.size)
    name = f"TS_{index + 1:04d}.mrc"
    image = Image(volume, world.voxel_size, name)
    denoised = Image(low_passed(volume, world.low_pass / world.voxel_size), world.voxel_size, name)
    return SimulatedTomogram(image, denoised, truth(world, specimen), _parameters(world, specimen, series))


def low_passed(volume: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """A volume (z, y, x) smoothed by a Gaussian of that sigma (px): a plain stand-in for denoising."""
    return np.asarray(ndimage.gaussian_filter(volume, sigma, truncate=3), dtype=np.float32)


def truth(world: TomogramWorld, specimen: Specimen) -> Picks:
    """The particles of a specimen, class by class."""
    names = np.array([world.classes[kind].name for kind in specimen.kinds], dtype=np.str_)
    diameters = np.array([world.classes[kind].diameter for kind in specimen.kinds], dtype=np.float64)
    angles = relion_angles(specimen.rotations)
    extra = dict(zip(("rot", "tilt", "psi"), angles.T, strict=True))
    return Picks(specimen.centres, None, names, diameters / world.voxel_size, extra)


def _parameters(world: TomogramWorld, specimen: Specimen, series: TiltSeries) -> dict[str, Any]:
    counts = np.bincount(specimen.kinds, minlength=len(world.classes)).tolist()
    return {
        "particles": {each.name: count for each, count in zip(world.classes, counts, strict=True)},
        **specimen.clutter,
        "ice_thickness": world.ice_thickness,
        "angles": series.angles.tolist(),
        "defocus": series.defocus.round(1).tolist(),
        "dose_before": series.dose.round(3).tolist(),
        "shifts": series.shifts.round(4).tolist(),
    }
