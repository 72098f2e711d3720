"""How data differ from those that a recipe was made for."""

import math

import numpy as np
import pytest

from motes.errors import InputError
from motes.jobs.domain import DOMAINS, Domain, compare, density_of, measured
from motes.jobs.mask_facts import MaskFacts
from motes.recipe_file import shipped_recipes


def image(objects=109, diameter=18.0, shape=(256, 256), **other):
    facts = {
        "diameters": np.full(objects, diameter),
        "coverage": objects * math.pi * diameter**2 / 4 / math.prod(shape),
        "circularities": np.ones(objects),
        "contrasts": np.full(objects, -1.5),
        "touching": 0.2,
        "at_edge": 0.1,
        "values": (0.0, 1.0),
        "kind": "binary",
        "image_sha256": "",
        "mask_sha256": "",
    }
    return MaskFacts(name="a.png", shape=shape, objects=objects, **(facts | other))


def test_domains_are_of_recipes_that_ship():
    assert set(DOMAINS) <= set(shipped_recipes())
    assert all(name == domain.recipe for name, domain in DOMAINS.items())


def test_beads_lie_in_their_own_domain_and_36_times_too_dense_for_the_other():
    assert compare([image()], DOMAINS["beads-unet"]) == []
    (found,) = compare([image()], DOMAINS["sparse-objects"])
    assert found.quantity == "density"
    assert found.factor == pytest.approx(109 / 3)
    assert found.words.startswith(
        "36 times more objects an image than in the domain of sparse-objects (2 to 3 in 256 x 256 px): 109 here"
    )


def test_fewer_and_larger_objects_than_beads_the_largest_factor_first():
    found = compare([image(4, 90.0)], DOMAINS["beads-unet"])
    assert [each.quantity for each in found] == ["density", "diameter"]
    assert found[0].factor == pytest.approx(109.4 / 4)
    assert "27 times fewer objects" in found[0].words
    assert found[1].factor == pytest.approx(90 / 19)
    assert "Wider objects by a factor of 4.7" in found[1].words


def test_circularity_and_touching_are_compared_by_their_margin():
    found = compare([image(circularities=np.full(109, 0.6), touching=0.9)], DOMAINS["beads-unet"])
    assert {each.quantity for each in found} == {"circularity", "touching"}
    assert any(each.words.startswith("Less round objects") and "0.60 here" in each.words for each in found)
    assert any(
        each.words.startswith("More objects that touch") and "90 % here" in each.words for each in found
    )


def test_nothing_is_said_of_what_is_not_known():
    unknown = Domain("sparse-objects", "", "", (100.0, 120.0))
    assert compare([image(diameter=5.0, touching=0.9)], unknown) == []


def test_density_is_by_area_whatever_the_size_of_the_images():
    images = [image(100), image(400, shape=(512, 512))]
    assert [density_of(each) for each in images] == [100, 100]
    assert measured(images).density == 100


def test_density_of_a_volume_is_that_of_a_section():
    # Of 40 balls of 16 px in 64 sections each section cuts 40 * 16 / 64 on average.
    assert density_of(image(40, 16.0, (64, 256, 256))) == pytest.approx(10)


def test_images_that_cannot_be_used_do_not_count():
    broken = image(3, problem="unreadable")
    assert measured([image(), broken]).images == 1
    with pytest.raises(InputError, match="no image with a mask can be used"):
        measured([broken])


def test_without_objects_there_are_no_sizes():
    here = measured([image(0)])
    assert here.objects == 0
    assert math.isnan(here.diameter)
    assert [each.quantity for each in compare([image(0)], DOMAINS["sparse-objects"])] == ["density"]


def test_merged_regions_are_larger_and_less_round():
    diameters, circularities = np.full(100, 18.0), np.ones(100)
    diameters[:10], circularities[:10] = 18 * math.sqrt(2), 0.5  # pairs of beads marked as one
    diameters[10:15] = 30  # large, but round
    assert measured([image(100, diameters=diameters, circularities=circularities)]).merged == 0.1
