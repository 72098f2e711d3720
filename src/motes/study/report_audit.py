"""The whole audit of a study: what its runs recorded, how the data were divided, and how and when the test was done."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from motes.figures.study_results import AuditRow
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
        _test_last(folder, ended, results),
        _tested_alike(folder, study, results),
    ]


def _apart(folder: Folder, ended: Sequence[Unit], results: Results) -> AuditRow:
    """No test image, by the content of its pixels, was trained or validated on in the same fold."""
    words = "no image, by its pixels, and no group in two parts of a fold"
    where, evidence = [], []
    for fold in sorted({unit.fold for unit in ended}):
        unit = next(unit for unit in ended if unit.fold == fold)
        used = manifest_rows(folder.run(unit))
        tested = [image for image in results.images if image.fold == fold]
        pixels = {row["image_sha256"]: f"{row['image']}, of {row['part']}" for row in used}
        where += [
            f"fold {fold}: the test image {image.name} is {pixels[image.pixels]}"
            for image in tested
            if image.pixels in pixels
        ]
        both = {row["group"] for row in used} & {image.group for image in tested}
        where += [f"fold {fold}: the group {group} is tested, and used before" for group in sorted(both)]
        evidence.append(f"fold {fold}: {len(used)} images to train and validate on, {len(tested)} to test on")
    known = bool(results.images) and bool(ended)
    return AuditRow("groups", words, _outcome(where, known), "; ".join(evidence) or "none", where)


def _outcome(where: Sequence[str], known: bool) -> str:
    return "failed" if where else "same" if known else "unknown"


def _test_last(folder: Folder, ended: Sequence[Unit], results: Results) -> AuditRow:
    """The test images were first read after the last training had ended; tests begun before that are told."""
    words = "test images first read after the last training had ended"
    if not ended or not results.records:
        return AuditRow("test", words, "unknown", "no test has been done yet")
    last = max(
        _seconds(json.loads(folder.done(unit.item).read_text(encoding="utf-8"))["at"]) for unit in ended
    )
    begun = [(line["item"], _seconds(line["at"])) for line in log_lines(folder) if _is_test(line, "begun")]
    early = sorted({item for item, at in begun if at < last})
    retried = [line for line in log_lines(folder) if line["event"] == "begun again"]
    seconds = min(at for _, at in begun) - last
    evidence = f"the first of {len(begun)} tests began {seconds:.0f} s after the last training ended"
    where = [f"{item} began before a training had ended" for item in early]
    if early and retried:
        return AuditRow("test", words, "declared", evidence, where, ["--retry"])
    return AuditRow("test", words, _outcome(where, True), evidence, where)


def log_lines(folder: Folder) -> list[dict[str, Any]]:
    """What the study's log holds."""
    if not folder.log.is_file():
        return []
    return [json.loads(line) for line in folder.log.read_text(encoding="utf-8").splitlines()]


def _is_test(line: Mapping[str, Any], event: str) -> bool:
    return line["event"] == event and str(line["item"]).startswith("test/")


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()


def _tested_alike(folder: Folder, study: Study, results: Results) -> AuditRow:
    """Every arm was tested on the same images, by content, with every seed, by the same code, with the nets trained."""
    words = "every arm tested on the same images with every seed, by the same code, with the nets as trained"
    wrong = [*_other_images(results), *_other_machines(results), *_other_nets(folder, results)]
    missing = []
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


def _other_machines(results: Results) -> list[str]:
    """Tests that another kind of machine, other code or other versions did than the first."""
    made = {item: record["by"] for item, record in results.records.items()}
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
            done = folder.done(Unit(arm, record["fold"], int(seed)).item)
            trained = json.loads(done.read_text(encoding="utf-8"))["model"] if done.is_file() else None
            wrong += (
                [f"{item}: the net of {name} is not the one that was trained"] if tested != trained else []
            )
    return wrong
