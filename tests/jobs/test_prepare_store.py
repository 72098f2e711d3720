import csv
import json

import numpy as np
import pytest

from motes.data.mask_checks import check_masks
from motes.data.mask_pairs import collect_masks
from motes.data.normalise import Normalisation
from motes.errors import InputError, OutputError, PicksError, UnitError
from motes.formats.images import write_image
from motes.formats.picks import write_picks
from motes.formats.stores import open_store
from motes.jobs import prepare_store as module
from motes.jobs.prepare_store import StoreOptions, between_0_and_1, prepare_store, tile_starts
from motes.picks import Picks
from motes.units import Length

POINTS = np.array([[20.0, 30], [70, 80], [50, 40]])


def save(root, name="a.mrc", shape=(100, 100), points=POINTS, seed=0):
    rng = np.random.default_rng(seed)
    write_image(root / "images" / name, rng.normal(size=shape).astype(np.float32), 2.0)
    write_picks(root / "picks" / f"{name}.csv", Picks(points), format="csv", image_name=name)


def prepared(root, out="out", **options):
    chosen = StoreOptions(**{"size": 64, "radius": Length(10, "px"), "check_flips": False} | options)
    return prepare_store([str(root / "images")], str(root / "picks"), root / out, chosen)


def arrays(result):
    stores = open_store(result.images), open_store(result.masks)
    return [store.read([slice(0, side) for side in store.shape]) for store in stores]


def index(root, out="out"):
    with (root / out / "index.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_an_image_is_brought_whole_into_its_row(tmp_path):
    save(tmp_path)
    result = prepared(tmp_path)
    images, masks = arrays(result)
    assert (images.shape, images.dtype) == ((1, 64, 64), np.float32)
    assert (masks.shape, masks.dtype) == ((1, 64, 64), np.uint8)
    assert (images.min(), images.max()) == (0, 1)
    assert np.unique(masks).tolist() == [0, 1]
    assert masks.sum() == pytest.approx(3 * np.pi * 6.4**2, rel=0.05)
    for y, x in (POINTS + 0.5) * 0.64 - 0.5:
        assert masks[0, round(y), round(x)] == 1
    assert index(tmp_path) == [
        {
            "row": "0", "image": "a.mrc", "group": "", "particles": "3", "scale": "0.64",
            "offset_y": "0", "offset_x": "0", "height": "64", "width": "64",
        }
    ]  # fmt: skip
    assert (result.rows, result.particles, result.failures) == (1, 3, [])


def test_what_is_not_square_is_padded_never_squashed(tmp_path):
    save(tmp_path, shape=(100, 50), points=POINTS / [1, 2])
    images, masks = arrays(prepared(tmp_path))
    assert masks.dtype == np.int8
    assert (masks[0, :, 32:] == -1).all()
    assert set(np.unique(masks[0, :, :32])) == {0, 1}
    assert masks[0, :, :32].sum() == pytest.approx(3 * np.pi * 6.4**2, rel=0.05)
    assert np.ptp(images[0, :, 32:]) == 0
    assert (index(tmp_path)[0]["height"], index(tmp_path)[0]["width"]) == ("64", "32")


def test_tiles_keep_the_resolution_and_cover_the_image(tmp_path):
    save(tmp_path)
    images, masks = arrays(prepared(tmp_path, tiles=True))
    assert masks.dtype == np.uint8
    rows = index(tmp_path)
    assert [(row["offset_y"], row["offset_x"]) for row in rows] == [
        ("0", "0"), ("0", "36"), ("36", "0"), ("36", "36"),
    ]  # fmt: skip
    assert {row["scale"] for row in rows} == {"1.0"}
    canvas = np.zeros((2, 100, 100))
    for row, image, mask in zip(rows, images, masks, strict=True):
        top, left = int(row["offset_y"]), int(row["offset_x"])
        canvas[:, top : top + 64, left : left + 64] = image, mask
        moved = POINTS - [top, left]
        inside = np.all((moved >= 0) & (moved < 64), axis=1)
        assert int(row["particles"]) == inside.sum()
    distance = np.min([np.hypot(*(np.indices((100, 100)) - p[:, None, None])) for p in POINTS], axis=0)
    np.testing.assert_array_equal(canvas[1], distance <= 10)
    source = np.random.default_rng(0).normal(size=(100, 100)).astype(np.float32)
    np.testing.assert_allclose(canvas[0], between_0_and_1(source, "a"), atol=1e-6)


@pytest.mark.parametrize(
    ("side", "starts"), [(50, [0]), (64, [0]), (65, [0, 1]), (128, [0, 64]), (200, [0, 64, 128, 136])]
)
def test_the_last_tile_is_moved_inwards(side, starts):
    assert tile_starts(side, 64) == starts


def test_what_comes_out_goes_in_again(tmp_path):
    for number in range(3):
        save(tmp_path, f"set/{number}.mrc", seed=number)
    result = prepared(tmp_path)
    found = collect_masks([str(result.images)], str(result.masks), "binary", Normalisation(kind="none"))
    assert len(check_masks(found.images).usable) == 3


def test_groups_are_folders_and_a_bad_image_costs_the_others_nothing(tmp_path):
    for number, folder in enumerate(("A", "A", "B")):
        save(tmp_path, f"{folder}/{number}.mrc", seed=number)
    (tmp_path / "images" / "A" / "1.mrc").write_bytes(b"")
    result = prepared(tmp_path)
    assert [failure.name for failure in result.failures] == ["A/1.mrc"]
    assert [(row["row"], row["image"], row["group"]) for row in index(tmp_path)] == [
        ("0", "A/0.mrc", "A"),
        ("1", "B/2.mrc", "B"),
    ]
    save(tmp_path, "A/1.mrc", seed=1)  # it is mended
    again = prepared(tmp_path)
    assert again.failures == []
    assert [row["image"] for row in index(tmp_path)] == ["A/0.mrc", "B/2.mrc", "A/1.mrc"]
    assert arrays(again)[0].shape == (3, 64, 64)


class KilledError(Exception):
    pass


@pytest.mark.parametrize("fatal", [1, 2, 3, 6, 8, 9])
def test_killed_anywhere_the_same_command_goes_on(tmp_path, monkeypatch, fatal):
    for number in range(4):
        save(tmp_path, f"{number}.mrc", seed=number)
    whole = arrays(prepared(tmp_path, "whole"))
    calls = []

    def dying(function):
        def call(*words):
            calls.append(function)
            if len(calls) == fatal:
                raise KilledError
            return function(*words)

        return call

    folder = module.StoreFolder
    with monkeypatch.context() as patch:
        for name in ("write", "note_down"):
            patch.setattr(folder, name, dying(getattr(folder, name)))
        patch.setattr(module, "_index", dying(module._index))
        with pytest.raises(KilledError):
            prepared(tmp_path)
    assert not (tmp_path / "out" / "images.zarr").exists()
    done = []
    rows_of = module._rows_of
    monkeypatch.setattr(
        module, "_rows_of", lambda entry, job: (done.append(entry.name), rows_of(entry, job))[1]
    )
    result = prepared(tmp_path)
    assert len(done) == 4 - (fatal - 1) // 2
    for made, expected in zip(arrays(result), whole, strict=True):
        np.testing.assert_array_equal(made, expected)
    assert [row["image"] for row in index(tmp_path)] == [f"{n}.mrc" for n in range(4)]


def test_a_kill_while_the_stores_get_their_names(tmp_path):
    save(tmp_path)
    expected = arrays(prepared(tmp_path))
    (tmp_path / "out" / "index.csv").unlink()
    (tmp_path / "out" / "masks.zarr").rename(tmp_path / "out" / ".masks.zarr")
    with (tmp_path / "out" / ".journal.jsonl").open("a") as journal:
        journal.write('{"image": "b.mrc", "ro')
    np.testing.assert_array_equal(arrays(prepared(tmp_path)), expected)
    assert len(index(tmp_path)) == 1


def test_a_finished_folder_is_left_alone(tmp_path):
    save(tmp_path)
    result = prepared(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in result.images.rglob("*")}
    assert prepared(tmp_path) == result
    assert {path: path.stat().st_mtime_ns for path in result.images.rglob("*")} == before


def test_other_options_images_or_files_in_the_folder_are_refused(tmp_path):
    save(tmp_path)
    prepared(tmp_path)
    with pytest.raises(OutputError, match=r"was begun with tiles False, radius 10px"):
        prepared(tmp_path, tiles=True, radius=Length(11, "px"))
    save(tmp_path, points=POINTS[:2])
    with pytest.raises(OutputError, match=r"a.mrc as it was before"):
        prepared(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("")
    with pytest.raises(OutputError, match="holds other files"):
        prepared(tmp_path, "mine")


def test_the_radius_follows_from_the_diameter(tmp_path):
    save(tmp_path)
    prepared(tmp_path, radius=None, diameter=Length(40, "A"))
    assert json.loads((tmp_path / "out" / "settings.json").read_text())["radius"] == "20 A"
    _, by_diameter = arrays(prepared(tmp_path, radius=None, diameter=Length(40, "A")))
    _, by_radius = arrays(prepared(tmp_path, "other"))
    np.testing.assert_array_equal(by_diameter, by_radius)
    with pytest.raises(UnitError, match="--radius 20"):
        prepared(tmp_path, "none", radius=None)


def test_no_usable_image_is_an_error(tmp_path):
    save(tmp_path)
    write_image(tmp_path / "images" / "a.mrc", np.ones((100, 100), np.float32))
    with pytest.raises(InputError, match=r"no image could be prepared: a.mrc: all pixels"):
        prepared(tmp_path)
    assert not (tmp_path / "out" / "images.zarr").exists()


@pytest.mark.parametrize("each", [40, 6], ids=["alone", "together"])
def test_mirrored_picks_are_refused(tmp_path, each):
    rng = np.random.default_rng(0)
    for number in range(6):
        points = rng.uniform(15, 185, (each, 2))
        image = rng.normal(size=(200, 200)).astype(np.float32)
        for y, x in points.astype(int):
            image[y - 5 : y + 6, x - 5 : x + 6] -= 3
        points[:, 0] = 199 - points[:, 0]
        write_image(tmp_path / "images" / f"{number}.mrc", image, 2.0)
        write_picks(
            tmp_path / "picks" / f"{number}.csv", Picks(points), format="csv", image_name=f"{number}.mrc"
        )
    error = InputError if each == 40 else PicksError
    with pytest.raises(error, match="upside down"):
        prepared(tmp_path, check_flips=True)
