"""A factorial on two samples, made up: effects, shares, minutes, words, and the page that tells them."""

import json
from pathlib import Path

import numpy as np
import pytest

from motes.figures.study_results import StudyResults
from motes.output import write_text
from motes.study.analysis import compare, contrasts_of
from motes.study.description import Study
from motes.study.effects import effects_of, spreads_of, with_minutes
from motes.study.file import arm_recipe, as_yaml, check_study
from motes.study.folder import Folder
from motes.study.report import page_of, write_report
from motes.study.results import Results, read_results
from study_folder import write_test

NETS = {"unet": 0.0, "gates": -0.02, "se": 0.10}
PATCHES = {"64": 0.0, "96": 0.05, "128": 0.2}
IMAGES = [(f"i{n}", f"g{n}") for n in range(4)]
EASE = (0.1, 0.3, 0.4, 0.2)  # of each image


def crossed_study(seeds: int = 1, samples: int = 2) -> Study:
    changes = {"unet": [], "gates": ["net.skips=gate"], "se": ["net.encoder_attention=se"]}
    published = {
        "source": "Others, of other images.",
        "values": {"se-128": [0.7, 0.71]},
        "lines": {"best": 0.72},
    }
    return check_study(
        {
            "name": "s",
            "question": "q",
            "recipe": "micrographs",
            "base": "unet-64",
            "factors": {"net": changes, "patch": {name: [f"sampling.size={name}"] for name in PATCHES}},
            "seeds": seeds,
            "division": {"samples": samples},
            "published": published,
            "pilot": None,
        }
    )


def crossed_folder(path: Path, seeds: int = 1, noise: float = 0.0, samples: int = 2) -> tuple[Study, Folder]:
    """Every image of every arm has the sum of what its net, its patch, its sample and its seed bring."""
    study, folder = crossed_study(seeds, samples), Folder(path)
    write_text(folder.study, as_yaml(study))
    write_text(folder.settings, json.dumps({"device": None, "threads": 1}))
    rng = np.random.default_rng(1)
    for arm, levels in study.levels.items():
        write_text(folder.arm(arm), arm_recipe(study, arm).as_yaml())
        gain = NETS[levels["net"]] + PATCHES[levels["patch"]]
        for fold in range(samples):
            nets = {}
            for seed in study.seeds:
                luck = noise * rng.standard_normal(len(IMAGES))
                at = [0.03 * fold + 0.01 * seed + gain + ease for ease in EASE]
                nets[f"{arm}/{seed}"] = lambda n, at=at, luck=luck: at[n] + luck[n]
            write_test(folder, f"test/fold-{fold}/{arm}", nets, images=IMAGES, fold=fold)
    return study, folder


def results_of(study: Study, folder: Folder) -> Results:
    return read_results(study, folder, study.division.samples)


def test_all_levels_of_a_factor_are_compared_and_then_how_factors_act_together() -> None:
    names = [each.name for each in contrasts_of(crossed_study())]
    assert names == [
        *("net: gates - unet", "net: se - unet", "net: se - gates"),
        *("patch: 96 - 64", "patch: 128 - 64", "patch: 128 - 96"),
        *(
            f"net x patch: ({net} - unet) x ({patch} - 64)"
            for net in ("gates", "se")
            for patch in ("96", "128")
        ),
    ]


@pytest.mark.parametrize("seeds", [1, 2])
def test_effects_that_add_up_are_found_in_both_samples(tmp_path: Path, seeds: int) -> None:
    study, folder = crossed_folder(tmp_path, seeds)
    results = results_of(study, folder)
    assert results.distinct == 4
    found = {each.name: each for each in compare(study, results) if each.metric == "f1"}
    assert found["net: se - gates"].difference.value == pytest.approx(0.12)
    assert found["patch: 128 - 96"].difference.value == pytest.approx(0.15)
    assert found["patch: 128 - 96"].by_sample == pytest.approx((0.15, 0.15))
    together = found["net x patch: (se - unet) x (128 - 64)"]
    assert together.difference.value == pytest.approx(0, abs=1e-12)
    assert (together.groups, together.images, together.samples, together.seeds) == (4, 4, 2, seeds)
    repeats = (
        "trainings on other samples are the repeats" if seeds == 1 else "it speaks of these samples only"
    )
    assert together.method.endswith(repeats)


def test_shares_minutes_and_words_follow_from_what_was_put_in(tmp_path: Path) -> None:
    study, folder = crossed_folder(tmp_path, seeds=2, noise=1e-4)
    results = results_of(study, folder)
    minutes = {arm: 10.0 + 5 * list(PATCHES).index(levels["patch"]) for arm, levels in study.levels.items()}
    comparisons = with_minutes(study, compare(study, results), minutes)
    net, patch, both = effects_of(study, results, comparisons, minutes)
    assert [each.factors for each in (net, patch, both)] == [("net",), ("patch",), ("net", "patch")]
    assert net.share + patch.share + both.share == pytest.approx(1)
    assert patch.share > net.share > 0.1 > both.share
    assert [level.minutes for level in patch.levels] == [10, 15, 20]
    ease = float(np.mean(EASE)) + 0.015 + 0.005
    assert patch.levels[0].mean.value == pytest.approx(ease + np.mean(list(NETS.values())), abs=1e-3)
    assert {each.name: each.minutes for each in patch.comparisons}["patch: 128 - 64"] == pytest.approx(10)
    assert patch.words.startswith("patch: the mean F1 is ")
    assert "3 of 3 differences are clear after correction, the largest is 128 - 64, +0.2" in patch.words
    assert "; sample by sample +0.2" in patch.words
    assert patch.words.endswith("A training takes 10 min with 64, 15 min with 96 and 20 min with 128.")
    assert both.words.startswith("net x patch: no interaction is clear after correction, so as far as")


def test_an_arm_without_results_leaves_no_effects(tmp_path: Path) -> None:
    study, folder = crossed_folder(tmp_path)
    for fold in (0, 1):
        folder.tested(f"test/fold-{fold}/se-96").unlink()
    results = results_of(study, folder)
    assert effects_of(study, results, compare(study, results), {}) == []


def test_the_spread_between_samples_stands_beside_that_between_seeds(tmp_path: Path) -> None:
    study, folder = crossed_folder(tmp_path, seeds=2)
    arms, differences = spreads_of(study, results_of(study, folder))
    assert arms.seeds == pytest.approx(0.01 / 2**0.5)
    assert arms.samples == pytest.approx((0.03**2 / 2 - 0.01**2 / 4) ** 0.5)
    assert arms.tables == 9
    assert (differences.seeds, differences.samples) == pytest.approx((0, 0), abs=1e-12)
    alone, place = crossed_folder(tmp_path / "alone", samples=1)
    assert spreads_of(alone, results_of(alone, place)) == []


@pytest.fixture
def page(tmp_path: Path) -> StudyResults:
    study, folder = crossed_folder(tmp_path, noise=0.01)
    return page_of(folder, study, 2, results_of(study, folder))


def test_the_page_says_what_the_samples_are_and_what_others_found(page: StudyResults) -> None:
    assert any(caveat.startswith("There is one training on each of 2 samples") for caveat in page.caveats)
    assert page.targets == {"best": 0.72}
    assert "Published numbers stand beside those of this study" in " ".join(page.caveats)
    assert "2 samples: disjoint draws of the groups" in page.method[0]
    assert "4 test images of 4 groups were read once" in page.method[0]
    assert "takes the place of a seed" in page.method[2]
    assert [len(arm.samples) for arm in page.arms] == [2] * 9
    assert page.worst["unet-64"][0][:2] == ("i0", "g0")
    assert len(page.worst["unet-64"]) == 4


def test_the_report_has_the_effects_in_words_and_numbers(tmp_path: Path) -> None:
    study, folder = crossed_folder(tmp_path, noise=0.01)
    html = write_report(folder, study, 2).read_text()
    data = json.loads(folder.results.read_text())
    for word in (
        "net: the mean F1 is",
        "published F1",
        "0.700 / 0.710",
        "How much trainings differ",
        "Sample by sample",
    ):
        assert word in html
    assert [effect["factors"] for effect in data["effects"]] == [["net"], ["patch"], ["net", "patch"]]
    assert data["effects"][0]["words"] in html.replace("&#39;", "'") + "."
    assert data["spread_of_trainings"][0]["what"] == "what an arm reaches"
    assert data["arms"][0]["samples"][1]["values"]["f1"] > 0
    assert data["published"]["lines"] == {"best": 0.72}
