"""Reading a collection into what training needs: working images and their points."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from motes.data.collection import Collection, clean_picks
from motes.data.crops import Labelled
from motes.data.image_list import ImageEntry
from motes.data.orientation import check_orientation
from motes.data.working import to_working_scale
from motes.errors import ImageError, InputError, OutputError, PicksError, UnitError
from motes.jobs.telling import Failure, Teller
from motes.output import replacing
from motes.picks import Picks
from motes.recipe import Recipe
from motes.units import Length


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
    try:
        return entry.read(recipe.net.ndim, recipe.pixel_size).pixel_size
    except ImageError:  # a bad file is reported when it is prepared
        return recipe.pixel_size


def prepare(
    collection: Collection,
    recipe: Recipe,
    diameter: Length,
    cache: Path,
    teller: Teller,
    check_flips: bool = True,
) -> tuple[list[Prepared], list[Failure]]:
    """Bring every labelled image to the working scale; what cannot be used is named, and costs no other.

    The working images are kept as .npy files in the cache folder and memory-mapped, so that a thousand
    micrographs take no more memory than ten.
    """
    labelled = [entry for entry in collection.images if entry.name in collection.picks]
    prepared: list[Prepared] = []
    failures = [Failure(name, reason) for name, reason in collection.problems.items()]
    with teller.progress("reading images", len(labelled), "images") as done:
        for number, entry in enumerate(labelled):
            try:
                picks = collection.picks[entry.name]
                kept = cache / f"{len(prepared):06d}.npy"
                prepared.append(_prepare_one(entry, picks, recipe, diameter, kept, teller, check_flips))
            except OutputError:
                raise
            except (InputError, OSError) as error:
                failures.append(Failure(entry.name, str(error)))
                teller.warn(f"left out: {error}")
            done(number + 1)
    return prepared, failures


def _prepare_one(
    entry: ImageEntry,
    picks: Picks,
    recipe: Recipe,
    diameter: Length,
    kept: Path,
    teller: Teller,
    check_flips: bool,
) -> Prepared:
    image = entry.read(recipe.net.ndim, recipe.pixel_size)
    if picks.ndim != image.ndim:
        raise PicksError(f"{entry.name}: the image has {image.ndim} dimensions, its picks have {picks.ndim}")
    diameter_px = diameter.in_pixels(image.pixel_size)
    working = to_working_scale(image, diameter_px, recipe.working_diameter, recipe.normalisation)
    picks, notes = clean_picks(picks, image.shape, entry.name)
    if working.bad_pixels:
        notes.append(f"{entry.name}: {working.bad_pixels} NaN or infinite pixels masked")
    points = picks.scaled(working.factors).points
    if check_flips:
        check_orientation(working.data, points, recipe.working_diameter, entry.name)
    for note in notes:
        teller.say(note)
    with replacing(kept) as temporary:
        np.save(temporary, working.data)
    return Prepared(
        entry.name,
        Labelled(np.load(kept, mmap_mode="r"), points),
        content_hash(entry.path, picks),
        diameter_px,
        image.pixel_size,
    )


def content_hash(path: Path, picks: Picks) -> str:
    """SHA-256 of an image file and of the picks in it."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    digest.update(np.ascontiguousarray(picks.points).tobytes())
    return digest.hexdigest()


def validation_names(names: Sequence[str], recipe: Recipe) -> set[str]:
    """The images to keep out of training: whole groups, chosen by the seed; at least one is left to train on."""
    by_folder = recipe.split.by == "folder"
    groups = {name: str(Path(name).parent) if by_folder else name for name in names}
    unique = sorted(set(groups.values()))
    wanted = round(recipe.split.validation * len(unique))
    count = min(max(wanted, 1), len(unique) - 1) if recipe.split.validation > 0 else 0
    order = np.random.default_rng([recipe.seed, 0x5917]).permutation(len(unique))
    chosen = {unique[i] for i in order[: max(count, 0)]}
    return {name for name, group in groups.items() if group in chosen}
