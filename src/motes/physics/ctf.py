"""The contrast transfer function of the electron microscope, in the conventions of RELION and CTFFIND4."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motes.physics.fourier import frequency_radius

ANGSTROM_PER_MM = 1e7


@dataclass(frozen=True)
class Lens:
    """What stays the same over a data set.

    voltage: kV. spherical_aberration: mm. amplitude_contrast: fraction, 0 to 1.
    """

    voltage: float = 300.0
    spherical_aberration: float = 2.7
    amplitude_contrast: float = 0.1


@dataclass(frozen=True)
class Defocus:
    """What changes from one micrograph to the next.

    u, v: defocus along and across the direction of astigmatism, A, positive at underfocus. angle: degrees
    from the x axis to the direction of u, towards growing y (row index). phase_shift: degrees, by a phase
    plate.
    """

    u: float
    v: float
    angle: float = 0.0
    phase_shift: float = 0.0


def wavelength(voltage: float) -> float:
    """Relativistic wavelength (A) of electrons at a voltage in kV; the constants are RELION's (ctf.cpp)."""
    volts = voltage * 1e3
    return float(12.2643247 / np.sqrt(volts * (1 + volts * 0.978466e-6)))


def phase_distortion(
    lens: Lens, defocus: Defocus, axes: Sequence[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Argument (rad) of the sine in the contrast transfer function.

    axes: y and x frequencies in 1/A, as frequency_axes gives them. chi = pi lambda D s^2 -
    pi/2 Cs lambda^3 s^4 + phase shift + atan(w / sqrt(1 - w^2)), with the defocus D along the direction of
    the frequency (Rohou & Grigorieff 2015; RELION's ctf.h with the sign taken out).
    """
    y, x = axes
    length = wavelength(lens.voltage)
    angle = np.deg2rad(defocus.angle)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    focus = defocus.u * along**2 + defocus.v * across**2
    aberration = lens.spherical_aberration * ANGSTROM_PER_MM * (x**2 + y**2) ** 2
    chi = np.pi * length * focus - np.pi / 2 * length**3 * aberration
    return np.asarray(chi + np.deg2rad(defocus.phase_shift) + np.arcsin(lens.amplitude_contrast))


def contrast_transfer(
    lens: Lens, defocus: Defocus, axes: Sequence[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """The contrast transfer function, sin(chi), in RELION's sign: positive at low frequency and underfocus.

    axes: y and x frequencies in 1/A. A phase object enters a raw micrograph as 1 - 2 ctf * phase, so that
    protein is dark at underfocus; CTFFIND4 writes the minus into the function.
    """
    return np.asarray(np.sin(phase_distortion(lens, defocus, axes)))


def b_factor_envelope(axes: Sequence[NDArray[np.float64]], b_factor: float) -> NDArray[np.float64]:
    """Fall-off exp(-B s^2 / 4) of amplitudes; b_factor in A^2, axes in 1/A (RELION's convention)."""
    return np.asarray(np.exp(-b_factor / 4 * frequency_radius(axes) ** 2))


def source_envelope(
    lens: Lens, defocus: Defocus, axes: Sequence[NDArray[np.float64]], convergence_angle: float
) -> NDArray[np.float64]:
    """Damping by an incoherent source: exp(-pi^2 a^2 (Cs lambda^2 s^3 - D s)^2), with the mean defocus D.

    convergence_angle: half-angle a of the source in mrad; axes in 1/A (Frank 1973; Wade & Frank 1977).
    """
    s = frequency_radius(axes)
    curvature = lens.spherical_aberration * ANGSTROM_PER_MM * wavelength(lens.voltage) ** 2 * s**3
    slope = curvature - (defocus.u + defocus.v) / 2 * s
    return np.asarray(np.exp(-((np.pi * convergence_angle * 1e-3 * slope) ** 2)))
