"""Kinds of particles that are hard to pick."""

from dataclasses import replace
from typing import Any

import numpy as np

from motes.data.sampling import Labelled
from motes.jobs.parts import Prepared
from motes.study.kinds import at_edge, kinds_of, overlapping


def image(points: list[list[float]], group: str = "g", **traits: list[float]) -> Prepared:
    columns: dict[str, Any] = {name: np.array(values) for name, values in traits.items()}
    labelled = Labelled(np.zeros((50, 50), np.float32), np.array(points))
    return Prepared("i", labelled, "", len(points), working=(10.0,), group=group, traits=columns)


def test_a_disc_that_reaches_past_the_outermost_pixels_is_at_the_edge() -> None:
    points = np.array([[4.5, 20], [4.4, 20], [20, 44.5], [20, 44.6]])
    assert at_edge(points, np.full(4, 5.0), (50, 50)).tolist() == [False, True, False, True]


def test_particles_nearer_than_a_diameter_overlap() -> None:
    points = np.array([[10.0, 10], [10, 19], [30, 30], [30, 40]])
    assert overlapping(points, np.full(4, 10.0)).tolist() == [True, True, False, False]
    assert overlapping(points[:1], np.full(1, 10.0)).tolist() == [False]


def test_ice_and_contrast_are_told_where_the_truth_tells_them() -> None:
    full = image([[25, 25], [2, 25], [25, 40]], visibility=[0.8, 0.7, 1.0], snr=[1.0, 1.0, 0.4])
    (found,) = kinds_of([full])
    assert {kind: flags.tolist() for kind, flags in found.items()} == {
        "overlap": [False, False, False],
        "edge": [False, True, False],
        "ice": [True, False, False],
        "low contrast": [False, False, True],
    }
    (bare,) = kinds_of([image([[25, 25]])])
    assert bare.keys() == {"overlap", "edge"}


def test_columns_that_are_not_numbers_for_every_particle_are_not_there() -> None:
    image_with = image([[25, 25], [40, 40]], "g", snr=[0.1, 1.0])
    torn = replace(image([[25, 25]], "g"), traits={"snr": np.array(["0.1"]), "visibility": np.array([""])})
    assert [set(kinds) for kinds in kinds_of([image_with, torn])] == [
        {"overlap", "edge", "low contrast"},
        {"overlap", "edge"},
    ]


def test_contrast_is_compared_within_a_group() -> None:
    faint, plain = (
        image([[25, 25], [40, 40]], "faint", snr=[0.1, 0.1]),
        image([[25, 25]], "plain", snr=[10.0]),
    )
    assert not any(flags["low contrast"].any() for flags in kinds_of([faint, plain]))
