from pathlib import Path

import pytest

from motes.data.sources import DataSource, named_by_options, read_data_table
from motes.errors import InputError
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
