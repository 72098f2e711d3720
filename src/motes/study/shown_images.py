"""Test images kept with what one net of an arm made of them, to be shown side by side in the report."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motes.figures.pictures import circles, middle_section
from motes.jobs.parts import Prepared
from motes.jobs.training_report import whole
from motes.output import replacing
from motes.picks import Picks
from motes.study.examine import Examination
from motes.train.validate import true_picks

MOST = 12  # images that are kept of a fold, evenly spread; the report shows the most telling of them


@dataclass(frozen=True)
class ShownImage:
    """An image at the working scale, or the middle section of a volume, with truth and picks in its pixels.

    data, probability: (y, x). picks: of the first class; of a volume those that the section cuts. diameter: px.
    """

    name: str
    data: NDArray[np.float32]
    probability: NDArray[np.float32]
    truth: Picks
    picks: Picks
    diameter: float


def kept_numbers(images: int) -> list[int]:
    """Which of so many test images are kept: at most MOST, evenly spread."""
    return sorted({round(place) for place in np.linspace(0, images - 1, min(MOST, images)).tolist()})


def keep_shown_images(path: Path, images: Sequence[Prepared], found: Examination) -> None:
    """Write the images whose maps were kept into one file, .npz: grey values as float16, probabilities as bytes."""
    arrays: dict[str, NDArray[Any]] = {"names": np.array([images[n].name for n in found.maps], dtype=np.str_)}
    for place, (number, maps) in enumerate(found.maps.items()):
        image = images[number]
        data, diameter = whole(image.labelled), image.working[0]
        arrays[f"data-{place}"] = middle_section(data).astype(np.float16)
        arrays[f"map-{place}"] = np.rint(255 * middle_section(maps.max(axis=0))).astype(np.uint8)
        arrays[f"truth-{place}"] = in_section(true_picks(image.labelled, 0), data.shape, diameter)
        arrays[f"picks-{place}"] = in_section(found.picks[number][0], data.shape, diameter)
        arrays[f"diameter-{place}"] = np.array(diameter)
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def in_section(picks: Picks, shape: tuple[int, ...], diameter: float) -> NDArray[np.float64]:
    """The centres (n, 2), y and x, of the picks that the middle section of an image of a shape cuts."""
    drawn = circles(picks, shape, diameter)
    return drawn[drawn[:, 2] > 0, :2]


def read_shown_images(path: Path) -> list[ShownImage]:
    """What keep_shown_images wrote; none where there is no file."""
    if not path.is_file():
        return []
    with np.load(path) as arrays:
        return [
            ShownImage(
                name=str(name),
                data=arrays[f"data-{place}"].astype(np.float32),
                probability=arrays[f"map-{place}"].astype(np.float32) / 255,
                truth=Picks(arrays[f"truth-{place}"]),
                picks=Picks(arrays[f"picks-{place}"]),
                diameter=float(arrays[f"diameter-{place}"]),
            )
            for place, name in enumerate(arrays["names"])
        ]
