"""Mistakes known from other programs' scores of picks in tomograms, none of which motes makes.

Source: octopi 1.5 to 1.7.0, processing/evaluate.py; Henkel's and TopCUP's copies of the challenge's metric.
"""

import inspect

import numpy as np
import pytest

from motes.errors import PicksError
from motes.picks import Picks
from motes.score.classes import score_by_class
from motes.score.czii import CziiRules, czii_score

RULES = CziiRules()


def particles(seed=0, count=30):
    """Particles of each type, 300 A apart, z, y, x in A."""
    grid = np.stack(np.meshgrid(*[np.arange(8)] * 3, indexing="ij"), axis=-1).reshape(-1, 3) * 300.0
    chosen = np.random.default_rng(seed).permutation(grid)[: count * len(RULES.particles)]
    return dict(zip(RULES.particles, chosen.reshape(len(RULES.particles), count, 3), strict=True))


def picked(truth, seed=1):
    """Four in five of the particles, each a little beside its place, and as many wrong picks as found ones."""
    rng = np.random.default_rng(seed)
    found = {name: points[:24] + rng.uniform(-15, 15, (24, 3)) for name, points in truth.items()}
    return {name: np.concatenate([points, points + 3000]) for name, points in found.items()}


def as_picks(by_class):
    classes = np.repeat(np.array(list(by_class)), [len(points) for points in by_class.values()])
    return Picks(np.concatenate(list(by_class.values())), classes=classes)


def strict(picks, truth):
    radius = {name: RULES.radius(name) for name in RULES.particles}
    weights = {name: particle.weight for name, particle in RULES.particles.items()}
    report = score_by_class(
        {"TS": as_picks(picks)}, {"TS": as_picks(truth)}, radius={"TS": radius}, weights=weights, beta=4
    )
    return report.as_dict()


def official(picks, truth):
    return czii_score({"TS": picks}, {"TS": truth})


def test_the_same_picks_three_times_never_score_higher():
    truth = particles()
    once = picked(truth)
    thrice = {name: np.concatenate([points] * 3) for name, points in once.items()}
    assert official(thrice, truth).score < official(once, truth).score
    before, after = strict(once, truth), strict(thrice, truth)
    for metric in ("precision", "f1", "f4"):
        assert after[f"weighted_{metric}"] < before[f"weighted_{metric}"]
        for name in RULES.particles:
            assert after[f"{metric}_{name}"] < before[f"{metric}_{name}"]
    assert after["weighted_recall"] == before["weighted_recall"]  # a particle is found once


def test_one_pick_more_beside_a_particle_that_is_found_costs_under_both():
    truth = particles()
    more = {name: np.concatenate([points, points[:1] + 5]) for name, points in truth.items()}
    assert official(truth, truth).score == strict(truth, truth)["weighted_f4"] == 1
    assert official(more, truth).score < 1
    assert strict(more, truth)["weighted_f4"] < 1


@pytest.mark.parametrize("name", list(RULES.particles))
def test_a_pick_exactly_at_the_radius_counts(name):
    truth = {name: np.array([[1000.0, 1000, 1000]])}
    at, beyond = ({name: truth[name] + [0, RULES.radius(name) + more, 0]} for more in (0, 1e-3))
    assert official(at, truth).f(name) == strict(at, truth)[f"f4_{name}"] == 1
    assert official(beyond, truth).f(name) == strict(beyond, truth)[f"f4_{name}"] == 0


def test_the_radius_is_half_of_the_particles_and_no_rounding_to_voxels_enters():
    assert RULES.distance_multiplier == 0.5
    truth = {"apo-ferritin": np.array([[0.0, 0, 0]])}
    for distance, f in ((29.9, 1), (31, 0), (48, 0)):  # 48 A: a multiplier of 0.8
        assert official({"apo-ferritin": np.array([[0.0, 0, distance]])}, truth).score == f / 7


def test_the_weights_are_the_challenges_whatever_a_project_says():
    assert "weights" not in inspect.signature(czii_score).parameters
    truth = particles()
    for name, particle in RULES.particles.items():
        lost = {other: points for other, points in truth.items() if other != name}
        assert official(lost, truth).score == pytest.approx(1 - particle.weight / 7)
        assert strict(lost, truth)["weighted_f4"] == pytest.approx(1 - particle.weight / 7)


def test_the_mean_is_over_all_types_not_only_over_those_that_are_there():
    truth = {name: points for name, points in particles().items() if name != "beta-galactosidase"}
    assert official(truth, truth).score == 5 / 7


def test_a_type_that_was_never_picked_counts_as_zero():
    truth = particles()
    lost = {name: points for name, points in truth.items() if name != "ribosome"}
    values = strict(lost, truth)
    assert (values["f4_ribosome"], values["recall_ribosome"]) == (0, 0)
    assert values["weighted_f4"] == official(lost, truth).score == pytest.approx(6 / 7)


def test_identical_true_points_are_an_error_not_dropped():
    truth = {"ribosome": np.array([[1.0, 2, 3]] * 2)}
    with pytest.raises(PicksError, match="two particles"):
        official(truth, truth)
