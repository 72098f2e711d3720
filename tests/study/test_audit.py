"""The fairness audit, on records of runs that are made up."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from motes.fairness import CHECKS
from motes.figures.study_results import AuditRow
from motes.recipe import Recipe
from motes.recipe_file import flat
from motes.study.audit import RunFacts, audit_runs, declaring, differing_fields
from motes.study.folder import Unit

DECLARED = {"gated": ["net.name", "net.skips"]}


def recipe(**changes: Any) -> dict[str, Any]:
    given = {"name": "r", "training": {"epochs": 3}}
    values = dict(flat(Recipe.model_validate(given).model_dump(mode="json")))
    values = {key: value for key, value in values.items() if key not in ("name", "about")}
    return values | {key.replace("__", "."): value for key, value in changes.items()}


def start(**changes: Any) -> dict[str, Any]:
    return {
        "device": "cpu",
        "precision": "float32",
        "compile": False,
        "processes": 1,
        "threads": 2,
        "machine": "x86_64",
        "code": "c0de",
        "versions": {"torch": "2.13.0"},
        **changes,
    }


def facts(arm: str, seed: int = 0, **changes: Any) -> RunFacts:
    return RunFacts(
        **{
            "unit": Unit(arm, 0, seed),
            "recipe": recipe(),
            "images": [("train", "aa"), ("train", "bb"), ("validation", "cc")],
            "shown": [
                {"epoch": n, "steps": 5, "order": f"o{seed}{n}", "places": f"p{n}", "draws": f"d{n}"}
                for n in (1, 2, 3)
            ],
            "weights": {"first.weight": f"4x1x3x3 w{seed}", "last.weight": "1x4x1x1 v"},
            "starts": [start()],
            "rows": [{"epoch": n, "best_f1": 0.1 * n} for n in (1, 2, 3)],
            "summary": {"watched": "best_f1", "model_epoch": 3, "stopped": ""},
            **changes,
        }
    )


def gated(**changes: Any) -> RunFacts:
    given = {"recipe": recipe(net__name="attention_unet", net__skips="gate"), **changes}
    return facts("gated", **given)


def audited(*others: RunFacts, base: RunFacts | None = None) -> Mapping[str, AuditRow]:
    runs = [base or facts("plain"), *others]
    rows = audit_runs({run.unit: run for run in runs}, "plain", DECLARED)
    return {row.check: row for row in rows}


def outcomes(rows: Mapping[str, AuditRow]) -> dict[str, str]:
    return {check: row.outcome for check, row in rows.items() if row.outcome != "same"}


def test_equal_conditions_pass_every_check_with_evidence() -> None:
    rows = audited(gated())
    assert rows.keys() == {*CHECKS, "seeds", "recipe", "repeats", "rule", "versions"}
    assert outcomes(rows) == {}
    assert all(row.evidence != "none" for row in rows.values())
    assert rows["recipe"].evidence == "gated differs in net.name, net.skips"
    assert rows["steps"].evidence == "fold 0, seed 0: 15 steps"


def changed_lines(epoch: int, **values: str) -> list[Mapping[str, Any]]:
    return [line | (values if line["epoch"] >= epoch else {}) for line in facts("x").shown]


@pytest.mark.parametrize(
    ("changes", "check", "where"),
    [
        (
            {"shown": changed_lines(2, draws="other")},
            "draws",
            "gated and plain, fold 0, seed 0: from epoch 2 on",
        ),
        ({"shown": changed_lines(3, order="other")}, "order", "from epoch 3 on"),
        ({"shown": changed_lines(1, places="other")}, "places", "from epoch 1 on"),
        ({"shown": [{**line, "steps": 4} for line in facts("x").shown]}, "steps", "12 steps, not 15"),
        ({"summary": {"watched": "best_f1", "model_epoch": 2, "stopped": ""}}, "rule", "kept epoch 2, not 3"),
        ({"images": [("train", "bb"), ("train", "aa"), ("validation", "cc")]}, "images", "order, differ"),
        (
            {"weights": {"first.weight": "4x1x3x3 other"}},
            "weights",
            "1 of 1 differ, the first is first.weight",
        ),
        ({"starts": [start(threads=4)]}, "device", "threads 2.* / .*threads 4"),
        ({"starts": [start(), start(device="cuda")]}, "device", "device cuda"),
        ({"starts": [start(code="beef")]}, "versions", "train/gated/fold-0/seed-0: code beef, not c0de"),
        ({"starts": [start(versions={"torch": "2.14.0"})]}, "versions", "torch 2.14.0, not 2.13.0"),
    ],
)
def test_what_is_not_equal_fails_its_check_alone_and_says_where(
    changes: dict[str, Any], check: str, where: str
) -> None:
    rows = audited(gated(**changes))
    assert outcomes(rows) == {check: "failed"}
    assert re.search(where, rows[check].where[0])


def test_other_images_fail_among_arms_and_among_repeats() -> None:
    rows = audited(gated(images=[("train", "aa"), ("train", "xx"), ("validation", "cc")]))
    assert outcomes(rows) == {"images": "failed", "repeats": "failed"}
    assert "2 images" in rows["images"].where[0]
    assert rows["repeats"].where == [
        "train/gated/fold-0/seed-0 has other images than train/plain/fold-0/seed-0"
    ]


def test_a_repeat_with_another_recipe_fails_though_it_is_paired_well() -> None:
    later = [
        replace(run, unit=replace(run.unit, seed=1), recipe={**run.recipe, "training.learning_rate": 0.5})
        for run in (facts("plain"), gated())
    ]
    rows = audited(gated(), *later)
    assert outcomes(rows) == {"repeats": "failed"}
    assert (
        rows["repeats"].where[0].endswith("differs from train/plain/fold-0/seed-0 in training.learning_rate")
    )


def test_a_run_that_stopped_without_a_reason_breaks_its_rule() -> None:
    short = [
        replace(run, shown=run.shown[:2], summary={**run.summary, "model_epoch": 2})
        for run in (facts("plain"), gated())
    ]
    assert outcomes(audited(short[1], base=short[0])) == {"rule": "failed"}


def test_the_best_epoch_is_the_one_to_be_kept_where_the_recipe_says_so() -> None:
    keeping = {"training__keep": "best"}
    rows = [{"epoch": n, "best_f1": f1} for n, f1 in ((1, 0.3), (2, 0.9), (3, 0.5))]
    kept = {"watched": "best_f1", "model_epoch": 2, "stopped": ""}
    base = facts("plain", recipe=recipe(**keeping), rows=rows, summary=kept)
    arm = gated(
        recipe=recipe(net__name="attention_unet", net__skips="gate", **keeping), rows=rows, summary=kept
    )
    assert outcomes(audited(arm, base=base)) == {}


def test_a_layer_of_another_shape_is_not_shared() -> None:
    wider = {"first.weight": "8x1x3x3 other", "last.weight": "1x4x1x1 v", "gate.weight": "1 g"}
    row = audited(gated(weights=wider))["weights"]
    assert row.outcome == "same"
    assert "1 weights shared with gated, which has 2 of its own" in row.evidence


def test_a_declared_field_may_change_what_it_says() -> None:
    noisier = gated(
        recipe=recipe(net__name="attention_unet", net__skips="gate", augmentation__noise=0.5),
        shown=changed_lines(1, draws="other"),
    )
    rows = audit_runs(
        {run.unit: run for run in (facts("plain"), noisier)},
        "plain",
        {"gated": [*DECLARED["gated"], "augmentation.noise"]},
    )
    draws = next(row for row in rows if row.check == "draws")
    assert (draws.outcome, draws.declared_by) == ("declared", ["augmentation.noise"])
    assert all(row.outcome == "same" for row in rows if row.check != "draws")


def test_another_seed_of_augmentation_is_not_a_declared_difference() -> None:
    reseeded = gated(
        recipe=recipe(net__name="attention_unet", net__skips="gate", augmentation__seed=1),
        shown=changed_lines(1, draws="other"),
    )
    rows = audited(reseeded)
    assert outcomes(rows) == {"draws": "failed", "recipe": "failed", "seeds": "failed"}
    assert "undeclared augmentation.seed" in rows["recipe"].where[0]
    assert rows["seeds"].where == ["gated and plain, fold 0, seed 0: augmentation.seed is 1, not 0"]


def test_a_seed_hidden_behind_a_declared_change_of_augmentation_fails_all_the_same() -> None:
    fields = {"augmentation__noise": 0.5, "augmentation__seed": 1}
    hidden = gated(
        recipe=recipe(net__name="attention_unet", net__skips="gate", **fields),
        shown=changed_lines(1, draws="other"),
    )
    declared = {"gated": [*DECLARED["gated"], "augmentation.noise", "augmentation.seed"]}
    rows = {
        row.check: row for row in audit_runs({r.unit: r for r in (facts("plain"), hidden)}, "plain", declared)
    }
    assert outcomes(rows) == {"draws": "declared", "seeds": "failed", "recipe": "failed"}


def test_a_shorter_training_must_match_for_as_long_as_it_lasts() -> None:
    stopped = recipe(net__name="attention_unet", net__skips="gate", training__patience=2)
    declared = {"gated": [*DECLARED["gated"], "training.patience"]}
    ended = {"watched": "best_f1", "model_epoch": 2, "stopped": "no better"}
    short = gated(recipe=stopped, shown=facts("x").shown[:2], summary=ended)
    rows = {
        row.check: row for row in audit_runs({r.unit: r for r in (facts("plain"), short)}, "plain", declared)
    }
    assert outcomes(rows) == {"steps": "declared", "stopping": "declared"}
    other = gated(recipe=stopped, shown=changed_lines(2, order="other")[:2], summary=ended)
    rows = {
        row.check: row for row in audit_runs({r.unit: r for r in (facts("plain"), other)}, "plain", declared)
    }
    assert rows["order"].outcome == "failed"


def test_nets_that_each_stop_early_may_take_different_steps() -> None:
    both = {"training__patience": 2}
    ended = {"watched": "best_f1", "model_epoch": 2, "stopped": "no better"}
    base = facts("plain", recipe=recipe(**both))
    arm = gated(
        recipe=recipe(net__name="attention_unet", net__skips="gate", **both),
        shown=facts("x").shown[:2],
        summary=ended,
    )
    rows = audited(arm, base=base)
    assert outcomes(rows) == {"steps": "declared"}
    assert rows["steps"].declared_by == ["training.patience"]


def test_runs_are_paired_by_their_seed() -> None:
    plain = facts("plain", 1)
    paired = replace(gated(shown=plain.shown, weights=plain.weights), unit=Unit("gated", 0, 1))
    rows = audited(gated(), plain, paired)
    assert outcomes(rows) == {}
    assert "seed 0" in rows["order"].evidence
    assert "seed 1" in rows["order"].evidence


def test_a_run_without_records_leaves_the_audit_unknown() -> None:
    runs = {Unit("plain", 0, 0): facts("plain"), Unit("gated", 0, 0): None}
    rows = audit_runs(runs, "plain", DECLARED)
    assert {row.outcome for row in rows} == {"unknown"}
    assert {row.outcome for row in audit_runs({}, "plain", DECLARED)} == {"unknown"}
    assert {row.outcome for row in audit_runs({facts("plain").unit: facts("plain")}, "plain", DECLARED)} == {
        "unknown",
        "same",
    }
    assert "1 pairs of runs could not be compared" in rows[0].where[0]


def test_many_differences_are_told_shortly() -> None:
    runs = [facts("plain", seed) for seed in range(12)]
    runs += [
        replace(gated(shown=changed_lines(1, draws="x")), unit=Unit("gated", 0, seed)) for seed in range(12)
    ]
    rows = audit_runs({run.unit: run for run in runs}, "plain", DECLARED)
    draws = next(row for row in rows if row.check == "draws")
    assert len(draws.where) == 9
    assert draws.where[-1] == "and 4 more"


def test_borrowed_nets_draw_their_weights_in_their_own_way() -> None:
    ours, borrowed = recipe(), recipe(net__name="resnet34_unet")
    assert declaring("weights", borrowed, ours) == ("net.name",)
    assert declaring("weights", recipe(net__name="se_unet"), ours) == ()


def test_nets_that_are_shown_their_own_errors_may_see_other_places() -> None:
    one, other = (recipe(sampling__hard=0.2, net__width=width) for width in (8, 16))
    assert differing_fields(one, other) == ["net.width"]
    assert declaring("places", one, other) == ("sampling.hard",)
    assert declaring("draws", one, other) == ()
