import numpy as np
import pytest

from motes.physics.tilt import tilt_angles
from motes.simulate.reconstruct import back_projected
from motes.simulate.tilt_projection import detector_width, project_volume

SHAPE = (32, 40, 48)
ANGLES = tilt_angles(60, 3)
# Four beads that no turn and no mirror brings onto each other: z, y, x, brightness.
BEADS = np.array(
    [[15.3, 20.0, 24.6, 1.0], [9.0, 11.2, 12.0, 2.0], [22.4, 30.7, 14.0, 3.0], [10.0, 26.0, 37.3, 4.0]]
)
SPREAD = 1.6


def seen(beads: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """What soft beads (z, y, x, brightness) look like at each tilt, from geometry alone."""
    width = detector_width(SHAPE)
    middle = (np.array(SHAPE) - 1) / 2
    u, y = np.arange(width) - (width - 1) / 2, np.arange(SHAPE[1])
    images = np.zeros((len(angles), SHAPE[1], width), np.float32)
    for image, tilt in zip(images, np.deg2rad(angles), strict=True):
        for z0, y0, x0, bright in beads:
            place = (x0 - middle[2]) * np.cos(tilt) + (z0 - middle[0]) * np.sin(tilt)
            away = (y[:, None] - y0) ** 2 + (u[None, :] - place) ** 2
            image += bright * np.exp(-away / (2 * SPREAD**2)).astype(np.float32)
    return images


def centre_of(volume: np.ndarray, near: np.ndarray, reach: int = 4) -> np.ndarray:
    """Where the top of a blob is, by a parabola through it along each axis."""
    start = np.round(near).astype(int)
    box = tuple(slice(max(s - reach, 0), s + reach + 1) for s in start)
    top = np.array(np.unravel_index(volume[box].argmax(), volume[box].shape)) + [b.start for b in box]
    found = top.astype(float)
    for axis, step in enumerate(np.eye(3, dtype=int)):
        before, at, after = (np.log(max(volume[tuple(top + k * step)], 1e-6)) for k in (-1, 0, 1))
        found[axis] += (before - after) / (2 * (before - 2 * at + after))
    return found


def wedge_share(volume: np.ndarray, reach: float, margin: float = 5.0) -> float:
    """The share of a volume's power that lies beyond the tilts and a margin (degrees)."""
    power = np.abs(np.fft.fftn(volume - volume.mean())) ** 2
    kz, _, kx = np.meshgrid(*(np.fft.fftfreq(n) for n in volume.shape), indexing="ij", sparse=True)
    beyond = np.broadcast_to(np.abs(kz) > np.tan(np.deg2rad(reach + margin)) * np.abs(kx), power.shape)
    return float(power[beyond].sum() / power.sum())


def test_beads_come_back_where_they_are_and_as_bright_as_they_are() -> None:
    volume = back_projected(seen(BEADS, ANGLES), ANGLES, SHAPE)
    for bead in BEADS:
        assert centre_of(volume, bead[:3]) == pytest.approx(bead[:3], abs=0.1)
    heights = [volume[tuple(np.round(bead[:3]).astype(int))] / bead[3] for bead in BEADS]
    assert max(heights) < 1.3 * min(heights)
    assert volume[tuple(np.round(BEADS[3, :3]).astype(int))] == volume.max()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_mirrored_arrangement_is_another_one(axis: int) -> None:
    volume = back_projected(seen(BEADS, ANGLES), ANGLES, SHAPE)
    mirrored = np.flip(volume, axis)
    inside = [volume[tuple(np.round(bead[:3]).astype(int))] for bead in BEADS]
    outside = [mirrored[tuple(np.round(bead[:3]).astype(int))] for bead in BEADS]
    assert sum(outside) < 0.3 * sum(inside)


def test_projecting_and_reconstructing_agree_on_the_geometry() -> None:
    z, y, x = np.ogrid[tuple(slice(n) for n in SHAPE)]
    place = np.array([19.3, 14.6, 31.8])
    away = (z - place[0]) ** 2 + (y - place[1]) ** 2 + (x - place[2]) ** 2
    volume = np.exp(-away / (2 * SPREAD**2)).astype(np.float32)
    again = back_projected(project_volume(volume, ANGLES, detector_width(SHAPE)), ANGLES, SHAPE)
    assert centre_of(again, place) == pytest.approx(place, abs=0.1)


def test_with_all_tilts_and_no_fine_detail_the_density_comes_back() -> None:
    z, y, x = np.ogrid[:33, :4, :33]
    volume = np.exp(-((z - 16) ** 2 + (x - 16) ** 2) / (2 * 2.5**2)).astype(np.float32) + 0 * y.astype(
        np.float32
    )
    angles = np.arange(-88.5, 89, 3)
    again = back_projected(project_volume(volume, angles, 96), angles, volume.shape)
    inner = again - again[0, 0, 0] + volume[0, 0, 0]  # the mean is not kept
    assert inner[16, 2, 16] == pytest.approx(1, abs=0.08)
    assert np.abs(inner - volume).max() < 0.1


@pytest.mark.parametrize("reach", [40.0, 60.0])
def test_the_missing_wedge_is_empty(reach: float) -> None:
    angles, shape = tilt_angles(reach, 3), (64, 32, 96)
    noise = np.random.default_rng(1).normal(size=(len(angles), shape[1], detector_width(shape)))
    assert wedge_share(back_projected(noise.astype(np.float32), angles, shape), reach) < 0.02
    white = np.random.default_rng(2).normal(size=shape)
    assert wedge_share(white, reach) > 0.2
