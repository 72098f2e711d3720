"""Score label images against label images: objects, pixels, counts, sizes, space."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from motes.data.collection import own_threshold
from motes.data.image_list import ImageEntry
from motes.data.mask_objects import one_number
from motes.errors import ImageError, InputError
from motes.figures.agreement_plots import OverIou, bland_altman, iou_curves, save_svg, size_histograms
from motes.image import sides
from motes.jobs.label_pairs import LabelPairs, Labels, ValueKind, named, pair_labels, read_labels
from motes.jobs.telling import Silent, Teller
from motes.picking.measure_objects import measure_objects
from motes.picking.object_table import ObjectTable
from motes.picks import Picks, Threshold, empty_picks
from motes.score.instance_report import ObjectImage, score_objects
from motes.score.instances import match_objects
from motes.score.label_report import LabelImage, LabelReport, Side, summarise_labels

ObjectKind = Literal["instances", "binary", "found-binary", "truth-binary"]

LABEL = "label"  # the column of picks that names the object
FULL = (1, 255)  # what masks hold that do not tell objects apart


@dataclass(frozen=True)
class ObjectOptions:
    """kind: what label images hold, numbers of objects or masks, on both sides or one.

    threshold: least confidence of an object that was found. raters: neither side is the truth. volumes: pages of a
    TIFF are the layers of one volume.
    """

    kind: ObjectKind = "instances"
    threshold: float | None = None
    raters: bool = False
    volumes: bool = False

    def of(self, side: str) -> ValueKind:
        """What the values of one side are, found or truth."""
        return "binary" if self.kind in ("binary", f"{side}-binary") else "instances"


def score_label_images(
    found: str, truth: str, options: ObjectOptions | None = None, teller: Teller | None = None
) -> LabelReport:
    """Compare the objects of label images with the true ones, or those of two raters, image by image.

    found: label images, or the folder of `motes pick`, whose picks then give each object's confidence. Every true
    image counts; one for which there is no label image is one in which nothing was found. Between raters only images
    of both count. Raises ImageError where a file cannot be read or does not fit, for a score without it would be
    another one; InputError where names do not agree or confidences are missing.
    """
    options, teller = options or ObjectOptions(), teller or Silent()
    pairs = pair_labels(found, truth, teller, volumes=options.volumes)
    lost = [name for name, (own, _) in pairs.pairs.items() if own is None]
    if options.raters:
        pairs = replace(pairs, pairs={name: each for name, each in pairs.pairs.items() if name not in lost})
    _tell_pairing(pairs, lost, options, teller)
    confident = not options.raters and _are_confident(pairs.picks.values())
    threshold = _threshold(found, confident, options)
    images, problems, single = [], [], (_Single("found"), _Single("truth"))
    with teller.progress("scoring", len(pairs.pairs), "images") as show:
        for done, (name, (own, true)) in enumerate(pairs.pairs.items(), start=1):
            try:
                labels, true_labels = _read(own, true, pairs.ndim, options)
                for side, values in zip(single, (labels, true_labels), strict=True):
                    side.look(name, values)
                table = pairs.picks.get(name, empty_picks(pairs.ndim)) if confident else None
                images.append(_score(name, labels, true_labels, table, threshold))
            except ImageError as error:
                problems.append(str(error))
            show(done)
    if problems:
        more = f" ({len(problems)} images cannot be scored)" if len(problems) > 1 else ""
        raise ImageError(f"{problems[0]}{more}")
    for side in single:
        side.tell(teller)
    return summarise_labels(
        images,
        without_found=lost,
        without_truth=pairs.without_truth,
        threshold=threshold if isinstance(threshold, float) else None,
        raters=options.raters,
    )


def save_pictures(folder: Path, report: LabelReport) -> list[Path]:
    """Write counts.svg (Bland and Altman), sizes.svg and iou.svg into a folder, and give their paths."""
    who = ("a", "b") if report.raters else ("found", "true")
    found, truth = (
        np.concatenate([side.diameters for side in each])
        for each in zip(*((image.found, image.truth) for image in report.images), strict=True)
    )
    plots = {
        "counts": bland_altman(report.counts, who),
        "sizes": size_histograms(found, truth, who),
        "iou": iou_curves(_over_iou(report)),
    }
    for name, svg in plots.items():
        save_svg(folder / f"{name}.svg", svg)
    return [folder / f"{name}.svg" for name in plots]


def _over_iou(report: LabelReport) -> list[OverIou]:
    """The metrics that are drawn, those that are known."""
    names = {"f1": "F1", "accuracy": "TP / (TP + FP + FN)", "average_precision": "average precision"}
    thresholds = report.objects.images[0].thresholds
    micro = report.objects.micro
    drawn = {
        name: {at: micro[f"{key}_{100 * at:g}"] for at in thresholds if f"{key}_{100 * at:g}" in micro}
        for key, name in names.items()
        if not (report.raters and key == "average_precision")
    }
    return [OverIou(name, values) for name, values in drawn.items() if values]


def _read(
    own: ImageEntry | None, true: ImageEntry, ndim: int, options: ObjectOptions
) -> tuple[Labels, Labels]:
    """Both label images, of one shape; an empty one where nothing was found."""
    true_labels = read_labels(true, ndim, options.of("truth"))
    labels = np.zeros_like(true_labels) if own is None else read_labels(own, ndim, options.of("found"))
    if own is not None and labels.shape != true_labels.shape:
        raise ImageError(
            f"{true.name}: the labels found ({own.name}) are {sides(labels.shape)} px, the true ones "
            f"{sides(true_labels.shape)} px; both must be of one size, that of the image: write them again at that size"
        )
    for entry, values in ((own, labels), *(((true, true_labels),) if options.raters else ())):
        if entry is not None and values.size and values.min() < 0:
            raise ImageError(
                f"{entry.name}: holds {values.min()}, but labels of objects start at 1, with 0 beside them; only in "
                "the truth pixels below 0 are left out"
            )
    return labels, true_labels


def _score(
    name: str, labels: Labels, truth: Labels, table: Picks | None, threshold: Threshold | None
) -> LabelImage:
    confidences = None if table is None else _confidences(table)
    objects = score_objects(name, labels, truth, confidences)
    if threshold is not None and table is not None:
        sure = _labels_of(table.above(threshold))
        labels = np.where(np.isin(labels, sure), labels, 0)
        # as everywhere, average precision takes all
        objects = replace(score_objects(name, labels, truth), ranked=objects.ranked)
    return _with_sides(objects, labels, truth)


def _with_sides(objects: ObjectImage, labels: Labels, truth: Labels) -> LabelImage:
    overlaps = objects.overlaps
    pairs = overlaps.pairs[match_objects(overlaps, objects.thresholds[0])]
    counting = ~overlaps.excused
    counting[pairs[:, 0]] = True
    if truth.min(initial=0) < 0:  # sizes are compared, and the truth has none where nobody looked
        labels = np.where(truth < 0, 0, labels)
    found, true = measure_objects(labels), measure_objects(truth)  # those of overlaps, in its order
    return LabelImage(
        objects,
        _side(found.select(counting)),
        _side(true),
        np.stack([found.diameters[pairs[:, 0]], true.diameters[pairs[:, 1]]], axis=1),
        tuple(truth.shape),
        int(np.count_nonzero(truth >= 0)),
    )


def _side(table: ObjectTable) -> Side:
    return Side(table.points, table.diameters)


def _are_confident(tables: Iterable[Picks]) -> bool:
    """Whether tables tell how sure each object is."""
    given = [table for table in tables if len(table)]
    return bool(given) and all(table.scores is not None and LABEL in table.extra for table in given)


def _threshold(found: str, confident: bool, options: ObjectOptions) -> Threshold | None:
    """The confidence to reach: what is given, or that with which `motes pick` picked."""
    if confident:
        return own_threshold(found) if options.threshold is None else options.threshold
    if options.threshold is not None and options.raters:
        raise InputError("between two raters nothing is cut off by confidence; leave out --threshold")
    if options.threshold is not None:
        raise InputError(
            f"the confidence of the objects in {found} is not known, so --threshold cannot be used; it is known for "
            f"the folder of `motes pick`, whose picks have the columns score and {LABEL}"
        )
    return None


def _confidences(table: Picks) -> dict[int, float]:
    scores = np.zeros(0) if table.scores is None else table.scores
    return dict(zip(_labels_of(table).tolist(), scores.tolist(), strict=True))


def _labels_of(table: Picks) -> NDArray[np.int64]:
    return np.asarray(table.extra.get(LABEL, np.zeros(0)), dtype=np.float64).astype(np.int64)


class _Single:
    """Images of one side in which all objects have one number, as in masks of 0 and 1 or 0 and 255."""

    def __init__(self, side: str) -> None:
        self.side = side
        self.names: list[str] = []

    def look(self, name: str, labels: Labels) -> None:
        """Note an image whose only label is that of a mask, though it has several regions."""
        only = one_number(labels, name) if labels.size else None
        if only is not None and only.number in FULL and only.regions > 1:
            self.names.append(name)

    def tell(self, teller: Teller) -> None:
        """Warn of them."""
        if self.names:
            teller.warn(
                f"{self.side}: all objects of an image have the same number, 1 or 255, and count as one object, in "
                f"{named(self.names)}; if these are masks, --objects {self.side}-binary gives each connected region a "
                "number (binary, if both sides are masks)"
            )


def _tell_pairing(pairs: LabelPairs, lost: Sequence[str], options: ObjectOptions, teller: Teller) -> None:
    if lost and options.raters:
        teller.warn(f"only the second rater has labels of, left out: {named(lost)}")
    elif lost:
        teller.warn(f"no label image was found for, taken as images without an object found: {named(lost)}")
    if pairs.without_truth:
        who = "only the first rater has labels of" if options.raters else "label images without truth"
        teller.warn(f"{who}, left out: {named(pairs.without_truth)}")
