import numpy as np
import pytest

from motes.simulate.orientations import random_rotations
from motes.simulate.structures import PROTEIN_DALTON_PER_CUBIC_ANGSTROM
from motes.simulate.tomogram_shapes import molecule, turned
from motes.simulate.tomogram_specimen import class_molecule
from motes.simulate.tomogram_world import CHALLENGE_CLASSES, TomogramClass


@pytest.mark.parametrize("kind", CHALLENGE_CLASSES, ids=lambda each: each.name)
def test_a_molecule_has_its_mass_its_extent_and_its_centre_however_it_is_turned(kind: TomogramClass) -> None:
    made, voxel_size = class_molecule(kind, 10.0), 10.0
    assert kind.mass is not None
    volume = kind.mass * 1e3 / PROTEIN_DALTON_PER_CUBIC_ANGSTROM
    for number, rotation in enumerate(random_rotations(3, np.random.default_rng(1))):
        centre = np.array([20.3, -7.4, 11.0 + number / 3])
        lies = turned(made, centre, rotation)
        assert lies.density.sum() * voxel_size**3 == pytest.approx(volume, rel=0.01)
        places = np.argwhere(lies.density > -1) + lies.corner
        weights = lies.density.ravel()
        middle = (places * weights[:, None]).sum(axis=0) / weights.sum()
        assert middle == pytest.approx(centre, abs=0.06)
        away = np.linalg.norm(places - centre, axis=1)[weights > 0.3 * weights.max()].max()
        assert 0.4 * kind.diameter < away * voxel_size < 0.56 * kind.diameter


def test_turning_follows_the_rotation_matrix() -> None:
    made = molecule("rod", 200, None, 10, np.random.default_rng(0))  # along its own z axis
    rotation = random_rotations(1, np.random.default_rng(4))[0]
    lies = turned(made, np.zeros(3), rotation)
    places = np.argwhere(lies.density > 0.5) + lies.corner
    _, _, axes = np.linalg.svd(places - places.mean(axis=0), full_matrices=False)
    along = rotation @ np.array([0, 0, 1.0])
    assert abs(float(axes[0] @ along[::-1])) > 0.99


def test_hollow_molecules_keep_others_out_of_their_cavity() -> None:
    capsid = class_molecule(CHALLENGE_CLASSES[5], 10.0)
    lies = turned(capsid, np.zeros(3), np.eye(3))
    middle = (len(lies.density) // 2,) * 3
    assert lies.density[middle] == pytest.approx(0, abs=1e-3)
    assert lies.taken[middle]
    wider = turned(capsid, np.zeros(3), np.eye(3), gap=1.0)
    assert wider.taken.sum() > lies.taken.sum()
    inner = (slice(1, -1),) * 3  # its box is a voxel wider on each side
    assert (wider.taken[inner] | ~lies.taken).all()
