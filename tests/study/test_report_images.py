"""Which test images a report shows, and whether each keeps what is its own."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from motes.data.sampling import Labelled
from motes.figures.study_results import Shown
from motes.jobs.parts import Prepared
from motes.output import write_text
from motes.picks import Picks
from motes.study.description import Study
from motes.study.examine import Ensemble, Examination
from motes.study.folder import Folder
from motes.study.report_images import MOST_SHOWN, MOST_WORST, side_by_side, telling, worst
from motes.study.results import Results, read_results
from motes.study.shown_images import keep_shown_images, kept_numbers
from study_folder import made_up_folder, made_up_study, write_test

NAN = float("nan")
SIDE = 8
Images = Sequence[tuple[str, str]]
Value = Callable[[int], float | None]

POINT = np.array([[1.0, 1.0]])


def keep_pictures(
    folder: Folder, fold: int, arm: str, images: Images, first: int = 0, side: int = SIDE
) -> None:
    """Pictures of a fold's images: all grey values of an image are its number, and so are its truth and picks."""
    numbers = range(first, first + len(images))
    prepared = [
        Prepared(name, Labelled(np.full((side, side), n, np.float32), at(n)), "", 1, working=(4.0,))
        for (name, _), n in zip(images, numbers, strict=True)
    ]
    maps = {n: np.zeros((1, side, side), np.float32) for n in kept_numbers(len(images))}
    picks = [[Picks(at(n))] for n in numbers]
    found = Examination(Ensemble("x", ("x",)), {}, [], [], picks, maps, [])
    keep_shown_images(folder.tested(f"test/fold-{fold}/{arm}").with_suffix(".npz"), prepared, found)


def at(number: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.array([[number, number + 0.5]])


def results_on(folder: Folder, images: Images, plain: Value, gated: Value) -> Results:
    """The results of one seed on some images in place of what the folder had; the pictures of both arms."""
    for arm, value in (("plain", plain), ("gated", gated)):
        write_test(folder, f"test/fold-0/{arm}", {f"{arm}/0": value}, images=images)
        keep_pictures(folder, 0, arm, images)
    return read_results(made_up_study(), folder, 1)


@pytest.fixture
def made(tmp_path: Path) -> tuple[Study, Folder]:
    _, folder = made_up_folder(tmp_path)
    folder.tested("test/fold-0/ensembles of arms").unlink()
    return made_up_study(), folder


def numbers(shown: Sequence[Shown]) -> list[int]:
    """Which images the pictures are of, by their grey values."""
    return [round(float(each.data[0, 0])) for each in shown]


SETS = [f"{number}/x" for number in range(1, 13)]


@pytest.mark.parametrize("names", [SETS, sorted(SETS), SETS[::-1], ["b", "c", "a", "10/x", "2/x", "B"]])
@pytest.mark.parametrize("turn", range(0, 12, 2))
def test_pictures_keep_the_name_the_group_and_the_f1_of_their_image(
    made: tuple[Study, Folder], names: list[str], turn: int
) -> None:
    """Whatever the order of the names; turned, other images are the telling ones."""
    study, folder = made
    images = [(name, f"group of {name}") for name in names]

    def plain(number: int) -> float:
        return 0.1 + 0.05 * ((number + turn) % len(names))

    def gated(number: int) -> float:
        return plain(number) + 0.01 * ((5 * number + turn) % 7) - 0.03

    shown = side_by_side(folder, study, results_on(folder, images, plain, gated))
    assert len(shown) >= 2
    for number, each in zip(numbers(shown), shown, strict=True):
        assert (each.name, each.group) == images[number]
        assert each.f1 == {"plain": plain(number), "gated": gated(number)}
        for picks in (each.truth, *each.picks.values()):
            np.testing.assert_array_equal(picks.points, at(number))


def test_of_more_images_than_are_kept_the_pictures_stay_with_their_own(made: tuple[Study, Folder]) -> None:
    """Of 30 images 12 are kept; the worst that is kept is shown first."""
    study, folder = made
    images = [(f"{30 - n}/x", f"g{n}") for n in range(30)]
    results = results_on(folder, images, lambda n: 0.9 - n / 50, lambda n: 0.9 - n / 60)
    shown = side_by_side(folder, study, results)
    assert set(numbers(shown)) <= set(kept_numbers(30))
    assert numbers(shown)[0] == 29
    assert [each.name for each in shown] == [images[n][0] for n in numbers(shown)]
    assert [each.f1["plain"] for each in shown] == [0.9 - n / 50 for n in numbers(shown)]


def test_images_of_one_name_in_two_folds_keep_their_own_numbers(made: tuple[Study, Folder]) -> None:
    study, folder = made
    write_text(folder.fold(1), folder.fold(0).read_text())
    folds = [[("1/x", "a"), ("2/x", "a")], [("2/x", "b"), ("1/x", "b")]]
    values = [0.4, 0.1, 0.3, 0.2]
    for fold, images in enumerate(folds):
        for arm, gain in (("plain", 0.0), ("gated", 0.2)):
            nets: dict[str, Value] = {f"{arm}/0": lambda n, f=fold, g=gain: values[2 * f + n] + g}
            write_test(folder, f"test/fold-{fold}/{arm}", nets, images=images, fold=fold)
            keep_pictures(folder, fold, arm, images, first=2 * fold)
    shown = side_by_side(folder, study, read_results(study, folder, 2))
    assert numbers(shown)[:2] == [1, 2]  # the worst and the median of all four
    assert [(each.name, each.group) for each in shown][:2] == [("2/x", "a"), ("2/x", "b")]
    for number, each in zip(numbers(shown), shown, strict=True):
        assert each.f1 == {"plain": values[number], "gated": values[number] + 0.2}


def test_the_f1_is_that_of_the_first_seed_that_was_tested(made: tuple[Study, Folder]) -> None:
    """Its picks are the ones that are kept."""
    study, folder = made
    images = [("x", "a")]
    write_test(
        folder, "test/fold-0/plain", {"plain/0": lambda _: 0.3, "plain/1": lambda _: 0.9}, "10", images
    )
    write_test(folder, "test/fold-0/gated", {"gated/1": lambda _: 0.7}, "10", images)
    for arm in study.all_arms:
        keep_pictures(folder, 0, arm, images)
    (shown,) = side_by_side(folder, study, read_results(study, folder, 1))
    assert shown.f1 == {"plain": 0.3, "gated": 0.7}


def test_an_arm_at_another_scale_is_left_out(made: tuple[Study, Folder]) -> None:
    study, folder = made
    images = [("x", "a"), ("y", "b")]
    results = results_on(folder, images, lambda n: 0.5 + n / 10, lambda n: 0.6)
    keep_pictures(folder, 0, "gated", images, side=2 * SIDE)
    shown = side_by_side(folder, study, results)
    assert [each.name for each in shown] == ["x", "y"]
    for each in shown:
        assert list(each.picks) == list(each.probability) == list(each.f1) == ["plain"]
        assert each.data.shape == (SIDE, SIDE)


def test_without_arms_or_without_pictures_nothing_is_shown(made: tuple[Study, Folder]) -> None:
    study, folder = made
    results = read_results(study, folder, 1)
    assert list(results.rows)[:2] == ["plain", "gated"]
    assert side_by_side(folder, study, results) == []
    empty = Folder(folder.path / "empty")
    assert side_by_side(empty, study, read_results(study, empty, 1)) == []


def test_four_arms_are_shown_with_the_base_first(tmp_path: Path) -> None:
    names = ["a", "b", "c", "d", "e"]
    study = made_up_study(arms=dict.fromkeys(names), base="d")
    folder, images = Folder(tmp_path), [("x", "a")]
    for name in names[1:]:  # nothing of a was tested
        write_test(folder, f"test/fold-0/{name}", {f"{name}/0": lambda _: 0.5}, images=images)
        keep_pictures(folder, 0, name, images)
    (shown,) = side_by_side(folder, study, read_results(study, folder, 1))
    assert list(shown.f1) == ["d", "b", "c", "e"]
    assert len(shown.f1) == MOST_SHOWN


def shown(name: str, group: str = "g", **f1: float) -> Shown:
    nothing = np.zeros((1, 1), np.float32)
    return Shown(name, group, nothing, Picks(np.zeros((0, 2))), {}, {}, 4.0, f1)


def told(images: Sequence[Shown], arms: Sequence[str] = ("plain", "gated")) -> list[tuple[str, str]]:
    return [(each.name, each.why) for each in telling(images, arms)]


def test_the_worst_the_median_the_largest_gain_and_the_largest_loss_are_chosen() -> None:
    images = [
        shown("gain", plain=0.8, gated=0.95),
        shown("median", plain=0.5, gated=0.55),
        shown("loss", plain=0.7, gated=0.5),
        shown("worst", plain=0.1, gated=0.2),
        shown("none", plain=0.4, gated=0.5),
    ]
    assert told(images) == [
        ("worst", "where plain does worst"),
        ("median", "a median image for plain"),
        ("gain", "where gated gains the most"),
        ("loss", "where gated loses the most"),
    ]
    assert told(images[::-1]) == told(images)


def test_each_image_is_chosen_once_for_the_first_reason() -> None:
    images = [shown("x", plain=0.1, gated=0.9), shown("y", plain=0.6, gated=0.5)]
    assert told(images) == [("x", "where plain does worst"), ("y", "a median image for plain")]
    assert told(images[:1]) == [("x", "where plain does worst")]


def test_images_of_one_name_in_two_groups_are_two() -> None:
    images = [shown("x", "a", plain=0.1), shown("x", "b", plain=0.9)]
    assert [each.group for each in telling(images, ["plain"])] == ["a", "b"]


def test_of_one_arm_alone_there_is_no_gain() -> None:
    images = [shown(str(n), plain=n / 10) for n in range(5)]
    assert told(images, ["plain"]) == [("0", "where plain does worst"), ("2", "a median image for plain")]
    assert told(images) == told(images, ["plain"])  # the second arm was left out of all pictures


def test_what_is_not_known_is_not_telling() -> None:
    images = [
        shown("empty", plain=NAN, gated=NAN),
        shown("x", plain=0.5, gated=NAN),
        shown("y", plain=0.6, gated=0.7),
        shown("z", plain=0.9, gated=0.8),
    ]
    assert [name for name, _ in told(images)] == ["x", "y", "z"]
    assert told(images[:1]) == [("empty", "")]
    assert told([]) == []


def worst_of(
    made: tuple[Study, Folder], table: Sequence[Sequence[float | None]]
) -> list[tuple[str, str, float]]:
    """The worst images of an arm; table: for each image a value of each seed."""
    study, folder = made
    images = [(f"{n}/x", f"g{n}") for n in range(len(table))]
    nets: dict[str, Value] = {f"plain/{seed}": lambda n, s=seed: table[n][s] for seed in (0, 1)}
    write_test(folder, "test/fold-0/plain", nets, images=images)
    folder.tested("test/fold-0/gated").unlink()
    results = read_results(study, folder, 1)
    return worst(results.rows["plain"], "f1", results)


def test_the_worst_images_have_the_lowest_means_over_seeds(made: tuple[Study, Folder]) -> None:
    table = [(0.5, 0.7), (None, None), (0.9, 0.1), (0.4, None), (0.2, 0.4), (0.9, 0.9), (0.8, 0.8)]
    found = worst_of(made, table)
    assert [(name, group) for name, group, _ in found] == [(f"{n}/x", f"g{n}") for n in (4, 3, 2, 0, 6)]
    assert [value for *_, value in found] == pytest.approx([0.3, 0.4, 0.5, 0.6, 0.8])
    assert len(found) == MOST_WORST


def test_no_image_is_worst_where_none_has_a_value(made: tuple[Study, Folder]) -> None:
    assert worst_of(made, [(None, None), (None, None)]) == []


def test_words_are_true_where_an_arm_gains_on_every_image_or_loses_on_every_one() -> None:
    blank = np.zeros((4, 4), np.float32)
    for sign, wrong in ((1, "loses the most"), (-1, "gains the most")):
        shown = [
            Shown(
                str(n),
                "g",
                blank,
                Picks(POINT),
                {},
                {},
                2.0,
                {"plain": 0.5, "gated": 0.5 + sign * (0.1 + 0.1 * n)},
            )
            for n in range(3)
        ]
        told = [each.why for each in telling(shown, ["plain", "gated"])]
        assert not any(wrong in why for why in told)
        assert any("gated" in why for why in told)
