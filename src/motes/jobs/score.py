"""Score picks against truth, whatever programs wrote them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from motes.data.collection import accepted, load_picks, own_threshold
from motes.data.image_list import ImageEntry, find_images
from motes.data.orientation import look_at_set
from motes.data.pairing import pair
from motes.errors import PicksError, UnitError
from motes.formats.images import image_info
from motes.jobs.telling import Silent, Teller
from motes.picks import Picks
from motes.score.scores import Report, score
from motes.units import Length


@dataclass(frozen=True)
class ScoreOptions:
    """radius, or half of diameter, is how near a pick must be; images give shapes and pixel sizes.

    threshold: without it, for the folder that `motes pick` wrote, the one it was picked with. check_flips:
    refuse picks or truth that fit the mirrored images much better, where the diameter is known.
    """

    radius: Length | None = None
    diameter: Length | None = None
    threshold: float | None = None
    ignore_rim: float = 0
    images: Sequence[str] = ()
    pixel_size: float | None = None
    check_flips: bool = True
    ndim: int = 2


def score_picks(
    picks_source: str, truth_source: str, options: ScoreOptions | None = None, teller: Teller | None = None
) -> Report:
    """Match picks with truth image by image.

    Raises PicksError where the names do not agree, where a file cannot be read, or where picks or truth
    seem to be mirrored; ImageError for an image without whose size or pixel size there is no score.
    """
    options, teller = options or ScoreOptions(), teller or Silent()
    images = find_images(options.images, options.ndim) if options.images else []
    truth = accepted(_load(truth_source, images, options, teller), truth_source)
    loaded = _load(picks_source, images, options, teller)
    pairing = pair(list(truth), loaded)
    if not pairing.key_of:
        raise PicksError(
            f"no image has both picks and truth: picks are named like {next(iter(loaded), 'nothing')!r}, "
            f"truth like {next(iter(truth), 'nothing')!r}; the names must agree"
        )
    picks = {name: loaded[key] for name, key in pairing.key_of.items()}
    picks |= {key: loaded[key] for key in pairing.left_over if key not in truth}
    threshold = own_threshold(picks_source) if options.threshold is None else options.threshold
    image_of = _images_of(truth, images)
    if options.check_flips:
        chosen = {n: p if threshold is None else p.above(threshold) for n, p in picks.items()}
        _check_flips(truth_source, truth, image_of, options, teller)
        _check_flips(picks_source, chosen, image_of, options, teller)
    rim = options.ignore_rim > 0
    return score(
        picks,
        truth,
        radius={name: _radius(name, truth[name], image_of.get(name), options) for name in truth},
        threshold=threshold,
        ignore_rim=options.ignore_rim,
        shapes={n: image_info(e.path, options.ndim).shape for n, e in image_of.items()} if rim else None,
    )


def _load(
    source: str, images: Sequence[ImageEntry], options: ScoreOptions, teller: Teller
) -> dict[str, Picks]:
    loaded = load_picks(source, images, options.ndim)
    for note in loaded.notes:
        teller.warn(note)
    return loaded.picks


def _images_of(truth: Mapping[str, Picks], images: Sequence[ImageEntry]) -> dict[str, ImageEntry]:
    """By the name of its truth, each image that was named."""
    by_name = {entry.name: entry for entry in images}
    return {name: by_name[key] for name, key in pair(list(truth), by_name).key_of.items()}


def _check_flips(
    source: str,
    picks: Mapping[str, Picks],
    image_of: Mapping[str, ImageEntry],
    options: ScoreOptions,
    teller: Teller,
) -> None:
    """Raise PicksError where picks of a known diameter fit the mirror image of their image much better."""
    labelled = [(entry, picks[name]) for name, entry in image_of.items() if name in picks]
    found = look_at_set(labelled, options.diameter, ndim=options.ndim, pixel_size=options.pixel_size)
    for name, reason in found.unchecked.items():
        teller.warn(f"{name}: the orientation of its picks was not checked: {reason}")
    found.refuse(source)


def _radius(name: str, truth: Picks, image: ImageEntry | None, options: ScoreOptions) -> float:
    """Pixels within which a pick counts: the radius given, or half of the diameter given or in the truth."""
    if len(truth) == 0:
        return 1.0  # nothing to match with
    if options.radius is not None:
        return _in_pixels(options.radius, name, image, options)
    if options.diameter is not None:
        return _in_pixels(options.diameter, name, image, options) / 2
    if truth.diameters is not None:
        return float(sum(truth.diameters) / len(truth)) / 2
    raise UnitError(
        "how near a pick must be is not known: give --radius 20 (px) or --diameter 60px; "
        "the truth carries no diameters"
    )


def _in_pixels(length: Length, name: str, image: ImageEntry | None, options: ScoreOptions) -> float:
    """A length in pixels of one image, whose header is read only where nothing else gives its pixel size."""
    if length.unit == "px":
        return length.value
    pixel_size = options.pixel_size
    if pixel_size is None and image is not None:
        pixel_size = image.pixel_size or image_info(image.path, options.ndim).pixel_size
    try:
        return length.in_pixels(pixel_size)
    except UnitError as error:
        raise UnitError(f"{name}: {error}") from None
