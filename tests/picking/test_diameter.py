import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motes.picking.diameter import (
    ACCURACY,
    STEP,
    TOO_LARGE,
    DiameterEstimate,
    Rung,
    coarsest_top,
    estimate_diameter,
    ladder,
    pooled,
)

AREA = 1e6


def seen(true: float, diameters: list[float], number: float = 100, parts: float = 0) -> list[Rung]:
    """What a net finds that takes all particles within a factor 1.5, and parts of a third of their size."""
    rungs = []
    for each in diameters:
        away = abs(math.log(each / true))
        found = number * np.clip(1 - (away - math.log(1.5)) / 0.3, 0, 1)
        found += parts * np.clip(1 - abs(math.log(3 * each / true)) / 0.4, 0, 1)
        rungs.append(Rung(each, float(found), AREA))
    return rungs


@given(st.floats(30, 200), st.floats(1, 1.2))
def test_the_middle_of_the_range_is_found(true, offset):
    found = estimate_diameter(seen(true, ladder(5 * offset, 1200)))
    assert found.diameter * TOO_LARGE == pytest.approx(true, rel=0.03)
    assert 70 < found.particles <= 100


def test_the_ends_by_hand():
    # half of 10 is reached 3/8 of the way from 120 down to 100, and 5/8 of the way from 144 up to 172.8
    density = {100: 0, 120: 8, 144: 10, 172.8: 2}
    found = estimate_diameter([Rung(diameter, number, AREA) for diameter, number in density.items()])
    low = math.log(120) - 3 / 8 * math.log(1.2)
    high = math.log(144) + 5 / 8 * math.log(1.2)
    assert found.diameter * TOO_LARGE == pytest.approx(math.exp((low + high) / 2))
    assert found.covered == pytest.approx(10 / AREA * math.pi / 4 * 144**2)


def test_parts_of_particles_are_not_taken_for_particles():
    diameters = ladder(10, 400)
    alone = estimate_diameter(seen(100, diameters))
    assert estimate_diameter(seen(100, diameters, parts=300)) == alone


@given(st.floats(0.1, 10), st.floats(30, 100))
def test_it_scales_with_the_image(times, true):
    diameters = ladder(10, 400)
    larger = [
        Rung(r.diameter * times, r.expected, r.area * times**2) for r in seen(true, diameters, parts=50)
    ]
    found, scaled = estimate_diameter(seen(true, diameters, parts=50)), estimate_diameter(larger)
    assert scaled.diameter == pytest.approx(found.diameter * times)
    assert scaled.covered == pytest.approx(found.covered)


def test_where_the_ladder_ends_so_does_the_range():
    assert estimate_diameter([Rung(50, 10, AREA)]).diameter == pytest.approx(50 / TOO_LARGE)
    assert estimate_diameter([Rung(50, 10, AREA), Rung(60, 10, AREA)]).diameter == pytest.approx(
        math.sqrt(50 * 60) / TOO_LARGE
    )


def test_nothing_found_gives_no_estimate():
    assert estimate_diameter([Rung(50, 0, AREA), Rung(60, 0, AREA)]) is None


def test_few_or_sparse_particles_are_not_clear():
    assert DiameterEstimate(50, 30, 0.2).clear
    assert not DiameterEstimate(50, 10, 0.2).clear
    assert not DiameterEstimate(50, 30, 0.05).clear
    assert DiameterEstimate(50, 30, 0.2).high / 50 == pytest.approx(50 / DiameterEstimate(50, 30, 0.2).low)
    assert DiameterEstimate(50, 30, 0.2).high == pytest.approx(50 * ACCURACY)


def test_of_two_tops_the_coarser_one_unless_it_is_low():
    assert coarsest_top(np.array([1, 5, 1, 4, 0.0])) == 3
    assert coarsest_top(np.array([1, 5, 1, 2, 0.0])) == 1
    assert coarsest_top(np.array([5, 1, 1.0])) == 0
    assert coarsest_top(np.array([1, 2, 2.0])) == 2


def test_ladder():
    assert ladder(10, 10) == [10]
    found = ladder(10, 10 * STEP**3)
    assert found == pytest.approx([10, 12, 14.4, 17.28])
    assert len(ladder(10, 10 * STEP**3 - 0.1)) == 3


def test_images_are_pooled():
    one, two = [Rung(50, 3, 100), Rung(60, 1, 80)], [Rung(50, 1, 100), Rung(60, 1, 40)]
    assert pooled([one, two]) == [Rung(50, 4, 200), Rung(60, 2, 120)]
