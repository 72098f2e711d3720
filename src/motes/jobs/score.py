"""Score picks against truth, whatever programs wrote them."""

from collections.abc import Sequence
from dataclasses import dataclass

from motes.data.collection import load_picks, own_threshold
from motes.data.image_list import ImageEntry, find_images
from motes.data.pairing import pair
from motes.errors import PicksError, UnitError
from motes.formats.images import image_info
from motes.picks import Picks
from motes.score.scores import Report, score
from motes.units import Length


@dataclass(frozen=True)
class ScoreOptions:
    """radius, or half of diameter, is how near a pick must be; images give shapes and pixel sizes.

    threshold: without it, for the folder that `motes pick` wrote, the one it was picked with.
    """

    radius: Length | None = None
    diameter: Length | None = None
    threshold: float | None = None
    ignore_rim: float = 0
    images: Sequence[str] = ()
    pixel_size: float | None = None
    ndim: int = 2


def score_picks(picks_source: str, truth_source: str, options: ScoreOptions | None = None) -> Report:
    """Match picks with truth image by image; PicksError where the names do not agree."""
    options = options or ScoreOptions()
    images = find_images(options.images, options.ndim) if options.images else []
    accepted = own_threshold(truth_source) or 0.0
    truth = {
        name: picks.above(accepted) for name, picks in load_picks(truth_source, images, options.ndim).items()
    }
    loaded = load_picks(picks_source, images, options.ndim)
    pairing = pair(list(truth), loaded)
    if not pairing.key_of:
        raise PicksError(
            f"no image has both picks and truth: picks are named like {next(iter(loaded), 'nothing')!r}, "
            f"truth like {next(iter(truth), 'nothing')!r}; the names must agree"
        )
    picks = {name: loaded[key] for name, key in pairing.key_of.items()}
    picks |= {key: loaded[key] for key in pairing.left_over if key not in truth}
    shapes = _shapes(images, list(truth), options.ndim) if images else None
    return score(
        picks,
        truth,
        radius={name: _radius(truth[name], images, options) for name in truth},
        threshold=own_threshold(picks_source) if options.threshold is None else options.threshold,
        ignore_rim=options.ignore_rim,
        shapes=shapes,
    )


def _shapes(images: Sequence[ImageEntry], names: list[str], ndim: int) -> dict[str, tuple[int, ...]]:
    by_name = {entry.name: entry for entry in images}
    pairing = pair(names, by_name)
    return {name: image_info(by_name[key].path, ndim).shape for name, key in pairing.key_of.items()}


def _radius(truth: Picks, images: Sequence[ImageEntry], options: ScoreOptions) -> float:
    """Pixels within which a pick counts: the radius given, or half of the diameter given or in the truth."""
    pixel_size = options.pixel_size
    if pixel_size is None and images:
        pixel_size = images[0].pixel_size or image_info(images[0].path, options.ndim).pixel_size
    if options.radius is not None:
        return options.radius.in_pixels(pixel_size)
    if options.diameter is not None:
        return options.diameter.in_pixels(pixel_size) / 2
    if truth.diameters is not None and len(truth):
        return float(sum(truth.diameters) / len(truth)) / 2
    if len(truth) == 0:
        return 1.0  # nothing to match with
    raise UnitError(
        "how near a pick must be is not known: give --radius 20 (px) or --diameter 60px; "
        "the truth carries no diameters"
    )
