"""Worlds without end: what is drawn lies within its limits, and a micrograph depends on its number alone."""

import numpy as np
import pytest

from motes.errors import RecipeError
from motes.picks import Picks
from motes.simulate.finish import Finish
from motes.simulate.shapes import build_shape
from motes.simulate.worlds import (
    HELD_OUT,
    HELD_OUT_STRUCTURES,
    TRAINING_STRUCTURES,
    DrawnWorld,
    Worlds,
    draw_finish,
    draw_world,
    seen_within,
    simulate_drawn,
)

NO_DIRT = ("gold", "filaments", "scratches", "contamination", "aggregates")


def worlds(**changes: object) -> Worlds:
    return Worlds.model_validate({"side": 128, **changes})


def drawn(described: Worlds, count: int = 200) -> list[DrawnWorld]:
    return [draw_world(described, np.random.default_rng([7, number])) for number in range(count)]


def test_a_micrograph_depends_on_its_seed_and_number_alone() -> None:
    one = simulate_drawn(worlds(), 3, 5)
    simulate_drawn(worlds(), 3, 6)
    again, other, seeded = (
        simulate_drawn(worlds(together=9), *key) for key in ((3, 5), (3, 4), (4, 5))
    )  # fmt: skip
    assert np.array_equal(one.image.data, again.image.data)
    assert np.array_equal(one.picks.points, again.picks.points)
    assert one.parameters == again.parameters
    assert not np.array_equal(one.image.data, other.image.data)
    assert not np.array_equal(one.image.data, seeded.image.data)


def test_truth_agrees_with_what_was_drawn() -> None:
    for number in range(6):
        made = simulate_drawn(worlds(rim=1, empty=0, density=(0.3, 0.5)), 0, number)
        true = made.parameters["true_diameter"] / made.image.pixel_size
        assert made.image.data.shape == (128, 128)
        assert np.isfinite(made.image.data).all()
        assert made.image.name == f"world_{number + 1:06d}.mrc"
        assert made.parameters["particles"] == len(made.picks)
        assert made.picks.diameters == pytest.approx(np.full(len(made.picks), true))
        assert set(made.picks.classes) <= set(made.parameters["structures"])
        assert (made.picks.extra["visibility"] >= 0.65).all()


def test_particles_are_dark_where_truth_says() -> None:
    plain = worlds(
        filtered=0, rim=0, clean=1, empty=0, other_species=0, phase_plate=0, misjudged=1, snr=3,
        structures=("random_solid",), underfocus=15000, density=0.2, ice_noise=0.1,
    )  # fmt: skip
    for number in range(4):
        made = simulate_drawn(plain, 0, number)
        y, x = np.indices(made.image.shape)
        apart = np.min([np.hypot(y - py, x - px) for py, px in made.picks.points], axis=0)
        image = made.image.data
        assert image[apart < 5].mean() < image[apart > 16].mean() - 1


def test_a_stated_diameter_has_the_working_one_and_the_true_one_is_near_it() -> None:
    described = worlds(across=20, misjudged=1.3, diameters=(100, 300), density=(0.1, 0.3), empty=0)
    for each in drawn(described):
        world = each.world
        true = world.diameter / world.pixel_size
        covered = world.particles[1] * np.pi / 4 * true**2 / 128**2
        assert 100 <= world.pixel_size * 20 <= 300
        assert 20 / 1.3 <= true <= 20 * 1.3
        assert abs(covered - 0.2) < 0.1 + np.pi / 8 * true**2 / 128**2  # to half a particle
        assert world.size == (128, 128)
        assert world.spacing >= 0.75


def test_shares_are_what_was_asked_for() -> None:
    described = Worlds()
    every = drawn(described, 1500)
    shares = {
        "empty": np.mean([each.world.particles == (0, 0) for each in every]),
        "patchy": np.mean([each.world.bare > 0 for each in every]),
        "two_layers": np.mean([each.world.layers == 2 for each in every]),
        "crowded": np.mean([each.world.spacing <= 1 for each in every]),
        "other_species": np.mean([bool(each.world.distractors) for each in every]),
        "phase_plate": np.mean([each.world.phase_shift[1] > 0 for each in every]),
        "rim": np.mean([each.finish.rim != (0, 0, 0, 0) for each in every]),
        "carbon": np.mean([each.world.carbon_probability == 1 for each in every]) / (1 - described.clean),
    }
    for name, found in shares.items():
        share = getattr(described, name)
        assert found == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / 1200)), name


@pytest.mark.parametrize("described", [worlds(), HELD_OUT.model_copy(update={"side": 128})])
def test_every_drawn_world_can_be_simulated_however_small_the_image(described: Worlds) -> None:
    for each in drawn(described, 500):
        assert each.world.distractor_diameter / each.world.pixel_size <= 128 / 3
        assert each.finish.rim == (0, 0, 0, 0) or max(each.finish.rim) < 22


def test_what_is_left_out_is_never_drawn() -> None:
    bare = worlds(empty=1, crowded=0, patchy=0, two_layers=0, clean=1, other_species=0, filtered=0, rim=0)
    for world in (each.world for each in drawn(bare)):
        assert world.particles == (0, 0)
        assert (world.bare, world.overlapping, world.carbon_probability) == (0, 0, 0)
        assert world.layers == 1
        assert world.spacing >= 1.05
        assert not world.distractors
        assert {getattr(world, name) for name in NO_DIRT} == {(0, 0)}
    for finish in (each.finish for each in drawn(bare)):
        assert finish == Finish(shading=finish.shading)


def test_another_species_is_clearly_smaller_or_larger() -> None:
    for world in (each.world for each in drawn(Worlds(other_species=1, misjudged=1))):
        times = world.distractor_diameter / world.diameter
        assert 0.3 <= times <= 0.55 or 1.8 <= times <= 2.5


def test_what_is_tested_on_was_never_trained_on() -> None:
    trained = Worlds()
    assert not {*HELD_OUT.structures} & {*trained.structures}
    assert HELD_OUT.structures == HELD_OUT_STRUCTURES
    assert HELD_OUT.ice_noise[0] > trained.ice_noise[1]
    assert HELD_OUT.detector_spread[0] > trained.detector_spread[1]
    assert {each.world.structures[0] for each in drawn(trained, 400)} == {*TRAINING_STRUCTURES}
    for name in (*TRAINING_STRUCTURES, *HELD_OUT_STRUCTURES):
        assert build_shape(name, 100, np.random.default_rng(0))(np.array([[99.0, 0, 0]])) > 0


def test_filters_are_drawn_within_limits() -> None:
    finishes = [draw_finish(worlds(filtered=1, rim=1), np.random.default_rng(n)) for n in range(300)]
    for name, low, high in [
        ("shading", 0, 2), ("low_pass", 0.3, 2.5), ("denoise", 0.3, 1), ("background", 22, 110),
        ("flatten", 22, 88), ("clip", 0.1, 2), ("levels", 256, 256),
    ]:  # fmt: skip
        used = [getattr(finish, name) for finish in finishes if getattr(finish, name)]
        assert 30 < len(used) < 300, name
        assert low <= min(used) <= max(used) <= high, name


def test_a_pick_in_the_rim_is_not_seen() -> None:
    points = np.array([[2, 50], [1.9, 50], [96, 50], [96.1, 50], [50, 4], [50, 3.9], [50, 94], [50, 94.1]])
    picks = Picks(points, scores=np.arange(8.0))
    assert seen_within(picks, (2, 3, 4, 5), (100, 100)).scores.tolist() == [0, 2, 4, 6]
    assert len(seen_within(picks, (0, 0, 0, 0), (100, 100))) == 8
    assert len(seen_within(picks.select([]), (2, 3, 4, 5), (100, 100))) == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"snr": (1, 0.5)}, r"snr is \(1, 0\.5\); expected two numbers above 0, the lower first"),
        ({"snr": 0}, r"snr is \(0, 0\); expected two numbers above 0"),
        ({"dose": (-1, 5)}, r"dose is \(-1, 5\)"),
        ({"across": 40}, r"are 27\.6 to 58\.0 px across; expected 4 px to a third of the image \(43 px\)"),
        ({"across": 8, "misjudged": 2.5}, r"are 3\.2 to 20\.0 px across"),
    ],
)
def test_worlds_that_cannot_be_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        worlds(**changes)
