"""How a light microscope shows one bead: radial profiles, in focus and out of it.

Profiles are Fourier-Bessel (Hankel) transforms on fine grids, so that they hold no pixel's grain. Lengths are
micrometres.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special

FINE = 192  # samples of a radius, and of the spatial frequencies
REACH = 2.5  # a profile ends at so many radii, and where the rings of the defocus end


@dataclass(frozen=True)
class Optics:
    """wavelength: micrometres in air. aperture, condenser: numerical apertures. index: of what the beads lie in."""

    wavelength: float
    aperture: float
    condenser: float
    index: float = 1.33


@dataclass(frozen=True)
class Profiles:
    """What beads add to the image by the distance from their centre.

    radii: (m,) micrometres, rising from 0. values: (n, m), one row a bead: the scattered wave, complex, relative
    to the light that falls in; or the brightness, real, 1 in the middle of a bead in focus that is well resolved.
    """

    radii: NDArray[np.float64]
    values: NDArray[np.complex128] | NDArray[np.float64]


def scattered(
    radii: NDArray[np.float64],
    depths: NDArray[np.float64],
    index_difference: float,
    absorption: float,
    optics: Optics,
) -> Profiles:
    """Waves that transparent beads add to a plane wave; the image is the square of 1 plus their sum.

    radii, depths: (n,) micrometres; depth is how far a bead lies beyond the plane in focus. The bead is a thin
    object: exp(i phase - absorption) with the path 2 sqrt(R^2 - r^2) through it; the objective cuts off at
    aperture/wavelength, defocus multiplies by exp(i pi wavelength/index z k^2) (Fresnel), and the cone of the
    illumination damps by exp(-(pi condenser z k)^2 / 2) (an incoherent source, as in Frank 1973).
    absorption: share of the light lost along a diameter.
    """
    inside, path, frequency, out = _grids(radii, depths, optics.aperture, optics)
    phase = 2 * np.pi * index_difference / optics.wavelength * path
    loss = -np.log(max(1 - absorption, 1e-6)) / 2 * path / (2 * radii[:, None])
    spectrum = _to_frequency(np.exp(1j * phase - loss) - 1, inside, frequency)
    z, k = depths[:, None], frequency[None]
    spectrum *= np.exp(1j * np.pi * optics.wavelength / optics.index * z * k**2)
    spectrum *= np.exp(-((np.pi * optics.condenser * z * k) ** 2) / 2)
    return Profiles(out, _from_frequency(spectrum, frequency, out))


def shining(radii: NDArray[np.float64], depths: NDArray[np.float64], optics: Optics) -> Profiles:
    """Brightness of beads filled with dye, blurred by a lens out of focus.

    radii, depths: (n,) micrometres. The path through a bead is multiplied in Fourier space by the transfer
    function of an incoherent lens with defocus, in the closed form of Stokseth 1969 (JOSA 59, 1314-1321).
    """
    inside, path, frequency, out = _grids(radii, depths, 2 * optics.aperture, optics)
    spectrum = _to_frequency(path / (2 * radii[:, None]), inside, frequency)
    spectrum *= transfer_out_of_focus(frequency[None], depths[:, None], optics)
    return Profiles(out, _from_frequency(spectrum, frequency, out))


def transfer_out_of_focus(
    frequency: NDArray[np.float64], depth: NDArray[np.float64], optics: Optics
) -> NDArray[np.float64]:
    """Transfer of an incoherent lens, 1 at frequency 0, 0 from twice the aperture on (Stokseth 1969).

    frequency: cycles/micrometre. depth: micrometres out of focus. They broadcast.
    """
    s = np.minimum(frequency * optics.wavelength / optics.aperture, 2.0)
    sine = min(optics.aperture / optics.index, 0.999)
    path = np.abs(depth) * optics.index * (1 - np.sqrt(1 - sine**2))
    in_focus = 1 - 0.69 * s + 0.0076 * s**2 + 0.043 * s**3
    return np.asarray(in_focus * _jinc(4 * np.pi / optics.wavelength * path * (1 - s / 2) * s))


def _jinc(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """2 J1(x) / x, 1 at 0."""
    safe = np.where(x < 1e-8, 1.0, x)
    return np.where(x < 1e-8, 1.0, 2 * special.j1(safe) / safe)


def _grids(
    radii: NDArray[np.float64], depths: NDArray[np.float64], aperture: float, optics: Optics
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Radii (m,) inside of beads, paths through each (n, m), frequencies and radii of the profile."""
    largest = float(radii.max())
    steps = np.arange(FINE, dtype=np.float64) + 0.5
    inside = steps * (largest / FINE)
    path = np.asarray(2 * np.sqrt(np.maximum(radii[:, None] ** 2 - inside**2, 0)), dtype=np.float64)
    cut = aperture / optics.wavelength
    frequency = steps * (cut / FINE)
    spread = float(np.abs(depths).max()) * optics.aperture / optics.index + 2 / cut
    out = np.asarray(np.linspace(0, min(REACH * largest + spread, 0.5 * FINE / cut), FINE), dtype=np.float64)
    return inside, path, frequency, out


def _to_frequency(
    values: NDArray[np.complex128] | NDArray[np.float64],
    radii: NDArray[np.float64],
    frequency: NDArray[np.float64],
) -> NDArray[np.complex128]:
    """Spectrum (n, k) of radial functions (n, r) on midpoints of equal steps."""
    kernel = _bessel(float(radii[-1]), float(frequency[-1]), False)
    weight = 2 * np.pi * radii * 2 * radii[0]  # the first midpoint is half a step
    return np.asarray((values * weight) @ kernel, dtype=np.complex128)


def _from_frequency(
    spectrum: NDArray[np.complex128], frequency: NDArray[np.float64], radii: NDArray[np.float64]
) -> NDArray[np.complex128]:
    weight = 2 * np.pi * frequency * 2 * frequency[0]
    return np.asarray((spectrum * weight) @ _bessel(float(frequency[-1]), float(radii[-1]), True))


@lru_cache(maxsize=8)
def _bessel(last: float, to: float, edges: bool) -> NDArray[np.float64]:
    """J0(2 pi a b) with a on midpoints up to `last`, and b on midpoints, or from 0, up to `to`."""
    a = np.linspace(last / (2 * FINE - 1), last, FINE)
    b = np.linspace(0, to, FINE) if edges else np.linspace(to / (2 * FINE - 1), to, FINE)
    return np.asarray(special.j0(2 * np.pi * a[:, None] * b))
