import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import ndimage
from scipy.spatial import KDTree

from motes.data.mask_checks import check_masks
from motes.data.mask_pairs import collect_masks
from motes.data.normalise import Normalisation
from motes.errors import OutputError, RecipeError
from motes.formats.images import read_image
from motes.formats.picks import read_picks
from motes.simulate.bead_folder import write_beads
from motes.simulate.bead_optics import Optics, scattered, shining, transfer_out_of_focus
from motes.simulate.bead_places import place_beads
from motes.simulate.bead_world import FLUORESCENT, BeadWorld
from motes.simulate.beads import simulate_beads

SMALL = BeadWorld(size=96, beads=(8, 12), diameter=14)
CLEAN = {"dirt": 0, "depth": 0, "gradient": 0, "vignetting": 0, "spread": 0}
LENS = Optics(0.55, 0.6, 0.2)


def distances(placed):
    return KDTree(placed.centres).query(placed.centres, k=2)[0][:, 1]


@settings(max_examples=20)
@given(
    count=st.integers(0, 60),
    spread=st.floats(0, 0.2),
    touching=st.floats(0, 1),
    clusters=st.integers(0, 3),
    edge=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_beads_lie_side_by_side_within_the_image(count, spread, touching, clusters, edge, seed):
    world = BeadWorld(
        size=(160, 200),
        beads=count,
        diameter=16,
        spread=spread,
        touching=touching,
        clusters=clusters,
        edge_beads=edge,
    )
    placed = place_beads(world, np.random.default_rng(seed))
    assert len(placed.radii) == count
    room = np.zeros(1) if edge else placed.radii - 1e-9
    assert ((placed.centres >= room[:, None]) & (placed.centres <= [159, 199] - room[:, None])).all()
    if count > 1:
        for i, j in KDTree(placed.centres).query_pairs(4 * placed.radii.max()):
            contact = placed.radii[i] + placed.radii[j]
            gap = 0 if placed.groups[i] == placed.groups[j] else world.gap
            assert np.linalg.norm(placed.centres[i] - placed.centres[j]) > contact + gap - 0.06


@pytest.mark.parametrize(("count", "diameter"), [(3, 18), (109, 18), (300, 11)])
def test_every_density_gives_the_count_that_was_asked_for(count, diameter):
    made = simulate_beads(BeadWorld(beads=count, diameter=diameter), 5, 2)
    assert len(made.picks) == made.labels.max() == made.parameters["beads"] == count
    assert (made.picks.extra["area"] > 0).all()


def test_as_many_beads_touch_as_was_asked_for():
    apart = place_beads(BeadWorld(beads=40, spread=0, touching=0, diameter=16), np.random.default_rng(1))
    assert distances(apart).min() > 16 + 1.4
    touching = place_beads(BeadWorld(beads=40, spread=0, touching=0.5, diameter=16), np.random.default_rng(1))
    assert (distances(touching) < 16.5).sum() == 20
    assert np.isin(np.bincount(touching.groups), (1, 2, 3, 4)).all()


def test_clusters_are_beads_that_touch():
    world = BeadWorld(beads=30, spread=0, touching=0, clusters=2, cluster_beads=8, diameter=14)
    placed = place_beads(world, np.random.default_rng(3))
    assert np.bincount(placed.groups)[:3].tolist() == [8, 8, 1]
    assert (distances(placed)[placed.groups < 2] < 14.6).all()


def test_labels_are_discs_at_the_picks():
    made = simulate_beads(BeadWorld(size=200, beads=20, touching=0, edge_beads=False), 0, 0)
    area = ndimage.sum_labels(np.ones(made.labels.shape), made.labels, np.arange(1, 21))
    assert area.tolist() == made.picks.extra["area"].tolist()
    assert area == pytest.approx(np.pi / 4 * made.picks.diameters**2, rel=0.05)
    centres = np.array(ndimage.center_of_mass(made.labels > 0, made.labels, np.arange(1, 21)))
    assert centres == pytest.approx(made.picks.points, abs=0.25)


def test_touching_beads_share_no_pixel_and_leave_no_seam():
    made = simulate_beads(
        BeadWorld(size=64, beads=2, touching=1, diameter=20, edge_beads=False, dirt=0), 0, 1
    )
    assert set(np.unique(made.labels)) == {0, 1, 2}
    assert ndimage.label(made.labels > 0, np.ones((3, 3)))[1] == 1


def test_the_same_seed_gives_the_same_image_and_another_another_one():
    one, again = simulate_beads(SMALL, 3, 4), simulate_beads(SMALL, 3, 4)
    assert np.array_equal(one.image, again.image)
    assert np.array_equal(one.labels, again.labels)
    assert one.parameters == again.parameters
    assert not np.array_equal(one.image, simulate_beads(SMALL, 3, 5).image)
    assert not np.array_equal(one.image, simulate_beads(SMALL, 4, 4).image)


@pytest.mark.parametrize(("bits", "kind"), [(8, np.uint8), (12, np.uint16), (16, np.uint16)])
def test_the_camera_has_its_bits_offset_and_noise(bits, kind):
    world = BeadWorld(
        **CLEAN, size=128, beads=0, bits=bits, photons=1000, read_noise=20, offset=0.1, exposure=0.5
    )
    image = simulate_beads(world, 0, 0).image
    assert image.dtype == kind
    top = 2**bits - 1
    assert image.mean() == pytest.approx(0.6 * top, rel=0.01)
    rounding = 1 / 12
    noise = np.sqrt(1000 + 20**2) / 1000 * 0.5 * top
    assert image.std() == pytest.approx(np.sqrt(noise**2 + rounding), rel=0.03)


def centre_and_rim(defocus, **changes):
    world = BeadWorld(**CLEAN, size=64, beads=1, diameter=18, edge_beads=False, defocus=defocus,
                      photons=1e5, **changes)  # fmt: skip
    made = simulate_beads(world, 0, 0)
    y, x = np.indices((64, 64))
    radius = np.hypot(y - made.picks.points[0, 0], x - made.picks.points[0, 1])
    ground = made.image[radius > 25].mean()
    return made.image[radius < 2].mean() / ground, made.image[abs(radius - 8) < 1].mean() / ground


def test_a_transparent_bead_is_a_lens_bright_on_one_side_of_the_focus_and_dark_on_the_other():
    behind, rim = centre_and_rim(-3.0)
    assert behind > 1.3
    assert rim < 0.7
    assert centre_and_rim(3.0)[0] < 0.8


def test_a_bead_that_shines_is_brightest_in_its_middle():
    middle, rim = centre_and_rim(0.0, optics="fluorescence", background=0.1)
    assert middle > 3
    assert 1 < rim < middle


def test_rings_widen_with_the_defocus():
    radii, depths = np.full(3, 2.25), np.array([-2.0, -4.0, -8.0])
    profiles = scattered(radii, depths, 0.02, 0, Optics(0.55, 0.6, 0))
    light = np.abs(1 + profiles.values) ** 2
    outside = profiles.radii > 2.25
    first_bright = profiles.radii[outside][light[:, outside].argmax(axis=1)]
    assert (np.diff(first_bright) > 0.1).all()


def test_a_weak_bead_in_focus_swallows_what_its_path_says():
    profiles = scattered(np.array([10.0]), np.zeros(1), 0, 0.2, LENS)
    light = np.abs(1 + profiles.values[0]) ** 2
    assert light[0] == pytest.approx(0.8, abs=0.01)
    assert light[profiles.radii > 12] == pytest.approx(1, abs=0.02)


def test_defocus_keeps_the_light_of_a_bead_that_shines():
    profiles = shining(np.full(2, 2.0), np.array([0.0, 3.0]), LENS)
    total = (profiles.values.real * profiles.radii).sum(axis=1) * profiles.radii[1] * 2 * np.pi
    assert total == pytest.approx(np.full(2, 4 / 3 * np.pi * 2**3 / 4), rel=0.05)
    assert profiles.values[1, 0].real < 0.9 * profiles.values[0, 0].real


def test_the_transfer_starts_at_one_and_ends_at_twice_the_aperture():
    frequency = np.array([0, 2 * 0.6 / 0.55])
    for depth in (0.0, 5.0):
        assert transfer_out_of_focus(frequency, np.array(depth), LENS) == pytest.approx([1, 0], abs=0.01)


def test_too_many_beads_are_refused_with_the_diameter_that_fits():
    with pytest.raises(RecipeError, match=r"300 beads .* at most 12\.\d px"):
        BeadWorld(beads=300)
    with pytest.raises(RecipeError, match="the least, then the most"):
        BeadWorld(beads=(9, 3))
    with pytest.raises(RecipeError, match="3 px to half of the image"):
        BeadWorld(diameter=2)
    with pytest.raises(ValidationError, match="bits"):
        BeadWorld(bits=10)


def test_every_field_says_what_it_is():
    assert all(field.description for field in BeadWorld.model_fields.values())


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_folder_holds_images_outlines_and_centres(tmp_path):
    steps = []
    paths = write_beads(SMALL, tmp_path, 2, 7, steps.append)
    assert steps == [1, 2]
    assert [path.name for path in paths] == ["beads_0001.tif", "beads_0002.tif"]
    made = simulate_beads(SMALL, 7, 1)
    image, labels = read_image(paths[1]), read_image(tmp_path / "labels" / "beads_0002.tif")
    assert np.array_equal(image.data, made.image)
    assert image.pixel_size == labels.pixel_size == pytest.approx(2500)
    assert np.array_equal(labels.data, made.labels)
    assert labels.data.dtype == np.uint16
    picks = read_picks(tmp_path / "picks" / "beads_0002.csv")["beads_0002.tif"]
    assert picks.points == pytest.approx(made.picks.points, abs=5e-4)
    assert picks.diameters == pytest.approx(made.picks.diameters, abs=5e-4)
    assert picks.extra["label"].tolist() == list(range(1, len(picks) + 1))
    record = json.loads((tmp_path / "parameters.json").read_text())
    assert record["images"]["beads_0002.tif"]["beads"] == len(picks)


def test_a_second_call_goes_on_where_the_first_stopped(tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    write_beads(SMALL, whole, 3)
    write_beads(SMALL, parts, 1)
    first = (parts / "images" / "beads_0001.tif").stat().st_mtime_ns
    write_beads(SMALL, parts, 3)
    assert (parts / "images" / "beads_0001.tif").stat().st_mtime_ns == first
    (parts / "labels" / "beads_0002.tif").unlink()
    write_beads(SMALL, parts, 3)
    assert snapshot(whole) == snapshot(parts)


def test_another_world_is_refused_unless_it_is_to_be_overwritten(tmp_path):
    write_beads(SMALL, tmp_path, 2)
    other = SMALL.model_copy(update={"bits": 12})
    with pytest.raises(OutputError, match="bits: 8 there, 12 now"):
        write_beads(other, tmp_path, 1)
    write_beads(other, tmp_path, 1, overwrite=True)
    assert [path.name for path in sorted((tmp_path / "labels").iterdir())] == ["beads_0001.tif"]
    assert [path.name for path in sorted((tmp_path / "images").iterdir())] == ["beads_0001.tif"]


@pytest.mark.parametrize("world", [BeadWorld(), FLUORESCENT], ids=["bright-field", "fluorescence"])
def test_what_is_written_can_be_trained_on(tmp_path, world):
    write_beads(world, tmp_path, 3)
    found = collect_masks([str(tmp_path / "images")], str(tmp_path / "labels"), "instances", Normalisation())
    check = check_masks(found.images)
    assert len(check.usable) == 3
    assert not check.problems
    assert 0.3 < check.foreground < 0.5
