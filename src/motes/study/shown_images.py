"""Test images kept with what one net of an arm made of them, to be shown side by side in the report."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from motes.jobs.training_data import Prepared
from motes.jobs.training_report import whole
from motes.output import replacing
from motes.picks import Picks
from motes.study.examine import Examination
from motes.train.validate import true_picks

MOST = 12  # images that are kept of a fold, evenly spread; the report shows the most telling of them


@dataclass(frozen=True)
class ShownImage:
    """An image at the working scale, with truth and picks of the first class in its pixels.

    number: among the test images of its fold. data, probability: ([z,] y, x). diameter: px.
    """

    number: int
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
    arrays: dict[str, NDArray[np.generic]] = {"numbers": np.array(sorted(found.maps))}
    for number, maps in found.maps.items():
        image = images[number]
        arrays[f"data-{number}"] = whole(image.labelled).astype(np.float16)
        arrays[f"map-{number}"] = np.rint(255 * maps.max(axis=0)).astype(np.uint8)
        arrays[f"truth-{number}"] = true_picks(image.labelled, 0).points
        arrays[f"picks-{number}"] = found.picks[number][0].points
        arrays[f"diameter-{number}"] = np.array(image.working[0])
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def read_shown_images(path: Path) -> list[ShownImage]:
    """What keep_shown_images wrote; none where there is no file."""
    if not path.is_file():
        return []
    with np.load(path) as arrays:
        return [
            ShownImage(
                number=number,
                data=arrays[f"data-{number}"].astype(np.float32),
                probability=arrays[f"map-{number}"].astype(np.float32) / 255,
                truth=Picks(arrays[f"truth-{number}"]),
                picks=Picks(arrays[f"picks-{number}"]),
                diameter=float(arrays[f"diameter-{number}"]),
            )
            for number in arrays["numbers"].tolist()
        ]
