"""What materials do to the electron wave: mean inner potential, interaction, granularity."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motes.physics.ctf import wavelength

ELECTRON_REST_ENERGY = 510_998.95  # eV
POTENTIAL_OF_SCATTERING = 47.878  # V A^2, h^2 / (2 pi m e), turns a scattering length in A into V A^3


@dataclass(frozen=True)
class Material:
    """A material as electrons see it.

    number_density: formula units per A^3. scattering: electron scattering factor of one unit at zero angle
    (A; the sum over its atoms of H 0.529, C 2.509, N 2.211, O 1.983: Kirkland, Advanced Computing in
    Electron Microscopy). structure_factor: the liquid's or glass's structure factor at long wavelengths.
    """

    number_density: float
    scattering: float
    structure_factor: float

    @property
    def potential(self) -> float:
        """Mean inner potential, V."""
        return self.number_density * self.scattering * POTENTIAL_OF_SCATTERING


# Amorphous ice of 0.93 g/cm^3: 4.53 V. 0.06 is n k T kappa of the water that was vitrified.
ICE = Material(0.0311, 3.041, 0.06)
# Amorphous carbon of 2.0 g/cm^3.
CARBON = Material(0.100, 2.509, 0.30)
# Protein of 1.35 g/cm^3, counted per carbon atom (C1 H1.58 N0.28 O0.30 S0.01): 7.9 V.
PROTEIN = Material(0.0360, 4.61, 0.06)


def interaction_parameter(voltage: float) -> float:
    """Phase shift per projected potential, rad/(V A), at a voltage in kV (Kirkland, eq. 5.6)."""
    energy = voltage * 1e3
    relativistic = (ELECTRON_REST_ENERGY + energy) / (2 * ELECTRON_REST_ENERGY + energy)
    return 2 * np.pi / (wavelength(voltage) * energy) * relativistic


def protein_phase(voltage: float) -> float:
    """Phase shift of protein against the ice it displaces, rad per A of path, at a voltage in kV."""
    return interaction_parameter(voltage) * (PROTEIN.potential - ICE.potential)


def granularity(
    material: Material,
    thickness: float,
    voltage: float,
    pixel_size: float,
    structure_factor: NDArray[np.floating] | float | None = None,
) -> NDArray[np.float64]:
    """Amplitude spectrum (rad) of the phase noise of a layer of atoms or molecules, for coloured_noise.

    thickness in A, voltage in kV, pixel_size in A/px. Independent scatterers give white noise with a
    variance in proportion to thickness; the structure factor (one value, or one for each frequency; the
    material's own where it is None) says how much of it the order of the liquid leaves.
    """
    order = material.structure_factor if structure_factor is None else structure_factor
    single = interaction_parameter(voltage) * material.scattering * POTENTIAL_OF_SCATTERING
    variance = material.number_density * thickness * single**2 / pixel_size**2
    return np.sqrt(variance * np.asarray(order, dtype=np.float64))
