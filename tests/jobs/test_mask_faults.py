"""Each fault planted into a clean set of simulated beads is found, in the right images; the clean set is silent."""

import os
from pathlib import Path

import numpy as np
import pytest
import tifffile

from motes.data.sources import DataSource
from motes.errors import InputError
from motes.jobs.mask_look import look_at_masks
from motes.simulate.bead_world import FLUORESCENT
from motes.simulate.beads import simulate_beads
from planted_mask_faults import FAULTS, MaskSet, binary

COUNT = 16  # benchmarks/inspect_faults.py plants them in 30
REAL = os.environ.get("MOTES_REAL_DATA")


@pytest.fixture(scope="module")
def clean() -> MaskSet:
    world = FLUORESCENT.model_copy(update={"size": (96, 96), "beads": (15, 18), "dirt": (0, 2)})
    beads = [simulate_beads(world, 3, number) for number in range(COUNT)]
    return MaskSet([each.image for each in beads], [each.labels.astype(np.uint16) for each in beads])


def names_of(fault):
    return {Path(name).name for name in fault.images}


@pytest.mark.parametrize("kind", ["instances", "binary"])
def test_a_clean_set_raises_no_alarm_and_its_facts_are_those_it_was_made_with(clean, tmp_path, kind):
    kept = clean.copy()
    if kind == "binary":
        kept.masks = [binary(mask) for mask in kept.masks]
    facts, faults = look_at_masks(kept.save(tmp_path), kind)
    assert faults == []
    assert [each.problem for each in facts] == [None] * COUNT
    for each, mask in zip(facts, clean.masks, strict=True):
        assert each.coverage == pytest.approx((mask > 0).mean())
        assert 0 in each.values
        assert len(each.diameters) == each.objects
        if kind == "instances":
            assert each.objects == len(np.unique(mask)) - 1
    assert np.median(np.concatenate([each.contrasts for each in facts])) > 0.5


def one_of_each_quick():
    """All names of faults; those whose key an earlier one has are slow."""
    first = {fault.key: name for name, fault in reversed(FAULTS.items())}
    return [
        name if first[fault.key] == name else pytest.param(name, marks=pytest.mark.slow)
        for name, fault in FAULTS.items()
    ]


@pytest.mark.parametrize("name", one_of_each_quick())
def test_a_planted_fault_is_found_in_its_images_and_no_other_is_made_up(clean, tmp_path, name):
    fault, planted = FAULTS[name], clean.copy()
    which = fault.plant(planted, np.random.default_rng(1))
    _, faults = look_at_masks(planted.save(tmp_path), fault.kind)
    found = [each for each in faults if each.kind == fault.key]
    assert any(each.unusable for each in found) == fault.unusable
    expected = {next(p.name for p in (tmp_path / "images").glob(f"{number:02d}.*")) for number in which}
    named = set().union(*(names_of(each) for each in found))
    assert named <= expected
    assert len(named) >= 0.9 * len(expected)
    assert {each.kind for each in faults if each.unusable} <= {fault.key, *fault.also}
    assert all(each.evidence and each.message for each in found)


def test_different_images_of_one_like_object_each_are_no_copies_and_copies_are_found(tmp_path):
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:64, :64]
    masks = [
        ((y - cy) ** 2 + (x - cx) ** 2 <= 400).astype(np.uint8) for cy, cx in rng.uniform(24, 40, (6, 2))
    ]
    images = [(100 + 60 * mask + rng.normal(0, 5, mask.shape)).astype(np.uint8) for mask in masks]
    parts = ["train"] * 3 + ["validation"] * 3
    assert look_at_masks(MaskSet(images, masks, parts=parts).save(tmp_path / "clean"), "binary")[1] == []
    copied = MaskSet([*images[:5], np.fliplr(images[0]) // 2], [*masks[:5], np.fliplr(masks[0])], parts=parts)
    faults = look_at_masks(copied.save(tmp_path / "copied"), "binary")[1]
    assert [(each.kind, names_of(each)) for each in faults] == [("duplicated", {"00.tif", "05.tif"})]


def test_facts_of_exact_discs(tmp_path):
    """Three discs of 20 px, of which two touch and one is cut by the edge, 100 grey levels above the ground."""
    y, x = np.mgrid[:100, :120]
    labels = np.zeros((100, 120), np.uint16)
    for number, (cy, cx) in enumerate([(30, 30), (30, 51), (99, 80)], start=1):
        labels[(y - cy) ** 2 + (x - cx) ** 2 <= 100] = number
    image = (50 + 100 * (labels > 0) + (x + y) % 2).astype(np.uint8)
    source = MaskSet([image], [labels], parts=["test"]).save(tmp_path)
    (facts,), _ = look_at_masks(source, "instances")
    assert (facts.name, facts.shape, facts.part) == ("00.tif", (100, 120), "test")
    assert (facts.objects, facts.values) == (3, (0, 1, 2, 3))
    assert facts.coverage == pytest.approx((labels > 0).mean())
    assert facts.diameters[:2] == pytest.approx([20, 20], abs=0.3)
    assert facts.circularities[:2] == pytest.approx([1, 1], abs=0.08)
    assert facts.contrasts[:2] == pytest.approx([100 / image.std()] * 2, rel=0.02)
    assert facts.touching == pytest.approx(2 / 3)
    assert facts.at_edge == pytest.approx(1 / 3)


def test_damaged_files_are_problems_and_cost_the_others_nothing(clean, tmp_path):
    kept = MaskSet(clean.images[:4], clean.masks[:4])
    sources = kept.save(tmp_path)
    (tmp_path / "images" / "00.tif").write_bytes(b"")
    tifffile.imwrite(
        tmp_path / "masks" / "01.tif", np.where(clean.masks[1] > 0, np.nan, 0).astype(np.float32)
    )
    tifffile.imwrite(tmp_path / "masks" / "02.tif", np.zeros((96, 96, 3), np.uint8), photometric="rgb")
    facts, faults = look_at_masks(sources, "instances")
    assert [each.problem is None for each in facts] == [False, False, False, True]
    assert {each.kind: names_of(each) for each in faults if each.unusable} == {
        "unreadable": {"00.tif"},
        "values": {"01.tif"},
        "coloured_mask": {"02.tif"},
    }


def test_images_of_two_sources_are_told_apart_and_what_is_not_there_is_an_error(clean, tmp_path):
    both = [
        each
        for number in (0, 1)
        for each in MaskSet(clean.images[number : number + 1], clean.masks[number : number + 1]).save(
            tmp_path / str(number)
        )
    ]
    facts, faults = look_at_masks(both, "instances")
    assert [each.name for each in facts] == ["1/00.tif", "2/00.tif"]
    assert faults == []
    with pytest.raises(InputError, match="does not exist"):
        look_at_masks([DataSource((str(tmp_path / "no"),), None, str(tmp_path / "no"))], "binary")


def test_volumes_are_looked_at_in_the_same_way(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("images", "masks", "flipped"):
        (tmp_path / name).mkdir()
    for number in range(3):
        z, y, x = np.mgrid[:32, :32, :32]
        labels = np.zeros((32, 32, 32), np.uint16)
        for label, (cz, cy, cx) in enumerate(rng.uniform(4, 28, (8, 3)), start=1):
            labels[(z - cz) ** 2 + (y - cy) ** 2 + (x - cx) ** 2 <= 16] = label
        image = ((labels > 0) + rng.normal(0, 0.5, labels.shape)).astype(np.float32)
        for name, volume in (("images", image), ("masks", labels), ("flipped", labels[::-1])):
            tifffile.imwrite(
                tmp_path / name / f"{number}.tif", volume, photometric="minisblack", metadata={"axes": "ZYX"}
            )
    for name, expected in (("masks", []), ("flipped", [("mirrored", 3)])):
        source = DataSource((str(tmp_path / "images"),), None, str(tmp_path / name))
        facts, faults = look_at_masks([source], "instances", 3)
        assert [(each.kind, len(each.images)) for each in faults] == expected
        assert all(each.shape == (32, 32, 32) for each in facts)


@pytest.mark.real
@pytest.mark.skipif(REAL is None, reason="MOTES_REAL_DATA does not say where the real images are")
@pytest.mark.parametrize(
    ("images", "masks"),
    [
        ("dsb2018_nuclei/images", "dsb2018_nuclei/labels"),
        ("emps_em_particles/images", "emps_em_particles/labels"),
        ("stardist_example_nuclei/img2d.tif", "stardist_example_nuclei/mask2d.tif"),
    ],
)
def test_real_sets_raise_no_alarm(images, masks):
    root = Path(str(REAL))
    labels = (str(root / masks),) if masks.endswith(".tif") else str(root / masks)
    _, faults = look_at_masks([DataSource((str(root / images),), None, labels)], "instances")
    assert faults == []
