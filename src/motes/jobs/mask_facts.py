"""What one image with its mask shows: the facts, and what faults are found by."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motes.data.mask_checks import check_values
from motes.data.mask_evidence import background_marked, regions_per_number, surfaces
from motes.data.masks import FilePixels, MaskedImage, MaskKind, ObjectNumbers
from motes.data.normalise import Normalisation, grey_scale
from motes.data.sources import DataSource
from motes.errors import ImageError
from motes.formats.channels import read_colours
from motes.formats.colour import NOTE as COLOUR
from motes.jobs.mask_faults import LONE, Looked
from motes.picking.measure_objects import measure_objects

MOST_VALUES = 16
ANY_CLASS = 2**15 - 1  # how many classes a recipe has is not known here
Floats = NDArray[np.float64]


def _none() -> Floats:
    return np.zeros(0)


@dataclass(frozen=True)
class MaskFacts:
    """One image with its mask.

    shape: ([z,] y, x). coverage: share of its pixels that are marked. diameters: (n,) px, of discs or balls of the
    same size; circularities: (n,); contrasts: (n,) mean inside less mean of the ground around, in standard deviations
    of the image, nan where there is no ground. touching, at_edge: shares of the objects. values: different ones in
    the mask, the first 16. kind: as which it was read. part: train, validation or test, where known. problem: why
    it cannot be used at all; then what could not be measured is 0 or empty.
    """

    name: str
    shape: tuple[int, ...] = ()
    objects: int = 0
    coverage: float = 0.0
    diameters: Floats = field(default_factory=_none)
    circularities: Floats = field(default_factory=_none)
    contrasts: Floats = field(default_factory=_none)
    touching: float = 0.0
    at_edge: float = 0.0
    values: tuple[float, ...] = ()
    kind: MaskKind = "binary"
    image_sha256: str = ""
    mask_sha256: str = ""
    part: str = ""
    problem: str | None = None


def looked_at(each: MaskedImage, source: DataSource, image: NDArray[Any], mask: NDArray[Any]) -> Looked:
    """What faults are found by; image, mask: ([z,] y, x) as stored."""
    drawn = surfaces(mask)
    values = np.unique(mask)
    numbers, regions = (0, 0) if drawn.lone > LONE else regions_per_number(mask)
    return Looked(
        each.name,
        each.mask_name,
        each.shape,
        surfaces(image),
        drawn,
        tuple(values[:MOST_VALUES].astype(float).tolist()),
        float(values[-1]),
        float(np.mean(mask > 0)),
        numbers,
        regions,
        background_marked(mask),
        _refused(each, mask),
        each.image_sha256,
        _mask_hash(mask),
        source.part,
        source.group,
    )


def _refused(each: MaskedImage, mask: NDArray[Any]) -> str | None:
    """Why training would refuse the values of a mask."""
    try:
        check_values(mask, each.kind, ANY_CLASS, each.mask_name)
    except ImageError as error:
        return str(error)
    return None


def facts_of(
    each: MaskedImage,
    source: DataSource,
    values: NDArray[np.float32],
    mask: NDArray[Any],
    looked: Looked,
    flat: str | None,
) -> MaskFacts:
    """What is measured; values: the image, mask: as stored, both ([z,] y, x). flat: why it has no contrast."""
    numbers = ObjectNumbers(mask, each.kind)[(slice(None),) * mask.ndim]
    table = measure_objects(numbers, values)
    spread = max(float(values.std(dtype=np.float64)), 1e-9)
    count = max(1, len(table))
    return MaskFacts(
        name=each.name,
        shape=each.shape,
        objects=len(table),
        coverage=looked.coverage,
        diameters=table.diameters,
        circularities=table.circularities,
        contrasts=_none() if table.contrasts is None else table.contrasts / spread,
        touching=float(table.touching.sum()) / count,
        at_edge=float(table.at_edge.sum()) / count,
        values=looked.values,
        kind=each.kind,
        image_sha256=looked.image_sha256,
        mask_sha256=looked.mask_sha256,
        part=source.part,
        problem=flat,
    )


def _mask_hash(mask: NDArray[Any]) -> str:
    return hashlib.sha256(f"{mask.shape}".encode() + np.ascontiguousarray(mask).tobytes()).hexdigest()


def colours_of(each: MaskedImage) -> NDArray[Any] | None:
    """Red, green and blue (y, x, 3) of an image that is stored so and is not grey."""
    if not isinstance(each.image, FilePixels) or each.image.info.note != COLOUR:
        return None
    colours = read_colours(each.image.entry.path, each.image.entry.section)
    if colours is None or (colours == colours[..., :1]).all():
        return None
    return colours


def channel_on_grey_scale(channel: NDArray[Any]) -> NDArray[np.float32]:
    """One channel (y, x) on the usual grey scale; zeros where it has no contrast."""
    values = channel.astype(np.float32)
    try:
        return grey_scale(values, Normalisation()).apply(values)
    except ImageError:
        return np.zeros_like(values)
