"""Labels that are not complete: an unmarked pixel is background only where a model sees no particle either."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from motes.data.crops import PAINTED, Labelled, without_unknown
from motes.data.paint import Target
from motes.errors import RecipeError
from motes.jobs.parts import Parts, Prepared
from motes.jobs.telling import Teller
from motes.nets.model_file import Model
from motes.picking.calibration import calibrated
from motes.predict.ensemble import maps_of
from motes.train.processes import Processes
from motes.train.validate import whole_truth

SEEN = 0.1  # probability from which on a model may see a particle
MARGIN = 2  # working px around it that are not known either
MUCH = 0.5  # share of the pixels from which on little background is left to learn from


def with_unknown(
    parts: Parts,
    look: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    store: Path,
    target: Target,
    processes: Processes,
    teller: Teller,
) -> Parts:
    """The parts of a run with what is unknown in each image, kept in one file to be memory-mapped.

    look: gives the probability of a particle at each pixel of an image. Raises RecipeError for masks.
    """
    if parts.masked:
        raise RecipeError(
            "recipe: labels is partial, which is for picks; in masks give -1 to the pixels that are not known, and "
            "leave labels at complete"
        )
    same = parts.validation is parts.train
    images = parts.train if same else [*parts.train, *parts.validation]
    processes.once(lambda: _write(images, look, store, teller))
    images = _with_maps(images, store)
    train = images[: len(parts.train)]
    _tell_unknown(train, parts.working, target, teller)
    return replace(parts, train=train, validation=train if same else images[len(train) :])


def sight_of(model: Model, precision: torch.dtype) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """How a model looks at a normalised image ([z,] y, x) at its working scale: the highest probability of a class.

    Calibrated where the model knows how.
    """

    def look(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        highest: NDArray[np.float32] = maps_of(model, pixels, precision).max(axis=0)
        calibration = model.description.calibration
        return highest if calibration is None else calibrated(highest, calibration).astype(np.float32)

    return look


def unknown_places(probability: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where there may be a particle by a model's probability ([z,] y, x), a margin around it included."""
    around = ndimage.maximum_filter(probability, size=2 * MARGIN + 1)
    return np.asarray(around >= SEEN)


def judged(image: Labelled, diameters: Sequence[float], target: Target) -> Labelled:
    """An image to be judged on: where not all is marked, its labels hold each pixel's class, -1 if that is unknown.

    diameters: of each class, px. An image whose labels are complete comes back as it is.
    """
    if image.unknown is None:
        return image
    unknown = np.asarray(image.unknown[(slice(None),) * image.data.ndim])
    truth = torch.from_numpy(whole_truth(image, diameters, target))
    classes = without_unknown(truth, torch.from_numpy(unknown.copy())).numpy()
    return replace(image, labels=np.floor(classes + 0.5).astype(np.int8))


def _write(
    images: Sequence[Prepared],
    look: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    store: Path,
    teller: Teller,
) -> None:
    """The maps of all images, one after the other in a file of bytes."""
    store.parent.mkdir(parents=True, exist_ok=True)
    with (
        store.open("wb") as file,
        teller.progress("looking for unmarked particles", len(images), "images") as done,
    ):
        for number, image in enumerate(images, start=1):
            data = image.labelled.data
            pixels = np.asarray(data[(slice(None),) * data.ndim], dtype=np.float32)
            file.write(unknown_places(look(pixels)).astype(np.uint8).tobytes())
            done(number)


def _with_maps(images: Sequence[Prepared], store: Path) -> list[Prepared]:
    pixels = np.memmap(store, dtype=np.uint8, mode="r")
    ends = np.cumsum([int(np.prod(image.labelled.data.shape)) for image in images])
    starts = [0, *ends[:-1]]
    return [
        replace(
            image,
            labelled=replace(image.labelled, unknown=pixels[start:end].reshape(image.labelled.data.shape)),
        )
        for image, start, end in zip(images, starts, ends, strict=True)
    ]


def _tell_unknown(
    images: Sequence[Prepared], diameters: Sequence[float], target: Target, teller: Teller
) -> None:
    """Say how much of the training images is left out, and warn where that is most of them."""
    left_out, pixels = 0, 0
    for image in images:
        unknown = np.asarray(image.labelled.unknown)
        painted = whole_truth(image.labelled, diameters, target)
        left_out += int(np.count_nonzero(unknown & (painted < PAINTED)))
        pixels += unknown.size
    share = left_out / pixels
    teller.say(
        f"labels are partial: {100 * share:.1f} % of the pixels of the training images do not count, unmarked places "
        "where the model that training starts from sees a particle"
    )
    if share > MUCH:
        teller.warn(
            "so little of the training images counts as background that hardly anything can be learnt from it; does "
            "the model suit these images? `motes pick` with it shows what it sees"
        )
