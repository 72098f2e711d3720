import numpy as np
import pytest
from scipy import stats

from motes.errors import RecipeError
from motes.simulate.orientations import random_rotations, relion_angles, symmetry_group

ORDERS = [("C1", 1), ("C7", 7), ("D2", 4), ("D7", 14), ("T", 12), ("O", 24), ("I", 60)]


def euler_matrix(rot: float, tilt: float, psi: float) -> np.ndarray:
    """RELION's Euler_angles2matrix, degrees."""
    (ca, cb, cg), (sa, sb, sg) = np.cos(np.deg2rad([rot, tilt, psi])), np.sin(np.deg2rad([rot, tilt, psi]))
    cc, cs, sc, ss = cb * ca, cb * sa, sb * ca, sb * sa
    return np.array([
        [cg * cc - sg * sa, cg * cs + sg * ca, -cg * sb],
        [-sg * cc - cg * sa, -sg * cs + cg * ca, sg * sb],
        [sc, ss, cb],
    ])  # fmt: skip


def test_random_rotations_are_rotations_and_uniform() -> None:
    rotations = random_rotations(4000, np.random.default_rng(0))
    assert np.einsum("nij,nkj->nik", rotations, rotations) == pytest.approx(
        np.broadcast_to(np.eye(3), rotations.shape), abs=1e-12
    )
    assert np.linalg.det(rotations) == pytest.approx(np.ones(4000))
    # Archimedes: each coordinate of a uniform direction is uniform in -1 to 1.
    for column in range(3):
        for row in range(3):
            assert stats.kstest(rotations[:, row, column], "uniform", (-1, 2)).pvalue > 0.001
    # The rotation angle has the density (1 - cos t) / pi.
    angle = np.arccos(np.clip((np.trace(rotations, axis1=1, axis2=2) - 1) / 2, -1, 1))
    assert stats.kstest(angle, lambda t: (t - np.sin(t)) / np.pi).pvalue > 0.001


@pytest.mark.parametrize(("name", "order"), ORDERS)
def test_groups_have_their_order_and_are_closed(name: str, order: int) -> None:
    group = symmetry_group(name)
    assert group.shape == (order, 3, 3)
    products = np.einsum("aij,bjk->abik", group, group).reshape(-1, 1, 9)
    assert np.abs(products - group.reshape(1, -1, 9)).max(axis=2).min(axis=1).max() < 1e-9


@pytest.mark.parametrize("name", ["X", "C0", "D", "I3", "c4"])
def test_other_groups_are_refused(name: str) -> None:
    with pytest.raises(RecipeError, match="unknown point group"):
        symmetry_group(name)


def test_angles_are_those_of_relion() -> None:
    asked = np.array([[30, 60, -75], [-120, 100, 10], [0, 0, 40], [0, 180, -20]], dtype=float)
    matrices = np.array([euler_matrix(*each) for each in asked])
    assert relion_angles(matrices) == pytest.approx(asked)
