"""Molecules of tomograms: generated shapes of known mass, and structure files, ready to be set into a volume."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from motes.simulate.scene import is_file
from motes.simulate.shapes import Shape, assembly, filled, shell, union
from motes.simulate.structures import (
    PROTEIN_DALTON_PER_CUBIC_ANGSTROM,
    SURFACE,
    VOXELS_ACROSS,
    Structure,
    from_file,
    from_name,
)

FINER = 2  # a molecule is kept on voxels so much finer than those of the tomogram
BLUR = 0.35  # voxels of the tomogram: what falls between them must not show
SOLID = 0.15  # where a molecule is denser than this, nothing else may be
FAINT = 0.005  # density that is left out at the faces of a molecule's box


@dataclass(frozen=True)
class Molecule:
    """A molecule ready to be turned and set into a volume.

    density: (z, y, x) float32, a cube, protein as 1. solid: the same cube, 1 where the molecule keeps others out,
    its cavities included. step: edge of its voxels, in voxels of the tomogram. centre: index (z, y, x) of its centre
    of mass. diameter: longest extent, A. reach: px of the tomogram from its centre to the faces of its box.
    """

    density: NDArray[np.float32]
    solid: NDArray[np.float32]
    step: float
    centre: NDArray[np.float64]
    diameter: float
    reach: int


def molecule(
    structure: str, diameter: float, mass: float | None, voxel_size: float, rng: np.random.Generator
) -> Molecule:
    """The molecule of a structure's name or file, for voxels of that size (A).

    diameter: longest extent of a generated one, A; a file keeps its own. mass: kDa; None keeps what it has.
    Raises RecipeError and InputError for structures that cannot be used.
    """
    made = _structure(structure, diameter, voxel_size / FINER, rng)
    step = made.voxel_size / voxel_size
    density = ndimage.gaussian_filter(made.density, BLUR / step)
    solid = ndimage.binary_fill_holes(density > SOLID)
    if mass is not None:
        volume = mass * 1e3 / PROTEIN_DALTON_PER_CUBIC_ANGSTROM
        density *= volume / (float(density.sum(dtype=np.float64)) * made.voxel_size**3)
    centre = np.array(ndimage.center_of_mass(density))
    away = np.linalg.norm(np.argwhere(density > FAINT) - centre, axis=1).max()
    reach = int(np.ceil(away * step)) + 1
    return Molecule(density, solid.astype(np.float32), step, centre, made.diameter, reach)


def _structure(name: str, diameter: float, voxel_size: float, rng: np.random.Generator) -> Structure:
    if is_file(name):
        return from_file(Path(name), voxel_size)
    if name not in MOLECULES:
        return from_name(name, diameter, voxel_size, rng)
    voxel_size = max(voxel_size, diameter / VOXELS_ACROSS)
    side = 2 * int(np.ceil(diameter * (1 + SURFACE) / 2 / voxel_size + 2)) + 1
    density = filled(MOLECULES[name](diameter), side, voxel_size, SURFACE * diameter)
    return Structure(name, density, voxel_size, (side // 2,) * 3, diameter)


@dataclass(frozen=True)
class Turned:
    """A molecule as it lies in a volume: density and what it takes up, boxes (z, y, x), first voxel at corner."""

    density: NDArray[np.float32]
    taken: NDArray[np.bool_]
    corner: NDArray[np.intp]


def turned(
    made: Molecule, centre: NDArray[np.float64], rotation: NDArray[np.float64], gap: float = 0.0
) -> Turned:
    """A molecule with its centre at (z, y, x), px, turned by a rotation matrix (on x, y, z).

    gap: px that it keeps free around itself, along the axes of its box.
    """
    wider = int(np.ceil(gap))
    reach = made.reach + wider  # what is kept free reaches beyond the molecule's own box
    corner = np.round(centre).astype(np.intp) - reach
    side = 2 * reach + 1
    axes = [corner[axis] + np.arange(side) - centre[axis] for axis in range(3)]
    offsets = np.stack(np.meshgrid(*axes, indexing="ij"))[::-1].reshape(3, -1)
    inner = (rotation.T @ offsets)[::-1]  # z, y, x in the molecule's own frame
    where = inner / made.step + made.centre[:, None]
    density = ndimage.map_coordinates(made.density, where, order=1, prefilter=False)
    solid = ndimage.map_coordinates(made.solid, where, order=1, prefilter=False)
    box = (side,) * 3
    taken = solid.reshape(box) > 0.5
    if wider:
        taken = ndimage.binary_dilation(taken, iterations=wider)
    return Turned(density.reshape(box).astype(np.float32), taken, corner)


def beta_amylase_like(diameter: float) -> Shape:
    """A small compact tetramer (D2), like beta-amylase."""
    return assembly(diameter, "D2", [[0.30, 0.44, 0.20], [0.16, 0.24, 0.30]], [0.36, 0.24])


def thyroglobulin_like(diameter: float) -> Shape:
    """A long dimer (C2) with arms that bend, like thyroglobulin."""
    half = [[0.16, 0.14, 0.16], [0.40, 0.20, -0.04], [0.60, -0.02, 0.10], [0.74, -0.16, -0.08]]
    return assembly(diameter, "C2", half, [0.24, 0.24, 0.22, 0.20])


def eukaryotic_ribosome_like(diameter: float) -> Shape:
    """Two subunits, large and small, with stalks (C1), like the ribosome of a eukaryote."""
    large = [
        [0.30, 0.0, 0.0],
        [0.42, 0.36, 0.12],
        [0.42, -0.34, 0.16],
        [0.48, 0.05, -0.36],
        [0.14, 0.05, 0.50],
    ]
    stalks = [[0.50, 0.55, 0.42], [0.46, -0.62, 0.30]]
    small = [
        [-0.46, 0.10, 0.04],
        [-0.50, -0.04, 0.48],
        [-0.42, 0.08, -0.48],
        [-0.44, 0.34, 0.34],
        [-0.40, -0.30, 0.10],
    ]
    radii = [0.55, 0.38, 0.36, 0.38, 0.34, 0.14, 0.16, 0.38, 0.32, 0.30, 0.20, 0.24]
    return assembly(diameter, "C1", [*large, *stalks, *small], radii)


def capsid_like(diameter: float) -> Shape:
    """A closed shell with sixty bumps (I), like the capsid of a small virus."""
    bumps = assembly(diameter, "I", [[0.20, 0.32, 0.78]], [0.12])
    return union([shell(0.485 * diameter, 0.074 * diameter), bumps])


# Molecules beside those of motes.simulate.shapes: name -> shape of a longest extent in A.
MOLECULES: dict[str, Callable[[float], Shape]] = {
    "beta_amylase_like": beta_amylase_like,
    "thyroglobulin_like": thyroglobulin_like,
    "eukaryotic_ribosome_like": eukaryotic_ribosome_like,
    "capsid_like": capsid_like,
}
