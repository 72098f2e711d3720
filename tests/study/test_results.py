"""What tests found, as arrays."""

import json
from pathlib import Path

import numpy as np
import pytest

from motes.study.description import METRICS, OF_CLASSES, OF_OBJECTS
from motes.study.results import read_results, recall_of_kinds
from study_folder import IMAGES, made_up_folder, made_up_study, write_test


def test_values_have_a_row_for_each_image_and_a_column_for_each_seed(tmp_path: Path) -> None:
    study, folder = made_up_folder(tmp_path)
    results = read_results(study, folder, 1)
    assert [(image.name, image.group) for image in results.images] == IMAGES
    assert list(results.rows) == ["plain", "gated", "plain, all seeds", "gated, all seeds", "all arms"]
    np.testing.assert_allclose(results.rows["plain"].values["f1"][:, 1], [0.51, 0.61, 0.31, 0.41, 0.21])
    assert results.rows["all arms"].values["f1"].shape == (5, 2)
    assert results.rows["plain, all seeds"].values["f1"].shape == (5, 1)
    assert [row.ensemble for row in results.rows.values()] == [False, False, True, True, True]
    assert results.groups.tolist() == ["a", "a", "b", "b", "b"]


def test_a_net_that_is_missing_leaves_its_column_unknown(tmp_path: Path) -> None:
    study, folder = made_up_folder(tmp_path)
    write_test(folder, "test/fold-0/gated", {"gated/1": lambda n: None if n == 2 else 0.5})
    row = read_results(study, folder, 1).rows["gated"]
    assert np.isnan(row.values["f1"][:, 0]).all()
    assert np.isnan(row.values["f1"][:, 1]).tolist() == [False, False, True, False, False]
    assert row.found[0] == [None] * 5


def test_classes_are_scored_in_all_images_together_and_by_themselves(tmp_path: Path) -> None:
    study, folder = made_up_folder(tmp_path)
    path = folder.tested("test/fold-0/plain")
    record = json.loads(path.read_text())
    record["weights"] = {"a": 1, "b": 2}
    whole, half = [[1, 0, 0]] * 5, [[1, 0, 1]] * 5
    for net in record["nets"]:
        net["classes"] = {
            "a": {"strict": whole, "official": whole},
            "b": {"strict": half, "official": half},
        }
    path.write_text(json.dumps(record))
    results = read_results(study, folder, 1)
    half_found = 17 / (17 + 16)
    together = results.together(results.rows["plain"])
    np.testing.assert_allclose(together["f4"], [[(1 + 2 * half_found) / 3] * 2])
    np.testing.assert_allclose(together["czii"], together["f4"])
    assert results.of_classes(results.rows["plain"])["b"] == pytest.approx(
        {"f4": half_found, "czii": half_found, "precision": 1, "recall": 0.5}
    )
    assert np.isnan(results.together(results.rows["gated"])["f4"]).all()
    assert results.of_classes(results.rows["gated"]) == {}


def test_scores_of_several_classes_are_reported_where_they_are_known_or_decide(tmp_path: Path) -> None:
    study, folder = made_up_folder(tmp_path)
    for item in ("plain", "gated", "ensembles of arms"):
        path = folder.tested(f"test/fold-0/{item}")
        record = json.loads(path.read_text())
        for net in record["nets"]:
            for scores in net["scores"]:
                for metric in (*OF_CLASSES, *OF_OBJECTS):
                    del scores[metric]
        path.write_text(json.dumps(record))
    results, rare = read_results(study, folder, 1), (*OF_CLASSES, *OF_OBJECTS)
    assert results.metrics("f1") == [metric for metric in METRICS if metric not in rare]
    assert results.metrics("f4")[-1] == "f4"


def test_recall_among_hard_particles_counts_every_seed(tmp_path: Path) -> None:
    study, folder = made_up_folder(tmp_path)
    write_test(folder, "test/fold-0/plain", {"plain/0": lambda _: 0.5}, kinds="11")
    results = read_results(study, folder, 1)
    assert recall_of_kinds(results.rows["plain"], results.images, "edge") == (10, 0.5)
    particles, recall = recall_of_kinds(results.rows["plain"], results.images, "ice")
    assert particles == 0
    assert recall != recall


def test_without_any_test_there_is_nothing(tmp_path: Path) -> None:
    _, folder = made_up_folder(tmp_path)
    results = read_results(made_up_study(), type(folder)(tmp_path / "empty"), 1)
    assert not results.images
    assert not results.rows


@pytest.mark.parametrize("name", ["plain", "gated"])
def test_costs_are_those_of_the_nets(tmp_path: Path, name: str) -> None:
    study, folder = made_up_folder(tmp_path)
    row = read_results(study, folder, 1).rows[name]
    assert (row.parameters, row.seconds_per_image) == (10, 0.5)
    assert row.members == [(0, [f"{name}/{seed}"]) for seed in (0, 1)]
