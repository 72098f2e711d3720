"""Make the scores of a model probabilities, and its threshold one for each micrograph, on simulated worlds."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from motes.data.sampling import Labelled
from motes.errors import ModelError
from motes.jobs.telling import Silent, Teller
from motes.nets.folded import folded
from motes.nets.model_file import Model
from motes.picking.calibration import Calibration, calibrated, fit_calibration, fit_lowest, uncalibrated
from motes.picking.control import Control, fit_control, promises_little
from motes.picking.picker import pick_map
from motes.picking.thresholds import fit_threshold, parse_goal
from motes.picks import Picks
from motes.predict.forward import device_of
from motes.predict.maps import class_maps, fast_precision, probability_maps
from motes.score.metrics import Ranked, precision_recall_curve, rank
from motes.simulate.endless import labelled_world, world_makers
from motes.simulate.worlds import Worlds

FIRST = 2_000_000_000  # the number of the first micrograph: no training or validation comes so far
FLOOR = 0.01  # lowest score that is looked at
FAINT = 0.03  # the highest signal-to-noise ratio of micrographs that a negative is learnt from
NOISIER = 1.25  # times as much noise of ice as the net was trained with is in these, at most
SMEARED = 0.1  # px by which the signal of an electron spreads further in these, at most
DOUBTED = 0.4  # own thresholds below which a micrograph is compared with its negative
HIGHEST = 0.6  # threshold where there is probably nothing: what is clearly likelier than not still counts
SURE = 0.9  # a score that a negative does not lower
RECOGNISED = 0.9  # share of micrographs without particles that get the highest threshold


def calibrate(
    model: Model,
    worlds: Worlds,
    count: int,
    seed: int = 0,
    teller: Teller | None = None,
) -> Model:
    """The model with its scores calibrated on that many simulated micrographs, and its threshold fitted for F1.

    Each micrograph it picks then has a threshold of its own, which goes as low as further micrographs without
    particles allow. Where its scores promise little, its negative has a say, as learnt from these and from as many
    with faint particles, all with more noise than in training. Raises PicksError where too few are simulated to learn
    from, ModelError for a model of another working diameter than the worlds'.
    """
    described = model.description
    if described.working_diameter != worlds.across or len(described.classes) != 1:
        raise ModelError(
            f"the model sees particles of {described.working_diameter} px, and the worlds have some of "
            f"{worlds.across:g} px; calibrate it on worlds of its own size, and of one class"
        )
    teller = teller or Silent()
    seen_by = replace(model, net=folded(model.net, fast_precision(device_of(model.net))))
    images = simulated(worlds, count, seed, model, teller)
    ranked = ranked_in(seen_by, images, teller=teller)
    scores, true = (np.concatenate([getattr(each, name) for each in ranked]) for name in ("scores", "hits"))
    found = fit_calibration(scores, true)
    curve = precision_recall_curve(
        [Ranked(calibrated(each.scores, found), each.hits, each.misses, each.truth) for each in ranked]
    )
    threshold = fit_threshold(curve, parse_goal("f1")).threshold
    further = beyond(worlds)
    empty = simulated(further.model_copy(update={"empty": 1.0}), count, seed, model, teller, FIRST + count)
    faint = simulated(
        further.model_copy(update={"empty": 0.0}), count, seed, model, teller, FIRST + 2 * count
    )
    control, lowest = fit_doubt(seen_by, found, empty, faint, teller)
    updates = {
        "calibration": found,
        "control": control,
        "adaptive": (round(lowest, 6), HIGHEST),
        "thresholds": {described.classes[0]: round(threshold, 6)},
        "threshold_note": f"fitted for f1 on {count} simulated micrographs that were not trained on",
    }
    return Model(model.net, described.model_copy(update=updates))


def beyond(worlds: Worlds) -> Worlds:
    """Worlds with fainter particles and stronger noise than these have, which a net was trained on.

    Whoever needs the negative has micrographs that are harder than most in training, and of noise that no net knows.
    """
    (faint, _), (least, most), (sharp, smeared) = worlds.snr, worlds.ice_noise, worlds.detector_spread
    return worlds.model_copy(
        update={
            "snr": (min(faint, FAINT) / 2, FAINT),
            "ice_noise": (least, NOISIER * most),
            "detector_spread": (sharp, smeared + SMEARED),
        }
    )


def fit_doubt(
    model: Model,
    calibration: Calibration,
    empty: Sequence[Labelled],
    faint: Sequence[Labelled],
    teller: Teller | None = None,
) -> tuple[Control, float]:
    """How weak candidates are compared with the negative; and the lowest threshold, by which enough is called empty."""
    floor = uncalibrated(model.description.picking.floor, calibration)
    images = [*empty, *faint]
    ranked = ranked_in(model, images, floor, teller)
    scores = [calibrated(each.scores, calibration) for each in ranked]
    weak = [number for number, own in enumerate(scores) if promises_little(own, DOUBTED)]
    found = ranked_in(model, [negative_of(images[number]) for number in weak], floor, teller)
    negatives = [calibrated(each.scores, calibration) for each in found]
    own, true = [scores[number] for number in weak], [ranked[number].hits for number in weak]
    slope, by_significance, intercept = fit_control(own, negatives, true)
    area = pixels_of(images[0]).size
    control = Control(
        doubted=DOUBTED,
        sure=SURE,
        slope=slope,
        significance=by_significance,
        intercept=intercept,
        area=area,
    )
    for number, negative in zip(weak, negatives, strict=True):
        scores[number] = control.compared(scores[number], negative, area)
    return control, fit_lowest(scores[: len(empty)], HIGHEST, RECOGNISED)


def simulated(
    worlds: Worlds, count: int, seed: int, model: Model, teller: Teller, first: int = FIRST
) -> list[Labelled]:
    """Micrographs of a series that no training sees, from the number first on, ready for the model."""
    how = model.description.normalisation
    with world_makers(worlds) as pool, teller.progress("simulating", count, "images") as done:
        futures = [pool.submit(labelled_world, worlds, seed, first + number, how) for number in range(count)]
        images = []
        for future in futures:
            images.append(future.result())
            done(len(images))
    return images


def ranked_in(
    model: Model,
    images: Sequence[Labelled],
    floor: float = FLOOR,
    teller: Teller | None = None,
) -> list[Ranked]:
    """What the model finds in each micrograph, and what of it is true."""
    radius = float(model.description.working_diameter or 0) / 2
    ranked = []
    with (teller or Silent()).progress("looking", len(images), "images") as done:
        for image in images:
            found = candidates(model, pixels_of(image), floor)
            ranked.append(rank(found, Picks(image.points), radius))
            done(len(ranked))
    return ranked


def negative_of(image: Labelled) -> Labelled:
    """A micrograph with dark and bright exchanged, in which nothing is a particle."""
    return replace(image, data=-pixels_of(image), points=image.points[:0])


def pixels_of(image: Labelled) -> NDArray[np.float32]:
    """A whole micrograph, (y, x)."""
    return np.asarray(image.data[:, :], dtype=np.float32)


def candidates(model: Model, pixels: NDArray[np.float32], floor: float) -> Picks:
    """What the model finds in pixels (y, x) at its working scale, with scores as the net gives them."""
    described = model.description
    precision = fast_precision(device_of(model.net))
    found = probability_maps(model.net, described.net, pixels, precision=precision)
    maps = class_maps(found, described.net)
    picking = described.picking.model_copy(update={"floor": floor})
    return pick_map(maps[0], float(described.working_diameter or 0), picking)


def averaged(models: Sequence[Model]) -> Model:
    """The mean of the weights of models of one net that were trained one from the other, as one of them describes it.

    Such a mean is often better than each (Wortsman et al. 2022, ICML, PMLR 162, 23965-23998). ModelError for
    different nets.
    """
    if any(each.description.net != models[0].description.net for each in models):
        raise ModelError("only the weights of one net can be averaged; these models have different nets")
    states = [each.net.state_dict() for each in models]
    mean = {
        name: torch.stack([state[name] for state in states]).mean(0) if value.is_floating_point() else value
        for name, value in states[-1].items()
    }
    models[-1].net.load_state_dict(mean)
    return models[-1]
