import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from motes.data.augment import NO_AUGMENTATION, Augmentation, change_grey_values, draw, rotation_in_plane
from motes.data.crops import IGNORED, CropSource, Labelled, Sampling, cut
from motes.data.paint import Target

IMAGE = np.random.default_rng(0).normal(size=(60, 80)).astype(np.float32)
POINTS = np.array([[10.0, 12.0], [30, 40], [55, 70]])


def source(**changes) -> CropSource:
    values = {
        "images": [Labelled(IMAGE, POINTS), Labelled(IMAGE[::-1].copy(), POINTS)],
        "diameter": 10.0,
        "sampling": Sampling(size=32),
        "augmentation": Augmentation(),
        "target": Target(radius=1),
    }
    return CropSource(**{**values, **changes})


def test_an_upright_crop_is_a_slice():
    crop, inside = cut(IMAGE, np.array([30.0, 40.0]), np.eye(2), (17, 21))
    np.testing.assert_allclose(crop, IMAGE[22:39, 30:51], atol=1e-5)
    assert inside.all()


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_quarter_turns_move_pixels_exactly(turns):
    linear = rotation_in_plane(turns * np.pi / 2, 2)
    crop, _ = cut(IMAGE, np.array([30.0, 40.0]), linear, (17, 17))
    upright, _ = cut(IMAGE, np.array([30.0, 40.0]), np.eye(2), (17, 17))
    np.testing.assert_allclose(crop, np.rot90(upright, -turns), atol=1e-4)


def test_outside_the_image_nothing_counts():
    crop, inside = cut(IMAGE, np.array([0.0, 0.0]), np.eye(2), (9, 9))
    assert inside.sum() == 25
    np.testing.assert_allclose(crop[4:, 4:], IMAGE[:5, :5], atol=1e-5)
    assert np.isfinite(crop).all()


def test_a_volume_is_cut_by_the_same_path():
    volume = np.random.default_rng(1).normal(size=(12, 14, 16)).astype(np.float32)
    crop, inside = cut(volume, np.array([6.0, 7.0, 8.0]), np.eye(3), (5, 5, 5))
    np.testing.assert_allclose(crop, volume[4:9, 5:10, 6:11], atol=1e-5)
    assert inside.all()


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.sampled_from([2, 3]))
def test_points_move_with_the_pixels(seed, ndim):
    """A spot in the image is found in the crop where the painted target has its centre."""
    rng = np.random.default_rng(seed)
    centre = rng.uniform(18, 30, ndim)
    axes = np.ogrid[(slice(48),) * ndim]
    spot = np.exp(-sum((a - c) ** 2 for a, c in zip(axes, centre, strict=True)) / 8).astype(np.float32)
    steady = Augmentation(contrast=0, brightness=0, noise=0)
    one = source(
        images=[Labelled(spot, centre[None])],
        augmentation=steady,
        sampling=Sampling(size=32, around_points=1),
        target=Target(radius=0.8),
    )
    plan = one.plan(seed, 0, 0)
    crop, target = one.crop(plan)
    painted = np.where(target == 1, 1.0, 0.0)
    touches_border = any(np.take(painted, [0, -1], axis=axis).any() for axis in range(ndim))
    if painted.any() and not touches_border:
        np.testing.assert_allclose(
            ndimage.center_of_mass(np.where(painted > 0, crop, 0)), ndimage.center_of_mass(painted), atol=0.6
        )


def test_a_crop_depends_on_nothing_but_its_seed():
    one, two = source(), source()
    two.batch(1, 0, range(3))
    again = two.batch(5, 2, [7])
    alone = one.batch(5, 2, [7])
    assert all(np.array_equal(a, b) for a, b in zip(again, alone, strict=True))
    other = one.batch(6, 2, [7])
    assert not np.array_equal(other[0], alone[0])


def test_a_batch_has_the_shape_that_a_net_takes():
    crops, targets = source().batch(0, 0, range(4))
    assert crops.shape == targets.shape == (4, 1, 32, 32)
    assert crops.dtype == targets.dtype == source().batch(0, 0, [0])[0].dtype
    assert set(np.unique(targets)) <= {IGNORED, 0.0, 1.0}


@pytest.mark.parametrize(("around", "expected"), [(1.0, 1.0), (0.0, 0.2)])
def test_as_many_crops_are_around_points_as_asked_for(around, expected):
    chosen = source(sampling=Sampling(size=32, around_points=around))
    near = [
        np.linalg.norm(POINTS - plan.centre, axis=1).min() <= 8 * 2**0.5
        for plan in (chosen.plan(0, 0, number) for number in range(300))
    ]
    assert np.mean(near) == pytest.approx(expected, abs=0.12)


def test_an_image_without_particles_gives_crops_too():
    empty = source(images=[Labelled(IMAGE, np.zeros((0, 2)))])
    _, targets = empty.batch(0, 0, range(8))
    assert targets.max() == 0


def test_an_image_smaller_than_a_crop_is_surrounded_by_what_is_ignored():
    small = source(
        images=[Labelled(IMAGE[:10, :10].copy(), np.array([[5.0, 5.0]]))], augmentation=NO_AUGMENTATION
    )
    crops, targets = small.batch(0, 0, range(4))
    assert bool(crops.isfinite().all())
    assert (targets == IGNORED).sum(dim=(1, 2, 3)).min() >= 32 * 32 - 121


@given(st.integers(0, 1000))
def test_what_is_switched_off_changes_nothing(seed):
    drawn = draw(NO_AUGMENTATION, 2, np.random.default_rng(seed))
    assert np.array_equal(drawn.linear, np.eye(2))
    assert np.array_equal(change_grey_values(IMAGE, drawn), IMAGE)


def test_draws_stay_within_their_limits():
    limits = Augmentation(on_grid=0, rotation=15, scale=0.2, contrast=0.3, brightness=0.4, noise=0.5)
    drawn = [draw(limits, 2, np.random.default_rng(seed)) for seed in range(500)]
    sizes = [abs(np.linalg.det(d.linear)) ** 0.5 for d in drawn]
    assert 1 / 1.2 <= min(sizes) < 0.9
    assert 1.1 < max(sizes) <= 1.2
    assert max(d.contrast for d in drawn) <= 1.3
    assert max(abs(d.brightness) for d in drawn) <= 0.4
    assert max(d.noise for d in drawn) <= 0.5
    flipped = np.mean([np.linalg.det(d.linear) < 0 for d in drawn])
    assert flipped == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("size", [31, 32])
def test_crops_on_the_grid_hold_nothing_but_pixels_of_the_image(size):
    chosen = source(
        augmentation=Augmentation(on_grid=1, contrast=0, brightness=0, noise=0), sampling=Sampling(size=size)
    )
    values = np.sort(IMAGE.ravel())
    turned = set()
    for number in range(60):
        plan = chosen.plan(0, 0, number)
        turned.add(tuple(plan.drawn.linear.ravel()))
        crop, target = chosen.crop(plan)
        shown = crop[target != IGNORED]
        nearest = values[np.clip(np.searchsorted(values, shown), 1, len(values) - 1)]
        before = values[np.clip(np.searchsorted(values, shown) - 1, 0, None)]
        assert np.minimum(abs(shown - nearest), abs(shown - before)).max() < 1e-5
    assert len(turned) == 8


@pytest.mark.parametrize("on_grid", [0, 1])
@pytest.mark.parametrize("limit", [15, 60, 90, 135, 180])
def test_no_crop_turns_further_than_the_limit(on_grid, limit):
    limits = Augmentation(on_grid=on_grid, rotation=limit, flip=False)
    linear = [draw(limits, 2, np.random.default_rng(seed)).linear for seed in range(200)]
    angles = np.abs(np.rad2deg([np.arctan2(turned[1, 0], turned[0, 0]) for turned in linear]))
    assert angles.max() <= limit + 1e-6
    reached = limit if not on_grid else 90 * (limit // 90)
    assert angles.max() >= 0.9 * reached


def test_small_rotations_are_none_on_the_grid():
    still = Augmentation(on_grid=1, rotation=15, flip=False)
    drawn = draw(still, 2, np.random.default_rng(0))
    assert np.array_equal(drawn.linear, np.eye(2))
