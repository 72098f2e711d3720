"""Images with masks before training: facts, faults, differences and advice together."""

import json
import math

import numpy as np
import pytest

from motes.data.sources import DataSource, read_data_table
from motes.errors import InputError, RecipeError
from motes.formats.images import write_image
from motes.jobs.inspect_masks import MaskInspection, MaskOptions, inspect_masks, summary, whole_set
from motes.jobs.mask_facts import MaskFacts
from motes.jobs.mask_faults import MaskFault
from motes.jobs.mask_page import answer, as_report, fact_rows, found_in_words, read_pictures


def facts(name="a", objects=20, **other):
    values = {
        "shape": (256, 256),
        "objects": objects,
        "coverage": objects * 0.004,
        "diameters": np.full(objects, 18.0),
        "circularities": np.ones(objects),
        "contrasts": np.full(objects, np.nan),
        "values": (0.0, 1.0),
    }
    return MaskFacts(name, **(values | other))


def fault(*images, unusable=True, kind="inverted"):
    return MaskFault(kind, f"{kind}: put it right", images, {"share": np.float64(0.9), "what": "1"}, unusable)


def inspection(images, faults=()):
    return MaskInspection("binary", list(images), list(faults), None, [], None)


def test_what_two_folders_hold(make, tmp_path):
    images, masks = make.label_images(tmp_path)
    found = inspect_masks([DataSource((str(images),), masks=str(masks))])
    assert found.usable
    assert len(found.facts) == 7
    assert found.recommendation is not None
    assert found.domain is not None
    assert found.domain.recipe == found.recommendation.recipe
    (sentence, objects) = found_in_words(found)
    assert sentence.startswith("7 images of 64x64 px hold ")
    assert "darker than the ground" in objects


def test_another_recipe_to_compare_with(make, tmp_path):
    images, masks = make.label_images(tmp_path, count=3)
    source = DataSource((str(images),), masks=str(masks))
    assert inspect_masks([source], MaskOptions(recipe="sparse-objects")).domain.recipe == "sparse-objects"
    unknown = inspect_masks([source], MaskOptions(recipe="micrographs"))
    assert (unknown.domain, unknown.differences) == (None, [])
    assert unknown.recommendation is not None
    with pytest.raises(RecipeError, match="sparse-objects"):
        inspect_masks([source], MaskOptions(recipe="sparse-object"))


def test_volumes_are_looked_at_as_the_recipe_says():
    assert MaskOptions().dimensions == 2
    assert MaskOptions(recipe="tomogram").dimensions == 3
    assert MaskOptions(recipe="tomogram", ndim=2).dimensions == 2


def test_parts_come_from_the_table(make, tmp_path):
    make.label_images(tmp_path, count=3)
    parts = ("train", "train", "validation")
    rows = [f"images/{number}.png,masks/{number}.png,{part}" for number, part in enumerate(parts)]
    table = tmp_path / "data.csv"
    table.write_text("\n".join(["image,masks,split", *rows]))
    found = inspect_masks(read_data_table(table))
    assert sorted(each.part for each in found.facts) == sorted(parts)
    assert ("validation images", "1") in fact_rows(found.facts)


def test_picks_are_looked_at_elsewhere(tmp_path):
    with pytest.raises(InputError, match="motes inspect IMAGES --picks PICKS"):
        inspect_masks([DataSource(("a.png",), picks="picks")])


def test_all_of_it_as_plain_json(make, tmp_path):
    images, masks = make.label_images(tmp_path, count=3)
    found = inspect_masks([DataSource((str(images),), masks=str(masks))])
    spoiled = MaskInspection(
        "binary",
        [*found.facts, facts(problem="flat")],
        [fault("a")],
        found.domain,
        found.differences,
        found.recommendation,
    )
    values = json.loads(json.dumps(spoiled.as_dict(), allow_nan=False))
    assert values["usable"] is False
    assert values["all"]["images"] == 4
    assert values["all"]["unusable"] == 1
    assert values["all"]["diameters"]["count"] == values["all"]["objects"]
    assert values["faults"][0]["evidence"] == {"share": 0.9, "what": "1"}
    assert values["images"][-1]["contrasts"] == {
        "count": 0, "mean": None, "median": None, "sd": None, "min": None, "max": None
    }  # fmt: skip
    assert len(json.dumps(values["images"])) < 1500 * len(values["images"])
    assert {"field", "value", "reason", "needed"} == set(values["recommendation"]["changes"][0])


def test_a_summary():
    assert summary(np.array([1.0, 2.0, 6.0, math.nan])) == {
        "count": 3, "mean": 3.0, "median": 2.0, "sd": pytest.approx(math.sqrt(14 / 3)), "min": 1.0, "max": 6.0
    }  # fmt: skip
    assert whole_set([facts(problem="unreadable")]) == {"images": 1, "unusable": 1}


def test_usable_unless_something_must_be_put_right():
    assert inspection([facts()]).usable
    assert inspection([facts()], [fault("a", unusable=False)]).usable
    assert not inspection([facts()], [fault("a")]).usable
    assert not inspection([facts(), facts("b", problem="flat")]).usable


def test_most_suspicious_first():
    images = [facts(str(number), 19 + number % 3) for number in range(9)]
    odd = [facts("few", 2), facts("noted"), facts("wrong"), facts("broken", problem="flat")]
    found = inspection([*images, *odd], [fault("wrong"), fault("noted", unusable=False, kind="shared_image")])
    assert [each.name for each in found.suspicious][:4] == ["broken", "wrong", "noted", "few"]
    assert [found.remarks(each) for each in odd] == ["unusual density", "shared image", "inverted", "flat"]
    assert found.remarks(images[0]) == ""


@pytest.mark.parametrize(
    ("images", "faults", "said"),
    [
        ([facts()], [], "Nothing wrong was found in 1 image."),
        ([facts()], [fault("a", unusable=False)], "can be trained on, with one thing to know"),
        ([facts()], [fault("a")], "One thing has to be put right"),
        ([facts()], [fault("a"), fault("a", kind="shifted")], "2 things have to be put right"),
        ([facts(), facts("b", problem="flat")], [], "1 of 2 images cannot be used"),
    ],
)
def test_the_answer(images, faults, said):
    assert said in answer(inspection(images, faults))


def test_without_objects_nothing_is_recommended(tmp_path):
    for number in range(2):
        noise = np.random.default_rng(number).integers(0, 255, (64, 64)).astype(np.uint8)
        write_image(tmp_path / "images" / f"{number}.png", noise)
        write_image(tmp_path / "masks" / f"{number}.png", np.zeros((64, 64), np.uint8))
    found = inspect_masks([DataSource((str(tmp_path / "images"),), masks=str(tmp_path / "masks"))])
    assert found.recommendation is None
    assert not found.usable
    assert as_report(found, {}).recipe == ""
    json.dumps(found.as_dict(), allow_nan=False)


def test_pictures_of_images_of_one_name_in_two_sets(make, tmp_path):
    sources = []
    for number, folder in enumerate(("first", "second")):
        images, masks = make.label_images(tmp_path / folder, count=1, seed=number)
        sources.append(DataSource((str(images),), masks=str(masks)))
    found = inspect_masks(sources)
    names = [each.name for each in found.facts]
    drawn = read_pictures(sources, found, names)
    assert sorted(drawn) == sorted(names) == ["1/0.png", "2/0.png"]
    assert drawn["1/0.png"].whole != drawn["2/0.png"].whole


def test_an_image_that_cannot_be_read_has_no_picture(make, tmp_path):
    images, masks = make.label_images(tmp_path, count=2)
    (images / "0.png").write_bytes(b"nonsense")
    source = DataSource((str(images),), masks=str(masks))
    found = inspect_masks([source])
    assert not found.usable
    assert list(read_pictures([source], found, ["0.png", "1.png"])) == ["1.png"]
