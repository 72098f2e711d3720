"""The whole audit of a study: what its runs recorded, how the data were divided, and when the test was done."""

from collections.abc import Sequence

import numpy as np

from motes.data.sources import read_data_rows
from motes.figures.study_results import AuditRow
from motes.study.audit import audit_runs, read_facts
from motes.study.description import Study
from motes.study.file import declared_differences
from motes.study.folder import Folder, Unit
from motes.study.results import Results


def audit_of(folder: Folder, study: Study, units: Sequence[Unit], results: Results) -> list[AuditRow]:
    """The checks of the runs, and those of the division and of the test."""
    facts = {unit: read_facts(folder.run(unit), unit) for unit in units}
    declared = {name: list(declared_differences(study, name)) for name in study.all_arms}
    return [
        *audit_runs(facts, study.base, declared),
        _groups_apart(folder, units),
        _test_last(folder, units, results),
        _same_test(study, results),
    ]


def _groups_apart(folder: Folder, units: Sequence[Unit]) -> AuditRow:
    """No group, and no image by its content, stands in two parts of a fold."""
    where, evidence = [], []
    for fold in sorted({unit.fold for unit in units}):
        parts: dict[str, set[str]] = {}
        for row in read_data_rows(folder.fold(fold)):
            parts.setdefault(row["split"], set()).add(row["group"])
        twice = [
            group for group in set().union(*parts.values()) if sum(group in p for p in parts.values()) > 1
        ]
        where += [f"fold {fold}: {group} stands in two parts" for group in sorted(twice)]
        evidence.append(f"fold {fold}: {', '.join(f'{len(parts[p])} {p}' for p in sorted(parts))} groups")
    words = "no group in two parts of a fold"
    return AuditRow("groups", words, "failed" if where else "same", "; ".join(evidence), where)


def _test_last(folder: Folder, units: Sequence[Unit], results: Results) -> AuditRow:
    """The test images were first read after the last training had ended."""
    words = "test images read once, after the last training had ended"
    ended = [folder.done(unit.item).stat().st_mtime for unit in units if folder.done(unit.item).exists()]
    if not ended or not results.opened:
        return AuditRow("test", words, "unknown", "no test has been done yet")
    early = [item for item, opened in results.opened.items() if opened < max(ended)]
    seconds = min(results.opened.values()) - max(ended)
    evidence = (
        f"the first test began {seconds:.0f} s after the last training had ended; {len(results.opened)} tests"
    )
    where = [f"{item} began before a training had ended" for item in early]
    return AuditRow("test", words, "failed" if early else "same", evidence, where)


def _same_test(study: Study, results: Results) -> AuditRow:
    """Every arm was tested on the same images, with every seed."""
    words = "every arm tested on the same images with every seed"
    where = []
    for name in study.all_arms:
        row = results.rows.get(name)
        counted = None if row is None else row.values["true_positives"]
        missing = len(results.images) * len(study.seeds) if counted is None else int(np.isnan(counted).sum())
        where += [f"{name}: {missing} images x seeds are missing"] if missing or not results.images else []
    evidence = f"{len(results.images)} images x {len(study.seeds)} seeds x {len(study.all_arms)} arms"
    return AuditRow("tested", words, "unknown" if where else "same", evidence, where)
