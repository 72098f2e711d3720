"""Which threshold a model has that was trained from another one."""

from pathlib import Path

import numpy as np
import pytest

from easy_training import DIAMETER, easy_image
from motes.errors import ModelError, RecipeError
from motes.jobs.fine_tuning import Start, read_start, settle_thresholds, threshold_note, why_kept
from motes.jobs.parts import Parts, Prepared
from motes.nets.description import NetDescription
from motes.nets.model_file import StartedFrom, save_model
from motes.picking.calibration import Calibration, calibrated
from motes.picking.thresholds import fit_threshold, parse_goal
from motes.recipe import Recipe
from motes.recipe_file import check_recipe, load_recipe
from motes.score.metrics import Curve
from small_model import NET, model

IMAGE = Prepared("m", easy_image(0), "", 25, working=(DIAMETER,))
SAME = [IMAGE]
ONCE, APART = Parts(SAME, SAME, []), Parts(SAME, [IMAGE], [])
# Ten particles, and picks of which every other one is right.
CURVE = Curve(np.array([0.9, 0.7, 0.5, 0.3]), np.array([4, 6, 8, 9]), np.array([0, 1, 4, 9]), truth=10)


def start(threshold: float = 0.6, calibration: Calibration | None = None, **recipe: str) -> Start:
    described = model(thresholds={"ribosome": threshold}, calibration=calibration, recipe=recipe)
    return Start(described, StartedFrom(name="default", sha256="0"))


def recipe(goal: str = "f1", labels: str = "complete") -> Recipe:
    return check_recipe({"name": "r", "net": NET, "goal": goal, "labels": labels, "start": "default"})


@pytest.mark.parametrize(
    ("goal", "labels", "parts", "before", "kept"),
    [
        ("f1", "complete", APART, "f1", False),  # validation images can tell
        ("f1", "complete", ONCE, "f1", True),
        ("f2", "complete", ONCE, "f1", False),  # the threshold of the start is for another goal
        ("recall=0.8", "complete", ONCE, "recall=0.8", True),
        ("f1", "partial", APART, "f1", True),
        ("f2", "partial", APART, "f1", True),  # nothing better is known
        ("recall=0.8", "partial", APART, "f1", False),  # recall is known of the marked ones
    ],
)
def test_a_threshold_is_fitted_where_that_can_be_done_honestly(
    goal: str, labels: str, parts: Parts, before: str, kept: bool
) -> None:
    chosen = recipe(goal, labels)
    begun = start(goal=before)
    assert bool(why_kept(chosen, parts, begun)) == kept
    found = settle_thresholds(chosen, parts, [CURVE], begun)["particle"]
    assert found.threshold == (0.6 if kept else fit_threshold(CURVE, parse_goal(goal)).threshold)
    assert why_kept(chosen, parts, None) == ""


def test_without_a_start_all_is_fitted_as_ever() -> None:
    plain = load_recipe("micrographs")
    assert settle_thresholds(plain, ONCE, [CURVE], None) == {
        "particle": fit_threshold(CURVE, plain.threshold_goal)
    }
    assert threshold_note(plain, ONCE, [], None) == "fitted for f1 on the training images themselves"
    assert threshold_note(plain, APART, [], None) == "fitted for f1 on 1 validation images"


def test_a_threshold_that_is_fitted_on_other_curves_is_told_on_the_validation_images() -> None:
    plain = load_recipe("objects")
    stricter = Curve(np.array([0.8, 0.6]), np.array([9, 10]), np.array([0, 9]), truth=10)
    found = settle_thresholds(plain, APART, [CURVE], None, [stricter])["particle"]
    assert found.threshold == fit_threshold(stricter, plain.threshold_goal).threshold
    assert (found.precision, found.recall, found.f1, found.note) == (6 / 7, 6 / 10, 12 / 17, "")
    above = Curve(np.array([0.95]), np.array([9]), np.array([0]), truth=10)
    beyond = settle_thresholds(plain, APART, [CURVE], None, [above])["particle"]
    assert (beyond.threshold, beyond.recall, beyond.f1) == (0.95, 0, None)
    assert beyond.note == "nothing in the validation images reaches it"
    wanted = plain.model_copy(update={"goal": "recall=1"})
    missed = settle_thresholds(wanted, APART, [CURVE], None, [above])["particle"]
    assert missed.note.startswith(
        "recall=1 cannot be reached; the nearest is recall=0.900 (of validation and training"
    )
    few = Parts(SAME * 3, [IMAGE], [])
    assert (
        threshold_note(plain, few, [], None) == "fitted for f1 on 1 validation images and 3 training images"
    )
    assert threshold_note(load_recipe("micrographs"), few, [], None) == "fitted for f1 on 1 validation images"


def test_what_a_kept_threshold_gives_is_read_off_the_curve() -> None:
    found = settle_thresholds(recipe(), ONCE, [CURVE], start(0.5))["particle"]
    assert (found.precision, found.recall, found.f1) == (8 / 12, 8 / 10, 16 / 22)
    beyond = settle_thresholds(recipe(), ONCE, [CURVE], start(0.95))["particle"]
    assert (beyond.precision, beyond.recall, beyond.f1) == (None, 0, None)


def test_a_kept_threshold_is_for_scores_as_the_net_gives_them() -> None:
    calibration = Calibration(slope=0.5, intercept=-1.0)
    begun = start(0.4, calibration=calibration)
    assert calibrated(begun.thresholds, calibration) == pytest.approx([0.4])
    found = settle_thresholds(recipe(), ONCE, [CURVE], begun)["particle"]
    assert found.threshold == begun.thresholds[0]
    assert "brought to scores that are not calibrated" in found.note


def test_of_partial_labels_recall_alone_is_told() -> None:
    for goal in ("f1", "recall=0.8"):
        found = settle_thresholds(recipe(goal, "partial"), APART, [CURVE], start())["particle"]
        assert (found.precision, found.f1) == (None, None)
        assert found.recall is not None
        assert "precision is not known" in found.note


def test_the_note_says_where_a_kept_threshold_comes_from_and_why() -> None:
    begun = start()
    fitted = settle_thresholds(recipe(), ONCE, [CURVE], begun).values()
    expected = (
        "the threshold is that of default, which training started from (fitted for f1 on many worlds), since there is "
        "no particle to validate on but those trained on"
    )
    assert [each.note for each in fitted] == [expected]
    assert threshold_note(recipe(), ONCE, fitted, begun) == expected
    partial = recipe("recall=0.8", "partial")
    fitted = settle_thresholds(partial, APART, [CURVE], begun).values()
    assert threshold_note(partial, APART, fitted, begun).startswith(
        "fitted for recall=0.8 on 1 validation images; "
    )


def test_a_start_is_read_and_must_fit_the_recipe(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save_model(path, start().model)
    fitting = load_recipe("micrographs", start=str(path))
    found = read_start(fitting)
    assert found is not None
    assert (found.origin.name, found.thresholds) == ("m.safetensors", [0.6])
    assert read_start(load_recipe("micrographs")) is None
    other = fitting.model_copy(update={"net": NetDescription(width=5, depth=3)})
    with pytest.raises(RecipeError, match=r"net\.name is unet, but the weights of"):
        read_start(other)
    path.unlink()
    with pytest.raises(ModelError, match="does not exist"):
        read_start(fitting)
