"""From what was found in images with masks to the page that shows it, and the words that both page and terminal say."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from motes.data.mask_pairs import collect_masks
from motes.data.masks import MaskedImage, MaskKind, class_numbers, whole
from motes.data.normalise import Normalisation, fill_bad_pixels
from motes.data.sources import DataSource
from motes.errors import MotesError
from motes.figures.mask_report import (
    AdviceShown,
    FaultShown,
    Histogram,
    MaskPicture,
    MaskReport,
    mask_picture,
    write_mask_report,
)
from motes.figures.pages import counted
from motes.formats.stores import ChunkCache
from motes.jobs.advice import number
from motes.jobs.domain import Domain, Measures, Range, density_of, finite, measured
from motes.jobs.inspect_masks import MaskInspection, summary
from motes.jobs.mask_facts import MaskFacts

OF_A_FAULT = 2  # pictures
MOST_PICTURES = 16
COLUMNS = (
    "image", "part", "size", "objects", "coverage", "diameter", "circularity", "contrast", "touching", "remarks"
)  # fmt: skip


def write_mask_page(
    path: Path,
    inspection: MaskInspection,
    sources: Sequence[DataSource],
    ndim: int = 2,
    command: str = "",
) -> None:
    """Write the page, with pictures of images that are read again; OutputError where it cannot be written.

    command: what to type for the recommended training.
    """
    wanted = _pictured(inspection)
    pictures = read_pictures(sources, inspection, wanted, ndim)
    write_mask_report(path, as_report(inspection, pictures, command))


def as_report(inspection: MaskInspection, pictures: dict[str, MaskPicture], command: str = "") -> MaskReport:
    """What the page tells. pictures: by the name of the image."""
    faults, advised = _faults_shown(inspection, pictures), inspection.recommendation
    domain = inspection.domain
    return MaskReport(
        answer=answer(inspection),
        faults=faults,
        found=found_in_words(inspection),
        rows=fact_rows(inspection.facts),
        histograms=_histograms(inspection.facts, domain),
        examples=[pictures[name] for name in _examples(inspection) if name in pictures],
        domain="" if domain is None else f"{domain.recipe} was made for {domain.about} ({domain.source}).",
        differences=[each.words for each in inspection.differences],
        recipe="" if advised is None else advised.recipe,
        reason="" if advised is None else advised.reason,
        advice=_advice_shown(inspection),
        command=command,
        columns=COLUMNS,
        images=[_image_row(inspection, facts) for facts in inspection.suspicious],
    )


def answer(inspection: MaskInspection) -> str:
    """One sentence: whether these images can be trained on."""
    wrong = sum(fault.unusable for fault in inspection.faults)
    unread = [facts for facts in inspection.facts if facts.problem is not None]
    images = counted(len(inspection.facts), "image")
    if wrong:
        what = "One thing has" if wrong == 1 else f"{wrong} things have"
        return f"{what} to be put right before a net is trained on {images}."
    if unread:
        return f"{len(unread)} of {images} cannot be used as they are."
    if inspection.faults:
        notes = "one thing" if len(inspection.faults) == 1 else counted(len(inspection.faults), "thing")
        return f"{images} can be trained on, with {notes} to know before."
    return f"Nothing wrong was found in {images}."


def found_in_words(inspection: MaskInspection) -> list[str]:
    """What the images hold, in sentences."""
    usable = [facts for facts in inspection.facts if facts.problem is None]
    if not usable:
        return ["No image with its mask could be used."]
    here = measured(usable)
    sizes = {size_text(facts.shape) for facts in usable}
    size = f"{next(iter(sizes))} px" if len(sizes) == 1 else f"{len(sizes)} different sizes"
    first = (
        f"{counted(here.images, 'image')} of {size} hold {counted(here.objects, 'object')}, "
        f"{number(here.density)} in 256 x 256 px; they cover {here.coverage:.0%} of the pixels on average."
    )
    return [first] if not here.objects else [first, _objects_in_words(here, usable)]


def _objects_in_words(here: Measures, usable: Sequence[MaskFacts]) -> str:
    contrasts = finite([facts.contrasts for facts in usable])
    contrast = ""
    if len(contrasts):
        middle = float(np.median(contrasts))
        side = "brighter" if middle >= 0 else "darker"
        contrast = f", {abs(middle):.1f} standard deviations of the image {side} than the ground beside them"
    return (
        f"Objects are {number(here.diameter)} px wide (nine in ten: {number(here.low)} to {number(here.high)}), with "
        f"a circularity of {here.circularity:.2f}{contrast}; {here.touching:.0%} touch another one, {here.at_edge:.0%} "
        "are cut by the edge of the image."
    )


def fact_rows(facts: Sequence[MaskFacts]) -> list[tuple[str, str]]:
    """(what, value) of the whole set, for a table."""
    usable = [each for each in facts if each.problem is None]
    if not usable:
        return []
    here = measured(usable)
    rows = [
        ("images", f"{here.images:,}"),
        ("objects", f"{here.objects:,}"),
        ("objects an image", _spread(np.array([float(each.objects) for each in usable]))),
        ("objects in 256 x 256 px", _spread(here.densities)),
        ("coverage, %", _spread(100 * np.array([each.coverage for each in usable]))),
        ("diameter, px", _spread(finite([each.diameters for each in usable]))),
        ("circularity", _spread(finite([each.circularities for each in usable]))),
        ("contrast, standard deviations", _spread(finite([each.contrasts for each in usable]))),
        ("touching another", f"{here.touching:.0%}"),
        ("cut by the edge", f"{here.at_edge:.0%}"),
    ]
    parts = [each.part for each in usable if each.part]
    return rows + [(f"{part} images", str(parts.count(part))) for part in dict.fromkeys(parts)]


def _spread(values: NDArray[np.float64]) -> str:
    found = summary(values)
    if found["median"] is None:
        return "-"
    return f"{number(found['median'])} ({number(found['min'])} to {number(found['max'])})"


def size_text(shape: Sequence[int]) -> str:
    """256x256, slowest axis first."""
    return "x".join(map(str, shape))


def evidence_rows(evidence: Iterable[tuple[str, float | str]]) -> list[tuple[str, str]]:
    """(what, value) with numbers as people read them."""
    return [
        (key.replace("_", " "), value if isinstance(value, str) else number(float(value)))
        for key, value in evidence
    ]


def _faults_shown(inspection: MaskInspection, pictures: dict[str, MaskPicture]) -> list[FaultShown]:
    return [
        FaultShown(
            fault.message,
            fault.images,
            evidence_rows(fault.evidence.items()),
            fault.unusable,
            [pictures[name] for name in fault.images[:OF_A_FAULT] if name in pictures],
        )
        for fault in inspection.faults
    ]


def _advice_shown(inspection: MaskInspection) -> list[AdviceShown]:
    if inspection.recommendation is None:
        return []
    needed = {each.field for each in inspection.recommendation.needed}
    return [
        AdviceShown(each.field, each.words.partition("=")[2], each.reason, each.field in needed)
        for each in inspection.recommendation.changes
    ]


def _histograms(facts: Sequence[MaskFacts], domain: Domain | None) -> list[Histogram]:
    usable = [each for each in facts if each.problem is None]

    def of(name: str) -> Range | None:
        return None if domain is None else getattr(domain, name)

    densities = np.array([density_of(each) for each in usable])
    coverage = of("coverage")
    percent = None if coverage is None else (100 * coverage[0], 100 * coverage[1])
    return [
        Histogram("objects of each image", "in 256 x 256 px", densities, of("density")),
        Histogram("diameters", "px", finite([each.diameters for each in usable]), of("diameter")),
        Histogram(
            "circularity", "1 is a disc", finite([each.circularities for each in usable]), of("circularity")
        ),
        Histogram(
            "contrast", "standard deviations of the image", finite([each.contrasts for each in usable])
        ),
        Histogram(
            "coverage of each image",
            "% of the pixels",
            100 * np.array([each.coverage for each in usable]),
            percent,
        ),
    ]


def _image_row(inspection: MaskInspection, facts: MaskFacts) -> list[str]:
    if facts.problem is not None:
        return [facts.name, facts.part, *["-"] * (len(COLUMNS) - 3), facts.problem]
    medians = [
        number(summary(each)["median"]) for each in (facts.diameters, facts.circularities, facts.contrasts)
    ]
    return [
        facts.name,
        facts.part,
        size_text(facts.shape),
        f"{facts.objects:,}",
        f"{facts.coverage:.1%}",
        *medians,
        f"{facts.touching:.0%}",
        inspection.remarks(facts),
    ]


def _pictured(inspection: MaskInspection) -> list[str]:
    """Names of the images to draw: of each fault a few, then examples."""
    of_faults = [name for fault in inspection.faults for name in fault.images[:OF_A_FAULT]]
    examples = _examples(inspection)
    room = MOST_PICTURES - len(examples)
    return list(dict.fromkeys([*list(dict.fromkeys(of_faults))[:room], *examples]))


def _examples(inspection: MaskInspection) -> list[str]:
    """The image with fewest objects for its size, one in the middle, and the one with most."""
    usable = sorted((facts for facts in inspection.facts if facts.problem is None), key=density_of)
    if not usable:
        return []
    chosen = [usable[0], usable[len(usable) // 2], usable[-1]]
    return list(dict.fromkeys(each.name for each in chosen))


def read_pictures(
    sources: Sequence[DataSource], inspection: MaskInspection, names: Sequence[str], ndim: int = 2
) -> dict[str, MaskPicture]:
    """Pictures of the images of these names, one in memory at a time; what cannot be read has none."""
    wanted, facts = set(names), {each.name: each for each in inspection.facts}
    drawn: dict[str, MaskPicture] = {}
    cache = ChunkCache()
    for place, source in enumerate(sources, start=1):
        try:
            found = collect_masks(
                source.images, source.masks or "", inspection.kind, Normalisation(), ndim, cache
            )
        except MotesError:  # it is among the faults
            continue
        for each in found.images:
            name = each.name if each.name in facts else f"{place}/{each.name}"  # of two sets with equal names
            picture = _draw(each, inspection.kind, facts[name]) if name in wanted - set(drawn) else None
            drawn |= {} if picture is None else {name: picture}
    return drawn


def _draw(each: MaskedImage, kind: MaskKind, facts: MaskFacts) -> MaskPicture | None:
    try:
        image = fill_bad_pixels(whole(each.image), each.name)[0].astype(np.float32)
        mask = np.nan_to_num(whole(each.mask))
    except (MotesError, OSError):  # it is among the faults
        return None
    marks = np.asarray(mask, dtype=np.int64) if kind == "instances" else class_numbers(mask, kind)
    words = f"{counted(facts.objects, 'object')}, {facts.coverage:.0%} covered"
    diameter = summary(facts.diameters)["median"]
    width = math.nan if diameter is None else float(diameter)
    return mask_picture(facts.name, "" if facts.problem else words, image, marks, width)
