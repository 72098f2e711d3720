"""Whether doubts find errors: objects and images that a net is unsure of, beside those that are wrong.

A model outlines images whose objects are known. An object is wrong where no true one has an IoU of 0.5 with it. With
--hard each image is also spoilt in one of several ways (blur, noise, contrast turned round, uneven light, blur to one
side), so that there are good and bad images. Nothing is trained, and nothing is tuned here.

    python benchmarks/uncertainty.py --model MODEL --images DIR --labels DIR --tta 4 --hard --work WORK

Intervals (95 %) are from drawing images anew; an image and its spoilt twin are drawn together.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.stats import rankdata

from motes.formats.images import read_image, write_image
from motes.formats.picks import read_picks
from motes.jobs.object_files import object_file, table_file
from motes.jobs.pick import PickOptions, pick
from motes.jobs.summary import ImageSummary
from motes.predict.windows import Windows
from motes.score.instances import find_overlaps, match_objects
from motes.score.statistics import percentile_interval, resample_images

RESAMPLES = 1000
Floats = NDArray[np.float64]
Picture = NDArray[np.float32]


def noisy(image: Picture, times: float) -> Picture:
    """With noise of so many times the image's own standard deviation."""
    noise = np.random.default_rng(0).normal(0, times * image.std(), image.shape)
    return (image + noise).astype(np.float32)


def shaded(image: Picture) -> Picture:
    """Dark at the top, bright at the bottom."""
    return image * np.linspace(0.05, 2.05, len(image), dtype=np.float32)[:, None]


def blurred_aside(image: Picture) -> Picture:
    """Sharp on the left, blurred on the right."""
    share = np.linspace(0, 1, image.shape[1], dtype=np.float32)
    return np.asarray(image * (1 - share) + ndimage.gaussian_filter(image, 4) * share)


SPOILT: dict[str, Callable[[Picture], Picture]] = {
    "blur of 2 px": lambda image: ndimage.gaussian_filter(image, 2),
    "noise of 1 sd": lambda image: noisy(image, 1),
    "contrast turned round": lambda image: image.max() - image,
    "uneven light": shaded,
    "blur of 4 px": lambda image: ndimage.gaussian_filter(image, 4),
    "noise of 3 sd": lambda image: noisy(image, 3),
    "blurred to one side": blurred_aside,
}


@dataclass(frozen=True)
class Annotated:
    """An image with known objects. kind: in which way it was spoilt, or plain. source: number of the original."""

    path: Path
    labels: Path
    kind: str
    source: int


@dataclass(frozen=True)
class Judged:
    """What a model found in an image, and what is right.

    wrong: (n,) of its objects; confidence, spread, doubt: (n,) as in its table, spread nan for one view. missed: true
    objects that none was matched with. told: the image's doubt and word in summary.csv.
    """

    image: Annotated
    wrong: NDArray[np.bool_]
    confidence: Floats
    spread: Floats
    doubt: Floats
    missed: int
    told: tuple[float, str]

    @property
    def counts(self) -> Floats:
        """Objects that are right, wrong and missed."""
        return np.array(
            [np.count_nonzero(~self.wrong), np.count_nonzero(self.wrong), self.missed], dtype=float
        )

    @property
    def f1(self) -> float:
        """Of objects; 1 where there is nothing, and nothing was found."""
        return f1_of(self.counts) if self.counts.sum() else 1.0


def f1_of(counts: Floats) -> float:
    right, wrong, missed = counts
    return float(2 * right / (2 * right + wrong + missed))


def annotated(images: Path, labels: Path, hard: Path | None) -> list[Annotated]:
    """Images that have labels of the same name, and the spoilt ones, which are written below hard."""
    truths = {file.stem: file for file in sorted(labels.iterdir())}
    plain = [file for file in sorted(images.iterdir()) if file.stem in truths]
    found = [Annotated(file, truths[file.stem], "plain", number) for number, file in enumerate(plain)]
    if hard is None:
        return found
    hard.mkdir(parents=True, exist_ok=True)
    for number, file in enumerate(plain):
        kind = list(SPOILT)[number % len(SPOILT)]
        path = hard / f"{file.stem}_spoilt.tif"
        write_image(path, SPOILT[kind](read_image(file).as_float32()))
        found.append(Annotated(path, truths[file.stem], kind, number))
    return found


def judged(model: str, images: Sequence[Annotated], tta: int, work: Path, threads: int) -> list[Judged]:
    """Outline the images, and match what is found with the truth; picks below work are kept for the next call."""
    options = PickOptions(windows=Windows(views=tta))
    result = pick([str(each.path) for each in images], model, work, options, threads=threads)
    rows = {Path(row.image).name: row for row in result.rows}
    found = {file.stem: file.parent for file in (work / "labels").rglob("*.tif")}
    return [
        judge(each, work, found[each.path.stem].relative_to(work / "labels"), rows[each.path.name])
        for each in images
    ]


def judge(image: Annotated, work: Path, folder: Path, row: ImageSummary) -> Judged:
    name = (folder / image.path.name).as_posix()
    labels = np.asarray(read_image(object_file(work, "labels", name)).data, dtype=np.int32)
    picks = next(iter(read_picks(table_file(work, name)).values()))
    overlaps = find_overlaps(labels, np.asarray(read_image(image.labels).data, dtype=np.int32))
    matched = match_objects(overlaps)
    wrong = np.ones(len(picks), bool)
    wrong[overlaps.pairs[matched, 0]] = False
    nothing = np.full(len(picks), np.nan)
    return Judged(
        image,
        wrong,
        nothing if picks.scores is None else picks.scores,
        np.asarray(picks.extra.get("spread", nothing), dtype=float),
        np.asarray(picks.extra.get("doubt", nothing), dtype=float),
        len(overlaps.truth) - len(matched),
        (float("nan") if row.doubt is None else row.doubt, row.quality or ""),
    )


def area(scores: Floats, wrong: NDArray[np.bool_]) -> float:
    """Area under the ROC curve: how often a wrong one scores higher than a right one; a half is chance."""
    bad = int(np.count_nonzero(wrong))
    pairs = bad * (len(wrong) - bad)
    return float((rankdata(scores)[wrong].sum() - bad * (bad + 1) / 2) / pairs) if pairs else float("nan")


def rank_correlation(one: Floats, other: Floats) -> float:
    """Spearman's."""
    ranks = np.stack([rankdata(one), rankdata(other)])
    return float(np.corrcoef(ranks)[0, 1]) if np.ptp(ranks, axis=1).all() else float("nan")


@dataclass(frozen=True)
class Drawn:
    """Images, and which of them each resample holds: numbers into images, some of them twice."""

    images: Sequence[Judged]
    draws: Sequence[NDArray[np.intp]]

    def told(self, value: Callable[[Sequence[Judged]], float]) -> str:
        """A value of the images with its interval."""
        resampled = [value([self.images[number] for number in draw]) for draw in self.draws]
        low, high = percentile_interval(np.array(resampled))
        return f"{value(self.images):.3f} ({low:.3f} to {high:.3f})"


def drawn(images: Sequence[Judged]) -> Drawn:
    sources = sorted({each.image.source for each in images})
    members = [np.flatnonzero([each.image.source == source for each in images]) for source in sources]
    draws = resample_images(len(sources), RESAMPLES, seed=0).astype(int)
    return Drawn(
        images,
        [
            np.concatenate([np.tile(m, times) for m, times in zip(members, draw, strict=True)])
            for draw in draws
        ],
    )


RANKINGS: dict[str, Callable[[Judged], Floats]] = {
    "1 - confidence": lambda image: 1 - image.confidence,
    "spread": lambda image: image.spread,
    "doubt": lambda image: image.doubt,
}


def object_area(images: Sequence[Judged], ranking: Callable[[Judged], Floats]) -> float:
    return area(
        np.concatenate([ranking(each) for each in images]), np.concatenate([each.wrong for each in images])
    )


def pooled_f1(images: Sequence[Judged], word: str) -> float:
    """Of the images that got this word."""
    counts = [each.counts for each in images if each.told[1] == word]
    return f1_of(np.sum(counts, axis=0)) if counts else float("nan")


def share_of_errors(images: Sequence[Judged]) -> float:
    """Which share of all wrong and missed objects lies in images that are to be looked at."""
    errors = np.array([each.counts[1:].sum() for each in images])
    flagged = np.array([each.told[1] == "look" for each in images])
    return float(errors[flagged].sum() / errors.sum()) if errors.sum() else float("nan")


def report(images: Sequence[Judged]) -> str:
    """Markdown."""
    groups = {"all": images, "plain": [each for each in images if each.image.kind == "plain"]}
    groups["spoilt"] = [each for each in images if each.image.kind != "plain"]
    return "\n".join([*_objects(groups), "", *_images(groups), "", *_kinds(images)])


def _objects(groups: dict[str, Sequence[Judged]]) -> list[str]:
    rows = ["| objects | wrong | " + " | ".join(RANKINGS) + " |", "|---|" + "---|" * (len(RANKINGS) + 1)]
    for name, images in groups.items():
        if images:
            sample = drawn(images)
            counts = np.sum([each.counts for each in images], axis=0)
            known = [None if any(np.isnan(r(e)).any() for e in images) else r for r in RANKINGS.values()]
            cells = ["" if r is None else sample.told(partial(object_area, ranking=r)) for r in known]
            total = f"{counts[1]:.0f} of {counts[:2].sum():.0f}"
            rows.append(f"| {name}: area under the ROC curve | {total} | {' | '.join(cells)} |")
    return rows


def _images(groups: dict[str, Sequence[Judged]]) -> list[str]:
    rows = ["| images | rank correlation of doubt and 1 - F1 | to look at | F1 of these | F1 of the others | errors in "
            "these |", "|---|---|---|---|---|---|"]  # fmt: skip
    for name, images in groups.items():
        if images:
            sample = drawn(images)
            flagged = sum(each.told[1] == "look" for each in images)
            cells = [
                sample.told(correlation),
                f"{flagged} of {len(images)}",
                sample.told(lambda some: pooled_f1(some, "look")),
                sample.told(lambda some: pooled_f1(some, "ok")),
                sample.told(share_of_errors),
            ]
            rows.append(f"| {name} | {' | '.join(cells)} |")
    return rows


def correlation(images: Sequence[Judged]) -> float:
    """Between what is said of images, and how bad they are."""
    return rank_correlation(
        np.array([each.told[0] for each in images]), np.array([1 - each.f1 for each in images])
    )


def _kinds(images: Sequence[Judged]) -> list[str]:
    rows = ["| kind | images | mean F1 | mean doubt | to look at |", "|---|---|---|---|---|"]
    for kind in ("plain", *SPOILT):
        some = [each for each in images if each.image.kind == kind]
        if some:
            f1, doubt = (
                float(np.mean(values)) for values in zip(*[(e.f1, e.told[0]) for e in some], strict=True)
            )
            looked = sum(each.told[1] == "look" for each in some)
            rows.append(f"| {kind} | {len(some)} | {f1:.3f} | {doubt:.3f} | {looked} |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, help="a model that outlines")
    parser.add_argument("--images", type=Path, required=True, help="a folder")
    parser.add_argument(
        "--labels", type=Path, required=True, help="a folder, files of the same names but for the end"
    )
    parser.add_argument("--tta", type=int, default=4, help="how often each window is seen")
    parser.add_argument("--hard", action="store_true", help="also spoil each image in one of several ways")
    parser.add_argument(
        "--work", type=Path, required=True, help="a folder for picks; what is there is not done again"
    )
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    images = annotated(options.images, options.labels, options.work / "spoilt" if options.hard else None)
    picked = options.work / f"picked-{options.tta}"
    print(report(judged(options.model, images, options.tta, picked, options.threads)))


if __name__ == "__main__":
    main()
