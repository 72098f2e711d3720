"""The page that a training run leaves."""

from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from motes.figures.examples import Example
from motes.figures.report import (
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
from motes.recipe import load_recipe
from motes.score.metrics import Curve

CURVE = Curve(np.array([0.9, 0.5, 0.1]), np.array([3, 4, 5]), np.array([0, 1, 9]), truth=6)
FITTED = FittedThreshold(0.3, 0.8, 2 / 3, 0.727)
TRAINED_ON = [
    TrainedOn(image="a.mrc", sha256="0", particles=9, part="train"),
    TrainedOn(image="b.mrc", sha256="1", particles=3, part="train"),
    TrainedOn(image="c.mrc", sha256="2", particles=6, part="validation"),
]


def example(name: str, found: int, shape: tuple[int, ...] = (40, 50)) -> Example:
    truth = Picks(np.array([[*[3] * (len(shape) - 2), 10.0, 10.0 * i] for i in range(1, 4)]))
    rng = np.random.default_rng(1)
    data = rng.standard_normal(shape, dtype=np.float32)
    return Example(name, data, rng.random(shape, dtype=np.float32), truth.select(range(found)), truth, 6)


def make_report(
    fitted: FittedThreshold = FITTED,
    curve: Curve = CURVE,
    trained_on: list[TrainedOn] = TRAINED_ON,
    examples: tuple[Example, ...] = (example("c.mrc", 2),),
    epochs: int = 2,
) -> TrainingReport:
    recipe = load_recipe("micrographs", diameter="150")
    described = ModelDescription(
        net=recipe.net,
        classes=recipe.classes,
        diameter=150,
        diameter_unit="A",
        working_diameter=20,
        normalisation=recipe.normalisation,
        picking=recipe.picking,
        thresholds={"particle": fitted.threshold},
        threshold_note="",
        trained_on=trained_on,
        recipe=recipe.model_dump(mode="json"),
        versions={"motes": "0.1.0", "torch": "2"},
    )
    rows = [
        {"epoch": i, "loss": 0.5, "average_precision": 0.4, "best_f1": 0.6, "seconds": 3} for i in range(1, 9)
    ]
    return TrainingReport(
        recipe,
        described,
        rows[:epochs],
        curve,
        fitted,
        examples,
        [("d<1>.mrc", "it is <empty>")],
        "motes train it",
    )


class Addresses(HTMLParser):
    """Collects every address that a page refers to, and its tags."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.found += [value or "" for name, value in attrs if name in ("src", "href", "data", "xlink:href")]


def written(report: TrainingReport, folder: Path) -> str:
    write_training_report(folder / "report.html", report)
    return (folder / "report.html").read_text(encoding="utf-8")


def test_the_answer_is_one_sentence_with_its_numbers() -> None:
    assert answer(make_report()) == (
        "On 1 validation image with 6 marked particles, this model finds 67 % of the particles, "
        "and 80 % of its picks are right (F1 0.727)."
    )


def test_without_validation_images_the_answer_says_what_it_was_seen_on() -> None:
    report = make_report(trained_on=TRAINED_ON[:2])
    assert answer(report).startswith("On 2 training images with 12 marked particles")
    assert "look better than they are" in caveats(report)[0]


def test_a_threshold_that_could_not_be_fitted_is_no_number() -> None:
    nothing = FittedThreshold(0.5, None, None, None, "no picks to fit the threshold on; 0.5 is taken")
    assert answer(make_report(nothing)) == (
        "How well this model picks could not be measured on 1 validation image with 6 marked particles: "
        "no picks to fit the threshold on; 0.5 is taken."
    )
    assert len(caveats(make_report(nothing))) == 2


def test_images_and_particles_are_counted_by_part() -> None:
    assert part_rows(make_report().description) == [("training", 2, 12), ("validation", 1, 6)]


@pytest.mark.parametrize(("threshold", "counts"), [(0.95, (0, 0, 6)), (0.5, (4, 1, 2)), (0.0, (5, 9, 1))])
def test_counts_at_a_threshold_are_those_of_the_curve(threshold: float, counts: tuple[int, ...]) -> None:
    found = counts_at(CURVE, threshold)
    assert (found.true_positives, found.false_positives, found.false_negatives) == counts


def test_the_worst_example_comes_first_and_one_without_anything_last() -> None:
    empty = Example("empty", np.zeros((9, 9)), np.zeros((9, 9)), empty_picks(2), empty_picks(2), 5)
    ordered = worst_first([example("good", 3), empty, example("bad", 1), example("middling", 2)])
    assert [each.name for each in ordered] == ["bad", "middling", "good", "empty"]


def test_the_page_needs_no_other_file_and_no_script(tmp_path) -> None:
    page = Addresses()
    page.feed(written(make_report(), tmp_path))
    assert all(address.startswith(("data:", "#")) for address in page.found)
    assert not {"script", "link", "iframe"} & set(page.tags)
    assert page.tags.count("image") == 2


def test_the_page_tells_all_that_was_asked(tmp_path) -> None:
    text = written(make_report(), tmp_path)
    for words in (
        "On 1 validation image",
        "2 epochs in 6 seconds",
        "4 particles found, 2 missed, 1 picks that meet no marked",
        "F1 0.800: 2 found, 0 picked but not marked",
        "Ronneberger O, Fischer P, Brox T (2015)",
        "motes train it",
        "around_points: 0.5",
    ):
        assert " ".join(words.split()) in " ".join(text.split())


def test_names_from_outside_are_escaped(tmp_path) -> None:
    text = written(make_report(), tmp_path)
    assert "d&lt;1&gt;.mrc" in text
    assert "<empty>" not in text


def test_at_most_three_examples_are_shown_and_the_file_stays_small(tmp_path) -> None:
    examples = tuple(example(f"image{i}", 1, (1000, 1100)) for i in range(5))
    text = written(make_report(examples=examples), tmp_path)
    assert text.count("<h3>image") == 3
    assert len(text) < 5_000_000


def test_a_volume_is_shown_by_its_middle_section(tmp_path) -> None:
    text = written(make_report(examples=(example("volume", 2, (7, 40, 50)),)), tmp_path)
    assert 'viewBox="0 0 50 40"' in text
    assert text.count('<circle class="mark right" cx="10.5" cy="10.5" r="3.0"/>') == 1


def test_a_run_that_found_nothing_still_has_its_page(tmp_path) -> None:
    none = np.zeros(0, dtype=np.intp)
    nothing = FittedThreshold(0.5, None, None, None, "no picks to fit the threshold on; 0.5 is taken")
    report = make_report(nothing, Curve(np.zeros(0), none, none, truth=6), examples=(), epochs=0)
    text = written(report, tmp_path)
    assert "no record of the epochs" in text
    assert "F1 undefined" in text
