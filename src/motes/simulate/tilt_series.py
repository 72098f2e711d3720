"""A tilt series as the microscope takes it: defocus by tilt, damage by dose, electrons counted."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from motes.physics.ctf import Defocus, Lens, b_factor_envelope, contrast_transfer
from motes.physics.dose import counted, electrons_per_pixel
from motes.physics.fourier import coloured_noise, frequency_axes, frequency_radius
from motes.physics.ice import ice_granularity, transmission
from motes.physics.potential import protein_phase
from motes.physics.tilt import damage_envelope, dose_before, tilt_angles
from motes.simulate.chance import chance
from motes.simulate.tilt_projection import detector_width, project_volume
from motes.simulate.tomogram_specimen import Stream
from motes.simulate.tomogram_world import TomogramWorld

STRIPS = 5  # across the detector, in which defocus is computed; in between it is interpolated


@dataclass(frozen=True)
class TiltSeries:
    """Images of a tilted specimen as they are known after alignment.

    images: (tilts, y, x) float32, contrast: electrons counted over those expected through bare ice, minus 1.
    angles: (tilts,) degrees. defocus: (tilts,) A, at the tilt axis. dose: (tilts,) e/A^2, received before.
    shifts: (tilts, 2) y, x px, what the alignment has left uncorrected.
    """

    images: NDArray[np.float32]
    angles: NDArray[np.float64]
    defocus: NDArray[np.float64]
    dose: NDArray[np.float64]
    shifts: NDArray[np.float64]


def take_tilt_series(world: TomogramWorld, density: NDArray[np.float32], seed: int, index: int) -> TiltSeries:
    """The tilt series of a specimen (z, y, x; protein is 1): tomogram `index` of the run with that seed."""
    angles = tilt_angles(world.tilt_reach, world.tilt_step)
    each_dose = world.dose / len(angles)
    before = dose_before(angles, each_dose)
    optics = chance(seed, index, Stream.OPTICS)
    defocus = optics.uniform(*world.defocus) + optics.normal(0, world.defocus_error, size=len(angles))
    shifts = alignment_shifts(
        angles, world.alignment_error / world.voxel_size, chance(seed, index, Stream.ALIGNMENT)
    )
    images = project_volume(density, angles, detector_width(density.shape), repeat=True)
    images *= np.float32(protein_phase(world.voltage) * world.voxel_size * world.contrast)
    ice, shot = chance(seed, index, Stream.ICE), chance(seed, index, Stream.SHOT)
    for tilt, image in enumerate(images):
        angle = float(angles[tilt])
        spectrum = fft.rfft2(image, workers=1)
        spectrum *= _losses(world, image.shape, float(before[tilt]) + each_dose / 2, shifts[tilt])
        contrast = developed(world, spectrum, image.shape, float(defocus[tilt]), angle)
        contrast += _ice_grain(world, image.shape, float(defocus[tilt]), angle, ice)
        image[:] = _counted(world, contrast, each_dose, angle, shot)
    return TiltSeries(images, angles, defocus, before, shifts)


def alignment_shifts(
    angles: NDArray[np.float64], error: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Shifts (tilts, 2) y, x px of that standard deviation, of a kind that does not move the volume as a whole."""
    shifts = rng.normal(0, error, size=(len(angles), 2)) if error else np.zeros((len(angles), 2))
    tilt = np.deg2rad(angles)
    shifts[:, 0] -= shifts[:, 0].mean()
    moves = np.stack([np.cos(tilt), np.sin(tilt)], axis=1)  # what moving the volume in x and z does
    shifts[:, 1] -= moves @ np.linalg.lstsq(moves, shifts[:, 1], rcond=None)[0]
    return shifts


def _losses(
    world: TomogramWorld, shape: tuple[int, ...], dose: float, shift: NDArray[np.float64]
) -> NDArray[np.complex64]:
    """What damage, motion and the error of the alignment do to a spectrum."""
    axes = frequency_axes(shape, world.voxel_size)
    kept = damage_envelope(frequency_radius(axes), dose) * b_factor_envelope(axes, world.b_factor)
    y, x = (axis * by for axis, by in zip(axes, shift * world.voxel_size, strict=True))
    return np.asarray(kept * np.exp(-2j * np.pi * (y + x)), dtype=np.complex64)


def developed(
    world: TomogramWorld,
    spectrum: NDArray[np.complex64],
    shape: tuple[int, ...],
    defocus: float,
    angle: float,
) -> NDArray[np.float32]:
    """The contrast of a phase (its spectrum, rad) at a defocus (A) that changes across the tilted specimen.

    The side that is lower in z after tilting has more underfocus. The height of a particle within the ice changes its
    defocus by about a hundredth, and is left out.
    """
    across = np.arange(shape[1]) - (shape[1] - 1) / 2
    middles = np.linspace(across[0], across[-1], STRIPS)
    slope = np.tan(np.deg2rad(angle)) * world.voxel_size  # A of height for each px
    contrast = np.zeros(shape, np.float32)
    width = middles[1] - middles[0]
    for middle in middles:
        share = np.clip(1 - np.abs(across - middle) / width, 0, 1).astype(np.float32)
        transfer = _transfer(world, shape, defocus + middle * slope)
        contrast += share * fft.irfft2(spectrum * (-2 * transfer), s=shape, workers=1)
    return contrast


def _transfer(world: TomogramWorld, shape: tuple[int, ...], defocus: float) -> NDArray[np.float32]:
    lens = Lens(world.voltage, world.spherical_aberration, world.amplitude_contrast)
    axes = frequency_axes(shape, world.voxel_size)
    return contrast_transfer(lens, Defocus(defocus, defocus), axes).astype(np.float32)


def _ice_grain(
    world: TomogramWorld, shape: tuple[int, ...], defocus: float, angle: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Contrast of the ice's own unevenness: another one in each image, as its molecules move under the beam."""
    thickness = world.ice_thickness / float(np.cos(np.deg2rad(angle)))
    axes = frequency_axes(shape, world.voxel_size)
    amplitude = ice_granularity(frequency_radius(axes), thickness, world.voltage, world.voxel_size)
    amplitude = amplitude * b_factor_envelope(axes, world.b_factor) * _transfer(world, shape, defocus)
    return coloured_noise(shape, (-2 * world.ice_noise * amplitude).astype(np.float32), rng)


def _counted(
    world: TomogramWorld, contrast: NDArray[np.float32], dose: float, angle: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Electrons counted over those expected through bare ice, minus 1; dose of this image in e/A^2."""
    path = np.array(world.ice_thickness / np.cos(np.deg2rad(angle)))
    electrons = electrons_per_pixel(dose, world.voxel_size) * world.quantum_efficiency * transmission(path)
    return counted((1 + contrast) * electrons, rng) / np.float32(electrons) - 1
