import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from motes.errors import PicksError
from motes.formats.geojson import read_geojson, write_geojson
from motes.formats.imagej_roi import encoded, read_rois, write_rois
from motes.formats.outlines import Outline, paint_outlines, signed_area, trace_outlines
from motes.picking.measure_objects import measure_objects

LABELS = arrays.arrays(
    np.int32, arrays.array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.integers(0, 3)
)


def traced(labels):
    return [outline for some in trace_outlines(labels) for outline in some]


def ring_with_hole():
    labels = np.zeros((9, 10), np.int32)
    labels[2:7, 3:8] = 5
    labels[4, 4:6] = 0
    return labels


def test_one_pixel_is_a_square_around_its_centre():
    labels = np.zeros((4, 5), np.uint8)
    labels[2, 3] = 1
    (outline,) = traced(labels)
    assert outline.label == 1
    ((ring,),) = outline.polygons
    assert sorted(map(tuple, ring.tolist())) == [(1.5, 2.5), (1.5, 3.5), (2.5, 2.5), (2.5, 3.5)]
    assert signed_area(ring) == 1


def test_straight_borders_have_no_vertices_between_and_holes_are_rings():
    (outline,) = traced(ring_with_hole())
    ((border, hole),) = outline.polygons
    assert len(border) == len(hole) == 4
    assert signed_area(border) == 25
    assert signed_area(hole) == -2


def test_parts_of_an_object_are_polygons_and_an_island_lies_in_the_hole():
    labels = np.zeros((11, 20), np.int32)
    labels[1:10, 1:10] = 1
    labels[3:8, 3:8] = 0
    labels[5, 5] = 1
    labels[2, 15] = 1
    labels[4, 12] = 1
    (outline,) = traced(labels)
    assert sorted(len(polygon) for polygon in outline.polygons) == [1, 1, 1, 2]
    (whole,) = [polygon for polygon in outline.polygons if len(polygon) == 2]
    assert [signed_area(ring) for ring in whole] == [81, -25]


@settings(max_examples=80)
@given(labels=LABELS)
def test_any_labels_come_back_from_simple_rings(labels):
    outlines = traced(labels)
    assert np.array_equal(paint_outlines(outlines, labels.shape), labels)
    for outline in outlines:
        rings = [ring for polygon in outline.polygons for ring in polygon]
        assert sum(signed_area(ring) for ring in rings) == (labels == outline.label).sum()
        assert all(len(np.unique(ring, axis=0)) == len(ring) for ring in rings)
        assert all(signed_area(polygon[0]) > 0 for polygon in outline.polygons)
        assert all(signed_area(hole) < 0 for polygon in outline.polygons for hole in polygon[1:])


@settings(max_examples=40)
@given(labels=LABELS, tile=st.integers(1, 15))
def test_windows_give_the_outlines_of_the_whole(labels, tile):
    labels = np.unique(np.append(labels, 0), return_inverse=True)[1][:-1].reshape(labels.shape)
    boxes = measure_objects(labels).boxes
    parts = sorted(
        (o for some in trace_outlines(labels, boxes, tile=tile) for o in some), key=lambda o: o.label
    )
    assert [o.label for o in parts] == list(range(1, len(boxes) + 1))
    assert np.array_equal(paint_outlines(parts, labels.shape), labels)
    for one, other in zip(parts, traced(labels), strict=True):
        assert len(one.polygons) == len(other.polygons)


def test_a_volume_has_an_outline_for_each_section():
    labels = np.zeros((3, 6, 6), np.uint16)
    labels[1:, 2:4, 2:4] = 9
    outlines = traced(labels)
    assert [(o.label, o.section) for o in outlines] == [(9, 1), (9, 2)]
    assert np.array_equal(paint_outlines(outlines, labels.shape), labels)


def test_slanted_outlines_take_the_pixels_whose_centre_they_hold():
    triangle = np.array([(0.2, 0.2), (0.2, 4.4), (4.4, 0.2)])
    labels = paint_outlines([Outline(3, ((triangle,),))], (4, 4))
    assert labels.tolist() == [[0, 0, 0, 0], [0, 3, 3, 3], [0, 3, 3, 0], [0, 3, 0, 0]]


def test_what_reaches_out_of_the_image_is_cut_off():
    square = np.array([(-3.5, -3.5), (-3.5, 2.5), (2.5, 2.5), (2.5, -3.5)])
    labels = paint_outlines([Outline(1, ((square,),)), Outline(2, ((square + 20,),))], (5, 5))
    assert labels.sum() == 9
    assert labels[:3, :3].all()


@settings(max_examples=20)
@given(labels=LABELS)
def test_files_give_back_the_outlines(labels, tmp_path_factory):
    folder, outlines = tmp_path_factory.mktemp("outlines"), traced(labels)
    assert write_geojson(folder / "a.geojson", outlines) == len(outlines)
    assert write_rois(folder / "a.zip", outlines) == len(outlines)
    for read in (read_geojson(folder / "a.geojson"), read_rois(folder / "a.zip")):
        assert [outline.label for outline in read] == [outline.label for outline in outlines]
        assert np.array_equal(paint_outlines(read, labels.shape), labels)
        for one, other in zip(read, outlines, strict=True):
            assert sorted(map(len, one.polygons)) == sorted(map(len, other.polygons))


def test_geojson_counts_corners_from_zero_x_first_and_closes_its_rings(tmp_path):
    labels = np.zeros((4, 6), np.uint8)
    labels[1, 4] = 1
    write_geojson(tmp_path / "a.geojson", traced(labels), {"area": [1.0], "contrast": [np.nan]})
    content = json.loads((tmp_path / "a.geojson").read_text())
    assert content["type"] == "FeatureCollection"
    (feature,) = content["features"]
    (ring,) = feature["geometry"]["coordinates"]
    assert ring[0] == ring[-1]
    assert sorted(map(tuple, ring[:-1])) == [(4, 1), (4, 2), (5, 1), (5, 2)]
    assert feature["properties"]["objectType"] == "detection"
    assert feature["properties"]["measurements"] == {"label": 1, "area": 1.0}


def test_the_same_outlines_give_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_geojson(tmp_path / f"{name}.geojson", traced(ring_with_hole()))
        write_rois(tmp_path / f"{name}.zip", traced(ring_with_hole()))
    for suffix in ("geojson", "zip"):
        assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


def test_geojson_of_other_programs(tmp_path):
    square = [[1, 1], [1, 3], [3, 3], [3, 1], [1, 1]]
    features = [
        {"type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 2]}, "properties": {}},
        {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [square]}, "properties": None},
        {
            "type": "Feature",
            "geometry": {"type": "MultiPolygon", "coordinates": [[square], [[[5, 1], [6, 1], [6, 2]]]]},
            "properties": {"measurements": [{"name": "label", "value": 8}]},
        },
    ]
    (tmp_path / "list.geojson").write_text(json.dumps(features))
    one, two = read_geojson(tmp_path / "list.geojson")
    assert (one.label, two.label, len(two.polygons)) == (1, 8, 2)
    assert signed_area(one.polygons[0][0]) == 4
    assert np.argwhere(paint_outlines([one], (5, 5))).tolist() == [[1, 1], [1, 2], [2, 1], [2, 2]]
    (tmp_path / "one.geojson").write_text(json.dumps(features[1]))
    assert len(read_geojson(tmp_path / "one.geojson")) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read as GeoJSON"),
        ('{"type": "Topology"}', "neither a FeatureCollection"),
        ('[{"geometry": {"type": "Polygon", "coordinates": [[[0, 1], [2, 3]]]}}]', "2 corners"),
        (
            '[{"geometry": {"type": "Polygon", "coordinates": [[["a", 1], [2, 3]]]}}]',
            "polygon 1 cannot be read",
        ),
        ('[{"geometry": {"type": "Polygon", "coordinates": null}}]', "polygon 1 cannot be read"),
    ],
)
def test_broken_geojson_is_refused(tmp_path, text, message):
    path = tmp_path / "a.geojson"
    path.write_text(text)
    with pytest.raises(PicksError, match=message):
        read_geojson(path)


def test_a_region_has_the_bytes_that_imagej_writes():
    labels = np.zeros((9, 10), np.int32)
    labels[2:4, 3:8] = 5
    content = encoded(traced(labels)[0], "000005")
    assert content[:8] == b"Iout\x00\xe4\x08\x00"  # version 228, traced
    assert np.frombuffer(content, ">i2", 5, 8).tolist() == [
        2,
        3,
        4,
        8,
        4,
    ]  # top, left, bottom, right, corners
    assert np.frombuffer(content, ">i2", 4, 64).tolist() == [0, 5, 5, 0]  # x from the left
    assert np.frombuffer(content, ">i2", 4, 72).tolist() == [0, 0, 2, 2]  # y from the top
    second = int(np.frombuffer(content, ">i4", 1, 60)[0])
    assert second == 80
    start, length = np.frombuffer(content, ">i4", 2, second + 16).tolist()
    assert content[start : start + 2 * length].decode("utf-16-be") == "000005"


def test_regions_of_volumes_keep_their_section(tmp_path):
    labels = np.zeros((4, 6, 6), np.uint16)
    labels[3, 1:3, 1:3] = 2
    labels[3, 4, 4] = 2
    write_rois(tmp_path / "a.zip", traced(labels))
    (outline,) = read_rois(tmp_path / "a.zip")
    assert (outline.label, outline.section) == (2, 3)


def test_corners_between_pixels_are_kept(tmp_path):
    ring = np.array([(1.25, 1.0), (1.25, 9.5), (7.75, 4.125)])
    write_rois(tmp_path / "a.zip", [Outline(1, ((ring,),))])
    (outline,) = read_rois(tmp_path / "a.zip")
    assert outline.polygons[0][0] == pytest.approx(ring)


@pytest.mark.parametrize(("place", "fits"), [(40_000, True), (59_990, True), (70_000, False)])
def test_far_regions_are_kept_or_refused(tmp_path, place, fits):
    outline = Outline(1, ((np.array([(0, 0), (0, 2), (2, 2), (2, 0)]) + place - 0.5,),))
    if fits:
        write_rois(tmp_path / "a.zip", [outline])
        assert np.array_equal(read_rois(tmp_path / "a.zip")[0].polygons[0][0], outline.polygons[0][0])
    else:
        with pytest.raises(PicksError, match="write GeoJSON"):
            write_rois(tmp_path / "a.zip", [outline])


def test_what_is_no_region_is_refused(tmp_path):
    (tmp_path / "a.roi").write_bytes(b"no region")
    with pytest.raises(PicksError, match=r"a\.roi cannot be read as an ImageJ region"):
        read_rois(tmp_path / "a.roi")
    whole = encoded(traced(ring_with_hole())[0], "1")
    (tmp_path / "b.roi").write_bytes(whole[:90])
    with pytest.raises(PicksError, match="cannot be read"):
        read_rois(tmp_path / "b.roi")
