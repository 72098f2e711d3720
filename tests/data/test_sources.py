from pathlib import Path

import numpy as np
import pytest

from motes.data.sources import DataSource, collect_picks, named_by_options, read_data_table
from motes.errors import InputError, PicksError
from motes.formats.images import write_image
from motes.units import Length


def table(folder: Path, text: str) -> Path:
    path = folder / "data.csv"
    path.write_text(text)
    return path


def test_a_table_of_folders_and_stores(tmp_path):
    path = table(
        tmp_path,
        "image, picks, masks, group, split, pixel_size, diameter, weight\n"
        "mics/*.mrc, stars, , 10017, train, 1.77, 190, 2\n"
        "val.zarr, , val-masks.zarr, , validation, , 60px,\n",
    )
    assert read_data_table(path) == [
        DataSource(
            (str(tmp_path / "mics/*.mrc"),),
            picks=str(tmp_path / "stars"),
            group="10017",
            part="train",
            pixel_size=1.77,
            diameter=Length(190, "A"),
            weight=2,
        ),
        DataSource(
            (str(tmp_path / "val.zarr"),),
            masks=str(tmp_path / "val-masks.zarr"),
            part="validation",
            diameter=Length(60, "px"),
        ),
    ]


def test_rows_of_single_images_become_one_set_whose_weight_they_share(tmp_path):
    for name in ("a.mrc", "b.mrc", "c.mrc"):
        (tmp_path / name).touch()
    path = table(tmp_path, "image,picks,weight\na.mrc,p.star,2\nb.mrc,p.star,2\nc.mrc,p.star,1\n")
    first, second = read_data_table(path)
    assert first.images == (str(tmp_path / "a.mrc"), str(tmp_path / "b.mrc"))
    assert (first.weight, second.weight) == (4, 1)


@pytest.mark.parametrize("kind", ["picks", "masks"])
def test_images_with_a_file_of_labels_each_are_one_set(tmp_path, kind):
    for name in ("a.mrc", "b.mrc", "c.mrc", "1.csv", "2.csv", "3.csv"):
        (tmp_path / name).touch()
    rows = "a.mrc,1.csv,\nb.mrc,2.csv,\nc.mrc,3.csv,val\n"
    first, second = read_data_table(table(tmp_path, f"image,{kind},split\n{rows}"))
    assert first.images == (str(tmp_path / "a.mrc"), str(tmp_path / "b.mrc"))
    assert getattr(first, kind) == (str(tmp_path / "1.csv"), str(tmp_path / "2.csv"))
    assert getattr(second, kind) == (str(tmp_path / "3.csv"),)
    assert (first.labels, second.labels) == (f"{tmp_path}/1.csv and 1 more", f"{tmp_path}/3.csv")
    assert (first.weight, first.part, second.part) == (2, "", "validation")


def test_an_image_in_two_rows_is_refused(tmp_path):
    for name in ("a.mrc", "1.csv", "2.csv"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=r"a\.mrc stands in several rows"):
        read_data_table(table(tmp_path, "image,picks\na.mrc,1.csv\na.mrc,2.csv\n"))


def own_picks(folder: Path, **texts: str) -> DataSource:
    """Images of these names, each with a file of picks that is named otherwise."""
    for name, text in texts.items():
        write_image(folder / f"{name}.tif", np.zeros((40, 40), dtype=np.float32))
        (folder / f"of-{name}.csv").write_text(text)
    files = [(str(folder / f"{name}.tif"), str(folder / f"of-{name}.csv")) for name in texts]
    return DataSource(tuple(image for image, _ in files), picks=tuple(file for _, file in files))


def test_picks_of_their_own_file_need_no_common_name(tmp_path):
    found = collect_picks(own_picks(tmp_path, a="x,y\n1,2\n", b="x,y\n", c="x,y\n3,4\n5,6\n"))
    assert {name: len(picks) for name, picks in found.picks.items()} == {"a.tif": 1, "b.tif": 0, "c.tif": 2}
    assert found.picks["a.tif"].points.tolist() == [[2, 1]]
    assert (found.notes, found.problems) == ([], {})


def test_a_damaged_file_costs_the_other_images_nothing(tmp_path):
    found = collect_picks(own_picks(tmp_path, a="x,y\n1,2\n", b="nonsense"))
    assert list(found.picks) == ["a.tif"]
    assert list(found.problems) == ["b.tif"]
    assert "of-b.csv" in found.notes[0]


def test_images_that_share_a_file_take_their_own_picks_from_it(tmp_path):
    source = own_picks(tmp_path, a="image,x,y\nb.tif,1,2\n", b="", c="x,y\n3,4\n")
    shared = str(tmp_path / "of-a.csv")
    found = collect_picks(DataSource(source.images, picks=(shared, shared, str(tmp_path / "of-c.csv"))))
    assert {name: picks.points.tolist() for name, picks in found.picks.items()} == {
        "b.tif": [[2, 1]],
        "c.tif": [[4, 3]],
    }
    assert found.notes == [f"without picks in {shared}, left out: a.tif"]
    with pytest.raises(PicksError, match="none of the picks belongs"):
        collect_picks(DataSource((source.images[0], source.images[2]), picks=(shared, shared)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,piks\na,b\n", "no column 'piks'.*Did you mean 'picks'"),
        ("picks,group\na,b\n", "expected image, and picks or masks"),
        ("image,picks\n", "has no rows"),
        ("image,picks\na.mrc,\n", "row 2: expected an image"),
        ("image,picks,masks\na.mrc,b,c\n", "either picks or masks"),
        ("image,picks,split\na,b,train\na,b,trian\n", "row 3: split is 'trian'"),
        ("image,picks,weight\na,b,-1\n", "row 2: weight is '-1'"),
        ("image,picks,diameter\na,b,large\n", "row 2: cannot read the length"),
    ],
)
def test_what_is_wrong_in_a_table_is_named(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read_data_table(table(tmp_path, text))


def test_a_table_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="cannot be read as a table"):
        read_data_table(tmp_path / "none.csv")


def test_options_name_one_set_or_none():
    assert named_by_options([], None, None) == []
    assert named_by_options(["a"], "p", None) == [DataSource(("a",), picks="p")]
    (held_out,) = named_by_options(["a"], None, "m", "validation")
    assert (held_out.masks, held_out.part) == ("m", "validation")


@pytest.mark.parametrize(
    "given", [(["a"], None, None), (["a"], "p", "m"), ([], "p", None)], ids=["neither", "both", "no images"]
)
def test_incomplete_options_say_what_goes_together(given):
    with pytest.raises(InputError, match="--images goes with either --picks or --masks"):
        named_by_options(*given)
