"""The folds of a study: which groups are trained on, validated on and tested on. Groups are never divided."""

from collections.abc import Mapping, Sequence

import numpy as np

from motes.data.sources import Part
from motes.errors import InputError
from motes.study.description import Division

Fold = Mapping[str, Part]


def folds_of(
    groups: Sequence[str], division: Division, given: Mapping[str, Part] | None = None
) -> list[Fold]:
    """The part of each group in each fold.

    given: parts that the table of the data names; where it names them for all groups, they are the one fold of a
    hold_out. Raises InputError where there are too few groups, or the table names parts for some groups only.
    """
    named = {group: part for group, part in (given or {}).items() if part}
    if named:
        return [_as_given(groups, named, division)]
    order = np.random.default_rng([division.seed, 0xD117]).permutation(sorted(set(groups))).tolist()
    match division.kind:
        case "hold_out":
            tested = [order[: division.test]]
        case "k_fold":
            tested = [order[number :: division.folds] for number in range(division.folds)]
        case "leave_one_group_out":
            tested = [[group] for group in order]
    return [_fold(order, each, division) for each in tested]


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
