import numpy as np
import pytest

from motes.errors import RecipeError
from motes.nets.description import NetDescription
from motes.predict.windows import Plan, Windows, in_words, plan_windows, values_a_pixel

MANY = 750_000_000  # of bfloat16 in 1.5 GB
TOMOGRAM = (184, 630, 630)
SE = NetDescription(name="se_unet", ndim=3, outputs=7, widths=(16, 32, 64, 128))
PLAIN = NetDescription(ndim=3, outputs=7, widths=(16, 32, 64, 128))
CROP = (32, 128, 128)


def fits(plan: Plan, net: NetDescription, values: float) -> bool:
    return bool(np.prod(plan.patch) * values_a_pixel(net) <= values)


def test_a_net_that_pools_sees_volumes_as_it_did_in_training():
    plan = plan_windows(TOMOGRAM, SE, Windows(), MANY, trained=CROP, itemsize=2)
    assert (plan.blend, plan.patch, plan.windows) == ("gaussian", CROP, 891)
    assert plan.redundancy == pytest.approx(891 * 32 * 128 * 128 / np.prod(TOMOGRAM))


def test_the_patch_is_chosen_apart_from_the_training():
    plan = plan_windows(TOMOGRAM, SE, Windows(patch="184x128x128"), MANY, trained=CROP)
    assert (plan.patch, plan.windows) == ((184, 128, 128), 81)
    looser = plan_windows(TOMOGRAM, SE, Windows(patch=(184, 128, 128), overlap=0.25), MANY)
    assert looser.windows == 49
    assert looser.redundancy < plan.redundancy


def test_views_multiply_what_is_computed():
    once = plan_windows(TOMOGRAM, SE, Windows(), MANY, trained=CROP)
    often = plan_windows(TOMOGRAM, SE, Windows(views=4), MANY, trained=CROP)
    assert often.windows == once.windows
    assert often.redundancy == 4 * once.redundancy


def test_small_windows_are_seen_several_at_a_time():
    several = plan_windows(TOMOGRAM, SE, Windows(), MANY, trained=CROP, at_once=1 << 21)
    one = plan_windows(TOMOGRAM, SE, Windows(), MANY, trained=CROP)
    assert (several.together, one.together) == (4, 1)
    assert several.memory > one.memory
    assert plan_windows(TOMOGRAM, SE, Windows(), 1e8, trained=CROP, at_once=1 << 21).together == 1
    assert plan_windows((20, 60, 100), SE, Windows(), MANY, trained=CROP, at_once=1 << 21).together == 1


def test_a_volume_smaller_than_the_patch_is_one_window():
    plan = plan_windows((20, 60, 100), SE, Windows(), MANY, trained=CROP)
    assert (plan.windows, plan.patch) == (1, (24, 64, 104))


def test_without_a_patch_a_net_that_pools_sees_as_much_as_fits():
    plan = plan_windows(TOMOGRAM, SE, Windows(), MANY)
    assert fits(plan, SE, MANY)
    assert np.prod(plan.patch) * values_a_pixel(SE) > 0.5 * MANY
    whole = plan_windows((60, 100, 100), SE, Windows(), MANY)
    assert (whole.windows, whole.patch) == (1, (96, 136, 136))  # with two coarsest pixels around it


@pytest.mark.parametrize("attention", ["none", "se"])
def test_a_micrograph_that_fits_is_seen_whole(attention):
    net = NetDescription(width=64, encoder_attention=attention)
    plan = plan_windows((768, 768), net, Windows(), MANY, trained=(128, 128))
    assert (plan.windows, plan.patch) == (1, (832, 832))  # 768 px and a margin


@pytest.mark.parametrize("shape", [(4000, 4000), (1000, 9000), (300, 600, 600), (2000, 300, 300)])
def test_exact_windows_fit_into_memory_and_compute_as_little_as_can_be(shape):
    net = NetDescription(ndim=len(shape), width=16, depth=3 if len(shape) == 3 else 5)
    plan = plan_windows(shape, net, Windows(), MANY)
    assert plan.blend == "exact"
    assert fits(plan, net, MANY)
    less = plan_windows(shape, net, Windows(), MANY / 4)
    assert fits(less, net, MANY / 4)
    assert less.redundancy >= plan.redundancy


def test_where_nothing_fits_the_smallest_windows_are_taken():
    plan = plan_windows((512, 512), NetDescription(width=64), Windows(), 10)
    assert plan.patch == (16 + 2 * 112,) * 2


def test_an_overlap_means_blending_where_both_would_do():
    assert plan_windows(TOMOGRAM, PLAIN, Windows(overlap=0.5, patch=CROP), MANY).windows == 891
    assert plan_windows(TOMOGRAM, PLAIN, Windows(blend="gaussian"), MANY, trained=CROP).patch == CROP


@pytest.mark.parametrize(
    ("net", "windows", "words"),
    [
        (SE, {"blend": "exact"}, "looks over its whole input"),
        (PLAIN, {"blend": "exact", "overlap": 0.5}, "an overlap is for windows that are blended"),
        (SE, {"patch": (30, 100, 128)}, "multiples of 8; try 32x96x128"),
        (SE, {"patch": (128, 128)}, "2 sides; give one number, or 3"),
        (PLAIN, {"patch": 64}, "too small for exact windows"),
        (NetDescription(), {"views": 16}, "16 views are for volumes"),
    ],
)
def test_what_cannot_be_says_why(net, windows, words):
    with pytest.raises(RecipeError, match=words):
        plan_windows(TOMOGRAM[-net.ndim :], net, Windows.model_validate(windows), MANY)


def test_a_plan_is_told_in_words():
    plan = plan_windows(TOMOGRAM, SE, Windows(), MANY, trained=CROP, itemsize=2)
    assert str(plan).startswith("891 windows of 32 x 128 x 128 px; each pixel is computed 6.4 times; about ")
    assert str(plan).endswith(" GB of memory")
    assert str(plan.timed(0.1)).endswith(" GB of memory and 89 s")
    one = plan_windows((20, 20), NetDescription(), Windows(views=2), MANY)
    assert str(one).startswith("1 window of 96 x 96 px, seen in 2 ways; ")


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (89, "89 s"), (120, "2 min"), (5000, "83 min"), (7200, "2.0 h")]
)
def test_durations(seconds, words):
    assert in_words(seconds) == words
