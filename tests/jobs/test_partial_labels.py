"""What is background where not every particle is marked."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit

from easy_training import DIAMETER, easy_image, source, validator
from motes.data.crops import IGNORED, Labelled
from motes.data.paint import Target, paint
from motes.errors import RecipeError
from motes.jobs.partial_labels import MARGIN, SEEN, judged, sight_of, unknown_places, with_unknown
from motes.jobs.parts import Parts, Prepared
from motes.jobs.telling import Silent
from motes.nets.description import NetDescription
from motes.picking.calibration import Calibration
from motes.train.mining import Mine
from motes.train.processes import ALONE
from motes.train.validate import Validator
from small_model import model

TARGET = Target()


def disc_sight(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """A model that sees every dark disc of an easy image."""
    return np.where(pixels < -1.5, 0.9, 0.02).astype(np.float32)


def prepared(image: Labelled, name: str = "m") -> Prepared:
    return Prepared(name, image, "", len(image.points), working=(DIAMETER,))


def parts(train: Sequence[Labelled], validation: Sequence[Labelled] = ()) -> Parts:
    images = [prepared(each, f"t{number}") for number, each in enumerate(train)]
    others = [prepared(each, f"v{number}") for number, each in enumerate(validation)]
    return Parts(images, others or images, [], working=(DIAMETER,))


def partly(image: Labelled, kept: int = 5) -> Labelled:
    return replace(image, points=image.points[:kept])


class Told(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []
        self.warned: list[str] = []

    def say(self, message: str) -> None:
        self.said.append(message)

    def warn(self, message: str) -> None:
        self.warned.append(message)


def known(found: Parts, root: Path, told: Told | None = None) -> Parts:
    return with_unknown(found, disc_sight, root / "unknown", TARGET, ALONE, told or Told())


@given(st.integers(0, 30), st.integers(0, 30), st.floats(0, 1, width=32))
def test_a_place_is_unknown_within_the_margin_of_where_a_particle_may_be_seen(
    y: int, x: int, value: float
) -> None:
    probability = np.zeros((31, 31), np.float32)
    probability[y, x] = value
    rows, columns = np.mgrid[:31, :31]
    near = (abs(rows - y) <= MARGIN) & (abs(columns - x) <= MARGIN)
    assert np.array_equal(unknown_places(probability), near & (np.float32(value) >= SEEN))


@pytest.mark.parametrize(
    ("calibration", "log_odds"), [(None, -1.0), (Calibration(slope=0.5, intercept=-2.0), -2.5)]
)
def test_a_model_looks_with_its_calibrated_probability(
    calibration: Calibration | None, log_odds: float
) -> None:
    """A net whose last layer is zero but for its bias gives the logistic of that bias everywhere."""
    sighted = model(net=NetDescription(width=2, depth=2), calibration=calibration)
    *_, weight, bias = sighted.net.parameters()
    with torch.no_grad():
        weight.zero_()
        bias.fill_(-1.0)
    seen = sight_of(sighted, torch.float32)(np.zeros((20, 24), np.float32))
    assert seen.shape == (20, 24)
    assert seen == pytest.approx(expit(log_odds), abs=1e-6)


def test_a_place_in_a_volume_is_unknown_in_all_directions() -> None:
    probability = np.zeros((9, 9, 9), np.float32)
    probability[4, 4, 4] = 1
    assert unknown_places(probability).sum() == (2 * MARGIN + 1) ** 3


def test_an_unmarked_particle_is_ignored_and_ground_stays_background(tmp_path: Path) -> None:
    image = easy_image(0)
    found = known(parts([partly(image)]), tmp_path)
    targets = source([found.train[0].labelled]).batch(0, 0, range(40))[1]
    assert set(np.unique(targets)) == {IGNORED, 0, 1}
    truth = np.asarray(judged(found.train[0].labelled, (DIAMETER,), TARGET).labels)
    marked, unmarked = (
        paint(points, (120, 120), 4.0, Target(radius=1)) > 0 for points in np.split(image.points, [5])
    )
    assert np.all(truth[marked] == 1)
    assert np.all(truth[unmarked] == -1)
    far = ~(paint(image.points, (120, 120), 20.0, Target(radius=1)) > 0)
    assert np.all(truth[far] == 0)


def test_every_image_of_both_parts_gets_its_own_map(tmp_path: Path) -> None:
    first, second, third = (partly(easy_image(seed)) for seed in range(3))
    cut = replace(second, data=second.data[:100, :90])
    found = known(parts([first, cut], [third]), tmp_path)
    for image in [*found.train, *found.validation]:
        assert image.labelled.unknown is not None
        assert np.array_equal(
            image.labelled.unknown[:], unknown_places(disc_sight(np.asarray(image.labelled.data[:])))
        )
    assert [image.name for image in [*found.train, *found.validation]] == ["t0", "t1", "v0"]


def test_images_that_are_both_trained_on_and_validated_on_stay_so(tmp_path: Path) -> None:
    found = known(parts([partly(easy_image(0))]), tmp_path)
    assert found.validation is found.train


def test_it_is_said_how_much_is_left_out(tmp_path: Path) -> None:
    image, told = partly(easy_image(0)), Told()
    found = known(parts([image]), tmp_path, told)
    unknown = np.asarray(found.train[0].labelled.unknown)
    painted = paint(image.points, (120, 120), DIAMETER, TARGET)
    share = 100 * np.mean((unknown > 0) & (painted == 0))
    assert told.said == [
        f"labels are partial: {share:.1f} % of the pixels of the training images do not count, unmarked places where "
        "the model that training starts from sees a particle"
    ]
    assert told.warned == []


def test_a_model_that_sees_particles_everywhere_is_warned_of(tmp_path: Path) -> None:
    told = Told()
    everywhere = parts([partly(easy_image(0))])
    with_unknown(everywhere, np.ones_like, tmp_path / "unknown", TARGET, ALONE, told)
    assert "hardly anything can be learnt" in told.warned[0]


def test_masks_say_themselves_what_is_not_known(tmp_path: Path) -> None:
    image = Prepared("m", easy_image(0), "", None)
    with pytest.raises(RecipeError, match=r"in masks give -1 to the pixels that are not known"):
        with_unknown(Parts([image], [image], []), disc_sight, tmp_path / "unknown", TARGET, ALONE, Told())


def test_complete_labels_are_judged_as_they_are() -> None:
    image = easy_image(0)
    assert judged(image, (DIAMETER,), TARGET) is image


@pytest.mark.parametrize("shape", ["disc", "gaussian"])
def test_where_all_is_known_judging_changes_no_class(shape: str) -> None:
    image = replace(easy_image(0), unknown=np.zeros((120, 120), np.uint8))
    target = Target.model_validate({"shape": shape, "radius": 0.8})
    looker = replace(validator(), target=target)
    plain = looker.true_classes(replace(image, unknown=None)) >= 0.5
    assert np.array_equal(looker.true_classes(judged(image, (DIAMETER,), target)) >= 0.5, plain)


def test_hard_places_are_no_unmarked_particles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A net that fires at every disc has no false peak there, marked or not; without the map it has."""
    monkeypatch.setattr(Validator, "maps", lambda _self, _net, pixels: disc_sight(pixels)[None])
    (image,) = known(parts([partly(easy_image(0))]), tmp_path).train
    found = [
        Mine(validator([each]), 0).places(None, 0)  # type: ignore[arg-type]
        for each in (judged(image.labelled, (DIAMETER,), TARGET), replace(image.labelled, unknown=None))
    ]
    assert len(found[0]) == 0
    assert len(found[1]) > 0
