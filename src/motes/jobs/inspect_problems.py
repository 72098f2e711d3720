"""What is wrong with images and picks, told from the facts of each."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from motes.data.collection import (
    OTHER_BINNING,
    too_many_outside,
)
from motes.data.orientation import (
    OrientationEvidence,
    OrientationPool,
    pooled_text,
)
from motes.jobs.inspection import ImageFacts, InspectOptions, PicksFacts, Problem, shape_text

if TYPE_CHECKING:
    pass

CLOSE_SHARE = 0.1  # more picks than this nearer than half a diameter to the next are no accident


def image_problems(facts: Sequence[ImageFacts]) -> Iterator[Problem]:
    """What is wrong with single images, then with the set."""
    for each in facts:
        if each.problem is not None:
            yield Problem(each.problem, (each.name,), unusable=True)
    masked = [f for f in facts if f.bad_pixels and f.problem is None]
    if masked:
        count = sum(f.bad_pixels for f in masked)
        yield Problem(f"{count} NaN or infinite pixels; they are masked and counted", _names(masked))
    for twins in _grouped(facts, "sha256").values():
        if len(twins) > 1:
            yield Problem(
                "the same pixels; keep one of these images, or training sees it repeatedly", _names(twins)
            )
    yield from _set_problems([f for f in facts if f.shape is not None])


def _set_problems(facts: Sequence[ImageFacts]) -> Iterator[Problem]:
    unknown = [f for f in facts if f.pixel_size is None]
    if unknown:
        yield Problem(
            "no pixel size in the header; give --pixel-size, or lengths in pixels, as in 60px",
            _names(unknown),
        )
    sizes = _grouped(facts, "pixel_size")
    if len(sizes) > 1:
        listed = ", ".join(f"{len(group)} images with {size:g} A/px" for size, group in sizes.items())
        yield Problem(
            f"different pixel sizes: {listed}; each image is scaled by its own, see that they are right"
        )
    shapes = _grouped(facts, "shape")
    if len(shapes) > 1:
        listed = ", ".join(f"{len(group)} of {shape_text(shape)}" for shape, group in shapes.items())
        yield Problem(f"images of different sizes: {listed}; that is allowed, see that they belong together")


def picks_problems(
    facts: Sequence[ImageFacts], options: InspectOptions, pool: OrientationPool
) -> Iterator[Problem]:
    """What is wrong with the picks of images."""
    picked = [(f, f.picks) for f in facts if f.picks is not None]
    wrong = [(f, p.problem) for f, p in picked if p.problem is not None]
    if wrong:
        yield Problem(str(wrong[0][1]), _names(f for f, _ in wrong), unusable=True)
    yield from _flip_problems(picked, pool)
    yield from _outside_problems([(f, p) for f, p in picked if p.outside])
    repeated = [f for f, p in picked if p.repeated]
    if repeated:
        count = sum(p.repeated for _, p in picked)
        yield Problem(
            f"{count} picks stand there more than once; the repetitions are left out", _names(repeated)
        )
    yield from _distance_problems([(f, p) for f, p in picked if p.count], options)
    if picked and not any(p.count for _, p in picked):
        yield Problem(
            "there is not one particle in the picks; nothing can be learnt from them", unusable=True
        )


def _flip_problems(
    picked: Sequence[tuple[ImageFacts, PicksFacts]], pool: OrientationPool
) -> Iterator[Problem]:
    """Single images with flipped picks, then those that tell only together."""
    for facts, p in picked:
        if p.as_given is not None and p.suspect is not None:
            message = OrientationEvidence(p.as_given, p.flipped).message
            yield Problem(message, (facts.name,), unusable=True)
    together = pool.evidence
    if together is not None and together.suspect is not None:
        message = f"{pooled_text(pool.names)}: {together.message}"
        yield Problem(message, tuple(pool.names), unusable=True)


def _outside_problems(outside: Sequence[tuple[ImageFacts, PicksFacts]]) -> Iterator[Problem]:
    if outside:
        far = [f for f, p in outside if too_many_outside(p.outside, p.count)]
        count, total = sum(p.outside for _, p in outside), sum(p.count for _, p in outside)
        what = OTHER_BINNING if far else "they are left out"
        names = _names(far or [f for f, _ in outside])
        yield Problem(f"{count} of {total} picks lie outside the image; {what}", names, unusable=bool(far))


def _distance_problems(
    picked: Sequence[tuple[ImageFacts, PicksFacts]], options: InspectOptions
) -> Iterator[Problem]:
    crowded = [(f, p) for f, p in picked if p.close is not None and p.close > p.count * CLOSE_SHARE]
    if crowded:
        count, total = sum(p.close or 0 for _, p in crowded), sum(p.count for _, p in crowded)
        yield Problem(
            f"{count} of {total} picks are nearer than half a diameter to another one; were particles picked "
            "twice, or is the diameter too large? Check --diameter and --pixel-size",
            _names(f for f, _ in crowded),
        )
    if picked and options.diameter is None and all(p.diameter is None for _, p in picked):
        yield Problem(
            "the diameter is not known, so distances were not checked; give --diameter 150 (Angstrom) or "
            "--diameter 60px"
        )


def _grouped(facts: Sequence[ImageFacts], key: str) -> dict[Any, list[ImageFacts]]:
    """Facts by one of their values, those without it left out."""
    groups: dict[Any, list[ImageFacts]] = {}
    for each in facts:
        value = getattr(each, key)
        if value is not None:
            groups.setdefault(value, []).append(each)
    return groups


def _names(facts: Iterable[ImageFacts]) -> tuple[str, ...]:
    return tuple(each.name for each in facts)
