"""Structures to simulate: density maps from generated shapes, atomic models and map files."""

import itertools
from dataclasses import dataclass
from pathlib import Path

import gemmi
import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from motes.errors import ImageError, InputError
from motes.formats.images import read_image
from motes.simulate.shapes import build_shape, filled

MAP_SUFFIXES = (".mrc", ".map", ".ccp4")
MODEL_SUFFIXES = (".pdb", ".ent", ".cif", ".mmcif", ".pdb.gz", ".cif.gz", ".ent.gz")
PROTEIN_DALTON_PER_CUBIC_ANGSTROM = 0.813  # 1.35 g/cm^3
SURFACE = 0.08  # softness of generated surfaces, diameters: side chains and flexible ends
VOXELS_ACROSS = 96  # no map is kept finer than this along its diameter


@dataclass(frozen=True)
class Structure:
    """A density map to project.

    density: (z, y, x) float32, a cube, 1 where there is protein and 0 where there is ice. voxel_size: A.
    centre: index (z, y, x) of the particle's centre, may lie between voxels. diameter: longest extent, A.
    """

    name: str
    density: NDArray[np.float32]
    voxel_size: float
    centre: tuple[float, float, float]
    diameter: float


def from_name(name: str, diameter: float, pixel_size: float, rng: np.random.Generator) -> Structure:
    """A generated structure (see shapes.build_shape) of that diameter (A), for images of that pixel size."""
    voxel_size = max(pixel_size, diameter / VOXELS_ACROSS)
    side = 2 * int(np.ceil(diameter * (1 + SURFACE) / 2 / voxel_size + 2)) + 1
    density = filled(build_shape(name, diameter, rng), side, voxel_size, SURFACE * diameter)
    return Structure(name, density, voxel_size, (side // 2,) * 3, diameter)


def from_file(path: Path, pixel_size: float) -> Structure:
    """The structure in a PDB, mmCIF or MRC map file, at its own size, for images of that pixel size (A/px).

    Of an atomic model, biological assembly 1 is taken where the file describes one, without water and
    hydrogen. Raises InputError (ImageError for a map) for a file that cannot be used.
    """
    if not path.is_file():
        raise InputError(f"no structure file {path}")
    lower = path.name.lower()
    if lower.endswith(MODEL_SUFFIXES):
        return _from_atoms(path, *read_atoms(path), pixel_size)
    if lower.endswith(MAP_SUFFIXES):
        return _from_map(path, pixel_size)
    known = ", ".join(MODEL_SUFFIXES[:4] + MAP_SUFFIXES)
    raise InputError(f"{path} is not a kind of structure file that can be read; expected one of {known}")


def read_atoms(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Positions (n, 3) x, y, z in A and masses (n,) in Da of the atoms of an atomic model.

    Raises InputError for a file that is not one or holds no atoms.
    """
    try:
        model = gemmi.read_structure(str(path))
    except (RuntimeError, ValueError) as error:
        raise InputError(f"cannot read the atomic model {path}: {error}") from error
    model.remove_hydrogens()
    model.remove_waters()
    if len(model) == 0:
        raise InputError(f"{path} holds no atoms")
    first = model[0]
    for assembly in model.assemblies:
        if assembly.name == "1":
            first = gemmi.make_assembly(assembly, first, gemmi.HowToNameCopiedChain.Dup)
    atoms = [(each.atom.pos.tolist(), each.atom.element.weight * each.atom.occ) for each in first.all()]
    if not atoms:
        raise InputError(f"{path} holds no atoms besides water and hydrogen")
    return np.array([position for position, _ in atoms]), np.array([mass for _, mass in atoms])


def _from_atoms(
    path: Path, positions: NDArray[np.float64], masses: NDArray[np.float64], pixel_size: float
) -> Structure:
    relative = positions - np.average(positions, axis=0, weights=masses)
    radius = float(np.linalg.norm(relative, axis=1).max()) + 1.5
    voxel_size = max(pixel_size, 2 * radius / VOXELS_ACROSS)
    side = 2 * int(np.ceil(radius / voxel_size + 3)) + 1
    mass = splatted(relative[:, ::-1] / voxel_size + side // 2, masses, side)
    blurred = ndimage.gaussian_filter(mass, max(0.5, 1.5 / voxel_size))
    density = (blurred / (PROTEIN_DALTON_PER_CUBIC_ANGSTROM * voxel_size**3)).astype(np.float32)
    return Structure(_stem(path), density, voxel_size, (side // 2,) * 3, 2 * radius)


def splatted(positions: NDArray[np.float64], weights: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Weights spread over the eight voxels around each position, in a cube (z, y, x) of that side.

    positions: (n, 3) z, y, x indices, at least one voxel away from the faces. The sum and the centre of
    mass are kept exactly.
    """
    low = np.floor(positions).astype(np.intp)
    part = positions - low
    cube = np.zeros(side**3)
    for corner in itertools.product((0, 1), repeat=3):
        share = np.prod(np.where(corner, part, 1 - part), axis=1)
        index = np.ravel_multi_index(tuple((low + corner).T), (side,) * 3)
        cube += np.bincount(index, weights * share, minlength=side**3)
    return cube.reshape(side, side, side)


def _from_map(path: Path, pixel_size: float) -> Structure:
    density, voxel_size = _read_map(path)
    centre, diameter = extent(density)
    cube, centre = _cube_around(density, centre, diameter)
    wanted = max(pixel_size, diameter * voxel_size / VOXELS_ACROSS)
    side = int(len(cube) * voxel_size / wanted) // 2 * 2 + 1
    if side < len(cube):
        factor = side / len(cube)
        cube, centre = coarser(cube, side), centre * factor
        diameter, voxel_size = diameter * factor, voxel_size / factor
    z, y, x = (float(c) for c in centre)
    return Structure(_stem(path), cube, voxel_size, (z, y, x), diameter * voxel_size)


def _read_map(path: Path) -> tuple[NDArray[np.float32], float]:
    image = read_image(path, ndim=3)
    if min(image.shape) < 8:
        raise ImageError(f"{path} is no density map: expected 8 voxels a side, found shape {image.shape}")
    if image.pixel_size is None:
        raise ImageError(f"the map {path} states no voxel size; set it in the header (A)")
    return _protein_scale(path, np.nan_to_num(image.as_float32())), image.pixel_size


def _protein_scale(path: Path, data: NDArray[np.float32]) -> NDArray[np.float32]:
    """Solvent to 0 and the mean of what stands out to 1."""
    above = np.maximum(data - np.median(data), 0)
    particle = above > 0.15 * np.percentile(above, 99.9)
    if not particle.any():
        raise ImageError(f"the map {path} is constant; expected a density that stands out from solvent")
    return np.where(particle, above / above[particle].mean(), 0).astype(np.float32)


def extent(density: NDArray[np.float32]) -> tuple[NDArray[np.float64], float]:
    """Centre of mass (z, y, x index) and diameter (voxels) of a map; the ball holds 99 % of the mass."""
    centre = np.array(ndimage.center_of_mass(density))
    grid = np.meshgrid(*(np.arange(n) - c for n, c in zip(density.shape, centre, strict=True)), indexing="ij")
    radius = np.sqrt(sum(axis**2 for axis in grid)).ravel()
    order = np.argsort(radius)
    mass = np.cumsum(density.ravel()[order], dtype=np.float64)
    return centre, 2 * float(radius[order][np.searchsorted(mass, 0.99 * mass[-1])])


def _cube_around(
    density: NDArray[np.float32], centre: NDArray[np.float64], diameter: float
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    reach = int(np.ceil(diameter / 2 * 1.15)) + 3
    middle = np.round(centre).astype(int)
    padded = np.pad(density, reach)
    corner = tuple(slice(m, m + 2 * reach + 1) for m in middle)
    return np.ascontiguousarray(padded[corner]), centre - middle + reach


def coarser(density: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """A cube on fewer voxels, by cutting its Fourier transform; side must be odd and smaller.

    Index i of the old cube becomes i * side / old_side.
    """
    old, half = len(density), side // 2
    spectrum = fft.rfftn(density, workers=1)
    keep = np.r_[0 : half + 1, old - half : old]
    cut = spectrum[np.ix_(keep, keep, np.arange(half + 1))]
    small = fft.irfftn(cut, s=(side,) * 3, workers=1) * (side / old) ** 3
    return np.asarray(small, dtype=np.float32)


def _stem(path: Path) -> str:
    return path.name.split(".")[0]
