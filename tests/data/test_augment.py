import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motes.data.augment import NO_AUGMENTATION, Augmentation, Draw, draw
from motes.errors import RecipeError

EVERYTHING = {
    "elastic": 1.0,
    "blur": 3.0,
    "squares": 8,
    "ice": 1.0,
    "defocus": 0.5,
    "contrast": 0.9,
    "brightness": 3.0,
    "noise": 3.0,
    "scale": 0.5,
    "rotation": 10.0,
    "flip": False,
    "contrast_share": 0.0,
    "brightness_share": 0.0,
    "noise_share": 0.0,
}
CHANGED_WITH_IT = {
    "scale": {"linear"},
    "rotation": {"linear"},
    "flip": {"linear"},
    "contrast_share": {"contrast"},
    "brightness_share": {"brightness"},
    "noise_share": {"noise"},
}


def drawn(augmentation: Augmentation, seed: int, ndim: int = 2) -> Draw:
    return draw(augmentation, ndim, np.random.default_rng(seed))


def as_plain(one: Draw) -> dict:
    return vars(one) | {"linear": one.linear.tolist()}


@given(st.integers(0, 1000), st.sampled_from([2, 3]))
def test_nothing_is_drawn_that_is_switched_off(seed, ndim):
    nothing = drawn(NO_AUGMENTATION, seed, ndim)
    assert np.array_equal(nothing.linear, np.eye(ndim))
    assert (nothing.contrast, nothing.brightness, nothing.noise, nothing.blur) == (1, 0, 0, 0)
    assert nothing.elastic is nothing.squares is nothing.ice is nothing.defocus is None


@pytest.mark.parametrize("name", EVERYTHING)
def test_switching_one_change_on_leaves_all_other_draws(name):
    for seed in range(30):
        one = as_plain(drawn(Augmentation(on_grid=0.3), seed))
        other = as_plain(drawn(Augmentation(on_grid=0.3, **{name: EVERYTHING[name]}), seed))
        assert {key for key in one if one[key] != other[key]} <= CHANGED_WITH_IT.get(name, {name})


def test_draws_stay_within_their_limits():
    limits = Augmentation(
        on_grid=0, rotation=15, scale=0.2, contrast=0.3, brightness=0.4, noise=0.5, blur=2, defocus=0.5
    )
    draws = [drawn(limits, seed) for seed in range(500)]
    sizes = [abs(np.linalg.det(d.linear)) ** 0.5 for d in draws]
    assert 1 / 1.2 <= min(sizes) < 0.9
    assert 1.1 < max(sizes) <= 1.2
    assert 1.25 < max(d.contrast for d in draws) <= 1.3
    assert 0.35 < max(abs(d.brightness) for d in draws) <= 0.4
    assert 0.45 < max(d.noise for d in draws) <= 0.5
    assert 1.8 < max(d.blur for d in draws) <= 2
    changes = [d.defocus[1] - d.defocus[0] for d in draws if d.defocus]
    assert len(changes) == 500
    assert 0.45 < max(map(abs, changes)) <= 0.5 + 1e-9
    flipped = np.mean([np.linalg.det(d.linear) < 0 for d in draws])
    assert flipped == pytest.approx(0.5, abs=0.1)


def test_shares_say_how_often():
    shares = Augmentation(
        on_grid=0,
        elastic=0.3,
        contrast_share=0.5,
        brightness_share=0.5,
        noise_share=0.3,
        blur=3,
        blur_share=0.2,
        squares=8,
        squares_share=0.3,
        ice=0.1,
        defocus=1,
        defocus_share=0.4,
    )
    draws = [drawn(shares, seed) for seed in range(1000)]
    found = {
        "elastic": np.mean([d.elastic is not None for d in draws]),
        "contrast": np.mean([d.contrast != 1 for d in draws]),
        "brightness": np.mean([d.brightness != 0 for d in draws]),
        "noise": np.mean([d.noise > 0 for d in draws]),
        "blur": np.mean([d.blur > 0 for d in draws]),
        "squares": np.mean([d.squares is not None for d in draws]),
        "ice": np.mean([d.ice is not None for d in draws]),
        "defocus": np.mean([d.defocus is not None for d in draws]),
    }
    asked = [0.3, 0.5, 0.5, 0.3, 0.2, 0.3, 0.1, 0.4]
    assert list(found.values()) == pytest.approx(asked, abs=0.06)


def test_crops_on_the_grid_are_not_deformed():
    draws = [drawn(Augmentation(on_grid=0.5, elastic=1), seed) for seed in range(100)]
    assert all((d.elastic is None) == d.on_grid for d in draws)


@pytest.mark.parametrize(
    ("on_grid", "limit"), [(0, 15), (0, 60), (0, 90), (0, 180), (1, 0), (1, 90), (1, 135), (1, 180)]
)
def test_no_crop_turns_further_than_the_limit(on_grid, limit):
    limits = Augmentation(on_grid=on_grid, rotation=limit, flip=False, scale=0)
    linear = [drawn(limits, seed).linear for seed in range(200)]
    angles = np.abs(np.rad2deg([np.arctan2(turned[1, 0], turned[0, 0]) for turned in linear]))
    assert angles.max() <= limit + 1e-6
    reached = limit if not on_grid else 90 * (limit // 90)
    assert angles.max() >= 0.9 * reached


def test_small_rotations_are_none_on_the_grid():
    small = Augmentation(on_grid=0.99, rotation=15, flip=False)
    draws = [drawn(small, seed) for seed in range(50)]
    assert all(np.array_equal(one.linear, np.eye(2)) == one.on_grid for one in draws)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, r"scale \(0.1\) would have no effect; set on_grid=0 .* or scale=0 to"),
        ({"scale": 0, "elastic": 0.5}, r"elastic \(0.5\)"),
        ({"scale": 0, "rotation": 15}, r"rotation \(15\)"),
        ({"rotation": 89.9}, "scale=0 rotation=0"),
    ],
)
def test_changes_that_need_resampling_are_refused_where_no_crop_is(changes, message):
    with pytest.raises(RecipeError, match=message):
        Augmentation(on_grid=1, **changes)
    assert Augmentation(on_grid=0.99, **changes).on_grid == 0.99


def test_quarter_turns_and_grey_values_need_no_resampling():
    for changes in ({"rotation": 0}, {"rotation": 90}, {"blur": 2, "mixup": 0.5}):
        assert Augmentation(on_grid=1, scale=0, **changes).on_grid == 1
    assert Augmentation.model_validate(NO_AUGMENTATION.model_dump()) == NO_AUGMENTATION


def test_volumes_turn_in_the_plane_and_flip_along_every_axis():
    linear = np.array([drawn(Augmentation(on_grid=1, scale=0), seed, ndim=3).linear for seed in range(300)])
    assert np.all(np.abs(linear[:, 0, 0]) == 1)
    assert len({tuple(one.ravel()) for one in linear}) == 16  # 8 of a square, upright or upside down
