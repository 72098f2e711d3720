"""Reading images with picks into what training needs: working images and their points."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motes.data.collection import Collection, clean_picks
from motes.data.crops import Labelled
from motes.data.image_list import ImageEntry
from motes.data.orientation import OrientationPool, pooled_text, refuse_flipped
from motes.data.sources import DataSource
from motes.data.working import to_working_scale
from motes.errors import ImageError, InputError, PicksError, UnitError
from motes.formats.images import image_info
from motes.image import Image
from motes.jobs.telling import Failure, Teller
from motes.output import replacing
from motes.picks import Picks
from motes.recipe import Recipe
from motes.units import Length

HASHED_AT_ONCE = 2**20  # bytes
FAINT = 1.5  # times what noise gives: less than particles that are hardly visible have


@dataclass(frozen=True)
class ReadyImage:
    """What is known of an image whose pixels, in this shape, went into the store.

    points: (n, ndim) working pixels. classes: (n,) numbers of the recipe's classes. sha256: of file and picks.
    image_sha256: of the pixels alone. diameters: of each class in pixels of the full-size image. working: of
    each class on the image that the net sees, px. strength: of the mean patch at its picks, 1 is what noise gives; None
    for too few picks or unchecked. traits: further columns of the picks, each (n,).
    """

    name: str
    shape: tuple[int, ...]
    points: NDArray[np.float64]
    classes: NDArray[np.intp]
    sha256: str
    image_sha256: str
    diameters: tuple[float, ...]
    working: tuple[float, ...]
    pixel_size: float | None
    strength: float | None
    notes: list[str] = field(default_factory=list)
    traits: Mapping[str, NDArray[Any]] = field(default_factory=dict)


def class_lengths(source: DataSource, recipe: Recipe, collection: Collection) -> list[Length]:
    """The diameter of each class: the source's own, the recipe's, or what the picks carry.

    Raises UnitError where it is not known.
    """
    if source.diameter is not None:
        if len(recipe.classes) > 1:
            raise UnitError(
                f"a diameter is given for the data set of {source.labels}, but the recipe has several classes; "
                "their diameters stand in the recipe"
            )
        return [source.diameter]
    if recipe.lengths is not None:
        return recipe.lengths
    if len(recipe.classes) > 1:
        raise UnitError(
            "the diameters of the classes are not known; give each its own in the recipe: "
            "classes: [{name: ribosome, diameter: 300}, ...]"
        )
    found = picked_diameter(collection, recipe)
    if found is None:
        raise UnitError(
            "the particle's diameter is not known: give --diameter 150 (Angstrom) or --diameter 60px; "
            "the picks carry none"
        )
    return [found]


def picked_diameter(collection: Collection, recipe: Recipe) -> Length | None:
    """The median of the diameters that the picks carry; None where they carry none.

    It comes in Angstrom where every image has a pixel size, else in pixels.
    """
    in_pixels, in_angstrom = [], []
    for entry in collection.images:
        diameters = collection.picks[entry.name].diameters if entry.name in collection.picks else None
        if diameters is not None and len(diameters):
            pixel_size = _pixel_size(entry, recipe)
            in_pixels.append(np.asarray(diameters))
            in_angstrom += [np.asarray(diameters) * pixel_size] if pixel_size else []
    if not in_pixels:
        return None
    if len(in_angstrom) == len(in_pixels):
        return Length(round(float(np.median(np.concatenate(in_angstrom))), 2), "A")
    return Length(round(float(np.median(np.concatenate(in_pixels))), 2), "px")


def _pixel_size(entry: ImageEntry, recipe: Recipe) -> float | None:
    if recipe.pixel_size is not None or entry.pixel_size is not None:
        return recipe.pixel_size or entry.pixel_size
    try:
        return image_info(entry.path, recipe.net.ndim).pixel_size
    except ImageError:  # a bad file is reported when it is prepared
        return None


def prepare(
    collection: Collection,
    recipe: Recipe,
    lengths: Sequence[Length],
    store: Path,
    teller: Teller,
    check_flips: bool = True,
) -> tuple[list[ReadyImage], list[Failure]]:
    """Bring every labelled image to the working scale; what cannot be used is named, and costs no other.

    lengths: the diameter of each class. The working images are kept in one file, to be memory-mapped from
    there, so that a thousand micrographs take neither more memory than ten nor more open files.
    """
    labelled = [entry for entry in collection.images if entry.name in collection.picks]
    ready: list[ReadyImage] = []
    sight = _sight(labelled, recipe, lengths) if check_flips and recipe.net.ndim == 2 else None
    pool = None if sight is None else OrientationPool(sight)
    failures = [Failure(name, reason) for name, reason in collection.problems.items()]
    with (
        replacing(store) as temporary,
        temporary.open("wb") as file,
        teller.progress("reading images", len(labelled), "images") as done,
    ):
        for number, entry in enumerate(labelled):
            made = _try_one(entry, collection.picks[entry.name], recipe, lengths, pool)
            if isinstance(made, Failure):
                failures.append(made)
                teller.warn(f"left out: {made.reason}")
            else:
                image, pixels = made
                file.write(pixels.tobytes())
                ready.append(image)
                for note in image.notes:
                    teller.say(note)
            done(number + 1)
    if pool is not None:
        refuse_flipped(pool.evidence, pooled_text(pool.names))
    _warn_of_nothing_there(ready, teller)
    return ready, failures


def _sight(labelled: Sequence[ImageEntry], recipe: Recipe, lengths: Sequence[Length]) -> float | None:
    """The largest working diameter in the first image that can tell it, px; None where no image can."""
    for entry in labelled:
        try:
            image = entry.read(recipe.net.ndim, recipe.pixel_size)
            return max(working_diameters(image, recipe, lengths))
        except (InputError, OSError):  # a bad file is reported when it is prepared
            continue
    return None


def working_diameters(image: Image, recipe: Recipe, lengths: Sequence[Length]) -> tuple[float, ...]:
    """The diameter of each class in an image as the net sees it, px.

    Raises UnitError where it cannot be known, or cannot be right.
    """
    diameters = [length.in_pixels(image.pixel_size) for length in lengths]
    factor = recipe.scale.factor(image, max(diameters))
    return tuple(diameter * factor for diameter in diameters)


def mapped(store: Path, ready: Sequence[ReadyImage], weight: float) -> list[Labelled]:
    """The images with their pixels, which lie one after the other in the store; weight: of each."""
    if not ready:
        return []
    pixels = np.memmap(store, dtype=np.float32, mode="r")
    ends = np.cumsum([math.prod(image.shape) for image in ready])
    return [
        Labelled(
            pixels[end - math.prod(image.shape) : end].reshape(image.shape),
            image.points,
            classes=image.classes,
            weight=weight,
        )
        for image, end in zip(ready, ends, strict=True)
    ]


def _warn_of_nothing_there(ready: Sequence[ReadyImage], teller: Teller) -> None:
    """Warn where the mean patch at the picks shows nothing in most of the images."""
    strengths = [image.strength for image in ready if image.strength is not None]
    faint = sum(strength < FAINT for strength in strengths)
    if faint > len(strengths) / 2:
        teller.warn(
            f"in {faint} of {len(strengths)} images the mean of all particles shows nothing that stands out from "
            "noise; were the picks made on another binning, or on other images? `motes inspect` tells more"
        )


def _try_one(
    entry: ImageEntry,
    picks: Picks,
    recipe: Recipe,
    lengths: Sequence[Length],
    pool: OrientationPool | None,
) -> tuple[ReadyImage, NDArray[np.float32]] | Failure:
    try:
        return _prepare_one(entry, picks, recipe, lengths, pool)
    except (InputError, OSError) as error:
        return Failure(entry.name, str(error))


def _prepare_one(
    entry: ImageEntry,
    picks: Picks,
    recipe: Recipe,
    lengths: Sequence[Length],
    pool: OrientationPool | None,
) -> tuple[ReadyImage, NDArray[np.float32]]:
    image = entry.read(recipe.net.ndim, recipe.pixel_size)
    if picks.ndim != image.ndim:
        raise PicksError(f"{entry.name}: the image has {image.ndim} dimensions, its picks have {picks.ndim}")
    diameters = tuple(length.in_pixels(image.pixel_size) for length in lengths)
    working = to_working_scale(image, max(diameters), recipe.scale, recipe.normalisation)
    picks, notes = clean_picks(picks, image.shape, entry.name)
    picks, classes, more = sorted_into_classes(picks, recipe.class_names, entry.name)
    if working.bad_pixels:
        more.append(f"{entry.name}: {working.bad_pixels} NaN or infinite pixels masked")
    points = picks.scaled(working.factors).points
    evidence = None if pool is None else pool.add(working.data, points, entry.name)
    refuse_flipped(evidence, entry.name)
    ready = ReadyImage(
        name=entry.name,
        shape=working.data.shape,
        points=points,
        classes=classes,
        sha256=content_hash(entry.path, picks),
        image_sha256=pixel_hash(image.data),
        diameters=diameters,
        working=working_diameters(image, recipe, lengths),
        pixel_size=image.pixel_size,
        strength=None if evidence is None else evidence.as_given,
        notes=notes + more,
        traits=picks.extra,
    )
    return ready, working.data


def sorted_into_classes(
    picks: Picks, names: Sequence[str], image: str
) -> tuple[Picks, NDArray[np.intp], list[str]]:
    """The picks of a recipe's classes, the number of each pick's class, and what the user should know.

    With one class in the recipe all picks are of it, unless some are called by its name: then those only.
    Raises PicksError where there are several and the picks carry none.
    """
    if picks.classes is None or (len(names) == 1 and names[0] not in picks.classes):
        if len(names) > 1:
            raise PicksError(
                f"{image}: its picks name no class, and the recipe has {', '.join(names)}; give picks with a "
                "column `class`"
            )
        return picks, np.zeros(len(picks), dtype=np.intp), []
    number_of = {name: number for number, name in enumerate(names)}
    known = np.array([name in number_of for name in picks.classes], dtype=bool)
    others = sorted(set(picks.classes[~known]))
    notes = [f"{image}: picks of {', '.join(others)} left out, not in the recipe's classes"] if others else []
    kept = picks.select(known)
    numbers = [number_of[str(name)] for name in ([] if kept.classes is None else kept.classes)]
    return kept, np.array(numbers, dtype=np.intp), notes


def content_hash(path: Path, picks: Picks) -> str:
    """SHA-256 of an image file, or of the files in a zarr folder, and of the picks in it."""
    digest = hashlib.sha256()
    for each in [path] if path.is_file() else sorted(path.rglob("*")):
        if each.is_file():
            _add_file(digest, each)
    digest.update(np.ascontiguousarray(picks.points).tobytes())
    if picks.classes is not None:
        digest.update("\0".join(picks.classes).encode())
    return digest.hexdigest()


def _add_file(digest: "hashlib._Hash", path: Path) -> None:
    """Go on with a digest by the bytes of a file."""
    with path.open("rb") as file:
        while block := file.read(HASHED_AT_ONCE):
            digest.update(block)


def pixel_hash(pixels: NDArray[np.float32]) -> str:
    """SHA-256 of the pixels ([z,] y, x) of an image as read, whatever file they come from."""
    digest = hashlib.sha256(str(pixels.shape).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()
