import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from motes.data.geometry import (
    displaced_points,
    displacement,
    elastic_margin,
    keeps_to_grid,
    outside,
    patch_limits,
    patch_map,
    patch_reach,
    patch_start,
    resample,
    resample_planes,
    rotation_in_plane,
    sampling_grid,
    smooth,
    zoom,
)

IMAGE = np.random.default_rng(0).normal(size=(60, 80)).astype(np.float32)


def cut(image, centre, linear, shape, nearest=False):
    """A crop cut from a whole image, and where it lies inside."""
    start = np.zeros(image.ndim, dtype=np.int64)
    maps = torch.from_numpy(patch_map(linear, np.array(centre, float), image.shape).copy()).float()[None]
    grid = sampling_grid(maps, shape)
    limits = torch.from_numpy(patch_limits(start, image.shape, image.shape).copy()).float()
    crop = resample(torch.from_numpy(image)[None, None], grid, [nearest])
    return crop[0, 0].numpy(), ~outside(grid, limits[None])[0, 0].numpy()


def test_an_upright_crop_is_a_slice():
    for nearest in (True, False):
        crop, inside = cut(IMAGE, [30, 40], np.eye(2), (17, 21), nearest)
        np.testing.assert_allclose(crop, IMAGE[22:39, 30:51], atol=0 if nearest else 1e-4)
        assert inside.all()


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_quarter_turns_move_pixels_exactly(turns):
    linear = np.rint(rotation_in_plane(turns * np.pi / 2, 2))
    crop, _ = cut(IMAGE, [30, 40], linear, (17, 17), nearest=True)
    assert np.array_equal(crop, np.rot90(IMAGE[22:39, 32:49], -turns))
    smoothly, _ = cut(IMAGE, [30, 40], linear, (17, 17))
    np.testing.assert_allclose(smoothly, crop, atol=1e-4)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.sampled_from([2, 3]))
def test_resampling_is_linear_interpolation(seed, ndim):
    rng = np.random.default_rng(seed)
    image = rng.normal(size=rng.integers(8, 20, ndim)).astype(np.float32)
    linear = rotation_in_plane(rng.uniform(0, 6), ndim) * rng.uniform(0.8, 1.2)
    shape = tuple(int(n) for n in rng.integers(2, 12, ndim))
    centre = rng.uniform(0, image.shape)
    crop, inside = cut(image, centre, linear, shape)
    offsets = np.indices(shape).reshape(ndim, -1) - (np.array(shape)[:, None] - 1) / 2
    source = linear @ offsets + centre[:, None]
    expected = ndimage.map_coordinates(image, source, order=1, mode="nearest").reshape(shape)
    np.testing.assert_allclose(crop, expected, atol=2e-4)
    edges = np.array(image.shape)[:, None] - 0.5
    assert np.array_equal(inside.ravel(), np.all((source >= -0.5) & (source <= edges), axis=0))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.booleans())
def test_planes_of_volumes_are_resampled_as_the_whole(seed, nearest):
    rng = np.random.default_rng(seed)
    patch, shape = rng.integers(4, 14, (2, 3)).tolist()
    mirrored = np.diag(rng.choice([-1.0, 1.0], 3))
    linear = rotation_in_plane(rng.uniform(0, 6), 3) @ mirrored * rng.uniform(0.7, 1.4)
    places = [rng.uniform(0, patch), rng.uniform(0, patch)]
    maps = torch.from_numpy(np.stack([patch_map(linear, place, patch) for place in places])).float()
    patches = torch.from_numpy(rng.normal(size=(2, 1, *patch)).astype(np.float32))
    whole = resample(patches, sampling_grid(maps, shape), [nearest, False])
    planes = resample_planes(patches, maps, shape, [nearest, False])
    np.testing.assert_allclose(planes[1], whole[1], atol=1e-4)
    differing = (planes[0] - whole[0]).abs() > 1e-4
    assert differing.float().mean() < (
        0.02 if nearest else 1e-9
    )  # halfway between two pixels either is nearest


def test_outside_the_image_nothing_counts():
    crop, inside = cut(IMAGE, [0, 0], np.eye(2), (9, 9))
    assert inside.sum() == 25
    np.testing.assert_allclose(crop[4:, 4:], IMAGE[:5, :5], atol=1e-4)
    assert np.isfinite(crop).all()


def test_one_crop_alone_has_the_same_bits_as_in_a_batch():
    generator = torch.Generator().manual_seed(0)
    for shape in [(24, 20), (8, 12, 10)]:
        patches = torch.randn((3, 1, *[2 * n for n in shape]), generator=generator)
        grid = torch.rand((3, len(shape), *shape), generator=generator) * 2.2 - 1.1
        for nearest in ([True] * 3, [False] * 3, [False, True, False]):
            together = resample(patches, grid, nearest)
            for row in range(3):
                alone = resample(patches[row : row + 1], grid[row : row + 1], nearest[row : row + 1])
                assert torch.equal(alone[0], together[row])


@given(st.integers(0, 10_000), st.sampled_from([2, 3]))
def test_a_patch_holds_all_that_a_crop_can_reach(seed, ndim):
    rng = np.random.default_rng(seed)
    size, image = rng.integers(1, 40, ndim), rng.integers(30, 90, ndim)
    limit, scale, margin = rng.uniform(0, 180), rng.uniform(0, 0.5), rng.uniform(0, 4)
    patch = np.minimum(patch_reach(size, limit, scale, margin), image)
    centre = rng.uniform(-10, image + 10)
    start = patch_start(centre, patch, image)
    linear = rotation_in_plane(np.deg2rad(rng.uniform(-limit, limit)), ndim) * rng.uniform(1, 1 + scale)
    half = (size - 1) / 2 + margin
    corners = np.array(np.meshgrid(*[[-h, h] for h in half])).reshape(ndim, -1)
    reached = (linear @ corners).T + centre
    needed = np.clip(reached, 0, image - 1)
    assert np.all(np.floor(needed) >= start)
    assert np.all(np.ceil(needed) <= start + patch - 1)


def test_whether_a_crop_keeps_to_the_grid():
    turned = np.rint(rotation_in_plane(np.pi / 2, 2))
    assert keeps_to_grid(turned, np.array([3.0, 4.0]), (5, 5))
    assert not keeps_to_grid(turned, np.array([3.0, 4.0]), (6, 6))
    assert keeps_to_grid(turned, np.array([3.5, 4.5]), (6, 6))
    assert not keeps_to_grid(rotation_in_plane(0.1, 2), np.array([3.0, 4.0]), (5, 5))


def test_zoom_is_the_inverse_of_what_the_map_stretches():
    assert zoom(rotation_in_plane(0.3, 3) * 2) == pytest.approx(0.5)


@pytest.mark.parametrize("shape", [(40, 50), (12, 14, 16)])
def test_smoothing_is_that_of_scipy(shape):
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    padded = smooth(torch.from_numpy(values)[None], 1.5, whole=False)[0].numpy()
    np.testing.assert_allclose(padded, ndimage.gaussian_filter(values, 1.5, mode="constant"), atol=1e-5)
    even = smooth(torch.ones((1, *shape)), 2.5)
    np.testing.assert_allclose(even, 1, rtol=1e-5)


@pytest.mark.parametrize("shape", [(128, 128), (32, 64, 64)])
def test_a_displacement_is_smoothed_uniform_noise(shape):
    field = displacement(shape, 50, 5, torch.Generator().manual_seed(1)).numpy()
    noise = torch.rand((len(shape), *shape), generator=torch.Generator().manual_seed(1)).numpy() * 2 - 1
    expected = [50 * ndimage.gaussian_filter(axis, 5, mode="constant") for axis in noise]
    np.testing.assert_allclose(field, expected, atol=1e-3)
    assert np.abs(field).max() <= elastic_margin(50, 5, len(shape))
    inner = field[(slice(None), *[slice(12, -12)] * len(shape))]
    assert inner.std() * 5 == pytest.approx(elastic_margin(50, 5, len(shape)), rel=0.3)


@pytest.mark.parametrize("shape", [(96, 80), (24, 48, 40)])
def test_displaced_points_are_shown_where_they_were(shape):
    """The pixel where a point is said to be shows, by the field, the place of the point."""
    ndim = len(shape)
    field = displacement(shape, 20 if ndim == 2 else 60, 5, torch.Generator().manual_seed(2))
    rng = np.random.default_rng(0)
    points = rng.uniform(10, np.array(shape) - 10, (50, ndim))
    moved = displaced_points(torch.from_numpy(points).float(), field).numpy()
    shown = moved + np.stack([ndimage.map_coordinates(axis, moved.T, order=1) for axis in field.numpy()], 1)
    assert np.linalg.norm(moved - points, axis=1).max() > 0.5
    np.testing.assert_allclose(shown, points, atol=0.01)
