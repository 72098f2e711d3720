import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from motes.errors import PicksError
from motes.score.czii import CziiParticle, CziiRules, czii_score

WEIGHTED = [name for name, particle in CziiRules().particles.items() if particle.weight]
SPOT = [[100.0, 200.0, 300.0]]


def points(rows):
    return np.array(rows, dtype=float).reshape(-1, 3)


def one(picks, truth, name="apo-ferritin"):
    """The counts of one type in one tomogram, and the score."""
    found = czii_score({"TS": {name: points(picks)}}, {"TS": {name: points(truth)}})
    counts = found.counts[name]
    return (counts.true_positives, counts.false_positives, counts.false_negatives), found


def everything(points_of_type):
    return {"TS": {name: points(points_of_type) + 40.0 * k for k, name in enumerate(CziiRules().particles)}}


def test_the_table_is_the_challenges():
    rules = CziiRules()
    assert (rules.distance_multiplier, rules.beta) == (0.5, 4)
    assert {name: (p.radius, p.weight) for name, p in rules.particles.items()} == {
        "apo-ferritin": (60, 1),
        "beta-amylase": (65, 0),
        "beta-galactosidase": (90, 2),
        "ribosome": (150, 1),
        "thyroglobulin": (130, 2),
        "virus-like-particle": (135, 1),
    }
    assert [rules.radius(name) for name in rules.particles] == [30, 32.5, 45, 75, 65, 67.5]
    with pytest.raises(ValidationError):
        rules.beta = 1


@pytest.mark.parametrize(("distance", "counts"), [(30.0, (1, 0, 0)), (30.0001, (0, 1, 1))])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_radius_is_inclusive(distance, counts, axis):
    assert one(points(SPOT) + distance * np.eye(3)[axis], SPOT)[0] == counts


@pytest.mark.parametrize("name", list(CziiRules().particles))
def test_each_type_has_its_own_radius(name):
    reach = CziiRules().particles[name].radius / 2
    assert one([[100, 200, 300 + reach]], SPOT, name)[0] == (1, 0, 0)
    assert one([[100, 200, 300 + reach + 1e-4]], SPOT, name)[0] == (0, 1, 1)


def test_duplicates_are_false_positives():
    counts, found = one(SPOT * 3, SPOT)
    assert counts == (1, 2, 0)
    assert found.f("apo-ferritin") == pytest.approx(17 / 19)  # 0.8947


def test_a_pick_between_two_particles_finds_both_so_that_f_exceeds_one():
    counts, found = one([[0, 0, 10]], [[0, 0, 0], [0, 0, 20]])
    assert counts == (2, -1, 0)
    assert found.precision("apo-ferritin") == 2
    assert found.f("apo-ferritin") == pytest.approx(34 / 33)  # 1.030


def test_picks_in_a_tomogram_without_this_type_are_false_positives():
    truth = {"A": {"ribosome": points(SPOT)}, "B": {"thyroglobulin": points(SPOT)}}
    picks = {"A": {"ribosome": points(SPOT)}, "B": {"ribosome": points(SPOT * 5)}}
    counts = czii_score(picks, truth).counts
    assert (counts["ribosome"].true_positives, counts["ribosome"].false_positives) == (1, 5)
    assert (counts["thyroglobulin"].true_positives, counts["thyroglobulin"].false_negatives) == (0, 1)


def test_a_type_that_the_truth_lacks_costs_its_weight():
    truth = everything(SPOT)
    assert czii_score(truth, truth).score == 1
    without = {"TS": {name: found for name, found in truth["TS"].items() if name != "thyroglobulin"}}
    assert czii_score(without, without).score == 5 / 7
    assert czii_score(truth, without).score == 5 / 7  # picks of that type cost nothing more
    assert "thyroglobulin" not in czii_score(truth, without).counts


def test_beta_amylase_does_not_count():
    truth = everything(SPOT)
    picks = {"TS": {**truth["TS"], "beta-amylase": points(SPOT) + 900}}
    found = czii_score(picks, truth)
    assert (found.score, found.f("beta-amylase")) == (1, 0)


def test_identical_true_points_are_an_error_even_of_two_types():
    for truth in (
        {"ribosome": points(SPOT * 2)},
        {name: points(SPOT) for name in ("ribosome", "thyroglobulin")},
    ):
        with pytest.raises(PicksError, match=r"TS: .* two particles at x 300, y 200, z 100"):
            czii_score({}, {"TS": truth})
    apart = {"A": {"ribosome": points(SPOT)}, "B": {"ribosome": points(SPOT)}}
    assert czii_score(apart, apart).f("ribosome") == 1


def test_an_unknown_type_is_an_error_that_names_the_known_ones():
    truth, wrong = {"TS": {"ribosome": points(SPOT)}}, {"TS": {"ribosom": points(SPOT)}}
    for picks, true in ((wrong, truth), (truth, wrong)):
        with pytest.raises(PicksError, match=r"'ribosom'.*Did you mean 'ribosome'"):
            czii_score(picks, true)
    elsewhere = {
        **truth,
        "other": wrong["TS"],
    }  # rows of other tomograms are dropped before they are looked at
    assert czii_score(elsewhere, truth).f("ribosome") == 1


def test_only_tomograms_with_a_true_particle_count():
    truth = {"A": {"ribosome": points(SPOT)}, "empty": {"ribosome": points([])}}
    picks = {name: {"ribosome": points(SPOT)} for name in ("A", "empty", "other")}
    found = czii_score(picks, truth)
    assert found.experiments == ("A",)
    assert found.counts["ribosome"].false_positives == 0
    with pytest.raises(PicksError, match="no truth"):
        czii_score(picks, {"empty": truth["empty"]})


def test_counts_are_summed_over_tomograms_before_f():
    truth = {
        "A": {"ribosome": points(SPOT)},
        "B": {"ribosome": points([[0, 0, 500.0 * k] for k in range(9)])},
    }
    found = czii_score({"A": {"ribosome": points(SPOT)}}, truth)
    assert (found.precision("ribosome"), found.recall("ribosome")) == (1, 0.1)
    assert found.f("ribosome") == 17 * (1 * 0.1) / (16 * 1 + 0.1)


@pytest.mark.parametrize(
    ("precision", "recall", "f4"),
    [(0.2, 0.95, 0.778), (0.9, 0.95, 0.947), (0.5, 0.85, 0.816), (0.9, 0.7, 0.709)],
)
def test_f4_by_precision_and_recall(precision, recall, f4):
    particles = points([[0, 0, 1000.0 * k] for k in range(2000)])
    found = round(2000 * recall)
    picks = np.concatenate([particles[:found], points([[9e6, 0, 0]] * round(found / precision - found))])
    assert one(picks, particles, "ribosome")[1].f("ribosome") == pytest.approx(f4, abs=6e-4)


def test_other_rules_can_be_given():
    rules = CziiRules(particles={"bead": CziiParticle(radius=10, weight=1)}, distance_multiplier=1, beta=1)
    found = czii_score({"TS": {"bead": points([[0, 0, 10]])}}, {"TS": {"bead": points([[0, 0, 0]])}}, rules)
    assert found.score == 1
    assert "czii_f1_bead" in found.as_dict()


def test_the_dictionary_is_flat_json():
    truth = {
        "A": {"ribosome": points(SPOT)},
        "B": {"ribosome": points(SPOT), "thyroglobulin": points(SPOT) + 1},
    }
    values = czii_score({"A": truth["A"]}, truth).as_dict()
    assert json.loads(json.dumps(values, allow_nan=False)) == values
    assert values["score"] == pytest.approx(values["czii_f4_ribosome"] / 7)
    assert values["czii_f4_ribosome_low"] <= values["czii_f4_ribosome"] <= values["czii_f4_ribosome_high"]
    assert (values["czii_false_negatives_ribosome"], values["czii_tomograms"]) == (1, 2)
    alone = czii_score(truth, {"A": truth["A"]}).as_dict()
    assert (alone["score_low"], alone["score_high"]) == (None, None)


TYPES = st.sampled_from(WEIGHTED)
ROWS = st.lists(st.tuples(st.sampled_from("AB"), TYPES, *[st.integers(0, 12)] * 3), max_size=12, unique=True)


def nested(rows):
    tables = {}
    for tomogram, name, *row in rows:
        tables.setdefault(tomogram, {}).setdefault(name, []).append(row)
    return {t: {name: 20 * points(row) for name, row in named.items()} for t, named in tables.items()}


@given(ROWS, ROWS)
def test_every_type_has_the_counts_of_its_particles_and_picks(pick_rows, truth_rows):
    once = list({(row[0], *row[2:]): row for row in truth_rows}.values())
    picks, truth = nested(pick_rows), nested(once)
    if not truth:
        return
    found = czii_score(picks, truth, bootstrap=50)
    for name, counts in found.counts.items():
        assert counts.true_positives + counts.false_negatives == sum(row[1] == name for row in once)
        assert counts.true_positives + counts.false_positives == sum(
            row[1] == name and row[0] in truth for row in pick_rows
        )
    low, high = found.intervals["score"]
    assert len(truth) == 1 or low <= high
