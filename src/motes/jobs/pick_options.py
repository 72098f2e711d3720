"""What a user chooses for picking, and whether it fits the model."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from motes.errors import ModelError, PicksError, did_you_mean
from motes.formats.picks import COPICK, PICKS_FORMATS, Facts, write_picks
from motes.formats.tables import require_3d
from motes.jobs.object_files import OUTLINE_FORMATS
from motes.nets.model_file import ModelDescription
from motes.picks import Picks
from motes.predict.windows import Windows
from motes.units import Length


@dataclass(frozen=True)
class PickOptions:
    """What the user chose; None leaves it to the model or the image.

    formats: names of formats written beside CSV; None: copick for tomograms, else none. box_size: pixels. project:
    the folder that paths in an index are relative to. micrographs_star: where the images come from, for RELION
    3.1's suffix file. threshold: of all classes but those that thresholds names. windows: how images are cut.
    """

    threshold: float | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)
    method: Literal["peaks", "components"] | None = None
    pixel_size: float | None = None
    diameter: Length | None = None
    formats: tuple[str, ...] | None = None
    box_size: int | None = None
    project: Path = Path()
    save_maps: bool = False
    pictures: bool = False
    windows: Windows = field(default_factory=Windows)


def check_thresholds(options: PickOptions, classes: Sequence[str]) -> None:
    """Raise ModelError for a threshold that is no probability, or of a class that the model does not know."""
    for name, value in options.thresholds.items():
        if name not in classes:
            raise ModelError(
                f"--threshold names the class {name!r}, but this model finds {', '.join(classes)}."
                f"{did_you_mean(name, classes)}"
            )
        if not 0 <= value <= 1:
            raise ModelError(f"--threshold is a probability between 0 and 1, found {value:g} for {name}")
    if options.threshold is not None and not 0 <= options.threshold <= 1:
        raise ModelError(f"--threshold is a probability between 0 and 1, found {options.threshold:g}")


def check_outlines(options: PickOptions, outlines: bool) -> None:
    """Raise ModelError for outlines that are asked of a model that has none."""
    asked = [each for each in options.formats or () if each in OUTLINE_FORMATS]
    if asked and not outlines:
        what = "this model" if options.method is None else f"--method {options.method}"
        raise ModelError(
            f"--format {asked[0]} is for outlines, but {what} gives centres only; train a model on masks with "
            "picking.method=outlines (the recipe `objects` does), or leave the format out"
        )


def usual_formats(described: ModelDescription, options: PickOptions) -> tuple[str, ...]:
    """Copick for tomograms whose voxel size is known, as it is wherever the diameter is in Angstrom."""
    lengths = [options.diameter] if options.diameter else described.lengths
    if not lengths:
        return ()
    return (COPICK,) if described.net.ndim == 3 and all(each.unit == "A" for each in lengths) else ()


def check_formats(options: PickOptions, ndim: int, classes: Sequence[str]) -> None:
    """Raise PicksError, before any work is done, for a format that cannot be written with these options."""
    each, names = np.ones(len(classes)), np.array(classes, dtype=np.str_) if len(classes) > 1 else None
    example = Picks(np.zeros((len(classes), ndim)), scores=each, classes=names, diameters=each)
    with tempfile.TemporaryDirectory() as folder:
        for format_name in options.formats or ():
            if format_name in OUTLINE_FORMATS:
                continue
            if format_name not in PICKS_FORMATS:
                known = [*PICKS_FORMATS, *OUTLINE_FORMATS]
                raise PicksError(f"there is no format {format_name!r}.{did_you_mean(format_name, known)}")
            if format_name == COPICK:
                require_3d(example, Path(COPICK))
                continue
            path = Path(folder) / "check"
            pretended = Facts((1,) * ndim, 1.0, options.box_size)
            try:
                write_picks(path, example, format=format_name, image_name="x", facts=pretended)
            except PicksError as error:
                raise PicksError(str(error).replace(str(path), format_name)) from None
