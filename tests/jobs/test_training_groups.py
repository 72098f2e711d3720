"""What is never divided between training and validation where a run takes several data sets."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from motes.data.image_list import ImageEntry
from motes.data.sources import DataSource, read_data_table
from motes.formats.images import write_image
from motes.formats.picks import write_picks
from motes.formats.stores import create_store
from motes.jobs.parts import Parts, Prepared
from motes.jobs.telling import Silent
from motes.jobs.training_data import gather, named_from
from motes.picks import Picks
from motes.recipe_file import load_recipe
from motes.train.processes import ALONE

SETS = "ABC"
MASK = np.pad(np.ones((20, 20), np.uint8), 22)


@pytest.fixture
def mics(tmp_path: Path) -> Path:
    """Three folders that each hold 1.mrc and 2.mrc with picks, none of them alike."""
    rng = np.random.default_rng(0)
    for name in SETS:
        for image in ("1.mrc", "2.mrc"):
            write_image(tmp_path / name / "images" / image, rng.normal(size=(60, 60)).astype(np.float32), 2.0)
            picks = Picks(rng.uniform(5, 55, (5, 2)), diameters=np.full(5, 10.0))
            write_picks(tmp_path / name / "picks" / f"{image}.csv", picks, format="csv", image_name=image)
    return tmp_path


def table(folder: Path, rows: str) -> list[DataSource]:
    """The sets of a table in that folder, of a row image,picks for each letter of SETS."""
    lines = [rows.replace("X", name) for name in SETS]
    (folder / "data.csv").write_text("\n".join(["image,picks", *lines]))
    return read_data_table(folder / "data.csv")


def gathered(sources: list[DataSource], folder: Path, *changes: str, name: str = "micrographs") -> Parts:
    return gather(sources, load_recipe(name, changes), folder / "run", Silent(), ALONE)


def groups(images: list[Prepared]) -> set[str]:
    return {image.group for image in images}


def test_equally_named_images_of_several_folders_are_groups_of_their_own(mics: Path) -> None:
    parts = gathered(table(mics, "X/images,X/picks"), mics)
    assert len(parts.validation) == 1
    assert groups([*parts.train, *parts.validation]) == {
        f"{name}/images/{number}.mrc" for name in SETS for number in (1, 2)
    }


def test_two_kinds_of_one_image_with_the_same_picks_are_one_group(mics: Path) -> None:
    rows = [replace(source, picks=f"{mics}/A/picks") for source in table(mics, "X/images,X/picks")]
    parts = gathered(rows, mics, "validation=0.4")
    assert len(parts.validation) == len(SETS)
    assert not groups(parts.train) & groups(parts.validation)


def test_each_folder_of_a_table_is_a_group_with_split_by_folder(mics: Path) -> None:
    parts = gathered(table(mics, "X/images,X/picks"), mics, "split.by=folder")
    (held_out,) = groups(parts.validation)
    assert (len(parts.validation), len(parts.train)) == (2, 4)
    assert groups(parts.train) == {f"{name}/images" for name in SETS} - {held_out}


def test_single_images_of_one_name_in_a_row_each_are_divided(mics: Path) -> None:
    parts = gathered(table(mics, "X/images/1.mrc,X/picks"), mics)
    assert (len(parts.validation), len(parts.train)) == (1, 2)
    assert parts.validation is not parts.train


def test_a_folder_that_stands_in_two_rows_is_one_group(mics: Path) -> None:
    one, other, third = table(mics, "X/images,X/picks")
    rows = [
        replace(one, images=(f"{mics}/A/images/1.mrc",)),
        replace(one, images=(f"{mics}/A/images/2.mrc",), weight=2.0),
    ]
    parts = gathered([*rows, other, third], mics, "split.by=folder", "validation=0")
    assert [image.group for image in parts.train][:2] == ["A/images", "A/images"]


def test_a_group_that_is_named_stays_what_it_is_called(mics: Path) -> None:
    sources = [replace(each, group="g") for each in table(mics, "X/images,X/picks")[:2]]
    parts = gathered([*sources, table(mics, "X/images,X/picks")[2]], mics, "validation=0")
    assert [image.group for image in parts.train] == ["g"] * 4 + ["C/images/1.mrc", "C/images/2.mrc"]


def test_one_set_names_its_groups_as_ever(mics: Path) -> None:
    alone = table(mics, "X/images,X/picks")[:1]
    assert groups(gathered(alone, mics, "validation=0").train) == {"1.mrc", "2.mrc"}
    assert groups(gathered(alone, mics, "validation=0", "split.by=folder").train) == {"."}


def test_two_kinds_of_one_tomogram_of_a_copick_project_are_one_group(tmp_path: Path) -> None:
    """Both show the same particles, so one must not be validated on where the other is trained on."""
    entries = [("TS_1", "VoxelSpacing10.000/wbp.zarr"), ("TS_1", "VoxelSpacing10.000/denoised.zarr")]
    found = [named_from(ImageEntry(run, tmp_path / "runs" / run / inner)) for run, inner in entries]
    assert found == [tmp_path / "runs"] * 2


@pytest.mark.parametrize(
    ("name", "path", "folder"),
    [
        ("a.mrc", "/x/a.mrc", "/x"),
        ("sub/a.mrc", "/x/sub/a.mrc", "/x"),
        ("000002@sub/a.mrcs", "/x/sub/a.mrcs", "/x"),
        ("tomogram.zarr", "/x/tomogram.zarr/1", "/x"),
        ("/x/a.mrc", "/x/a.mrc", "/"),
        ("other", "/x/a.mrc", "/x"),
    ],
)
def test_the_folder_that_a_name_is_counted_from(name: str, path: str, folder: str) -> None:
    assert named_from(ImageEntry(name, Path(path))) == Path(folder)


def prepared_stores(folder: Path) -> DataSource:
    """Stores as `motes prepare` makes them, of 1.mrc and 2.mrc."""
    rng = np.random.default_rng(ord(folder.name))
    folder.mkdir()
    images = create_store(folder / "images.zarr", (64, 64), np.dtype(np.float32))
    masks = create_store(folder / "masks.zarr", (64, 64), np.dtype(np.uint8))
    for number in range(2):
        images.write(number, (0.3 + 0.4 * MASK + rng.uniform(0, 0.1, MASK.shape)).astype(np.float32))
        masks.write(number, MASK)
    images.resize(2)
    masks.resize(2)
    (folder / "index.csv").write_text("row,image\n0,1.mrc\n1,2.mrc\n")
    return DataSource((str(images.path),), masks=str(masks.path))


def test_stores_of_several_preparations_and_files_with_masks_are_told_apart(tmp_path: Path) -> None:
    sources = [prepared_stores(tmp_path / name) for name in SETS]
    parts = gathered(sources, tmp_path, "sampling.size=64", "validation=0", name="fair-standard")
    assert groups(parts.train) == {f"{name}/{number}.mrc" for name in SETS for number in (1, 2)}
    rng = np.random.default_rng(0)
    for name in ("D", "E"):
        write_image(tmp_path / name / "images" / "1.tif", rng.uniform(size=(64, 64)).astype(np.float32))
        write_image(tmp_path / name / "masks" / "1.tif", MASK)
    files = [
        DataSource((str(tmp_path / name / "images"),), masks=str(tmp_path / name / "masks")) for name in "DE"
    ]
    parts = gathered(
        files, tmp_path, "sampling.size=64", "validation=0", "split.by=folder", name="fair-standard"
    )
    assert groups(parts.train) == {"D/images", "E/images"}
