import subprocess
import sys

import numpy as np
import pytest
from pydantic import ValidationError

from motes.errors import RecipeError
from motes.simulate import MicrographWorld, simulate_micrograph
from motes.simulate.chance import chance
from motes.simulate.micrographs import Layers, render, truth
from motes.simulate.placement import sampled
from motes.simulate.scene import Scene, Stream, build_scene, distance_to_arc, patches, run_species

PLAIN = {
    "size": 256,
    "particles": (12, 12),
    "contamination": (0, 0),
    "aggregates": (0, 0),
    "carbon_probability": 0.0,
    "structures": ("ball",),
    "gain_variation": 0.0,
    "hot_pixels": 0.0,
}


def world(**changes: object) -> MicrographWorld:
    return MicrographWorld.model_validate(PLAIN | changes)


def layers_of(described: MicrographWorld, seed: int = 0, index: int = 0) -> Layers:
    scene = build_scene(described, seed, index)
    return render(described, scene, truth(described, scene), seed, index)[0]


def scene_of(described: MicrographWorld, index: int = 0) -> Scene:
    return build_scene(described, 0, index)


def discs(shape: tuple[int, ...], points: np.ndarray, diameters: np.ndarray) -> np.ndarray:
    y, x = np.indices(shape)
    mask = np.zeros(shape, dtype=bool)
    for (cy, cx), diameter in zip(points, diameters, strict=True):
        mask |= np.hypot(y - cy, x - cx) <= diameter / 2
    return mask


def test_the_same_seed_gives_the_same_bytes_in_another_process() -> None:
    code = (
        "from motes.simulate import *; import hashlib;"
        "m = simulate_micrograph(MicrographWorld(size=200, particles=8), 5, 3);"
        "print(hashlib.sha256(m.image.data.tobytes() + m.picks.points.tobytes()).hexdigest())"
    )
    once, twice = (subprocess.check_output([sys.executable, "-c", code]) for _ in range(2))
    assert once == twice
    described = MicrographWorld(size=200, particles=8)
    here = simulate_micrograph(described, 5, 3)
    others = [simulate_micrograph(described, 5, 2), simulate_micrograph(described, 6, 3)]
    assert all(not np.array_equal(here.image.data, other.image.data) for other in others)


@pytest.mark.parametrize("snr", [0.05, 0.1, 1.0])
def test_the_requested_signal_to_noise_is_measured_back(snr: float) -> None:
    described = world(snr=snr)
    layers = layers_of(described)
    made = simulate_micrograph(described, 0, 0)
    within = discs(made.image.shape, made.picks.points, made.picks.diameters)
    electrons = 40 * 16 * 0.8
    noise = made.image.data / electrons - layers.signal - layers.background
    assert layers.signal[within].var() / noise[within].var() == pytest.approx(snr, rel=0.05)
    assert made.parameters["snr"] == pytest.approx(snr)


def test_without_a_target_counts_are_poisson() -> None:
    described = world(snr=None, particles=0, ice_noise=0, thickness_gradient=0)
    data = simulate_micrograph(described, 0, 0).image.data
    assert np.allclose(data, data.round(), atol=1e-2)
    assert data.mean() == pytest.approx(40 * 16 * 0.8, rel=0.01)
    assert data.var() == pytest.approx(data.mean(), rel=0.03)


def test_particles_are_dark_at_their_centres_at_underfocus() -> None:
    described = world(particles=(20, 20), defocus=15000.0)
    made = simulate_micrograph(described, 1, 0)
    signal = layers_of(described, 1, 0).signal
    y, x = np.round(made.picks.points).astype(int).T
    assert signal[y, x].mean() < 0
    within = discs(made.image.shape, made.picks.points, made.picks.diameters)
    assert made.image.data[within].mean() < made.image.data[~within].mean()


def test_the_signal_lies_at_the_stated_centre() -> None:
    described = world(particles=(1, 1), edge_particles=False, astigmatism=0.0)
    for index in range(4):
        centre = simulate_micrograph(described, 2, index).picks.points[0]
        weight = layers_of(described, 2, index).signal.astype(float) ** 2
        y, x = np.indices(weight.shape)
        found = np.array([(weight * y).sum(), (weight * x).sum()]) / weight.sum()
        assert found == pytest.approx(centre, abs=0.05)


def test_truth_names_classes_and_lies_in_the_image() -> None:
    described = world(structures=("ball", "ring"), species=2, particles=(25, 30), spacing=0.8)
    made = simulate_micrograph(described, 0, 0)
    assert set(made.picks.classes) == {"ball", "ring"}
    assert (made.picks.diameters == 37.5).all()
    assert ((made.picks.points >= 0) & (made.picks.points <= 255)).all()
    visibility = made.picks.extra["visibility"]
    assert ((visibility >= 0.25) & (visibility <= 1)).all()
    assert visibility.min() < 1
    assert made.image.pixel_size == 4
    assert made.image.data.dtype == np.float32


def test_particles_keep_to_the_inside_when_asked() -> None:
    picks = simulate_micrograph(world(edge_particles=False), 0, 0).picks
    assert len(picks) == 12
    assert (picks.extra["visibility"] == 1).all()


def test_truth_says_how_plain_each_particle_is_to_see() -> None:
    faint, plain = (simulate_micrograph(world(snr=snr), 0, 0).picks.extra["snr"] for snr in (0.05, 0.5))
    np.testing.assert_allclose(plain, 10 * faint, rtol=1e-3)  # the noise is scaled, the signal is the same
    assert faint.mean() == pytest.approx(0.05, rel=0.5)
    assert (faint > 0).all()


def test_all_micrographs_of_a_run_show_one_species() -> None:
    described = MicrographWorld()
    names = [run_species(described, seed)[0].name for seed in range(8)]
    assert len(set(names)) > 1
    assert names[3] == run_species(described, 3)[0].name


def test_carbon_contamination_clutter_and_hot_pixels_appear() -> None:
    described = world(
        size=400, carbon_probability=1.0, contamination=(2, 2), aggregates=(1, 1), hot_pixels=1e-3,
        distractors=("rod",), distractor_count=(4, 4), gain_variation=0.01,
    )  # fmt: skip
    scene = build_scene(described, 0, 0)
    made = simulate_micrograph(described, 0, 0)
    assert made.parameters["carbon"]
    assert made.parameters["contaminated"] > 0
    assert 6 + 4 <= len(scene.clutter.centres) <= 15 + 4
    assert "rod" not in made.picks.classes
    carbon = scene.inner(scene.carbon) == 1
    assert made.image.data[carbon].mean() < made.image.data[~carbon].mean()
    y, x = np.round(made.picks.points).astype(int).T
    assert not carbon[y, x].any()


def test_a_micrograph_without_particles_has_the_noise_of_one_with() -> None:
    without, with_some = world(particles=0), world()
    assert len(simulate_micrograph(without, 0, 0).picks) == 0
    ratio = layers_of(without).noise.std() / layers_of(with_some).noise.std()
    assert ratio == pytest.approx(1, abs=0.3)


def test_particles_from_files_keep_their_size(tmp_path) -> None:
    from motes.formats.images import write_image
    from motes.simulate.shapes import ball, filled

    path = tmp_path / "probe.mrc"
    write_image(path, filled(ball(60), 48, 3.0), 3.0)
    picks = simulate_micrograph(world(structures=(str(path),), diameter=100), 0, 0).picks
    assert set(picks.classes) == {"probe"}
    assert picks.diameters == pytest.approx(np.full(len(picks), 30), abs=1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"diameter": 15}, "3.8 px"),
        ({"diameter": 400}, "100.0 px"),
        ({"particles": (5, 2)}, "least, then the most"),
        ({"species": 3}, "there are 1 structures"),
        ({"distractor_count": 2}, "no distractors are named"),
        ({"size": 8}, "at least 16 px"),
        ({"gold": (3, 1)}, r"gold is \(3, 1\); expected the least, then the most"),
        ({"scratch_width": (-5, 9)}, "scratch_width"),
        ({"aggregate_steps": (0.9, 0.5)}, "aggregate_steps"),
        ({"distractors": ("ball",), "distractor_diameter": 400}, "distractor_diameter is 400 A"),
    ],
)
def test_worlds_that_cannot_be_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        world(**change)


def test_unknown_fields_and_changes_are_refused() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        world(diametre=3)
    with pytest.raises(ValidationError, match="frozen"):
        world().size = (3, 3)
    with pytest.raises(RecipeError, match="seed and index"):
        simulate_micrograph(world(), -1, 0)


def test_every_field_is_described_and_has_a_default() -> None:
    assert all(field.description for field in MicrographWorld.model_fields.values())
    assert MicrographWorld() == MicrographWorld.model_validate_json(MicrographWorld().model_dump_json())


def test_an_illumination_that_converges_blurs_what_is_far_from_focus() -> None:
    parallel, converging = (layers_of(world(convergence_angle=a)).signal for a in (0.0, 0.3))
    assert np.array_equal(parallel, layers_of(world()).signal)
    spectra = [np.abs(np.fft.rfft2(signal)) ** 2 for signal in (parallel, converging)]
    radius = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.rfftfreq(256)[None])
    coarse, fine = (radius < 0.02), (radius > 0.1) & (radius < 0.2)
    kept = [spectra[1][band].sum() / spectra[0][band].sum() for band in (coarse, fine)]
    assert 0.98 < kept[0] < 1
    assert kept[1] < 0.6


def test_gold_blocks_the_beam_and_hides_particles() -> None:
    plain, gilded = world(), world(gold=(8, 8), gold_diameter=(100, 200))
    scene, layers = scene_of(gilded), layers_of(gilded)
    beads = scene.inner(scene.gold)
    assert scene_of(plain).gold.max() == 0
    assert layers.background[beads == 1].mean() < 0.5 * layers.background[beads == 0].mean()
    assert (scene.covered >= scene.gold).all()
    assert np.array_equal(scene.particles.centres, scene_of(plain).particles.centres)
    free, hidden = truth(plain, scene_of(plain)), truth(gilded, scene)
    assert len(hidden) < len(free) or hidden.extra["visibility"].sum() < free.extra["visibility"].sum()


def test_gold_beads_are_discs_of_their_diameter() -> None:
    for index in range(5):
        beads = scene_of(world(gold=(1, 1), gold_diameter=(160, 160)), index).gold
        assert beads.max() == 1
        assert beads.sum() <= np.pi * 20**2 * 1.01  # 160 A are 40 px; the canvas may cut the bead
    assert max(scene_of(world(gold=(1, 1), gold_diameter=(160, 160)), n).gold.sum() for n in range(5)) > 1200


def test_filaments_are_round_rods_across_the_image() -> None:
    described = world(filaments=(1, 1), filament_width=(80, 80))
    for index in range(4):
        protein = scene_of(described, index).filaments
        assert protein.max() == pytest.approx(80, rel=0.02)
        middles = (protein > 79).any(axis=0).sum() + (protein > 79).any(axis=1).sum()
        assert middles > 40
    thin, thick = (scene_of(world(filaments=(1, 1), filament_width=(w, w))).filaments for w in (40, 80))
    assert (thick > 0).sum() == pytest.approx(2 * (thin > 0).sum(), rel=0.1)


def test_filaments_are_seen_as_protein_is() -> None:
    there, not_there = layers_of(world(filaments=(2, 2))), layers_of(world())
    along = scene_of(world(filaments=(2, 2)))
    change = there.background - not_there.background
    middle = along.inner(along.filaments) > 60
    assert change[middle].mean() < 0  # dark at underfocus, as particles are
    assert np.array_equal(there.signal, not_there.signal)


def test_scratches_change_the_brightness_by_their_share() -> None:
    described = world(scratches=(3, 3), scratch_width=(40, 80))
    scene = scene_of(described)
    change = scene.inner(scene.scratches)
    assert 0.05 <= np.abs(change).max() <= 1.2
    ratio = layers_of(described).background / layers_of(world()).background
    np.testing.assert_allclose(ratio, np.maximum(1 + change, 0), atol=1e-4)


def test_the_distance_to_an_arc_is_a_distance() -> None:
    for seed in range(10):
        away = distance_to_arc((80, 120), np.random.default_rng(seed))
        assert away.min() < 1
        assert max(np.abs(np.diff(away, axis=axis)).max() for axis in (0, 1)) <= 1 + 1e-3


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_patches_have_the_share_asked_for(share: float) -> None:
    one, again, other = (patches((200, 150), share, 30, np.random.default_rng(n)) for n in (0, 0, 1))
    assert one.shape == (200, 150)
    assert one.mean() == pytest.approx(share, abs=0.01)
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_no_particle_lies_in_a_bare_patch() -> None:
    described = world(bare=0.6, particles=(60, 60), spacing=0.5, size=300)
    scene = scene_of(described)
    bare = patches(scene.canvas, 0.6, 4 * scene.species[0].diameter, chance(0, 0, Stream.BARE))
    assert len(scene.particles.centres) > 20
    assert not sampled(bare, scene.particles.centres).any()


def test_particles_of_two_layers_keep_their_distance_within_a_layer_alone() -> None:
    two = world(layers=2, overlapping=0.0, particles=(40, 40), size=300)
    centres = scene_of(two).particles.centres
    gaps = np.linalg.norm(centres[:, None] - centres[None], axis=-1) + 1e9 * np.eye(len(centres))
    half = len(centres) // 2  # both layers hold all that they are asked to
    assert gaps[:half, :half].min() >= 37.5
    assert gaps[half:, half:].min() >= 37.5
    assert gaps[:half, half:].min() < 37.5 / 2
    one = scene_of(two.model_copy(update={"layers": 1})).particles.centres
    assert len(one) < len(centres)  # one layer does not hold as many


def test_particles_that_stick_lie_beside_another_one() -> None:
    described = world(sticking=1.0, overlapping=0.0, particles=(20, 20), size=400)
    centres = scene_of(described).particles.centres
    gaps = np.linalg.norm(centres[:, None] - centres[None], axis=-1) + 1e9 * np.eye(len(centres))
    assert gaps.min() >= 37.5
    assert np.median(gaps.min(axis=1)) <= 1.1 * 37.5


def test_carbon_reaches_as_far_as_asked_for() -> None:
    described = {"carbon_probability": 1.0, "hole_diameter": 1e7}  # so large that its edge is straight
    for index in range(4):
        shares = []
        for depth in (0.1, 0.3, 0.6, 1.3):
            scene = scene_of(world(carbon_depth=(depth, depth), **described), index)
            shares.append(scene.inner(scene.carbon).mean())
        assert shares == sorted(shares)
        assert 0 < shares[0] < 0.2
        assert shares[-1] == pytest.approx(1, abs=0.1)


def test_the_grain_of_carbon_is_as_strong_as_asked_for() -> None:
    described = {"carbon_probability": 1.0, "carbon_depth": (0.5, 0.5)}
    without, once, four = (layers_of(world(carbon_grain=g, **described)).background for g in (0, 1, 4))
    np.testing.assert_allclose(four - without, 4 * (once - without), atol=1e-4)
    assert (once - without).std() > 0


def test_steps_within_an_aggregate_are_those_asked_for() -> None:
    described = world(aggregates=(1, 1), aggregate_steps=(0.2, 0.3), size=300)
    members = scene_of(described).clutter.centres
    gaps = np.linalg.norm(members[:, None] - members[None], axis=-1) + 1e9 * np.eye(len(members))
    assert 6 <= len(members) <= 15
    assert gaps.min(axis=1).max() <= 0.3 * 37.5 + 1e-9
