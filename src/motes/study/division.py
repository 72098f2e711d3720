"""The folds of a study: which groups are trained on, validated on and tested on. Groups are never divided.

Samples are folds with one test set: a group of the others is in at most one of them.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from motes.data.sources import Part
from motes.errors import InputError
from motes.study.data_description import Division

Fold = Mapping[str, Part]


def folds_of(
    groups: Sequence[str], division: Division, given: Mapping[str, Part] | None = None
) -> list[Fold]:
    """The part of each group in each fold; of samples, each has its own groups and those of the test.

    given: parts that the table of the data names; where it names them for all groups, they are the one fold of a
    hold_out, and samples deal out what is trained on and what is validated on. Raises InputError where there are too
    few groups, or the table names parts for some groups only.
    """
    named = {group: part for group, part in (given or {}).items() if part}
    if named:
        fold = _as_given(groups, named, division)
        return [fold] if division.samples == 1 else _samples_as_given(fold, division)
    order = _order(groups, division)
    if division.samples > 1:
        return _samples(order, division)
    match division.kind:
        case "hold_out":
            tested = [order[: division.test]]
        case "k_fold":
            tested = [order[number :: division.folds] for number in range(division.folds)]
        case "leave_one_group_out":
            tested = [[group] for group in order]
    return [_fold(order, each, division) for each in tested]


def _order(groups: Iterable[str], division: Division) -> list[str]:
    """The groups in the order in which they are dealt out."""
    shuffled = np.random.default_rng([division.seed, 0xD117]).permutation(sorted(set(groups)))
    return [str(group) for group in shuffled]


def _samples(order: Sequence[str], division: Division) -> list[Fold]:
    """Folds with one test set; what remains is dealt out to them."""
    tested, others = order[: division.test], order[division.test :]
    validated = division.samples * division.validation
    if len(others) < validated + division.samples:
        raise InputError(
            f"the data have {len(order)} groups, too few for {division.samples} samples with {division.validation} to "
            f"validate on and at least 1 to train on in each, and {division.test} to test on; name more groups in the "
            "table's column group, or take fewer samples"
        )
    return _dealt(others[validated:], others[:validated], tested, division.samples)


def _samples_as_given(fold: Fold, division: Division) -> list[Fold]:
    """The samples of a table that names the parts."""
    of_part = {
        part: _order([g for g, own in fold.items() if own == part], division) for part in set(fold.values())
    }
    for part in ("train", "validation"):
        if len(of_part[part]) < division.samples:
            raise InputError(
                f"the table names {len(of_part[part])} groups for {part}, too few for {division.samples} samples that "
                "have none in common; name more, or take fewer samples"
            )
    return _dealt(of_part["train"], of_part["validation"], of_part["test"], division.samples)


def _dealt(train: Sequence[str], validation: Sequence[str], test: Sequence[str], samples: int) -> list[Fold]:
    """Deal groups out to samples in turn; the test is the same for all."""
    folds: list[Fold] = []
    for number in range(samples):
        parts: dict[str, Part] = dict.fromkeys(train[number::samples], "train")
        parts |= dict.fromkeys(validation[number::samples], "validation")
        folds.append(parts | dict.fromkeys(test, "test"))
    return folds


def _fold(order: Sequence[str], tested: Sequence[str], division: Division) -> Fold:
    """Groups that follow the tested ones are validated on, so that folds validate on different groups."""
    if not tested or len(order) - len(tested) < division.validation + 1:
        instead = "take fewer folds" if division.kind == "k_fold" else "validate or test on fewer"
        raise InputError(
            f"the data have {len(order)} groups, too few for {division.kind} with {len(tested) or 'at least 1'} to "
            f"test on, {division.validation} to validate on and at least 1 to train on in each fold; name more groups "
            f"in the table's column group, or {instead}"
        )
    start = order.index(tested[-1]) + 1
    others = [group for group in [*order[start:], *order[:start]] if group not in tested]
    parts: dict[str, Part] = dict.fromkeys(order, "train")
    parts |= dict.fromkeys(others[: division.validation], "validation")
    return parts | dict.fromkeys(tested, "test")


def _as_given(groups: Sequence[str], named: Mapping[str, Part], division: Division) -> Fold:
    problem = _why_not(groups, named, division)
    if problem:
        raise InputError(
            f"the table names a split for groups, but {problem}, or leave the column split empty"
        )
    return dict(named)


def _why_not(groups: Sequence[str], named: Mapping[str, Part], division: Division) -> str:
    unnamed = sorted(set(groups) - set(named))
    missing = sorted({"train", "validation", "test"} - set(named.values()))
    if division.kind != "hold_out":
        return (
            f"the study deals groups out in folds itself; set division.kind to hold_out, not {division.kind}"
        )
    for_all = "name train, validation and test for all groups"
    if unnamed:
        return f"the group {unnamed[0]!r} has none; {for_all}"
    return f"no group has the split {missing[0]}; {for_all}" if missing else ""
