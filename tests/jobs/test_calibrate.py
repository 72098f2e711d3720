"""The model that ships is calibrated on simulated micrographs: scores that are probabilities, a threshold for each."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import motes
from motes.errors import ModelError, PicksError
from motes.jobs.calibrate import averaged, beyond, calibrate, fit_doubt, ranked_in, simulated
from motes.jobs.telling import Silent
from motes.nets.model_file import Model, load_model
from motes.picking.calibration import calibrated, calibration_error
from motes.simulate.worlds import HELD_OUT, Worlds

SHIPPED = Path(motes.__file__).parent / "models" / "default.safetensors"
SMALL = Worlds(side=160, makers=1)


@pytest.fixture(scope="module")
def shipped() -> Model:
    return load_model(SHIPPED)


def test_scores_are_made_probabilities_whatever_they_were_before(shipped: Model) -> None:
    """A net whose log-odds are all too high by 2 comes out as sure of itself as it may be."""
    net = load_model(SHIPPED).net
    last = [each for each in net.modules() if isinstance(each, torch.nn.Conv2d)][-1]
    with torch.no_grad():
        last.bias += 2
    sure = Model(net, uncalibrated(shipped))
    ready = calibrate(sure, SMALL, 24)
    unseen = ranked_in(sure, simulated(SMALL, 24, 1, sure, Silent()))
    scores, true = (np.concatenate([getattr(each, name) for each in unseen]) for name in ("scores", "hits"))
    assert ready.description.calibration.intercept < -1
    before, after = scores, calibrated(scores, ready.description.calibration)
    assert calibration_error(after, true) < calibration_error(before, true) / 2
    assert 0 <= ready.description.adaptive[0] <= ready.description.adaptive[1] == 0.6
    assert ready.description.control.significance > 0
    assert ready.description.control.sure == 0.9
    assert 0 < ready.description.thresholds["particle"] < 1
    assert "24 simulated micrographs" in ready.description.threshold_note


def uncalibrated(model: Model):
    return model.description.model_copy(update={"calibration": None, "control": None, "adaptive": None})


def test_a_negative_is_learnt_from_fainter_particles_and_more_noise_than_training_has() -> None:
    harder = beyond(SMALL)
    assert harder.snr == (SMALL.snr[0] / 2, 0.03)
    assert beyond(Worlds(snr=(0.1, 1))).snr == (0.015, 0.03)
    for name in ("ice_noise", "detector_spread"):
        (low, high), (first, last) = getattr(SMALL, name), getattr(harder, name)
        assert (first, last > high) == (low, True)
        assert last <= getattr(HELD_OUT, name)[0]  # what the model is measured on stays unseen


def test_the_lowest_threshold_is_that_of_empty_micrographs_alone(shipped: Model) -> None:
    """With empty ones in the place of both kinds of micrographs nothing can be learnt; faint ones do not lift it."""
    known = shipped.description.calibration
    bare = SMALL.model_copy(update={"empty": 1.0})
    empty = simulated(bare, 12, 4, shipped, Silent())
    faint = simulated(beyond(SMALL).model_copy(update={"empty": 0.0}), 12, 5, shipped, Silent())
    strong = simulated(SMALL.model_copy(update={"empty": 0.0, "snr": (1, 3)}), 12, 6, shipped, Silent())
    control, lowest = fit_doubt(shipped, known, empty, faint)
    beside_strong = fit_doubt(shipped, known, empty, [*faint, *strong])
    assert beside_strong[1] == lowest
    assert beside_strong[0].significance == pytest.approx(
        control.significance
    )  # what promises much is no part of the fit
    with pytest.raises(PicksError, match="0 true"):
        fit_doubt(shipped, known, empty, [])


def test_worlds_of_another_size_are_refused(shipped: Model) -> None:
    with pytest.raises(ModelError, match="22"):
        calibrate(shipped, Worlds(across=30), 4)


def test_the_mean_of_models_is_that_of_their_weights(shipped: Model) -> None:
    one, other = load_model(SHIPPED), load_model(SHIPPED)
    with torch.no_grad():
        for weights in other.net.parameters():
            weights += 1
    mean = averaged([one, other])
    for of_mean, own in zip(mean.net.parameters(), shipped.net.parameters(), strict=True):
        assert torch.allclose(of_mean, own + 0.5, atol=1e-3)


def test_models_of_other_nets_have_no_mean(shipped: Model) -> None:
    net = shipped.description.net.model_copy(update={"skips": "concatenate"})
    other = replace(shipped, description=shipped.description.model_copy(update={"net": net}))
    with pytest.raises(ModelError, match="one net"):
        averaged([shipped, other])
