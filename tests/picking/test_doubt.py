"""Doubt: what the net says against the objects that were made of it."""

import numpy as np
import pytest

from motes.picking.doubt import DOUBTFUL, LEAST, image_doubt, look, means_inside, with_doubts
from motes.picking.measure_objects import measure_objects
from motes.picking.object_table import ObjectTable


def boxes(*sure: float, beside: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Labels of boxes of 16 px in a row, and a map with a probability in each of them, and beside."""
    labels = np.zeros((6, 6 * len(sure)), np.int32)
    interior = np.full(labels.shape, beside, np.float32)
    for number, probability in enumerate(sure):
        box = (slice(1, 5), slice(6 * number + 1, 6 * number + 5))
        labels[box], interior[box] = number + 1, probability
    return labels, interior


def told(labels: np.ndarray, interior: np.ndarray, spreads: np.ndarray | None = None) -> ObjectTable:
    return with_doubts(measure_objects(labels, None, interior), spreads)


def test_of_objects_alike_those_are_doubted_that_the_net_is_unsure_of():
    labels, interior = boxes(0.9, 0.9, 0.6, 0.5)
    table = told(labels, interior)
    assert table.spreads is None
    np.testing.assert_allclose(table.doubts, [0.1, 0.1, 0.4, 0.5], atol=1e-6)


@pytest.mark.parametrize("side", [1, 16])
def test_an_object_of_a_quarter_or_four_times_the_usual_diameter_is_trusted_half_as_much(side):
    labels = np.zeros((30, 40), np.int32)
    for number in range(3):
        labels[0:4, 6 * number : 6 * number + 4] = number + 1
    labels[6 : 6 + side, 6 : 6 + side] = 4
    np.testing.assert_allclose(told(labels, 0.8 * (labels > 0)).doubts, [0.2, 0.2, 0.2, 0.6])


def test_a_single_object_is_as_large_as_is_usual_and_none_is_none():
    labels, interior = boxes(0.7)
    np.testing.assert_allclose(told(labels, interior).doubts, [0.3], atol=1e-6)
    assert told(0 * labels, interior).doubts.tolist() == []


def test_a_spread_is_told_but_does_not_count():
    labels, interior = boxes(0.9, 0.9)
    table = told(labels, interior, np.array([0.0, 0.3]))
    assert table.spreads.tolist() == [0, 0.3]
    np.testing.assert_array_equal(table.doubts, told(labels, interior).doubts)


def test_without_a_map_nothing_is_known():
    table = measure_objects(boxes(0.9)[0])
    assert with_doubts(table) is table
    assert "doubt" not in table.to_picks().extra


def test_the_columns_are_in_the_table():
    labels, interior = boxes(0.9, 0.6)
    extra = told(labels, interior, np.array([0.0, 0.25])).to_picks(1000.0).extra
    np.testing.assert_allclose(extra["spread"], [0, 0.25])
    np.testing.assert_allclose(extra["doubt"], [0.1, 0.4], atol=1e-6)
    assert "spread" not in told(labels, interior).to_picks().extra


@pytest.mark.parametrize("tile", [None, 4, 5])
def test_means_are_those_of_each_object(tile):
    labels = np.random.default_rng(2).integers(0, 5, (13, 9)).astype(np.int32)
    values = np.random.default_rng(3).normal(size=labels.shape).astype(np.float32)
    expected = [values[labels == number].mean() for number in range(1, 5)]
    found = means_inside(labels, values, 5, tile=tile)
    np.testing.assert_allclose(found[:4], expected, rtol=1e-5)
    assert np.isnan(found[4])


def test_an_image_that_is_as_the_net_says_is_not_doubted():
    labels, interior = boxes(1, 1)
    assert image_doubt(told(labels, interior), labels, interior) == 0


def test_it_is_one_less_the_dice_that_the_net_expects():
    labels, interior = boxes(0.75, 0.75)
    # of 32 pixels 24 are expected to be right: 2 * 24 / (24 + 32)
    assert image_doubt(told(labels, interior), labels, interior) == pytest.approx(1 - 48 / 56)


def test_what_may_have_been_missed_counts():
    labels, interior = boxes(1, 0.5)
    kept = np.where(labels == 1, labels, 0)  # the other object was left out: 8 pixels are expected there
    assert image_doubt(told(kept, interior), kept, interior) == pytest.approx(1 - 32 / (16 + 8 + 16))
    assert image_doubt(told(kept, interior), kept, interior, tile=4) == pytest.approx(0.2)
    nothing = np.zeros_like(labels)
    assert image_doubt(told(nothing, interior), nothing, interior) == 1


def test_empty_ground_is_not_doubted_however_much_there_is():
    labels, interior = boxes(1, beside=LEAST - 0.01)
    assert image_doubt(told(labels, interior), labels, interior) == 0
    empty = np.zeros_like(labels)
    assert image_doubt(told(empty, 0 * interior), empty, 0 * interior) == 0


def test_images_from_a_doubt_on_are_to_be_looked_at():
    assert look(DOUBTFUL - 1e-6) == "ok"
    assert look(DOUBTFUL) == "look"
