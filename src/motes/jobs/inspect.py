"""Look at images and picks before anything is done with them: what is here, and what is wrong with it."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.spatial import cKDTree

from motes.data.collection import (
    accepted,
    inside_image,
    nothing_paired,
    read_all_picks,
)
from motes.data.image_list import ImageEntry, find_images
from motes.data.normalise import Normalisation, fill_bad_pixels, normalise
from motes.data.orientation import (
    OrientationEvidence,
    OrientationPool,
    diameter_in,
    typical_spacing,
)
from motes.data.pairing import Pairing, pair
from motes.data.working import check_diameter
from motes.errors import ImageError, ModelError, MotesError, UnitError
from motes.figures.pictures import save_picture, split
from motes.image import Image
from motes.jobs.inspect_problems import image_problems, picks_problems
from motes.jobs.inspection import ImageFacts, Inspection, InspectOptions, PicksFacts, Problem
from motes.jobs.telling import Silent, Teller
from motes.picks import Picks

if TYPE_CHECKING:
    from motes.jobs.diameter import SeenDiameter

NO_ESTIMATE = (
    "the diameter of the particles cannot be estimated: too few stand out in the middle of the images; measure one, "
    "and give --diameter 150 (Angstrom) or --diameter 60px"
)


def inspect(
    sources: Sequence[str],
    picks_source: str | None = None,
    options: InspectOptions | None = None,
    teller: Teller | None = None,
) -> Inspection:
    """Look at every image and its picks, one image in memory at a time.

    Raises InputError where there is no image at all; whatever else is wrong is among the problems.
    """
    options, teller = options or InspectOptions(), teller or Silent()
    entries = find_images(sources, options.ndim)
    picks, pairing, problems = _paired_picks(entries, picks_source, options)
    pool = OrientationPool(spacing=typical_spacing(picks.values()))
    facts = []
    with teller.progress("inspecting", len(entries), "images") as done:
        for number, entry in enumerate(entries):
            facts.append(_look_at(entry, picks.get(entry.name), options, pool))
            done(number + 1)
    wanted = picks_source is None and options.diameter is None and options.ndim == 2
    estimated, unknown = _estimated_diameter(entries, facts, options) if wanted else (None, [])
    found = [*problems, *image_problems(facts), *picks_problems(facts, options, pool), *unknown]
    found.sort(key=lambda problem: not problem.unusable)
    inspected = Inspection(facts, found, estimated_diameter=estimated)
    if pairing is None:
        return inspected
    return replace(
        inspected,
        paired=dict(pairing.key_of),
        without_picks=tuple(pairing.unlabelled),
        without_image=tuple(pairing.left_over),
    )


def _estimated_diameter(
    entries: Sequence[ImageEntry], facts: Sequence[ImageFacts], options: InspectOptions
) -> "tuple[SeenDiameter | None, list[Problem]]":
    """The diameter of the particles in the images that can be used, or why it cannot be told."""
    usable = {each.name for each in facts if each.problem is None}
    if not usable:
        return None, []
    from motes.jobs.diameter import estimate  # brings torch along, which takes longer than all the rest

    try:
        found = estimate([entry for entry in entries if entry.name in usable], options.pixel_size)
    except ModelError as error:
        return None, [Problem(f"the diameter of the particles is not estimated: {error}")]
    return found, [] if found else [Problem(NO_ESTIMATE)]


def _paired_picks(
    entries: Sequence[ImageEntry], source: str | None, options: InspectOptions
) -> tuple[dict[str, Picks], Pairing | None, list[Problem]]:
    """Picks by image name, how they were paired, and what went wrong on the way."""
    if source is None:
        return {}, None, []
    names = [entry.name for entry in entries]
    try:
        loaded = read_all_picks(source, entries, options.ndim)
        taken = accepted(loaded.picks, source)
        pairing = pair(names, taken, options.ndim)
    except MotesError as error:
        return {}, Pairing({}, names, []), [Problem(str(error), unusable=True)]
    problems = [Problem(reason, (name,), unusable=True) for name, reason in loaded.problems.items()]
    problems += [Problem(note) for note in loaded.notes]
    if not pairing.key_of:
        problems.append(Problem(nothing_paired(entries, loaded), unusable=True))
    elif pairing.unlabelled:
        problems.append(
            Problem("no picks for these images; training leaves them out", tuple(pairing.unlabelled))
        )
    if pairing.key_of and pairing.left_over:
        problems.append(
            Problem("picks without an image; name all images, or remove them", tuple(pairing.left_over))
        )
    return {name: taken[key] for name, key in pairing.key_of.items()}, pairing, problems


def _look_at(
    entry: ImageEntry, picks: Picks | None, options: InspectOptions, pool: OrientationPool
) -> ImageFacts:
    """Read one image and tell what is in it; what goes wrong comes back as its problem."""
    try:
        image = entry.read(options.ndim, options.pixel_size)
        values = image.as_float32()
    except (MotesError, OSError) as error:
        return ImageFacts(entry.name, problem=str(error))
    good = values[np.isfinite(values)]
    known = good if good.size else np.zeros(1, np.float32)
    _draw(entry, image, picks, options)
    return ImageFacts(
        entry.name,
        shape=image.shape,
        dtype=str(image.data.dtype),
        pixel_size=image.pixel_size,
        pixel_size_from=_origin(image, entry, options),
        low=float(known.min()),
        high=float(known.max()),
        mean=float(known.mean(dtype=np.float64)),
        std=float(known.std(dtype=np.float64)),
        bad_pixels=values.size - good.size,
        sha256=_pixel_hash(image),
        picks=None if picks is None else _look_at_picks(picks, image, options, pool),
        problem=_pixel_problem(image),
    )


def _draw(entry: ImageEntry, image: Image, picks: Picks | None, options: InspectOptions) -> None:
    """Write the picture of an image with its picks, where it is asked for and the diameters are known."""
    if options.pictures is None or picks is None or picks.ndim != image.ndim:
        return
    names = ["particle"] if picks.classes is None else sorted(set(picks.classes.tolist()))
    try:
        sizes = {
            name: diameter_in(image, each, options.diameter) for name, each in split(picks, names).items()
        }
    except UnitError:  # it is among the problems
        return
    known = {name: size for name, size in sizes.items() if size is not None}
    if len(known) == len(sizes):
        save_picture(options.pictures / f"{entry.output_name}.png", image.data, picks, known)


def _origin(
    image: Image, entry: ImageEntry, options: InspectOptions
) -> Literal["option", "list", "header"] | None:
    if image.pixel_size is None:
        return None
    if options.pixel_size is not None:
        return "option"
    return "list" if entry.pixel_size is not None else "header"


def _pixel_problem(image: Image) -> str | None:
    """Why pixels cannot be used, by the same rules as training and picking."""
    try:
        pixels, _ = fill_bad_pixels(image.data, image.name)
        normalise(pixels, Normalisation(), image.name)
    except ImageError as error:
        return str(error)
    return None


def _pixel_hash(image: Image) -> str:
    digest = hashlib.sha256(f"{image.shape} {image.data.dtype.newbyteorder('<')}".encode())
    digest.update(np.ascontiguousarray(image.data).tobytes())
    return digest.hexdigest()


def _look_at_picks(picks: Picks, image: Image, options: InspectOptions, pool: OrientationPool) -> PicksFacts:
    if picks.ndim != image.ndim:
        mismatch = f"the image has {image.ndim} dimensions, its picks have {picks.ndim}"
        return PicksFacts(len(picks), 0, 0, problem=mismatch)
    unique = np.unique(picks.points, axis=0)
    nearest = cKDTree(unique).query(unique, k=2)[0][:, 1] if len(unique) > 1 else np.zeros(0)
    diameter, problem = _diameter(picks, image, options)
    evidence = _evidence(picks, image, diameter, pool) if problem is None else None
    return PicksFacts(
        count=len(picks),
        outside=int(len(picks) - inside_image(picks.points, image.shape).sum()),
        repeated=len(picks) - len(unique),
        diameter=diameter,
        nearest=float(np.median(nearest)) if len(nearest) else None,
        close=None if diameter is None else int((nearest < diameter / 2).sum()),
        as_given=None if evidence is None else evidence.as_given,
        flipped={} if evidence is None else evidence.flipped,
        suspect=None if evidence is None else evidence.suspect,
        problem=problem,
    )


def _diameter(picks: Picks, image: Image, options: InspectOptions) -> tuple[float | None, str | None]:
    """A particle's diameter in px of this image, given or the median of the picks', and what is wrong with it."""
    try:
        diameter = diameter_in(image, picks, options.diameter)
    except UnitError as error:
        return None, str(error)
    if diameter is None:
        return None, None
    try:
        check_diameter(diameter, image.shape, image.name)
    except UnitError as error:
        return diameter, str(error)
    return diameter, None


def _evidence(
    picks: Picks, image: Image, diameter: float | None, pool: OrientationPool
) -> OrientationEvidence | None:
    """Whether the picks fit the image as it is; None where that cannot be told."""
    try:
        return pool.add_image(image, picks, diameter)
    except MotesError:  # the image's own problem says it already
        return None
