import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from motes.errors import ImageError
from motes.picking.measure_objects import measure_objects


def ball(ndim, radius, shift=0.0):
    side = 2 * math.ceil(radius) + 7
    grid = np.indices((side,) * ndim)
    return (((grid - side // 2 - shift) ** 2).sum(axis=0) <= radius**2).astype(np.uint8)


@pytest.mark.parametrize(("radius", "within"), [(4, 0.06), (9, 0.03), (30, 0.01)])
@pytest.mark.parametrize("shift", [0.15, 0.3, 0.45])
def test_a_disc_has_its_diameter_its_rim_and_circularity_one(radius, within, shift):
    found = measure_objects(ball(2, radius, shift))
    assert found.diameters == pytest.approx([2 * radius], rel=within)
    assert found.rims == pytest.approx([2 * np.pi * radius], rel=within)
    assert found.circularities == pytest.approx([1], abs=2 * within)


@pytest.mark.parametrize("radius", [5, 12])
def test_a_ball_has_its_diameter_its_surface_and_sphericity_one(radius):
    found = measure_objects(ball(3, radius, 0.2))
    assert found.diameters == pytest.approx([2 * radius], rel=0.02)
    assert found.rims == pytest.approx([4 * np.pi * radius**2], rel=0.02)
    assert found.circularities == pytest.approx([1], abs=0.02)


def test_a_line_is_not_round_and_a_square_less_than_a_disc():
    labels = np.zeros((60, 60), np.uint8)
    labels[5, 5:55] = 1
    labels[10:50, 10:50] = 2
    line, square = measure_objects(labels).circularities
    assert line < 0.2
    assert square == pytest.approx(0.887, abs=0.01)


def test_intensity_contrast_and_confidence():
    labels = np.zeros((20, 30), np.int32)
    labels[8:12, 8:12] = 7
    image = np.full((20, 30), 100, np.uint8)
    image[8:12, 8:12] = 130
    image[9:11, 9:11] = 90
    found = measure_objects(labels, image, labels / 14)
    assert found.labels.tolist() == [7]
    assert found.intensities == pytest.approx([120])
    assert found.contrasts == pytest.approx([20])
    assert found.confidences == pytest.approx([0.5])
    assert found.to_picks().scores == pytest.approx([0.5])


def test_ground_outside_of_the_image_or_ignored_is_no_ground():
    labels = np.full((6, 6), -1, np.int32)
    labels[2:4, 2:4] = 1
    assert np.isnan(measure_objects(labels, np.ones((6, 6))).contrasts).all()
    filled = np.ones((5, 5), np.uint8)
    found = measure_objects(filled, np.ones((5, 5)))
    assert np.isnan(found.contrasts).all()
    assert found.at_edge.tolist() == [True]


def test_touching_is_a_neighbour_of_another_object_diagonals_included():
    labels = np.zeros((9, 12), np.uint8)
    labels[1:3, 1:3] = 1
    labels[3:5, 3:5] = 2
    labels[3:5, 7:9] = 3
    found = measure_objects(labels)
    assert found.touching.tolist() == [True, True, False]
    assert found.at_edge.tolist() == [False, False, False]


def reference(labels, image):
    numbers = [n for n in np.unique(labels).tolist() if n > 0]
    rows = []
    for number in numbers:
        own = labels == number
        near = ndimage.binary_dilation(own, np.ones((3,) * labels.ndim))
        places = np.argwhere(own)
        rows.append(
            (
                own.sum(),
                *places.mean(axis=0),
                *places.min(axis=0),
                *(places.max(axis=0) + 1),
                ((labels > 0) & ~own & near).any(),
                image[own].mean(),
            )
        )
    return numbers, np.array(rows, dtype=float)


LABELS = st.one_of(
    arrays.arrays(
        np.int32, arrays.array_shapes(min_dims=2, max_dims=2, max_side=14), elements=st.integers(-1, 5)
    ),
    arrays.arrays(
        np.int64, arrays.array_shapes(min_dims=3, max_dims=3, max_side=6), elements=st.integers(0, 3)
    ),
)


@settings(max_examples=60)
@given(labels=LABELS, tile=st.integers(1, 9), gap=st.integers(1, 4))
def test_any_labels_are_measured_as_one_by_one_and_by_any_tiles(labels, tile, gap):
    image = np.arange(labels.size, dtype=np.float32).reshape(labels.shape) ** 1.5
    whole = measure_objects(labels, image, image, gap=gap)
    numbers, rows = reference(labels, image)
    assert whole.labels.tolist() == numbers
    columns = np.column_stack(
        [
            whole.sizes,
            whole.points,
            whole.boxes[:, :, 0],
            whole.boxes[:, :, 1],
            whole.touching,
            whole.intensities,
        ]
    )
    assert columns == pytest.approx(rows.reshape(columns.shape), rel=1e-6)
    tiled = measure_objects(labels, image, image, tile=tile, gap=gap, threads=2)
    for name in ("labels", "sizes", "boxes", "touching", "at_edge"):
        assert np.array_equal(getattr(whole, name), getattr(tiled, name))
    for name in ("points", "rims", "intensities", "contrasts", "confidences"):
        assert getattr(whole, name) == pytest.approx(getattr(tiled, name), nan_ok=True)


def test_large_numbers_are_labels_too():
    labels = np.zeros((4, 8), np.uint32)
    labels[1:3, 1:3], labels[1:3, 5:7] = 4_000_000_000, 12
    assert measure_objects(labels).labels.tolist() == [12, 4_000_000_000]


def test_an_empty_image_gives_an_empty_table():
    found = measure_objects(np.zeros((7, 5), np.uint16), np.zeros((7, 5)))
    assert len(found) == 0
    assert len(found.to_picks(1000)) == 0


def test_a_table_in_pixels_and_in_micrometres():
    picks = measure_objects(np.pad(ball(2, 9), ((0, 0), (4, 0)))).to_picks(pixel_size=2500)
    assert picks.points == pytest.approx(np.array([[12, 16]]))
    assert picks.extra["x_um"] == pytest.approx([4])
    assert picks.extra["y_um"] == pytest.approx([3])
    assert picks.extra["diameter_um"] == pytest.approx(picks.diameters / 4)
    assert picks.extra["area_um2"] == pytest.approx(picks.extra["size"] / 16)
    box = [picks.extra[name].item() for name in ("box_y0", "box_y1", "box_x0", "box_x1")]
    assert box == [3, 22, 7, 26]
    volume = measure_objects(ball(3, 3)).to_picks(10_000)
    assert volume.extra["volume_um3"] == pytest.approx(volume.extra["size"])


def test_what_does_not_belong_together_is_refused():
    with pytest.raises(ImageError, match="5 x 5 px and the image 5 x 6 px"):
        measure_objects(np.ones((5, 5), int), np.ones((5, 6)))
    with pytest.raises(ImageError, match="float64, where whole numbers"):
        measure_objects(np.ones((5, 5)))
