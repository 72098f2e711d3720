"""What the metadata of an OME-Zarr image says: which arrays are its levels, their axes, and how large a voxel is.

Versions 0.4 (zarr 2) and 0.5 (zarr 3). Source: https://ngff.openmicroscopy.org/0.4 and /0.5, `multiscales`.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from motes.errors import ImageError

ANGSTROM_IN = {
    "angstrom": 1.0,
    "picometer": 0.01,
    "nanometer": 10.0,
    "micrometer": 1e4,
    "millimeter": 1e7,
    "centimeter": 1e8,
    "meter": 1e10,
}
_SHORT = {"a": "angstrom", "pm": "picometer", "nm": "nanometer", "um": "micrometer", "mm": "millimeter"}
_SPATIAL = "zyx"
NO_UNIT = "its axes have no unit of length, so the pixel size is not known; give --pixel-size"


@dataclass(frozen=True)
class Axis:
    """One axis of an image. angstrom: what one unit of it is, A; None where no length is declared."""

    name: str
    angstrom: float | None

    @property
    def spatial(self) -> bool:
        """Whether it is z, y or x."""
        return self.name in _SPATIAL


@dataclass(frozen=True)
class Level:
    """One resolution of an image. path: of its array, below the group. scale: one factor for each axis."""

    path: str
    scale: tuple[float, ...]


@dataclass(frozen=True)
class Multiscale:
    """An image at several resolutions, the finest first. note: what is wrong with its units, or None."""

    axes: tuple[Axis, ...]
    levels: tuple[Level, ...]
    note: str | None

    def voxel(self, level: int, ndim: int) -> tuple[float, ...] | None:
        """A/px along the last ndim axes, in array order, at a level; None where it is not known."""
        units = [axis.angstrom for axis in self.axes[-ndim:]]
        scale = self.levels[level].scale[-ndim:]
        known = [unit * factor for unit, factor in zip(units, scale, strict=True) if unit is not None]
        return tuple(known) if len(known) == ndim else None


def attributes(path: Path) -> Mapping[str, Any]:
    """The attributes of a zarr group of format 2 or 3; empty where there are none that can be read."""
    for name, within in ((".zattrs", ()), ("zarr.json", ("attributes",))):
        try:
            found = json.loads((path / name).read_text(encoding="utf-8"))
            for key in within:
                found = found[key]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if isinstance(found, dict):
            ome = found.get("ome")
            return ome if isinstance(ome, dict) else found
    return {}


def is_multiscale(path: Path) -> bool:
    """Whether a folder is a zarr group that is one OME-Zarr image."""
    return bool(attributes(path).get("multiscales"))


def read_multiscale(path: Path) -> Multiscale:
    """The first image that an OME-Zarr group describes; ImageError where the description has no sense."""
    try:
        image = attributes(path)["multiscales"][0]
        axes = _axes(image.get("axes"))
        shared = image.get("coordinateTransformations", ())
        levels = tuple(
            Level(str(each["path"]), _scale([*each.get("coordinateTransformations", ()), *shared]))
            for each in image["datasets"]
        )
        if not levels:
            raise ValueError("no datasets")
        return _checked(path, axes, levels)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise ImageError(
            f"{path}: its OME-Zarr metadata cannot be understood ({type(error).__name__}: {error}); expected "
            "`multiscales` with axes and datasets as in version 0.4 or 0.5"
        ) from None


def _axes(found: Sequence[Any] | None) -> tuple[Axis, ...]:
    """Axes by name; version 0.3 lists names only, older ones always had t, c, z, y, x."""
    listed = [each if isinstance(each, dict) else {"name": each} for each in found or "tczyx"]
    return tuple(Axis(str(each["name"]).lower(), _angstrom(each.get("unit"))) for each in listed)


def _angstrom(unit: Any) -> float | None:
    """What a unit of length is in A: its name as UDUNITS-2 has it, in British spelling, or short."""
    name = str(unit or "").strip().lower().replace("metre", "meter").removesuffix("s")
    name = name.replace("å", "a").replace("ångström", "angstrom").replace("µ", "u").replace("μ", "u")
    return ANGSTROM_IN.get(_SHORT.get(name, "angstrom" if name == "angström" else name))


def _scale(transformations: Sequence[Mapping[str, Any]]) -> tuple[float, ...]:
    """The product of all scales; where an image lies in its surroundings (translation) is of no concern."""
    scales = [
        tuple(float(factor) for factor in each["scale"])
        for each in transformations
        if each.get("type") == "scale" and "scale" in each
    ]
    return tuple(math.prod(factors) for factors in zip(*scales, strict=True)) if scales else ()


def _checked(path: Path, axes: tuple[Axis, ...], levels: tuple[Level, ...]) -> Multiscale:
    names = [axis.name for axis in axes]
    spatial = [name for name in names if name in _SPATIAL]
    if spatial not in (["z", "y", "x"], ["y", "x"]) or names[-len(spatial) :] != spatial:
        raise ImageError(
            f"{path}: its axes are {', '.join(names)}; expected z, y, x or y, x as the last, in this order. "
            "Write it again with its axes in that order"
        )
    scaled = all(len(level.scale) == len(axes) for level in levels)
    note = None
    if not scaled:
        levels = tuple(Level(level.path, (1.0,) * len(axes)) for level in levels)
        axes = tuple(Axis(axis.name, None) for axis in axes)
        note = "its metadata hold no scale, so the pixel size is not known; give --pixel-size"
    elif any(axis.angstrom is None for axis in axes if axis.spatial):
        note = NO_UNIT
    return Multiscale(axes, levels, note)
