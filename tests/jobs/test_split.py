"""Which images are kept out of training: how many, which, and that both sides are alike."""

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motes.jobs.split import validation_groups

NAMES = [f"{folder}/{number}.mrc" for folder in "ABC" for number in range(4)]
COUNTS = st.lists(st.integers(0, 300), min_size=2, max_size=60)
SHARES = st.sampled_from([0.05, 0.1, 0.15, 0.25, 0.5, 0.8])


def alone(names: Iterable[str]) -> dict[str, str]:
    return {name: name for name in names}


def folders(names: Iterable[str]) -> dict[str, str]:
    return {name: str(Path(name).parent) for name in names}


def kept_out(names: list[str], share: float = 0.2, seed: int = 0) -> set[str]:
    return validation_groups(alone(names), dict.fromkeys(names, 3), share, seed)


def labelled(names: Iterable[str]) -> dict[str, int]:
    """So many objects in each image; only in these there are any."""
    return {name: 5 * (name in set(names)) for name in NAMES}


def stratified(counts: list[int], share: float, seed: int = 0) -> set[int]:
    return validation_groups(
        {n: f"{n:04d}" for n in range(len(counts))}, dict(enumerate(counts)), share, seed, stratified=True
    )


def imbalance(counts: list[int], chosen: set[int]) -> float:
    """The difference of the mean counts of those chosen and the others."""
    values, mask = np.array(counts, float), np.isin(np.arange(len(counts)), list(chosen))
    return abs(values[mask].mean() - values[~mask].mean())


def test_a_share_of_the_images_is_kept_for_validation():
    assert len(kept_out(NAMES, 0.25)) == 3
    assert kept_out(NAMES, 0) == set()


def test_one_image_is_kept_even_of_a_few_and_one_is_left_to_train_on():
    assert len(kept_out(NAMES[:3], 0.1)) == 1
    assert len(kept_out(NAMES[:2], 0.9)) == 1
    assert kept_out(NAMES[:1], 0.5) == set()


@pytest.mark.parametrize("stratify", [False, True])
def test_folders_are_never_divided(stratify):
    counts = {name: 10 * number for number, name in enumerate(NAMES)}
    chosen = validation_groups(folders(NAMES), counts, 0.3, 0, stratify)
    assert len({Path(name).parent for name in chosen}) == 1
    assert len(chosen) == 4


def test_an_image_without_particles_stays_with_its_folder():
    without = {"A/0.mrc", "B/0.mrc", "C/0.mrc"}
    chosen = validation_groups(folders(NAMES), labelled(set(NAMES) - without), 0.3, 0)
    assert len(chosen) == 4
    assert len(chosen & without) == 1


@pytest.mark.parametrize("stratify", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_both_parts_get_particles(seed, stratify):
    marked = {NAMES[0], NAMES[5]}
    for share, count in ((0.1, 1), (0.9, 11)):
        chosen = validation_groups(alone(NAMES), labelled(marked), share, seed, stratify)
        assert len(chosen & marked) == 1
        assert len(chosen) == count
    assert validation_groups(alone(NAMES), labelled(NAMES[:1]), 0.2, seed, stratify) == set()


def test_the_choice_depends_on_the_seed_and_not_on_the_order():
    assert kept_out(NAMES[::-1]) == kept_out(NAMES)
    assert len({frozenset(kept_out(NAMES, seed=seed)) for seed in range(5)}) > 1


@given(COUNTS, SHARES, st.integers(0, 99), st.randoms())
def test_a_stratified_choice_has_the_share_depends_on_the_seed_and_not_on_the_order(
    counts, share, seed, random
):
    chosen = stratified(counts, share, seed)
    held = sum(count > 0 for count in counts)
    expected = min(max(round(share * len(counts)), 1), len(counts) - 1) if held > 1 else 0
    assert len(chosen) == expected
    shuffled = random.sample(range(len(counts)), len(counts))
    groups = {n: f"{n:04d}" for n in shuffled}
    assert validation_groups(groups, {n: counts[n] for n in shuffled}, share, seed, stratified=True) == chosen
    assert not chosen or (
        any(counts[n] for n in chosen) and any(count for n, count in enumerate(counts) if n not in chosen)
    )


@pytest.mark.parametrize(("images", "kept"), [(100, 15), (73, 11)])
def test_fifteen_in_a_hundred_are_drawn_from_fifteen_strata(images, kept):
    """Each of about 1 / 0.15 images that follow each other in density, and one of each is validated on."""
    counts = list(np.random.default_rng(images).permutation(images) + 1)
    choices = {tuple(sorted(counts[n] for n in stratified(counts, 0.15, seed))) for seed in range(5)}
    assert len(choices) == 5  # the seed decides
    for chosen in choices:
        assert len(chosen) == kept
        places = [math.floor((value - 1) * kept / images) for value in chosen]
        assert all(abs(place - number) <= 1 for number, place in enumerate(places))


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.sampled_from(["like the card's", "3 to 300", "two kinds", "some empty"]))
def test_both_sides_are_more_alike_in_density_than_random_splits(seed, kind):
    rng = np.random.default_rng(seed)
    counts = {
        "like the card's": rng.poisson(109, 73),
        "3 to 300": rng.integers(3, 300, 73),
        "two kinds": rng.poisson(rng.choice([3, 109], 73)),
        "some empty": rng.poisson(109, 73) * (rng.random(73) > 0.1),
    }[kind].tolist()
    groups, objects = {n: f"{n:04d}" for n in range(73)}, dict(enumerate(counts))

    def off(how: bool) -> float:
        """The mean over draws."""
        drawn = [validation_groups(groups, objects, 0.15, draw, how) for draw in range(30)]
        return float(np.mean([imbalance(counts, chosen) for chosen in drawn]))

    # empty images are few, and whether one is drawn weighs more than all else
    assert off(True) < (0.95 if kind == "some empty" else 0.7) * off(False)


def test_a_group_counts_by_the_objects_an_image_of_it():
    """Two dense groups of one image and two sparse ones of many: one dense and one sparse are chosen."""
    counts = {"d1": 100, "d2": 110, **{f"s{group}-{n}": 8 for group in (1, 2) for n in range(30)}}
    groups = {name: name.split("-")[0] for name in counts}
    for seed in range(8):
        chosen = {groups[name] for name in validation_groups(groups, counts, 0.5, seed, stratified=True)}
        assert {group[0] for group in chosen} == {"d", "s"}
