"""Reading a collection into what training needs: working images and their points."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from motes.data.collection import Collection, clean_picks
from motes.data.crops import Labelled
from motes.data.image_list import ImageEntry
from motes.data.orientation import OrientationPool, pooled_text, refuse_flipped
from motes.data.working import to_working_scale
from motes.errors import ImageError, InputError, PicksError, UnitError
from motes.formats.images import image_info
from motes.jobs.telling import Failure, Teller
from motes.output import replacing
from motes.picks import Picks
from motes.recipe import Recipe
from motes.units import Length

FAINT = 1.5  # times what noise gives: less than particles that are hardly visible have


@dataclass(frozen=True)
class Prepared:
    """An image ready to train on; sha256 is of its file and picks, diameter in its full-size pixels."""

    name: str
    labelled: Labelled
    sha256: str
    diameter: float
    pixel_size: float | None


def resolve_diameter(recipe: Recipe, collection: Collection) -> Length:
    """The particle's diameter: the recipe's, or else the median of those that the picks carry.

    It comes in Angstrom where every image has a pixel size, else in pixels. Raises UnitError without any.
    """
    if recipe.length is not None:
        return recipe.length
    in_pixels, in_angstrom = [], []
    for entry in collection.images:
        diameters = collection.picks[entry.name].diameters if entry.name in collection.picks else None
        if diameters is not None and len(diameters):
            pixel_size = _pixel_size(entry, recipe)
            in_pixels.append(np.asarray(diameters))
            in_angstrom += [np.asarray(diameters) * pixel_size] if pixel_size else []
    if not in_pixels:
        raise UnitError(
            "the particle's diameter is not known: give --diameter 150 (Angstrom) or --diameter 60px; "
            "the picks carry none"
        )
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
    diameter: Length,
    store: Path,
    teller: Teller,
    check_flips: bool = True,
) -> tuple[list[Prepared], list[Failure]]:
    """Bring every labelled image to the working scale; what cannot be used is named, and costs no other.

    The working images are kept in one file and memory-mapped from there, so that a thousand micrographs
    take neither more memory than ten nor more open files.
    """
    labelled = [entry for entry in collection.images if entry.name in collection.picks]
    ready: list[ReadyImage] = []
    pool = OrientationPool(recipe.working_diameter) if check_flips else None
    failures = [Failure(name, reason) for name, reason in collection.problems.items()]
    with (
        replacing(store) as temporary,
        temporary.open("wb") as file,
        teller.progress("reading images", len(labelled), "images") as done,
    ):
        for number, entry in enumerate(labelled):
            made = _try_one(entry, collection.picks[entry.name], recipe, diameter, pool)
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
    return _mapped(store, ready), failures


@dataclass(frozen=True)
class ReadyImage:
    """What is known of an image whose pixels, in this shape, went into the store.

    strength: of the mean patch at its picks, 1 is what noise gives; None for too few picks or unchecked.
    """

    name: str
    shape: tuple[int, ...]
    points: NDArray[np.float64]
    sha256: str
    diameter: float
    pixel_size: float | None
    strength: float | None
    notes: list[str]


def _mapped(store: Path, ready: Sequence[ReadyImage]) -> list[Prepared]:
    """The images with their pixels, which lie one after the other in the store."""
    if not ready:
        return []
    pixels = np.memmap(store, dtype=np.float32, mode="r")
    ends = np.cumsum([math.prod(image.shape) for image in ready])
    prepared = []
    for image, end in zip(ready, ends, strict=True):
        data = pixels[end - math.prod(image.shape) : end].reshape(image.shape)
        labelled = Labelled(data, image.points)
        prepared.append(Prepared(image.name, labelled, image.sha256, image.diameter, image.pixel_size))
    return prepared


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
    entry: ImageEntry, picks: Picks, recipe: Recipe, diameter: Length, pool: OrientationPool | None
) -> tuple[ReadyImage, NDArray[np.float32]] | Failure:
    try:
        return _prepare_one(entry, picks, recipe, diameter, pool)
    except (InputError, OSError) as error:
        return Failure(entry.name, str(error))


def _prepare_one(
    entry: ImageEntry, picks: Picks, recipe: Recipe, diameter: Length, pool: OrientationPool | None
) -> tuple[ReadyImage, NDArray[np.float32]]:
    image = entry.read(recipe.net.ndim, recipe.pixel_size)
    if picks.ndim != image.ndim:
        raise PicksError(f"{entry.name}: the image has {image.ndim} dimensions, its picks have {picks.ndim}")
    diameter_px = diameter.in_pixels(image.pixel_size)
    working = to_working_scale(image, diameter_px, recipe.working_diameter, recipe.normalisation)
    picks, notes = clean_picks(picks, image.shape, entry.name)
    if working.bad_pixels:
        notes.append(f"{entry.name}: {working.bad_pixels} NaN or infinite pixels masked")
    points = picks.scaled(working.factors).points
    evidence = None if pool is None else pool.add(working.data, points, entry.name)
    refuse_flipped(evidence, entry.name)
    strength = None if evidence is None else evidence.as_given
    sha256 = content_hash(entry.path, picks)
    shape = working.data.shape
    ready = ReadyImage(entry.name, shape, points, sha256, diameter_px, image.pixel_size, strength, notes)
    return ready, working.data


def content_hash(path: Path, picks: Picks) -> str:
    """SHA-256 of an image file and of the picks in it."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    digest.update(np.ascontiguousarray(picks.points).tobytes())
    return digest.hexdigest()


def validation_names(names: Sequence[str], labelled: set[str], recipe: Recipe) -> set[str]:
    """The images to keep out of training: whole groups, chosen by the seed.

    names: all images; labelled: those of them that hold particles. Both parts get particles, or there is
    nothing to validate on.
    """
    by_folder = recipe.split.by == "folder"
    group_of = {name: str(Path(name).parent) if by_folder else name for name in names}
    groups = sorted(set(group_of.values()))
    holding = {group_of[name] for name in labelled}
    if recipe.split.validation == 0 or len(holding) < 2:
        return set()
    count = min(max(round(recipe.split.validation * len(groups)), 1), len(groups) - 1)
    order = [groups[i] for i in np.random.default_rng([recipe.seed, 0x5917]).permutation(len(groups))]
    chosen, others = order[:count], order[count:]
    if not holding & set(chosen):  # take one with particles in place of one without
        chosen[-1] = next(group for group in others if group in holding)
    elif not holding & set(others):
        chosen.remove(next(group for group in chosen if group in holding))
    return {name for name, group in group_of.items() if group in chosen}
