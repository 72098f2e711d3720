"""Outlines as GeoJSON: a FeatureCollection as QuPath reads and writes it, and other programs with it.

QuPath counts the corners of pixels in the full-size image from 0, x first, so the centre of the first pixel is at
(0.5, 0.5) there (qupath.github.io: GeoJSON, coordinates). Rings repeat their first vertex (RFC 7946).
"""

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motes.errors import PicksError
from motes.formats.outlines import Outline, Ring, arranged, signed_area
from motes.output import replacing

SUFFIX = ".geojson"
HALF = 0.5  # px from the corner of a pixel to its centre


def write_geojson(
    path: Path,
    outlines: Iterable[Outline],
    measurements: Mapping[str, Sequence[float] | NDArray[Any]] | None = None,
    *,
    kind: str = "detection",
    name: str = "motes",
) -> int:
    """Write outlines as they come, and return how many; memory does not grow with their number.

    measurements: by name, for the objects 1 to n in that order; QuPath shows them in its table, nan is left out.
    Where `label` is among them, it is the number that stands in the file in place of 1 to n.
    kind: QuPath's type of object, detection or annotation. name: of the class. Raises OutputError where the file
    cannot be written.
    """
    columns = {key: np.asarray(values, dtype=np.float64) for key, values in (measurements or {}).items()}
    count = 0
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write('{"type":"FeatureCollection","features":[')
        for count, outline in enumerate(outlines, start=1):
            feature = _feature(outline, columns, kind, name)
            file.write((",\n" if count > 1 else "\n") + json.dumps(feature, separators=(",", ":")))
        file.write("\n]}\n")
    return count


def _feature(
    outline: Outline, columns: Mapping[str, NDArray[np.float64]], kind: str, name: str
) -> dict[str, Any]:
    polygons = [[_closed(ring) for ring in polygon] for polygon in outline.polygons]
    measured: dict[str, float] = {"label": outline.label}
    for key, values in columns.items():
        value = float(values[outline.label - 1])
        if np.isfinite(value):
            measured[key] = round(value, 6)
    measured["label"] = int(measured["label"])
    geometry: dict[str, Any] = {"type": "MultiPolygon", "coordinates": polygons}
    if len(polygons) == 1:
        geometry = {"type": "Polygon", "coordinates": polygons[0]}
    if outline.section is not None:
        geometry["plane"] = {"c": -1, "z": outline.section, "t": 0}  # as QuPath says in which section
    where = f"{outline.label}/{outline.section}/{polygons[0][0][:2]}"
    return {
        "type": "Feature",
        "id": str(uuid.uuid5(uuid.NAMESPACE_OID, where)),  # the same objects give the same bytes
        "geometry": geometry,
        "properties": {
            "objectType": kind,
            "name": str(measured["label"]),
            "classification": {"name": name, "color": [255, 200, 0]},
            "measurements": measured,
        },
    }


def _closed(ring: Ring) -> list[list[float]]:
    """x, y of a ring's corners with the first one again, as whole numbers where they are."""
    corners = ring[:, ::-1] + HALF
    whole = np.rint(corners)
    values: list[list[float]] = (
        whole.astype(np.int64) if np.array_equal(whole, corners) else corners
    ).tolist()
    return [*values, values[0]]


def read_geojson(path: Path) -> list[Outline]:
    """Read polygons from a FeatureCollection, a list of features or one feature; points and lines are left out.

    The number of an object is its measurement `label`, else its place among the polygons of the file, from 1.
    Raises PicksError where the file is no GeoJSON or a polygon is broken.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise PicksError(f"{path}: cannot be read as GeoJSON ({error})") from None
    outlines: list[Outline] = []
    for feature in _features(content, path):
        geometry = feature.get("geometry") or {}
        parts: Any = geometry.get("coordinates")
        if geometry.get("type") in ("Polygon", "MultiPolygon"):
            label = _label(feature, len(outlines) + 1)
            try:
                polygons = tuple(
                    _polygon(rings) for rings in ([parts] if geometry["type"] == "Polygon" else parts)
                )
            except (TypeError, ValueError, IndexError) as error:
                raise PicksError(f"{path}: polygon {len(outlines) + 1} cannot be read ({error})") from None
            plane = geometry.get("plane") or {}
            outlines.append(Outline(label, polygons, plane.get("z")))
    return outlines


def _features(content: Any, path: Path) -> Iterator[dict[str, Any]]:
    if isinstance(content, dict):
        content = content.get("features", [content] if content.get("type") == "Feature" else None)
    if not isinstance(content, list):
        raise PicksError(f"{path}: neither a FeatureCollection nor a list of features, as GeoJSON has them")
    for feature in content:
        if isinstance(feature, dict):
            yield feature


def _label(feature: Mapping[str, Any], number: int) -> int:
    measured = (feature.get("properties") or {}).get("measurements")
    if isinstance(measured, list):  # QuPath before 0.4
        measured = {each.get("name"): each.get("value") for each in measured if isinstance(each, dict)}
    value = measured.get("label") if isinstance(measured, dict) else None
    return int(value) if isinstance(value, int | float) and value >= 1 else number


def _polygon(rings: Any) -> tuple[Ring, ...]:
    """The first ring is the outer border, whichever way it turns; the others are holes."""
    read = []
    for number, values in enumerate(rings):
        corners = np.array([[point[1], point[0]] for point in values], dtype=np.float64) - HALF
        if len(corners) > 1 and np.array_equal(corners[0], corners[-1]):
            corners = corners[:-1]
        if len(corners) < 3 or not np.isfinite(corners).all():
            raise ValueError(f"a ring of {len(corners)} corners, where 3 or more are expected")
        turns_right = signed_area(corners) > 0
        read.append(corners if turns_right == (number == 0) else corners[::-1])
    if not read:
        raise ValueError("no ring")
    return arranged(read[:1], read[1:])[0]
