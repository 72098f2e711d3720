"""Orientations: uniform random rotations, symmetry groups, RELION's angles.

A rotation matrix acts on column vectors (x, y, z) and turns a structure from its own frame into the
micrograph's, whose z axis is the beam.
"""

import re

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from motes.errors import RecipeError

_GROUP = re.compile(r"[CD][1-9][0-9]?|[TOI]")


def random_rotations(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Uniformly distributed rotation matrices, (count, 3, 3) (Shoemake 1992, Graphics Gems III)."""
    u = rng.uniform(size=(count, 3))
    first, second = 2 * np.pi * u[:, 1], 2 * np.pi * u[:, 2]
    inner, outer = np.sqrt(1 - u[:, 0]), np.sqrt(u[:, 0])
    quaternions = [
        inner * np.sin(first),
        inner * np.cos(first),
        outer * np.sin(second),
        outer * np.cos(second),
    ]
    if count == 0:
        return np.zeros((0, 3, 3))
    return np.asarray(Rotation.from_quat(np.stack(quaternions, axis=1)).as_matrix())


def symmetry_group(name: str) -> NDArray[np.float64]:
    """The rotation matrices, (order, 3, 3), of a point group: C1, C2, ..., D2, D3, ..., T, O, I.

    The main axis of C and D is z; T, O and I have two-fold axes along x, y and z. Raises RecipeError for
    another name.
    """
    if not _GROUP.fullmatch(name):
        raise RecipeError(f"unknown point group {name!r}; use Cn or Dn (as in C1, D2, D7), T, O or I")
    return np.asarray(Rotation.create_group(name, axis="Z").as_matrix())


def relion_angles(rotations: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rot, tilt and psi in degrees, (n, 3), of rotation matrices (n, 3, 3), as RELION writes them.

    The matrix is RELION's Euler matrix (Euler_angles2matrix in euler.cpp): it takes the structure's
    coordinates to the micrograph's. Where tilt is 0 or 180, rot is 0.
    """
    tilt = np.arccos(np.clip(rotations[:, 2, 2], -1, 1))
    upright = np.sin(tilt) < 1e-6
    rot = np.where(upright, 0, np.arctan2(rotations[:, 2, 1], rotations[:, 2, 0]))
    psi = np.arctan2(rotations[:, 1, 2], -rotations[:, 0, 2])
    flat = np.arctan2(-rotations[:, 1, 0] * rotations[:, 2, 2], rotations[:, 1, 1])
    return np.asarray(np.rad2deg(np.stack([rot, tilt, np.where(upright, flat, psi)], axis=1)))
