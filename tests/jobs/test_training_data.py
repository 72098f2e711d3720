"""Which images a run trains on, and which it validates on."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from motes.data.sources import DataSource, read_data_table
from motes.errors import InputError, OutputError
from motes.formats.images import read_image, write_image
from motes.formats.picks import write_picks
from motes.formats.stores import create_store
from motes.jobs.manifest import keep_manifest
from motes.jobs.parts import Parts
from motes.jobs.telling import Silent
from motes.jobs.training_data import gather
from motes.picks import Picks
from motes.recipe_file import load_recipe
from motes.train.processes import ALONE
from motes.units import Length


def picked_set(folder: Path, count: int = 4, size: int = 60, diameter: float = 10) -> DataSource:
    rng = np.random.default_rng(size)
    for number in range(count):
        image = rng.normal(size=(size, size)).astype(np.float32)
        write_image(folder / "images" / f"{number}.mrc", image, 2.0)
        picks = Picks(rng.uniform(5, size - 5, (5, 2)), diameters=np.full(5, diameter))
        write_picks(folder / "picks" / f"{number}.csv", picks, format="csv", image_name=f"{number}.mrc")
    return DataSource((str(folder / "images"),), str(folder / "picks"))


def masked_set(folder: Path, name: str, count: int = 4) -> DataSource:
    rng = np.random.default_rng(len(name))
    images = create_store(folder / f"{name}-images.zarr", (64, 64), np.dtype(np.float32))
    masks = create_store(folder / f"{name}-masks.zarr", (64, 64), np.dtype(np.uint8))
    rows, columns = np.mgrid[:64, :64]
    for number in range(count):
        y, x = rng.uniform(15, 50, 2)
        mask = (rows - y) ** 2 + (columns - x) ** 2 < 64
        images.write(number, (0.3 + 0.4 * mask + rng.uniform(0, 0.1, mask.shape)).astype(np.float32))
        masks.write(number, mask.astype(np.uint8))
    images.resize(count)
    masks.resize(count)
    return DataSource((str(images.path),), masks=str(masks.path))


def gathered(sources: list[DataSource], run: Path, *changes: str, name: str = "micrographs") -> Parts:
    return gather(sources, load_recipe(name, changes), run, Silent(), ALONE)


def test_data_sets_of_several_sizes_come_to_one_scale_and_share_the_crops_by_weight(tmp_path):
    first = picked_set(tmp_path / "a", 2, 60, 10)
    second = picked_set(tmp_path / "b", 4, 90, 15)
    parts = gathered(
        [first, DataSource(second.images, second.picks, weight=3.0)], tmp_path / "run", "validation=0"
    )
    assert {image.labelled.data.shape for image in parts.train} == {(132, 132)}
    assert [image.labelled.weight for image in parts.train] == pytest.approx([0.5, 0.5, *[0.75] * 4])
    assert parts.working == (22,)
    assert parts.lengths == []  # the sets disagree, so the model cannot say
    assert sorted(parts.order(0, 1)) == list(range(6))


def test_the_diameter_of_a_data_set_counts_before_that_of_its_picks(tmp_path):
    made = picked_set(tmp_path / "a")
    given = DataSource(made.images, made.picks, diameter=Length(40, "A"), pixel_size=4.0)
    parts = gathered([given], tmp_path / "run")
    assert parts.lengths == [Length(40, "A")]
    assert {image.diameters for image in parts.train} == {(10.0,)}
    assert {image.pixel_size for image in parts.train} == {4.0}


def test_parts_and_groups_are_as_the_table_says(tmp_path):
    kinds = {"train": "train", "validation": "validation", "test": "test", "": ""}
    sources = []
    for name, part in kinds.items():
        made = picked_set(tmp_path / (name or "open"), 2, 60 + len(name))
        sources.append(DataSource(made.images, made.picks, part=part))
    parts = gathered(sources, tmp_path / "run")
    assert len(parts.train) == 4  # what is left open is trained on where validation is given
    assert {image.part for image in parts.validation} == {"validation"}
    made = picked_set(tmp_path / "c", 4, 80)
    two = [
        DataSource(made.images, made.picks, group="one"),
        DataSource(sources[0].images, sources[0].picks, group="two"),
    ]
    parts = gathered(two, tmp_path / "run2")
    assert {image.group for image in parts.train}.isdisjoint(image.group for image in parts.validation)


def test_masks_are_read_where_they_are_cut(tmp_path):
    source = masked_set(tmp_path, "train")
    parts = gathered([source], tmp_path / "run", "sampling.size=64", name="fair-standard")
    assert parts.masked
    assert not (tmp_path / "run").exists()
    (held_out,) = parts.validation
    labels = held_out.labelled.labels[(slice(None), slice(None))]
    assert set(np.unique(labels)) == {0, 1}
    assert 150 < labels.sum() < 250


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ([], "nothing to train on"),
        (["picks", "masks"], "some have masks"),
    ],
)
def test_sources_that_do_not_go_together(tmp_path, sources, message):
    made = {"picks": picked_set(tmp_path / "p"), "masks": masked_set(tmp_path, "m")}
    with pytest.raises(InputError, match=message):
        gathered([made[name] for name in sources], tmp_path / "run")


def test_masks_do_not_go_with_a_working_scale(tmp_path):
    with pytest.raises(InputError, match="working_diameter=none"):
        gathered([masked_set(tmp_path, "m")], tmp_path / "run")


def test_the_same_image_on_both_sides_is_refused(tmp_path):
    made = picked_set(tmp_path / "a")
    with pytest.raises(InputError, match="training images too"):
        gathered([made, DataSource(made.images, made.picks, part="validation")], tmp_path / "run")


def test_the_manifest_notices_changed_data(tmp_path):
    parts = gathered([picked_set(tmp_path / "a")], tmp_path / "run")
    keep_manifest(tmp_path, parts, resume=False)
    rows = list(csv.DictReader((tmp_path / "data.csv").read_text().splitlines()))
    assert [row["part"] for row in rows] == ["train"] * 3 + ["validation"]
    keep_manifest(tmp_path, parts, resume=True)
    with pytest.raises(OutputError, match="have changed since"):
        keep_manifest(tmp_path, Parts(parts.train[1:], parts.validation, []), resume=True)


def test_pieces_of_one_micrograph_are_never_divided(tmp_path):
    source = masked_set(tmp_path, "m", 6)
    rows = "".join(f"{n},{'abc'[n // 2]}.mrc\n" for n in range(6))
    Path(source.images[0]).with_name("index.csv").write_text("row,image\n" + rows)
    changes = ("sampling.size=64", "split.validation=0.4")
    parts = gathered([source], tmp_path / "run", *changes, name="fair-standard")
    assert {image.group for image in parts.validation}.isdisjoint({image.group for image in parts.train})
    assert {image.group for image in [*parts.validation, *parts.train]} == {"a.mrc", "b.mrc", "c.mrc"}


def test_a_group_with_two_parts_is_refused(tmp_path):
    made = [picked_set(tmp_path / name, 2, size) for name, size in (("a", 60), ("b", 80))]
    parts = ("train", "validation")
    sources = [
        DataSource(each.images, each.picks, group="one", part=part)
        for each, part in zip(made, parts, strict=True)
    ]
    with pytest.raises(InputError, match="'one' stands both in train and in validation"):
        gathered(sources, tmp_path / "run")


def test_images_of_the_same_name_are_told_apart(tmp_path):
    sources = [picked_set(tmp_path / "a", 1, 60), picked_set(tmp_path / "b", 1, 80)]
    parts = gathered(sources, tmp_path / "run", "validation=0")
    assert [image.name for image in parts.train] == ["1/0.mrc", "2/0.mrc"]


def test_a_diameter_given_with_masks_is_kept_for_picking(tmp_path):
    source = masked_set(tmp_path, "m")
    parts = gathered([source], tmp_path / "run", "sampling.size=64", "diameter=16px", name="fair-standard")
    assert parts.lengths == [Length(16, "px")]


def test_what_is_left_open_goes_where_its_group_is(tmp_path):
    made = [picked_set(tmp_path / name, 1, size) for name, size in (("a", 60), ("b", 80), ("c", 90))]
    placed = zip(made, ("one", "one", "two"), ("validation", "", ""), strict=True)
    sources = [replace(each, group=group, part=part) for each, group, part in placed]
    parts = gathered(sources, tmp_path / "run")
    assert [image.group for image in parts.validation] == ["one", "one"]
    assert [image.group for image in parts.train] == ["two"]


def test_a_group_kept_for_testing_is_not_trained_on(tmp_path):
    made = [picked_set(tmp_path / name, 1, size) for name, size in (("a", 60), ("b", 80), ("c", 90))]
    placed = zip(made, ("one", "one", "two"), ("test", "", ""), strict=True)
    parts = gathered([replace(e, group=group, part=part) for e, group, part in placed], tmp_path / "run")
    assert [image.group for image in parts.train] == ["two"]


def test_the_same_image_with_a_pick_more_is_the_same_image(tmp_path):
    made = picked_set(tmp_path / "a")
    again = picked_set(tmp_path / "b")
    for file in Path(str(again.picks)).iterdir():
        file.write_text("\n".join(file.read_text().splitlines()[:-1]) + "\n")
    with pytest.raises(InputError, match="4 of the validation images are training images too"):
        gathered([made, replace(again, part="validation")], tmp_path / "run")


@pytest.mark.parametrize("changes", [["working_diameter=none"], ["working_pixel_size=2"]])
def test_particles_of_two_sizes_where_the_net_sees_them_are_refused(tmp_path, changes):
    made = [picked_set(tmp_path / "a", 2, 60), picked_set(tmp_path / "b", 2, 90)]
    sources = [
        replace(each, diameter=Length(diameter, "A")) for each, diameter in zip(made, (20, 24), strict=True)
    ]
    with pytest.raises(InputError, match=r"10 px across in 1/0\.mrc and 12 px in 2/0\.mrc.*working_diameter"):
        gathered(sources, tmp_path / "run", *changes)
    close = [sources[0], replace(sources[1], diameter=Length(20.1, "A"))]
    assert gathered(close, tmp_path / "run", *changes).working == (10,)


def test_pixel_sizes_that_differ_in_images_that_stay_as_they_are_are_refused(tmp_path):
    source = picked_set(tmp_path, 2)
    write_image(tmp_path / "images" / "1.mrc", np.random.default_rng(1).normal(size=(60, 60)), 4.0)
    with pytest.raises(InputError, match=r"5 px across in 1\.mrc and 10 px in 0\.mrc"):
        gathered([replace(source, diameter=Length(20, "A"))], tmp_path / "run", "working_diameter=none")


def test_a_first_set_without_a_readable_image_costs_the_others_nothing(tmp_path):
    bad, good = picked_set(tmp_path / "a", 1), picked_set(tmp_path / "b")
    (tmp_path / "a" / "images" / "0.mrc").write_bytes(b"junk")
    parts = gathered([bad, good], tmp_path / "run")
    assert (parts.working, len(parts.lengths), len(parts.failures)) == ((22,), 1, 1)


def mask_table(folder: Path, empty: str = "", grouped: bool = False) -> list[DataSource]:
    """A table with a row for each of six images, of which some have an empty mask, and a mask file of its own."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:64, :64]
    lines = [f"image,masks{',group' if grouped else ''}"]
    for name in "abcdef":
        y, x = rng.uniform(15, 50, 2)
        mask = ((rows - y) ** 2 + (columns - x) ** 2 < 64) & (name not in empty)
        image = (0.3 + 0.4 * mask + rng.uniform(0, 0.1, mask.shape)).astype(np.float32)
        write_image(folder / f"{name}.tif", image)
        write_image(folder / f"{name}-truth.tif", mask.astype(np.uint8))
        lines.append(f"{name}.tif,{name}-truth.tif{f',{name}' if grouped else ''}")
    (folder / "data.csv").write_text("\n".join(lines))
    return read_data_table(folder / "data.csv")


@pytest.mark.parametrize("grouped", [False, True])
def test_an_empty_mask_in_a_table_of_single_images_is_fine(tmp_path, grouped):
    sources = mask_table(tmp_path, "e", grouped)
    assert len(sources) == (6 if grouped else 1)
    parts = gathered(sources, tmp_path / "run", "sampling.size=64", name="fair-standard")
    images = [*parts.train, *parts.validation]
    assert {image.name for image in images if not image.useful} == {"e.tif"}
    assert len({id(image.labelled.data.masked.image.cache) for image in images}) == 1
    assert {image.labelled.weight for image in images} == {1.0}


@pytest.mark.parametrize("seed", range(4))
def test_both_parts_get_masks_with_objects(tmp_path, seed):
    sources = mask_table(tmp_path, "abcd")
    changes = ("sampling.size=64", f"seed={seed}", "split.validation=0.2")
    parts = gathered(sources, tmp_path / "run", *changes, name="fair-standard")
    assert sum(image.useful for image in parts.train) == 1
    assert sum(image.useful for image in parts.validation) == 1


def test_where_no_mask_marks_anything_there_is_nothing_to_train_on(tmp_path):
    sources = mask_table(tmp_path, "abcdef", grouped=True)
    with pytest.raises(InputError, match="the masks of all training images are empty"):
        gathered(sources, tmp_path / "run", "sampling.size=64", name="fair-standard")


def test_a_data_set_of_which_nothing_is_validated_is_named(tmp_path):
    heard = []

    class Listener(Silent):
        def warn(self, message):
            heard.append(message)

    sources = [picked_set(tmp_path / "a", 3, 60), picked_set(tmp_path / "b", 3, 80)]
    sources[0] = replace(sources[0], group="one")
    sources[1] = replace(sources[1], group="two")
    gather(sources, load_recipe("micrographs"), tmp_path / "run", Listener(), ALONE)
    (message,) = [each for each in heard if "is validated on" in each]
    assert "no image of " in message


@pytest.mark.parametrize("kind", ["binary", "classes", "instances"])
def test_masks_of_0_and_255_are_never_trained_on(tmp_path, kind):
    sources = mask_table(tmp_path)
    for path in tmp_path.glob("*-truth.tif"):
        write_image(path, 255 * read_image(path).data)
    changes = ("sampling.size=64", f"masks.kind={kind}")
    with pytest.raises(InputError, match=r"0 and 255.*mask // 255"):
        gathered(sources, tmp_path / "run", *changes, name="fair-standard")


def test_the_manifest_says_how_many_objects_each_mask_marks(tmp_path):
    parts = gathered(mask_table(tmp_path, "e"), tmp_path / "run", "sampling.size=64", name="fair-standard")
    keep_manifest(tmp_path / "run", parts, resume=False)
    rows = list(csv.DictReader((tmp_path / "run" / "data.csv").read_text().splitlines()))
    assert {row["image"]: row["objects"] for row in rows} == {
        f"{n}.tif": str(int(n != "e")) for n in "abcdef"
    }
    assert {row["particles"] for row in rows} == {""}
    assert [image.count for image in [*parts.train, *parts.validation]] == [
        int(row["objects"]) for row in rows
    ]


@pytest.mark.parametrize("labels", ["picks", "masks"])
def test_a_stratified_split_validates_on_sparse_and_on_dense_images(tmp_path, labels):
    """Of four images with 2 to 5 objects and four with 22 to 25, whatever the seed, one of each is kept out."""
    source = dense_and_sparse(tmp_path, labels)
    for seed in range(4):
        changes = ("sampling.size=64", f"seed={seed}", "split.validation=0.25", "split.stratify=objects")
        name = "fair-standard" if labels == "masks" else "micrographs"
        parts = gathered([source], tmp_path / f"run{seed}", *changes, name=name)
        assert [image.count > 20 for image in sorted(parts.validation, key=lambda image: image.count)] == [
            False,
            True,
        ]
        assert len(parts.train) == 6


def dense_and_sparse(folder: Path, labels: str) -> DataSource:
    """Eight images with 2 to 5 and 22 to 25 objects, apart from each other."""
    rng = np.random.default_rng(3)
    places = np.stack(np.meshgrid(np.arange(9, 90, 16), np.arange(9, 90, 16)), -1).reshape(-1, 2)
    for number, count in enumerate([2, 23, 3, 22, 25, 4, 24, 5]):
        points = rng.permutation(places)[:count]
        mask = np.zeros((96, 96), np.uint8)
        for y, x in points:
            mask[y - 4 : y + 5, x - 4 : x + 5] = 1
        image = np.clip(0.3 + 0.4 * mask + rng.uniform(0, 0.1, mask.shape), 0, 1).astype(np.float32)
        write_image(folder / "images" / f"{number}.tif", image)
        write_image(folder / "masks" / f"{number}.tif", mask)
        picks = Picks(points.astype(float), diameters=np.full(count, 10.0))
        write_picks(folder / "picks" / f"{number}.csv", picks, format="csv", image_name=f"{number}.tif")
    words = {labels: str(folder / labels)}
    return DataSource((str(folder / "images"),), **words)
