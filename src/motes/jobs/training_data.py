"""From what the user points at to the images that a run trains on and validates on."""

import csv
import io
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from motes.data.collection import Collection, collect
from motes.data.crops import Labelled
from motes.data.mask_checks import check_masks
from motes.data.masks import MaskedCollection, collect_masks, pass_order
from motes.data.sources import DataSource, Part
from motes.errors import InputError, OutputError, UnitError
from motes.jobs.prepare import ReadyImage, mapped, picked_diameter, prepare, working_diameters
from motes.jobs.telling import Failure, Teller
from motes.output import write_text
from motes.recipe import Recipe
from motes.train.processes import Processes
from motes.units import Length

Key = TypeVar("Key", bound=Hashable)

STORE = ".working-images"  # exists while training only


@dataclass(frozen=True)
class Prepared:
    """An image ready to train on.

    sha256: of its file or pixels, and of its labels. particles: None where masks say where they are.
    diameters: of each class in its full-size pixels, empty where not known. group: what is never divided.
    chunk: images of a store that are read together have the same; None: read by itself.
    """

    name: str
    labelled: Labelled
    sha256: str
    particles: int | None
    diameters: tuple[float, ...] = ()
    pixel_size: float | None = None
    group: str = ""
    part: Part = ""
    chunk: int | None = None

    @property
    def useful(self) -> bool:
        """Whether it holds a particle, as far as that is known."""
        return self.particles is None or self.particles > 0


@dataclass(frozen=True)
class Parts:
    """Prepared images by part.

    diameters: of each class; empty where not known, or where they differ between data sets. working: of each
    class on the image that the net sees, px. order: of one pass over the training images, by seed and epoch.
    """

    train: list[Prepared]
    validation: list[Prepared]
    failures: list[Failure]
    lengths: list[Length] = field(default_factory=list)
    working: tuple[float, ...] = ()
    order: Callable[[int, int], NDArray[np.int64]] | None = None

    @property
    def masked(self) -> bool:
        """Whether masks, not picks, say where particles are."""
        return bool(self.train) and self.train[0].particles is None


@dataclass(frozen=True)
class _ReadPicks:
    """What the first process read of a source with picks, its pixels apart."""

    ready: list[ReadyImage]
    failures: list[Failure]
    lengths: list[Length]
    working: tuple[float, ...]


@dataclass(frozen=True)
class _CheckedMasks:
    """The hashes of the images whose masks can be used, by name, and why others cannot."""

    hashes: dict[str, str]
    failures: list[Failure]


@dataclass(frozen=True)
class _Set:
    """What one data source gave."""

    images: list[Prepared]
    failures: list[Failure] = field(default_factory=list)
    lengths: list[Length] = field(default_factory=list)
    working: tuple[float, ...] = ()
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
    _check_kinds(sources)
    _check_groups(sources)
    sets = []
    for number, source in enumerate(source for source in sources if source.part != "test"):
        own = recipe.model_copy(update={"pixel_size": source.pixel_size or recipe.pixel_size})
        if source.masks is not None:
            sets.append(_masked_set(source, own, teller, processes, check_flips))
        else:
            store = run / STORE / str(number)
            sets.append(_picked_set(source, own, store, teller, processes, check_flips))
    parts = _divided(sets, recipe)
    _check_usable(parts)
    if not any(image.useful for image in parts.validation):
        teller.warn(
            "there is no particle to validate on, so the threshold is fitted on the training images and will "
            "look better than it is; label another image, or give --validation-images"
        )
        parts = replace(parts, validation=parts.train)
    return parts


def _check_kinds(sources: Sequence[DataSource]) -> None:
    if not any(source.part in ("", "train") for source in sources):
        raise InputError("there is nothing to train on; give --images with --picks or --masks, or --data")
    kinds = {source.masks is not None for source in sources}
    if len(kinds) > 1:
        raise InputError(
            "some of the data sets have picks and some have masks; a run takes one kind. `motes prepare` makes "
            "masks from picks"
        )


def _picked_set(
    source: DataSource, recipe: Recipe, store: Path, teller: Teller, processes: Processes, check_flips: bool
) -> _Set:
    def read() -> _ReadPicks:
        collection = collect(source.images, source.picks, recipe.net.ndim)
        for note in collection.notes:
            teller.say(note)
        lengths = _lengths(source, recipe, collection)
        ready, failures = prepare(collection, recipe, lengths, store, teller, check_flips)
        size = ready[0].pixel_size if ready else None
        return _ReadPicks(ready, failures, lengths, working_diameters(recipe, lengths, size) if ready else ())

    found = processes.once(read)
    weight = source.weight / max(1, len(found.ready))
    images = [
        Prepared(
            name=image.name,
            labelled=labelled,
            sha256=image.sha256,
            particles=len(image.points),
            diameters=image.diameters,
            pixel_size=image.pixel_size,
            group=source.group or _own_group(image.name, recipe),
            part=source.part,
        )
        for image, labelled in zip(found.ready, mapped(store, found.ready, weight), strict=True)
    ]
    return _Set(images, found.failures, found.lengths, found.working)


def _lengths(source: DataSource, recipe: Recipe, collection: Collection) -> list[Length]:
    """The diameter of each class: the source's own, the recipe's, or what the picks carry."""
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


def _masked_set(
    source: DataSource, recipe: Recipe, teller: Teller, processes: Processes, check_shift: bool
) -> _Set:
    if recipe.scale.diameter is not None or recipe.scale.pixel_size is not None:
        raise InputError(
            f"the recipe {recipe.name} brings images to a working scale, but masks are taken as they are; set "
            "working_diameter=none, or bring images and masks to the scale first (`motes prepare`)"
        )
    masks = collect_masks(
        source.images, str(source.masks), recipe.masks.kind, recipe.normalisation, recipe.net.ndim
    )
    for note in masks.notes:
        teller.say(note)

    def check() -> _CheckedMasks:
        with teller.progress("checking masks", len(masks.images), "images") as done:
            found = check_masks(masks.images, len(recipe.classes), check_shift=check_shift, done=done)
        for note in found.notes:
            teller.say(note)
        failures = [Failure(name, reason) for name, reason in found.problems.items()]
        return _CheckedMasks({image.name: image.sha256 for image in found.usable}, failures)

    checked = processes.once(check)
    usable = replace(masks, images=[image for image in masks.images if image.name in checked.hashes])
    weight = source.weight / len(usable.images)
    images = [
        Prepared(
            name=image.name,
            labelled=Labelled(
                image.pixels, np.zeros((0, recipe.net.ndim)), labels=image.labels, weight=weight
            ),
            sha256=checked.hashes[image.name],
            particles=None,
            group=source.group or _own_group(image.origin, recipe),
            part=source.part,
            chunk=image.chunk,
        )
        for image in usable.images
    ]
    lengths = [source.diameter] if source.diameter else recipe.lengths or []
    return _Set(images, checked.failures, lengths, masks=usable)


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
        useful = {number for number in still_open if images[number].useful}
        part_of |= dict.fromkeys(validation_groups(groups, useful, recipe), "validation")
    train = [images[number] for number, part in part_of.items() if part != "validation"]
    validation = [images[number] for number, part in part_of.items() if part == "validation"]
    _check_apart(train, validation)
    lengths = [each.lengths for each in sets]
    return Parts(
        train,
        validation,
        [failure for each in sets for failure in each.failures],
        lengths[0] if lengths and all(each == lengths[0] for each in lengths) else [],
        sets[0].working,
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


def _check_groups(sources: Sequence[DataSource]) -> None:
    """Raise InputError where a group that is never to be divided stands in two parts."""
    part_of: dict[str, Part] = {}
    for source in sources:
        named = source.group and source.part
        if named and part_of.setdefault(source.group, source.part) != source.part:
            raise InputError(
                f"the group {source.group!r} stands both in {part_of[source.group]} and in {source.part}; a group is "
                "never divided, so give all of it one split, or name two groups"
            )


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


def validation_groups(groups: Mapping[Key, str], useful: set[Key], recipe: Recipe) -> set[Key]:
    """The images to keep out of training: whole groups, chosen by the seed.

    groups: by image. useful: the images that hold particles. Both parts get particles, or there is nothing to
    validate on.
    """
    ordered = sorted(set(groups.values()))
    holding = {groups[name] for name in useful}
    if recipe.split.validation == 0 or len(holding) < 2:
        return set()
    count = min(max(round(recipe.split.validation * len(ordered)), 1), len(ordered) - 1)
    order = [ordered[i] for i in np.random.default_rng([recipe.seed, 0x5917]).permutation(len(ordered))]
    chosen, others = order[:count], order[count:]
    if not holding & set(chosen):  # take one with particles in place of one without
        chosen[-1] = next(group for group in others if group in holding)
    elif not holding & set(others):
        chosen.remove(next(group for group in chosen if group in holding))
    return {name for name, group in groups.items() if group in chosen}


def _check_apart(train: Sequence[Prepared], validation: Sequence[Prepared]) -> None:
    """Raise InputError where an image is to be trained on and validated on."""
    hashes = {image.sha256 for image in train}
    twice = [image.name for image in validation if image.sha256 in hashes]
    if twice:
        raise InputError(
            f"{len(twice)} of the validation images are training images too ({', '.join(twice[:3])}); "
            "what is validated on must not be trained on, so take them out of one of the two"
        )


def _check_usable(parts: Parts) -> None:
    if not any(image.useful for image in parts.train):
        reason = parts.failures[0].reason if parts.failures else "the picks of all training images are empty"
        raise InputError(f"there is no particle to train on: {reason}")


def keep_manifest(run: Path, parts: Parts, resume: bool) -> None:
    """Write data.csv; with resume see that the data are still the same."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["image", "part", "group", "particles", "diameter_px", "pixel_size", "weight", "sha256"])
    for part, images in (("train", parts.train), ("validation", parts.validation)):
        for image in images:
            size = "" if image.pixel_size is None else f"{image.pixel_size:.6g}"
            particles = "" if image.particles is None else image.particles
            diameters = " ".join(f"{diameter:.6g}" for diameter in image.diameters)
            weight = f"{image.labelled.weight:.6g}"
            writer.writerow([image.name, part, image.group, particles, diameters, size, weight, image.sha256])
    kept = run / "data.csv"
    if resume and kept.exists() and kept.read_text(encoding="utf-8") != table.getvalue():
        raise OutputError(
            f"the images or their labels have changed since {run} began (see {kept}); use another folder"
        )
    write_text(kept, table.getvalue())
