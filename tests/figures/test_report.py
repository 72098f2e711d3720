"""The page that a training run leaves."""

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motes.figures.examples import ClassPicks, Example
from motes.figures.mask_examples import MaskExample, Regions
from motes.figures.report import (
    MOST_ROWS,
    ClassResult,
    TrainingReport,
    answer,
    caveats,
    counts_at,
    part_rows,
    worst_first,
    write_training_report,
)
from motes.nets.model_file import ModelDescription, TrainedOn
from motes.picking.thresholds import FittedThreshold
from motes.picks import Picks, empty_picks
from motes.recipe import Recipe
from motes.recipe_file import check_recipe, load_recipe
from motes.score.metrics import Curve

CURVE = Curve(np.array([0.9, 0.5, 0.1]), np.array([3, 4, 5]), np.array([0, 1, 9]), truth=6)
FITTED = FittedThreshold(0.3, 0.8, 2 / 3, 0.727)
NOTHING = FittedThreshold(0.5, None, None, None, "no picks to fit the threshold on; 0.5 is taken")
TRAINED_ON = [
    TrainedOn(image="a.mrc", sha256="0", particles=9, part="train"),
    TrainedOn(image="b.mrc", sha256="1", particles=3, part="train"),
    TrainedOn(image="c.mrc", sha256="2", particles=6, part="validation"),
]
MASKED = [image.model_copy(update={"particles": None}) for image in TRAINED_ON]
SUMMARY: dict[str, Any] = {
    "epochs": 8,
    "stopped": "",
    "watched": "best_f1",
    "best_epoch": 4,
    "best": {"epoch": 4, "best_f1": 0.61, "pixel_f1": 0.55},
    "model_epoch": 8,
    "cost": {
        "parameters": 1_234_567,
        "crop": [64, 64],
        "operations": 2_000_000_000,
        "image": [256, 256],
        "seconds_per_image": 0.1,
        "peak_memory": 3_000_000_000,
        "device": "cpu",
        "threads": 2,
    },
    "sha256": {"model.safetensors": "ab" * 32, "checkpoints/best-0004.safetensors": "cd" * 32},
}


def example(name: str, found: int, shape: tuple[int, ...] = (40, 50)) -> Example:
    truth = Picks(np.array([[*[3] * (len(shape) - 2), 10.0, 10.0 * i] for i in range(1, 4)]))
    rng = np.random.default_rng(1)
    data = rng.standard_normal(shape, dtype=np.float32)
    classes = [ClassPicks("particle", truth.select(range(found)), truth, 6)]
    return Example(name, data, rng.random(shape, dtype=np.float32), classes)


def mask_example(name: str, found: int, shape: tuple[int, ...] = (40, 50)) -> MaskExample:
    rng = np.random.default_rng(1)
    truth = np.zeros(shape, dtype=bool)
    truth[..., :10, :10] = True
    picked = truth & (np.arange(shape[-1]) < found)
    regions = [Regions("particle", picked, truth, np.ones_like(truth))]
    data = rng.standard_normal(shape, dtype=np.float32)
    return MaskExample(name, data, rng.random(shape, dtype=np.float32), regions)


def described(recipe: Recipe, trained_on: list[TrainedOn]) -> ModelDescription:
    return ModelDescription(
        net=recipe.net,
        classes=recipe.class_names,
        diameters=[150] if len(recipe.classes) == 1 else [],
        diameter_unit="A",
        working_diameter=recipe.scale.diameter,
        working_pixel_size=recipe.scale.pixel_size,
        normalisation=recipe.normalisation,
        picking=recipe.picking,
        thresholds={},
        threshold_note="",
        trained_on=trained_on,
        recipe=recipe.model_dump(mode="json"),
        versions={"motes": "0.1.0", "torch": "2"},
    )


def make_report(trained_on: list[TrainedOn] = TRAINED_ON, **changes: Any) -> TrainingReport:
    recipe = load_recipe("micrographs", diameter="150")
    rows = [
        {"epoch": i, "loss": 0.5, "average_precision": 0.4, "best_f1": 0.6, "pixel_f1": 0.5, "seconds": 3}
        for i in range(1, 9)
    ]
    report = TrainingReport(
        recipe=recipe,
        description=described(recipe, trained_on),
        epochs=rows,
        summary=SUMMARY,
        classes=[ClassResult("particle", CURVE, FITTED)],
        examples=[example("c.mrc", 2)],
        looked_at=1,
        failures=[("d<1>.mrc", "it is <empty>")],
        command="motes train it",
    )
    return replace(report, **changes)


def masked_report(**changes: Any) -> TrainingReport:
    return make_report(
        MASKED,
        summary=SUMMARY | {"watched": "pixel_f1"},
        examples=[mask_example("c[0]", 5)],
        **changes,
    )


def outlining_report() -> TrainingReport:
    recipe = load_recipe("objects")
    return replace(masked_report(), recipe=recipe, description=described(recipe, MASKED), summary=SUMMARY)


def several_classes() -> TrainingReport:
    recipe = check_recipe({"name": "two", "classes": ["big", "small"], "working_pixel_size": 10})
    here, none = Picks(np.array([[10.0, 10.0]])), empty_picks(2)
    data = np.random.default_rng(0).random((40, 40), dtype=np.float32)
    shown = Example(
        "c.mrc", data, data, [ClassPicks("big", here, here, 12), ClassPicks("small", here, none, 6)]
    )
    other = FittedThreshold(0.7, 0.4, 0.5, 0.444, "precision=0.9 cannot be reached")
    return make_report(
        recipe=recipe,
        description=described(recipe, TRAINED_ON),
        classes=[ClassResult("big", CURVE, FITTED), ClassResult("small", CURVE, other)],
        examples=[shown],
    )


class Addresses(HTMLParser):
    """Collects every address that a page refers to, and its tags; sees that every tag is closed."""

    EMPTY = ("meta", "img", "br")

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.open += [] if tag in self.EMPTY else [tag]
        self.found += [value or "" for name, value in attrs if name in ("src", "href", "data", "xlink:href")]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def written(report: TrainingReport, folder: Path) -> str:
    write_training_report(folder / "report.html", report)
    return (folder / "report.html").read_text(encoding="utf-8")


def words_of(report: TrainingReport, folder: Path) -> str:
    return " ".join(written(report, folder).split())


def test_the_answer_is_one_sentence_with_its_numbers() -> None:
    assert answer(make_report()) == (
        "On 1 validation image with 6 marked particles, this model finds 67 % of the particles, "
        "and 80 % of its picks are right (F1 0.727)."
    )


def test_with_masks_the_answer_is_about_pixels() -> None:
    assert answer(masked_report()) == (
        "On 1 validation image with masks, this model finds 67 % of the particles' pixels, "
        "and 80 % of the pixels that it finds are right (F1 0.727)."
    )


def test_where_objects_are_outlined_the_answer_is_about_objects() -> None:
    assert answer(outlining_report()) == (
        "On 1 validation image with masks, this model finds 67 % of the objects, "
        "and 80 % of those that it finds are right (F1 0.727)."
    )


def test_of_several_classes_each_has_its_f1() -> None:
    report = several_classes()
    assert answer(report) == (
        "On 1 validation image with 6 marked particles, F1 is 0.727 for big and 0.444 for small, 0.586 on average."
    )
    assert caveats(report)[1:] == ["About the threshold for small: precision=0.9 cannot be reached."]
    one_known = replace(report, classes=[report.classes[0], ClassResult("small", CURVE, NOTHING)])
    assert answer(one_known).endswith("F1 is 0.727 for big, 0.727 on average; for small it is not defined.")


def test_without_validation_images_the_answer_says_what_it_was_seen_on() -> None:
    report = make_report(TRAINED_ON[:2])
    assert answer(report).startswith("On 2 training images with 12 marked particles")
    assert "look better than they are" in caveats(report)[0]


def test_a_threshold_that_could_not_be_fitted_is_no_number() -> None:
    report = make_report(classes=[ClassResult("particle", CURVE, NOTHING)])
    assert answer(report) == (
        "How well this model does could not be measured on 1 validation image with 6 marked particles: "
        "no picks to fit the threshold on; 0.5 is taken."
    )
    assert len(caveats(report)) == 2


def test_images_and_particles_are_counted_by_part() -> None:
    assert part_rows(make_report().description) == [("training", 2, 12), ("validation", 1, 6)]
    assert part_rows(masked_report().description) == [("training", 2, None), ("validation", 1, None)]


@pytest.mark.parametrize(("threshold", "counts"), [(0.95, (0, 0, 6)), (0.5, (4, 1, 2)), (0.0, (5, 9, 1))])
def test_counts_at_a_threshold_are_those_of_the_curve(threshold: float, counts: tuple[int, ...]) -> None:
    found = counts_at(CURVE, threshold)
    assert (found.true_positives, found.false_positives, found.false_negatives) == counts


def test_the_worst_example_comes_first_and_one_without_anything_last() -> None:
    nothing = [ClassPicks("particle", empty_picks(2), empty_picks(2), 5)]
    empty = Example("empty", np.zeros((9, 9)), np.zeros((9, 9)), nothing)
    ordered = worst_first([example("good", 3), empty, example("bad", 1), example("middling", 2)])
    assert [each.name for each in ordered] == ["bad", "middling", "good", "empty"]
    assert [each.name for each in worst_first([mask_example("b", 9), mask_example("a", 1)])] == ["a", "b"]


@pytest.mark.parametrize("report", [make_report(), masked_report(), outlining_report(), several_classes()])
def test_the_page_is_whole_and_needs_no_other_file_and_no_script(report: TrainingReport, tmp_path) -> None:
    page = Addresses()
    text = written(report, tmp_path)
    page.feed(text)
    assert page.open == []
    assert all(address.startswith(("data:", "#")) for address in page.found)
    assert not {"script", "link", "iframe"} & set(page.tags)
    assert page.tags.count("image") + page.tags.count("img") == 2
    assert ">None<" not in text


def test_the_page_tells_all_that_was_asked(tmp_path) -> None:
    text = words_of(make_report(), tmp_path)
    for words in (
        "On 1 validation image",
        "8 epochs in 24 s",
        "The best of the validated epochs is 4 (best F1 0.610).",
        "with training.keep=best it would have those of the best",
        "picks that meet no marked particle",
        "F1 0.800: 2 found, 0 picked but not marked, 1 missed.",
        "1,234,567 trainable parameters",
        "2 GFLOP",
        "3 GB",
        "ab" * 32,
        "checkpoints/best-0004.safetensors",
        "Ronneberger O, Fischer P, Brox T (2015)",
        "motes train it",
        "around_points: 0.5",
    ):
        assert words in text


@pytest.mark.parametrize(
    ("report", "said", "unsaid"),
    [
        (
            masked_report(),
            [
                "particles' pixels found",
                "pixels found wrongly",
                "these numbers do not say how many particles were found",
                "The images with the lowest F1 of pixels.",
                "F1 of pixels 0.667",
                "labelled by",
            ],
            ["picks that meet", "marked, not picked", "A pick counts"],
        ),
        (
            outlining_report(),
            [
                "objects found",
                "objects found wrongly",
                "a threshold on the confidence of an object",
                "overlaps a true one by at least half",
                "higher for fewer wrong objects",
                "recall (part of the objects that is found)",
                "gives the highest F1 of objects",
                "The images with the lowest F1 of pixels.",
            ],
            ["pixels found", "do not say how many", "the highest F1 of pixels", "A pixel is taken for part"],
        ),
    ],
    ids=["pixels", "objects"],
)
def test_with_masks_the_page_speaks_of_pixels_or_of_objects(
    report: TrainingReport, said: list[str], unsaid: list[str], tmp_path
) -> None:
    text = words_of(report, tmp_path).replace("&#39;", "'")
    assert [words for words in said if words not in text] == []
    assert [words for words in unsaid if words in text] == []


def test_a_choice_of_examples_from_some_images_is_said(tmp_path) -> None:
    many = [MASKED[0], *[MASKED[2]] * 30]
    report = masked_report(looked_at=12)
    report = replace(report, description=described(report.recipe, many))
    assert "lowest F1 of pixels of 12 that were looked at, evenly spread." in words_of(report, tmp_path)


def test_several_classes_have_a_plot_a_row_and_a_colour_each(tmp_path) -> None:
    text = words_of(several_classes(), tmp_path)
    assert text.count('aria-label="Precision over recall of ') == 2
    assert '<td>small</td><td class="n">0.700</td>' in text
    assert 'class="mark right" style="stroke: #56b4e9" cx="10.5" cy="10.5" r="6.0"' in text
    assert 'class="mark wrong" style="stroke: #ffa500" cx="10.5" cy="10.5" r="3.0"' in text
    assert "big: 1 found, 0 picked but not marked, 0 missed; small: 0 found, 1 picked" in text


def test_metrics_of_pixels_stand_in_a_table_with_the_best_epoch(tmp_path) -> None:
    text = words_of(make_report(), tmp_path)
    assert '<tr class="best"><td class="n">4 (best)</td>' in text
    assert '<th class="n">IoU</th>' in text
    without = [{"epoch": 1, "loss": 0.5, "seconds": 3}]
    assert '<th class="n">IoU</th>' not in words_of(make_report(epochs=without), tmp_path)


def test_names_from_outside_are_escaped(tmp_path) -> None:
    text = written(make_report(), tmp_path)
    assert "d&lt;1&gt;.mrc" in text
    assert "<empty>" not in text


@pytest.mark.parametrize(("make", "report"), [(example, make_report), (mask_example, masked_report)])
def test_at_most_three_examples_are_shown_and_the_file_stays_small(make: Any, report: Any, tmp_path) -> None:
    examples = [make(f"image{i}", 1, (1000, 1100)) for i in range(5)]
    text = written(replace(report(), examples=examples), tmp_path)
    assert text.count("<h3>image") == 3
    assert len(text) < 2_000_000


def test_of_very_many_images_some_are_listed(tmp_path) -> None:
    report = make_report([*TRAINED_ON, *[TRAINED_ON[0]] * MOST_ROWS], failures=[("x", "y")] * (MOST_ROWS + 2))
    text = words_of(report, tmp_path)
    assert text.count("<td>a.mrc</td>") == MOST_ROWS - 2
    assert "and 3 more; data.csv in the run folder has them all" in text
    assert "and 2 more</p>" in text


def test_a_volume_is_shown_by_its_middle_section(tmp_path) -> None:
    text = written(make_report(examples=[example("volume", 2, (7, 40, 50))]), tmp_path)
    assert 'viewBox="0 0 50 40"' in text
    assert text.count('<circle class="mark right" cx="10.5" cy="10.5" r="3.0"/>') == 1


def test_a_run_that_found_nothing_still_has_its_page(tmp_path) -> None:
    none = np.zeros(0, dtype=np.intp)
    result = ClassResult("particle", Curve(np.zeros(0), none, none, truth=6), NOTHING)
    text = written(make_report(classes=[result], examples=[], epochs=[]), tmp_path)
    assert "no record of the epochs" in text
    assert '<td class="n">undefined</td>' in text
