"""From what the user points at to the images that a run trains on and validates on."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import NDArray

from motes.data.crops import Labelled
from motes.data.image_list import ImageEntry, section_and_file
from motes.data.mask_checks import check_masks
from motes.data.mask_pairs import MaskedCollection, collect_masks, pass_order
from motes.data.masks import FilePixels
from motes.data.sources import DataSource, Part, collect_picks
from motes.errors import InputError
from motes.formats.picks import Facts
from motes.formats.stores import ChunkCache
from motes.jobs.parts import Parts, Prepared
from motes.jobs.prepare import ReadyImage, class_lengths, mapped, prepare
from motes.jobs.split import validation_groups
from motes.jobs.telling import Failure, Teller
from motes.recipe import Recipe
from motes.train.processes import ALONE, Processes
from motes.units import Length

STORE = ".working-images"  # exists while training only
SAME_SIZE = 1.01  # times the smallest working diameter may the largest be


@dataclass(frozen=True)
class _ReadPicks:
    """What the first process read of a source with picks, its pixels apart. base: as of a _Set."""

    ready: list[ReadyImage]
    failures: list[Failure]
    lengths: list[Length]
    base: Path


@dataclass(frozen=True)
class _CheckedMasks:
    """Of the images whose masks can be used, by name: the hashes with and without the mask, and how many objects
    it marks; and why others cannot be used.
    """

    found: dict[str, tuple[str, str, int]]
    failures: list[Failure]


@dataclass(frozen=True)
class _Reading:
    """How every source of a run is read.

    check: refuse picks that seem mirrored, masks that seem shifted. alone: there is one source only. files:
    mask files and their images used last, of all sources together.
    """

    teller: Teller
    processes: Processes
    check: bool
    alone: bool
    files: ChunkCache = field(default_factory=ChunkCache)


@dataclass(frozen=True)
class _Set:
    """What one data source gave. base: the folder that the names of its images are counted from."""

    images: list[Prepared]
    base: Path
    failures: list[Failure] = field(default_factory=list)
    lengths: list[Length] = field(default_factory=list)
    masks: MaskedCollection | None = None


def gather(
    sources: Sequence[DataSource],
    recipe: Recipe,
    run: Path,
    teller: Teller,
    processes: Processes,
    check_flips: bool = True,
) -> Parts:
    """Read every source and divide its images into training and validation.

    Of several processes the first reads and checks, the others take what it found. Raises InputError where
    there is nothing to train on, or the sources do not go together.
    """
    sources = [source for source in _with_whole_groups(sources) if source.part != "test"]
    _check_kinds(sources)
    if recipe.lengths and any(source.diameter not in (None, *recipe.lengths) for source in sources):
        teller.say(f"the diameters in the table count before the recipe's ({recipe.diameter})")
    reading = _Reading(teller, processes, check_flips, alone=len(sources) == 1)
    sets = _read_sets(sources, recipe, run, reading)
    parts = _divided(sets, recipe)
    _check_usable(parts)
    if not any(image.useful for image in parts.validation):
        what = "the threshold is fitted" if recipe.start is None else "what is said of validation is found"
        teller.warn(
            f"there is no particle to validate on, so {what} on the training images and will "
            "look better than it is; label another image (of another group, where groups are named), give "
            "--validation-images, or a row of --data whose split is validation"
        )
        parts = replace(parts, validation=parts.train)
    elif len(sources) > 1:
        _warn_of_unvalidated(sources, sets, parts, teller)
    return parts


def gather_part(
    sources: Sequence[DataSource], part: Part, recipe: Recipe, store: Path, teller: Teller
) -> tuple[list[Prepared], list[Failure]]:
    """The images of one part, prepared as those that a recipe is trained on; and those that cannot be used.

    store: a folder for their pixels, for as long as they are used. Raises InputError where no source is of that part.
    """
    chosen = [source for source in _with_whole_groups(sources) if source.part == part]
    if not chosen:
        raise InputError(f"no data set is for {part}; name its rows so in the column split of the table")
    reading = _Reading(teller, ALONE, check=False, alone=len(chosen) == 1)
    sets = _told_apart(_read_sets(chosen, recipe, store, reading))
    return [image for each in sets for image in each.images], [why for each in sets for why in each.failures]


def _read_sets(sources: Sequence[DataSource], recipe: Recipe, run: Path, reading: _Reading) -> list[_Set]:
    sets = []
    for number, source in enumerate(sources):
        own = recipe.model_copy(update={"pixel_size": source.pixel_size or recipe.pixel_size})
        if source.masks is not None:
            sets.append(_masked_set(source, own, reading))
        else:
            sets.append(_picked_set(source, own, run / STORE / str(number), reading))
    return _grouped_by_place(sources, sets)


def _grouped_by_place(sources: Sequence[DataSource], sets: Sequence[_Set]) -> list[_Set]:
    """The sets, with its folder before each group that the source does not name.

    Images and folders of one name in two sets are not one group by that, unless the sets have their labels from one
    place: raw and denoised tomograms show the same particles. Folders are counted from the one that holds them all: a
    set alone keeps its groups as they are, and data that are moved are divided as before.
    """
    shared = os.path.commonpath([each.base for each in sets])
    first: dict[object, Path] = {}
    bases = [
        first.setdefault(source.masks or source.picks, each.base)
        for source, each in zip(sources, sets, strict=True)
    ]
    folders = [base.relative_to(shared) for base in bases]
    return [
        each if source.group else replace(each, images=[_grouped_in(folder, image) for image in each.images])
        for source, each, folder in zip(sources, sets, folders, strict=True)
    ]


def _grouped_in(folder: Path, image: Prepared) -> Prepared:
    return replace(image, group=str(folder / image.group))


def named_from(image: ImageEntry) -> Path:
    """The folder that the name of an image is counted from; that of its file where the name says nothing of it.

    Tomograms of a copick project are named after their run, a folder above them, so all of one run are one image.
    """
    named = tuple(part for part in PurePath(section_and_file(image.name)[1]).parts if part != "/")
    path = image.path.absolute()
    places = [each for each in (path, *path.parents) if each.parts[-len(named) :] == named]
    return places[0].parents[len(named) - 1] if places else path.parent


def _warn_of_unvalidated(
    sources: Sequence[DataSource], sets: Sequence[_Set], parts: Parts, teller: Teller
) -> None:
    """Name the data sets that are trained on, but of which no image is validated on."""
    validated = {image.sha256 for image in parts.validation}
    for source, each in zip(sources, sets, strict=True):
        if each.images and validated.isdisjoint(image.sha256 for image in each.images):
            teller.warn(
                f"no image of {source.images[0]} is validated on, so threshold and scores say nothing of that data "
                "set; give some of its images the split validation in the table"
            )


def _check_kinds(sources: Sequence[DataSource]) -> None:
    if not any(source.part in ("", "train") for source in sources):
        found = "all data sets are for validation or test" if sources else "no data set is given"
        raise InputError(
            f"there is nothing to train on, {found}; give --images with --picks or --masks, or a row of --data "
            "whose split is train or empty"
        )
    kinds = {source.masks is not None for source in sources}
    if len(kinds) > 1:
        raise InputError(
            "some of the data sets have picks and some have masks; a run takes one kind. `motes prepare` makes "
            "masks from picks"
        )


def _picked_set(source: DataSource, recipe: Recipe, store: Path, reading: _Reading) -> _Set:
    def read() -> _ReadPicks:
        collection = collect_picks(source, recipe.net.ndim, Facts(pixel_size=recipe.pixel_size))
        for note in collection.notes:
            reading.teller.say(note)
        lengths = class_lengths(source, recipe, collection)
        ready, failures = prepare(collection, recipe, lengths, store, reading.teller, reading.check)
        return _ReadPicks(ready, failures, lengths, named_from(collection.images[0]))

    found = reading.processes.once(read)
    weight = source.weight / max(1, len(found.ready))
    images = [
        Prepared(
            name=image.name,
            labelled=labelled,
            sha256=image.sha256,
            image_sha256=image.image_sha256,
            particles=len(image.points),
            diameters=image.diameters,
            working=image.working,
            pixel_size=image.pixel_size,
            group=source.group or _own_group(image.name, recipe),
            part=source.part,
            traits=image.traits,
        )
        for image, labelled in zip(found.ready, mapped(store, found.ready, weight), strict=True)
    ]
    return _Set(images, found.base, found.failures, found.lengths)


def _masked_set(source: DataSource, recipe: Recipe, reading: _Reading) -> _Set:
    if recipe.scale.diameter is not None or recipe.scale.pixel_size is not None:
        raise InputError(
            f"the recipe {recipe.name} brings images to a working scale, but masks are taken as they are; set "
            "working_diameter=none, or bring images and masks to the scale first (`motes prepare`)"
        )
    masks = collect_masks(
        source.images,
        source.masks or "",
        recipe.masks.kind,
        recipe.normalisation,
        recipe.net.ndim,
        reading.files,
    )
    for note in masks.notes:
        reading.teller.say(note)
    checked = reading.processes.once(lambda: _check_masks(masks, recipe, reading))
    usable = replace(masks, images=[image for image in masks.images if image.name in checked.found])
    weight = source.weight / max(1, len(usable.images))
    images = [
        Prepared(
            name=image.name,
            labelled=Labelled(
                image.pixels,
                np.zeros((0, recipe.net.ndim)),
                labels=image.labels if recipe.outlining is None else image.objects,
                weight=weight,
            ),
            sha256=sha256,
            image_sha256=image_sha256,
            particles=None,
            objects=objects,
            group=source.group or _own_group(image.origin, recipe),
            part=source.part,
            chunk=image.chunk,
        )
        for image in usable.images
        for sha256, image_sha256, objects in [checked.found[image.name]]
    ]
    lengths = [source.diameter] if source.diameter else recipe.lengths or []
    return _Set(images, _base_of_masked(source, masks), checked.failures, lengths, masks=usable)


def _base_of_masked(source: DataSource, masks: MaskedCollection) -> Path:
    """The folder that the names of images with masks are counted from; of a store, the one that it lies in."""
    first = masks.images[0].image if masks.images else None
    if isinstance(first, FilePixels):
        return named_from(first.entry)
    return Path(source.images[0]).absolute().parent


def _check_masks(masks: MaskedCollection, recipe: Recipe, reading: _Reading) -> _CheckedMasks:
    with reading.teller.progress("checking masks", len(masks.images), "images") as done:
        found = check_masks(
            masks.images,
            len(recipe.classes),
            check_shift=reading.check,
            alone=reading.alone,
            done=done,
        )
    for note in found.notes:
        reading.teller.say(note)
    failures = [Failure(name, reason) for name, reason in found.problems.items()]
    hashes = {each.name: (each.sha256, each.image_sha256, found.objects[each.name]) for each in found.usable}
    return _CheckedMasks(hashes, failures)


def _own_group(name: str, recipe: Recipe) -> str:
    return str(Path(name).parent) if recipe.split.by == "folder" else name


def _divided(sets: Sequence[_Set], recipe: Recipe) -> Parts:
    """Training and validation as the sources say; what is left open the seed decides."""
    sets = _told_apart(sets)
    images = [image for each in sets for image in each.images]
    part_of: dict[int, Part] = {number: image.part for number, image in enumerate(images)}
    if "validation" not in part_of.values():
        still_open = [number for number, part in part_of.items() if part == ""]
        groups = {number: images[number].group for number in still_open}
        objects = {number: images[number].count for number in still_open}
        stratified = recipe.split.stratify == "objects"
        chosen = validation_groups(groups, objects, recipe.split.validation, recipe.seed, stratified)
        part_of |= dict.fromkeys(chosen, "validation")
    train = [images[number] for number, part in part_of.items() if part != "validation"]
    validation = [images[number] for number, part in part_of.items() if part == "validation"]
    _check_apart(train, validation)
    _check_one_size(images)
    lengths = [each.lengths for each in sets if each.images]
    return Parts(
        train,
        validation,
        [failure for each in sets for failure in each.failures],
        lengths[0] if lengths and all(each == lengths[0] for each in lengths) else [],
        images[0].working if images else (),
        _pass_over(train, sets),
    )


def _told_apart(sets: Sequence[_Set]) -> Sequence[_Set]:
    """The sets, with the number of the set before each name where two have images of the same name."""
    names = [image.name for each in sets for image in each.images]
    if len(set(names)) == len(names):
        return sets
    return [
        replace(each, images=[replace(image, name=f"{number}/{image.name}") for image in each.images])
        for number, each in enumerate(sets, start=1)
    ]


def _with_whole_groups(sources: Sequence[DataSource]) -> list[DataSource]:
    """The sources, what is left open in the part of its group; InputError where a group stands in two parts."""
    part_of: dict[str, Part] = {}
    for source in sources:
        named = source.group and source.part
        if named and part_of.setdefault(source.group, source.part) != source.part:
            raise InputError(
                f"the group {source.group!r} stands both in {part_of[source.group]} and in {source.part}; a group is "
                "never divided, so give all of it one split, or name two groups"
            )
    return [replace(source, part=source.part or part_of.get(source.group, "")) for source in sources]


def _pass_over(train: Sequence[Prepared], sets: Sequence[_Set]) -> Callable[[int, int], NDArray[np.int64]]:
    """The order of one pass over the training images, in which those of one chunk come near each other."""
    numbers: dict[tuple[int, int], int] = {}
    set_of = {id(image): number for number, each in enumerate(sets) for image in each.images}
    chunk_of = [
        numbers.setdefault((set_of[id(image)], place if image.chunk is None else image.chunk), len(numbers))
        for place, image in enumerate(train)
    ]
    together = min((each.masks.together for each in sets if each.masks), default=len(train))
    return partial(pass_order, chunk_of, together=together)


def _check_apart(train: Sequence[Prepared], validation: Sequence[Prepared]) -> None:
    """Raise InputError where an image is to be trained on and validated on."""
    hashes = {image.image_sha256 for image in train}
    twice = [image.name for image in validation if image.image_sha256 in hashes]
    if twice:
        raise InputError(
            f"{len(twice)} of the validation images are training images too ({', '.join(twice[:3])}); "
            "what is validated on must not be trained on, so take them out of one of the two"
        )


def _check_one_size(images: Sequence[Prepared]) -> None:
    """Raise InputError where particles of one class differ in size where the net sees them."""
    for sizes in zip(*(image.working for image in images), strict=True):
        small, large = int(np.argmin(sizes)), int(np.argmax(sizes))
        if sizes[large] > SAME_SIZE * sizes[small]:
            raise InputError(
                f"where the net sees them, particles are {sizes[small]:.4g} px across in {images[small].name} and "
                f"{sizes[large]:.4g} px in {images[large].name}; one net takes one size, so set working_diameter, "
                "which brings all to it, or give images of one pixel size and one diameter"
            )


def _check_usable(parts: Parts) -> None:
    if not any(image.useful for image in parts.train):
        empty = f"the {'masks' if parts.masked else 'picks'} of all training images are empty"
        reason = parts.failures[0].reason if parts.failures else empty
        raise InputError(f"there is no particle to train on: {reason}")
