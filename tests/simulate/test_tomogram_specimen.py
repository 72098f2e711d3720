import numpy as np
import pytest

from motes.errors import RecipeError
from motes.simulate.chance import chance
from motes.simulate.placement import overlap
from motes.simulate.tomogram_clutter import bilayer, soft_ball
from motes.simulate.tomogram_shapes import turned
from motes.simulate.tomogram_specimen import (
    Stream,
    build_specimen,
    class_molecule,
    draw_counts,
    other_proteins,
)
from motes.simulate.tomogram_world import TomogramWorld

BARE = {"vesicles": 0, "sheets": 0, "filaments": 0, "gold": 0, "crowding": 0}


def world(**fields: object) -> TomogramWorld:
    return TomogramWorld.model_validate({"size": (48, 96, 96)} | fields)


def test_twelve_of_every_class_fit_into_a_small_crowded_tomogram() -> None:
    described = TomogramWorld(size=(64, 256, 256), least=12, crowding=0)
    made = build_specimen(described, 0, 0)
    assert np.bincount(made.kinds).tolist() == [12] * 6
    radii = np.array([described.classes[kind].diameter / 20 for kind in made.kinds])
    edges = np.array(described.size) - 1
    assert (made.centres[:, 1:] >= radii[:, None]).all()
    assert (made.centres[:, 1:] <= edges[1:] - radii[:, None]).all()
    ice = described.ice_thickness / 20
    assert (np.abs(made.centres[:, 0] - 31.5) <= ice - radii + 1e-9).all()


def test_no_two_particles_lie_in_each_other() -> None:
    described = world(**BARE, counts={"virus-like-particle": 3, "apo-ferritin": 8}, density=0)
    made = build_specimen(described, 0, 0)
    assert len(made.centres) == 11
    times = np.zeros(described.size, int)
    for centre, kind, rotation in zip(made.centres, made.kinds, made.rotations, strict=True):
        lies = turned(class_molecule(described.classes[kind], 10.0), centre, rotation)
        inner, outer = overlap(times.shape, lies.taken.shape, lies.corner)
        times[outer] += lies.taken[inner]
    assert times.max() == 1


def test_the_density_is_what_the_particles_add_up_to_at_their_centres() -> None:
    described = world(**BARE, density=0, counts={"ribosome": 2})
    made = build_specimen(described, 3, 0)
    mass = sum(class_molecule(described.classes[k], 10.0).density.sum() / 8 for k in made.kinds)
    assert made.density.sum() == pytest.approx(mass, rel=0.01)
    z, y, x = (
        (made.density * axis).sum() / made.density.sum()
        for axis in np.meshgrid(*(np.arange(n) for n in described.size), indexing="ij", sparse=True)
    )
    assert (z, y, x) == pytest.approx(tuple(made.centres.mean(axis=0)), abs=0.05)


def test_counts_go_by_volume_density_and_what_is_asked_for() -> None:
    full = np.mean([draw_counts(TomogramWorld(), np.random.default_rng(k)) for k in range(300)], axis=0)
    assert full == pytest.approx([47, 5, 6, 80, 13, 6], rel=0.1)
    half = TomogramWorld(density=0.5)
    assert np.mean([draw_counts(half, np.random.default_rng(k))[3] for k in range(300)]) == pytest.approx(
        40, rel=0.1
    )
    asked = world(density=0, least=2, counts={"ribosome": (4, 6), "thyroglobulin": 1})
    drawn = [draw_counts(asked, np.random.default_rng(k)) for k in range(40)]
    assert {each[3] for each in drawn} == {4, 5, 6}
    assert {tuple(each[:3] + each[4:]) for each in drawn} == {(2, 2, 2, 2, 2)}


def test_more_than_fit_are_refused_with_what_to_do() -> None:
    with pytest.raises(RecipeError, match=r"only \d+ of 60 ribosome find room .* ask for fewer"):
        build_specimen(world(**BARE, density=0, counts={"ribosome": 60}), 0, 0)


def test_clutter_lies_in_the_ice_and_keeps_particles_out() -> None:
    described = world(vesicles=600, vesicle_diameter=(300, 350), sheets=15, filaments=20, gold=600, density=0)
    with_clutter = build_specimen(described, 2, 0)
    assert all(
        with_clutter.clutter[each] > 0
        for each in ("vesicles", "sheets", "filaments", "gold", "other_proteins")
    )
    outside = int((48 - 0.85 * 48) / 2) - 1
    assert max(with_clutter.density[:outside].max(), with_clutter.density[-outside:].max()) < 0.1
    assert with_clutter.density.max() > 5  # gold
    bare = build_specimen(world(**BARE, density=0), 2, 0)
    assert not bare.density.any()
    assert len(bare.centres) == 0


def test_other_proteins_have_the_density_of_protein_and_the_masses_asked_for() -> None:
    kinds = other_proteins((30.0, 350.0), 10.0, 0)
    assert len(kinds) == 12
    for made, mass in kinds:
        assert 30 <= mass <= 350
        assert made.density.sum() * (made.step * 10) ** 3 * 0.813e-3 == pytest.approx(mass, rel=0.01)
        assert 0.5 < made.density.max() < 1.5
    again = other_proteins((30.0, 350.0), 10.0, 1)
    assert [mass for _, mass in again] != [mass for _, mass in kinds]


def test_another_amount_of_clutter_leaves_the_streams_of_others_alone() -> None:
    first, second = (chance(3, 1, stream).uniform() for stream in (Stream.GOLD, Stream.SHOT))
    assert first != second
    assert chance(3, 1, Stream.GOLD).uniform() == first != chance(3, 2, Stream.GOLD).uniform()


def test_a_bilayer_is_two_lines_and_a_ball_is_exact() -> None:
    away = np.linspace(-60, 60, 121, dtype=np.float32)
    across = bilayer(away)
    assert sorted(np.abs(away[np.argsort(across)[-2:]])) == [18, 18]
    assert across[60] < 0  # tails are lighter than protein, and than ice
    ball = soft_ball(50, np.array([0.3, -0.2, 0.1]), 10)
    assert ball.sum() == pytest.approx(4 / 3 * np.pi * 125, rel=0.01)
    places = np.argwhere(ball >= 0) - len(ball) // 2
    middle = (places * ball.reshape(-1, 1)).sum(axis=0) / ball.sum()
    assert middle == pytest.approx([0.3, -0.2, 0.1], abs=0.01)


def test_the_gap_between_particles_is_kept_however_wide() -> None:
    described = TomogramWorld(
        size=(40, 96, 96), counts={"apo-ferritin": (8, 8)}, density=0, gap=60, vesicles=0, sheets=0, filaments=0,
        gold=0, crowding=0,
    )  # fmt: skip
    centres = build_specimen(described, 0, 0).centres
    apart = np.linalg.norm(centres[:, None] - centres, axis=2) + 1e9 * np.eye(len(centres))
    assert len(centres) == 8
    assert apart.min() * 10 > 120 + 60 - 20  # a voxel of rounding on either side
