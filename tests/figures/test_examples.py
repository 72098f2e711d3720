"""Examples: what was found, picked wrongly and missed."""

import base64
import io
import math

import numpy as np
import pytest
from PIL import Image as PillowImage

from motes.figures.examples import LARGEST, ClassPicks, Example, cut_example, f1_of, mean_f1, view
from motes.figures.pictures import CLASS_COLOURS
from motes.picks import Picks, empty_picks


def points(*rows: tuple[float, ...]) -> Picks:
    return Picks(np.array(rows, dtype=np.float64))


def found(picks: Picks, truth: Picks, name: str = "particle", diameter: float = 10) -> ClassPicks:
    return ClassPicks(name, picks, truth, diameter)


def example(shape: tuple[int, ...], *classes: ClassPicks) -> Example:
    rng = np.random.default_rng(0)
    data = rng.standard_normal(shape, dtype=np.float32)
    return Example("a.mrc", data, rng.random(shape, dtype=np.float32), classes)


def opened(address: str) -> PillowImage.Image:
    header, _, content = address.partition(",")
    assert header == "data:image/png;base64"
    return PillowImage.open(io.BytesIO(base64.b64decode(content)))


def test_every_pick_and_every_miss_is_in_one_group() -> None:
    one = found(points((10, 10), (30, 50)), points((12, 10), (20, 30), (35, 5)))
    shown = view(example((40, 60), one))
    groups = {marks.kind: marks.rows.tolist() for marks in shown.marks}
    assert groups == {
        "right": [[10, 10, 5]],
        "wrong": [[30, 50, 5]],
        "missed": [[20, 30, 5], [35, 5, 5]],
    }
    counts = shown.counts["particle"]
    assert (counts.true_positives, counts.false_positives, counts.false_negatives) == (1, 1, 2)
    assert shown.f1 == pytest.approx(2 / 5)


def test_each_class_is_matched_and_drawn_by_itself() -> None:
    here = points((10, 10))
    shown = view(
        example((40, 60), found(here, empty_picks(2), "big", 20), found(empty_picks(2), here, "small", 4))
    )
    drawn = [(m.kind, m.class_number, m.class_name, m.rows.tolist()) for m in shown.marks if len(m.rows)]
    assert drawn == [("wrong", 0, "big", [[10, 10, 10]]), ("missed", 1, "small", [[10, 10, 2]])]
    assert shown.counts["big"].false_positives == shown.counts["small"].false_negatives == 1
    assert shown.f1 == 0


def test_the_mean_f1_is_over_classes_that_have_one() -> None:
    here, none = points((10, 10)), empty_picks(2)
    assert mean_f1([found(here, here), found(none, none)]) == 1
    assert mean_f1([found(here, here), found(none, here)]) == 0.5
    assert math.isnan(mean_f1([found(none, none)]))


def volume_example() -> Example:
    both = points((10, 9, 9), (12, 20, 20), (3, 9, 30))
    return example((21, 30, 40), found(both, both))


def test_a_volume_is_counted_whole_and_shown_where_most_of_it_is() -> None:
    shown = view(volume_example())
    assert (shown.width, shown.height) == (40, 30)
    assert shown.counts["particle"].true_positives == 3
    assert [each.plane for each in shown.sections] == [7, 10]
    assert [len(each.marks[0].rows) for each in shown.sections] == [2, 2]
    assert shown.sections[1].marks[0].rows[0].tolist() == [9, 9, 5]
    assert (shown.image, shown.marks) == (shown.sections[0].image, shown.sections[0].marks)


def test_an_example_that_was_cut_shows_the_same() -> None:
    whole = volume_example()
    maps = np.asarray(whole.probability)[None]
    cut = cut_example(whole.name, whole.data, maps, whole.classes)
    assert cut.data.shape == cut.probability.shape == (2, 30, 40)
    assert cut.maps is None
    first, second = view(whole), view(cut)
    assert [s.image for s in first.sections] == [s.image for s in second.sections]
    assert [s.probability for s in first.sections] == [s.probability for s in second.sections]
    for one, other in zip(first.sections, second.sections, strict=True):
        assert one.plane == other.plane
        assert all((m.rows == n.rows).all() for m, n in zip(one.marks, other.marks, strict=True))


def test_several_classes_are_shown_in_their_colours() -> None:
    here, there = points((10, 10)), points((30, 30))
    classes = [found(here, here, "big", 20), found(there, there, "small", 6)]
    maps = np.zeros((2, 40, 60), dtype=np.float32)
    maps[0, 10, 10] = maps[1, 30, 30] = 1
    cut = cut_example("a.mrc", np.zeros((40, 60), dtype=np.float32), maps, classes)
    picture = np.asarray(opened(view(cut).probability).convert("RGB"))
    assert tuple(picture[10, 10]) == CLASS_COLOURS[0]
    assert tuple(picture[30, 30]) == CLASS_COLOURS[1]
    assert cut.probability.shape == (40, 60)
    assert view(cut).coloured
    assert not view(volume_example()).coloured


def test_image_and_map_are_pictures_of_that_size() -> None:
    shown = view(example((30, 40), found(empty_picks(2), empty_picks(2))))
    assert opened(shown.image).size == (40, 30)
    assert opened(shown.probability).size == (40, 30)
    assert math.isnan(shown.f1)


def test_a_large_image_is_shown_smaller_with_its_circles_in_its_own_pixels() -> None:
    shown = view(example((500, 2 * LARGEST), found(points((400, 900)), empty_picks(2))))
    assert (shown.width, shown.height) == (2 * LARGEST, 500)
    assert opened(shown.image).size == (LARGEST, 250)
    assert shown.marks[1].rows.tolist() == [[400, 900, 5]]


def test_f1_of_a_perfect_prediction_is_1_and_of_a_useless_one_0() -> None:
    truth = points((10, 10), (30, 30))
    assert f1_of(truth, truth, 10) == 1
    assert f1_of(points((20, 20)), truth, 10) == 0
