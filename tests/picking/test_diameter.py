import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logit

from motes.picking.diameter import (
    ACCURACY,
    STEP,
    TOO_LARGE,
    DiameterEstimate,
    Rung,
    estimate_diameter,
    ladder,
    pooled,
    rung,
)

AREA = 1e6


def seen(true: float, diameters: list[float], parts: float = 0) -> list[Rung]:
    """What a net finds that is sure of 100 particles near their size, and less so of parts of a third of it."""
    rungs = []
    for each in diameters:
        away, away_from_parts = abs(math.log(each / true)), abs(math.log(3 * each / true))
        whole = Rung(each, 100 * math.exp(-(away**2)), 6 * math.exp(-(away**2)), AREA)
        few = Rung(each, parts * math.exp(-(away_from_parts**2)), 1.5, AREA)
        rungs += pooled([[whole], [few]]) if parts else [whole]
    return rungs


@given(st.floats(30, 200), st.floats(1, 1.4))
def test_the_diameter_of_most_evidence_is_found(true, offset):
    found = estimate_diameter(seen(true, ladder(5 * offset, 1200)))
    moved = 1 / (2 * 4)  # the factor of the diameter moves the top of exp(-4 log^2) by that, in its logarithm
    assert found.diameter * TOO_LARGE == pytest.approx(true * math.exp(moved), rel=0.05)
    assert found.clear


def test_the_ends_by_hand():
    evidence = {100: 0, 140: 8, 196: 10, 274.4: 2}
    rungs = [Rung(d, e / d, 1.0, 1.0) for d, e in evidence.items()]
    # 3, three tenths of 10, is reached 5/8 of the way from 140 down to 100, and 7/8 of that from 196 up to 274.4
    low, high = math.log(140) - 5 / 8 * math.log(1.4), math.log(196) + 7 / 8 * math.log(1.4)
    found = estimate_diameter(rungs)
    assert found.diameter * TOO_LARGE == pytest.approx(math.exp((low + high) / 2))
    assert (found.best, found.closed) == (rungs[2], True)


def test_many_unsure_parts_are_not_taken_for_particles():
    diameters = ladder(10, 800)
    alone, with_parts = estimate_diameter(seen(100, diameters)), estimate_diameter(seen(100, diameters, 300))
    assert with_parts.diameter == pytest.approx(alone.diameter, rel=0.12)


@given(st.floats(0.1, 10), st.floats(50, 150))
def test_it_scales_with_the_image(times, true):
    rungs = seen(true, ladder(10, 800), parts=50)
    larger = [Rung(r.diameter * times, r.expected, r.sureness, r.area * times**2) for r in rungs]
    found, scaled = estimate_diameter(rungs), estimate_diameter(larger)
    assert scaled.diameter == pytest.approx(found.diameter * times)
    assert scaled.best.covered == pytest.approx(found.best.covered)


def test_where_the_ladder_ends_too_early_nothing_is_clear():
    for diameters in ([100.0], ladder(100, 1000), ladder(10, 100)):
        found = estimate_diameter(seen(100, diameters))
        assert not found.closed
        assert not found.clear


def test_nothing_found_gives_no_estimate():
    assert estimate_diameter([rung(50, AREA, []), rung(60, AREA, [0.4])]) is None
    assert estimate_diameter([]) is None


def test_few_sparse_or_unsure_particles_are_not_clear():
    def clear(**changes):
        values = {"diameter": 50, "expected": 30, "sureness": 3, "area": 1e5, **changes}
        return DiameterEstimate(50, Rung(**values), True).clear

    assert clear()
    assert not clear(expected=19)
    assert not clear(area=2e6)
    assert not clear(sureness=2)


def test_the_range_lies_evenly_around_it():
    found = DiameterEstimate(50, Rung(50, 1, 1, 1), True)
    assert (found.high / 50, 50 / found.low) == (pytest.approx(ACCURACY), pytest.approx(ACCURACY))


def test_a_rung_by_hand():
    found = rung(50, 1e4, [0.2, 0.6, 0.8, 0.9, 1.0])
    assert found.expected == pytest.approx(3.3)
    assert found.sureness == pytest.approx((logit(0.8) + logit(0.9)) / 2)
    assert found.covered == pytest.approx(3.3e-4 * math.pi * 625)
    assert rung(50, 1e4, [1.0]).sureness == pytest.approx(logit(0.999))


def test_ladder():
    assert ladder(10, 10) == [10]
    assert ladder(10, 10 * STEP**2) == pytest.approx([10, 14, 19.6])
    assert ladder(10, 15) == pytest.approx([10, 14, 19.6])


def test_images_are_pooled():
    one, two = [Rung(50, 3, 2, 100), Rung(60, 0, 0, 80)], [Rung(50, 1, 6, 100), Rung(60, 0, 0, 40)]
    assert pooled([one, two]) == [Rung(50, 4, 3, 200), Rung(60, 0, 0, 120)]
    assert np.isfinite(pooled([one, two])[1].evidence)
