"""Examples: what was found, picked wrongly and missed."""

import base64
import io
import math

import numpy as np
import pytest
from PIL import Image as PillowImage

from motes.figures.examples import LARGEST, ClassPicks, Example, f1_of, mean_f1, view
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


def test_a_volume_is_counted_whole_and_shown_in_its_middle_section() -> None:
    both = points((10, 9, 9), (2, 9, 9))
    shown = view(example((21, 30, 40), found(both, both)))
    assert (shown.width, shown.height) == (40, 30)
    assert shown.counts["particle"].true_positives == 2
    assert [len(marks.rows) for marks in shown.marks] == [1, 0, 0]


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
