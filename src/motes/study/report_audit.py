"""The whole audit of a study: what its runs recorded, how the data were divided, and how and when the test was done."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import combinations
from typing import Any

import numpy as np

from motes.figures.study_results import AuditRow
from motes.jobs.manifest import MANIFEST
from motes.jobs.run_record import read_lines
from motes.study.audit import audit_runs, manifest_rows, read_facts
from motes.study.description import Study
from motes.study.folder import Folder, Unit
from motes.study.results import Results


def audit_of(
    folder: Folder,
    study: Study,
    units: Sequence[Unit],
    results: Results,
    declared: Mapping[str, Sequence[str]],
) -> list[AuditRow]:
    """The checks of the runs that have ended, and those of the division and of the test.

    declared: for each arm the fields in which it is meant to differ from the base.
    """
    ended = [unit for unit in units if folder.done(unit.item).exists()]
    facts = {unit: read_facts(folder.run(unit), unit) for unit in ended}
    return [
        *audit_runs(facts, study.base, declared),
        _apart(folder, ended, results),
        *([_samples_apart(folder, ended, results)] if results.samples > 1 else []),
        _test_last(folder, ended, results),
        _tested_alike(folder, study, units, results, declared),
    ]


def _apart(folder: Folder, ended: Sequence[Unit], results: Results) -> AuditRow:
    """No test image, by the content of its pixels, was trained or validated on in the same fold."""
    words = "no image, by its pixels, and no group in two parts of a fold"
    where, evidence = [], []
    folds = sorted({unit.fold for unit in ended})
    known = bool(folds)
    for fold in folds:
        used = _used(folder, ended, fold)
        tested = [image for image in results.images if image.fold == fold]
        known &= bool(used) and bool(tested)
        pixels = {row["image_sha256"]: f"{row['image']}, of {row['part']}" for row in used}
        where += [
            f"fold {fold}: the test image {image.name} is {pixels[image.pixels]}"
            for image in tested
            if image.pixels in pixels
        ]
        both = {row["group"] for row in used} & {image.group for image in tested}
        where += [f"fold {fold}: the group {group} is tested, and used before" for group in sorted(both)]
        evidence.append(f"fold {fold}: {len(used)} images to train and validate on, {len(tested)} to test on")
    return AuditRow("groups", words, _outcome(where, known), "; ".join(evidence) or "none", where)


def _samples_apart(folder: Folder, ended: Sequence[Unit], results: Results) -> AuditRow:
    """Two samples have no image, by its pixels, and no group to train or validate on in common, and one test set."""
    words = "samples without an image or group in common, with one test set for all"
    used = {number: _used(folder, ended, number) for number in range(results.samples)}
    tested = {
        number: {(image.name, image.pixels) for image in results.images if image.fold == number}
        for number in used
    }
    where = []
    for one, other in combinations(used, 2):
        for column, what in (("image_sha256", "image"), ("group", "group")):
            both = {row[column]: row for row in used[one]}
            shared = [row for row in used[other] if row[column] in both]
            named = sorted({row["image" if what == "image" else "group"] for row in shared})
            where += [f"samples {one} and {other} have the {what} {name} in common" for name in named]
        if tested[one] and tested[other] and tested[one] != tested[other]:
            where.append(f"samples {one} and {other} were tested on different images")
    known = all(used.values()) and all(tested.values())
    evidence = "; ".join(
        f"sample {number}: {len(rows)} images to train and validate on, {len(tested[number])} to test on"
        for number, rows in used.items()
    )
    return AuditRow("samples", words, _outcome(where, known), evidence, where)


def _used(folder: Folder, ended: Sequence[Unit], fold: int) -> list[dict[str, str]]:
    """The images that a fold was trained and validated on, as the first of its runs noted them."""
    runs = [folder.run(unit) for unit in ended if unit.fold == fold]
    return next((manifest_rows(run) for run in runs if (run / MANIFEST).is_file()), [])


def _outcome(where: Sequence[str], known: bool) -> str:
    return "failed" if where else "same" if known else "unknown"


def _test_last(folder: Folder, ended: Sequence[Unit], results: Results) -> AuditRow:
    """The test images were first read after the last training had ended; tests begun before that are told."""
    words = "test images first read after the last training had ended"
    lines = read_lines(folder.log)
    begun = [(line["item"], _seconds(line["at"])) for line in lines if _is(line, "begun", "test/")]
    if not ended or not results.records or not begun:
        return AuditRow("test", words, "unknown", "no test is noted in the log", [])
    last = max(_seconds(folder.outcome(unit.item)["at"]) for unit in ended)
    early = [(item, at) for item, at in begun if at < last]
    again = [_seconds(line["at"]) for line in lines if _is(line, "begun again", "train/")]
    seconds = min(at for _, at in begun) - last
    evidence = f"the first of {len(begun)} tests began {seconds:.0f} s after the last training ended"
    where = [f"{item} began before a training had ended" for item in sorted({item for item, _ in early})]
    if early and all(any(at < retried for retried in again) for _, at in early):
        return AuditRow("test", words, "declared", evidence, where, ["--retry"])
    return AuditRow("test", words, _outcome(where, True), evidence, where)


def _is(line: Mapping[str, Any], event: str, kind: str) -> bool:
    return line["event"] == event and str(line["item"]).startswith(kind)


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()


def _tested_alike(
    folder: Folder,
    study: Study,
    units: Sequence[Unit],
    results: Results,
    declared: Mapping[str, Sequence[str]],
) -> AuditRow:
    """Every arm was tested on the same images, by content, with every seed, by the same code, with the nets trained."""
    words = "every arm tested on the same images with every seed, by the same code, with the nets as trained"
    own_precision = any("training.precision" in fields for fields in declared.values())
    wrong = [
        *_other_images(results),
        *_other_machines(results, ("precision",) if own_precision else ()),
        *_other_nets(folder, results),
    ]
    folds = {unit.fold for unit in units} - {image.fold for image in results.images}
    missing = [f"fold {fold} has not been tested" for fold in sorted(folds)]
    for name in study.all_arms:
        row = results.rows.get(name)
        counted = None if row is None else row.values["true_positives"]
        lost = len(results.images) * len(study.seeds) if counted is None else int(np.isnan(counted).sum())
        missing += [f"{name}: {lost} images x seeds are missing"] if lost else []
    evidence = f"{len(results.images)} images x {len(study.seeds)} seeds x {len(study.all_arms)} arms"
    known = not missing and bool(results.images)
    return AuditRow("tested", words, _outcome(wrong, known), evidence, [*wrong, *missing])


def _other_images(results: Results) -> list[str]:
    """Tests of one fold that saw an image with other pixels, labels or particles."""
    first: dict[tuple[int, str], tuple[str, str, int]] = {}
    wrong = []
    for item, record in results.records.items():
        for row in record["images"]:
            content = (row["sha256"], row["image_sha256"], row["particles"])
            if first.setdefault((record["fold"], row["name"]), content) != content:
                wrong.append(f"{item} saw another {row['name']} than the tests before it")
    return wrong


def _other_machines(results: Results, but: Sequence[str]) -> list[str]:
    """Tests that another kind of machine, other code or other versions did than the first.

    but: what a declared difference of the arms may change of that.
    """
    made = {
        item: {name: value for name, value in record["by"].items() if name not in but}
        for item, record in results.records.items()
    }
    first: Mapping[str, Any] = next(iter(made.values()), {})
    return [
        f"{item}: {', '.join(f'{name} {by[name]}, not {first[name]}' for name in by if by[name] != first[name])}"
        for item, by in made.items()
        if by != first
    ]


def _other_nets(folder: Folder, results: Results) -> list[str]:
    """Nets that are not, by their bytes, what a training of this study left."""
    wrong = []
    for item, record in results.records.items():
        for name, tested in record["models"].items():
            arm, _, seed = name.partition("/")
            trained = folder.outcome(Unit(arm, record["fold"], int(seed)).item).get("model")
            wrong += (
                [f"{item}: the net of {name} is not the one that was trained"] if tested != trained else []
            )
    return wrong
