import subprocess
import sys

import numpy as np
import pytest
from pydantic import ValidationError

from motes.errors import RecipeError
from motes.simulate import MicrographWorld, simulate_micrograph
from motes.simulate.micrographs import Layers, render, truth
from motes.simulate.scene import build_scene, run_species

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
