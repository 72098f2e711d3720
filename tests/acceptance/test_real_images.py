"""Real annotated micrographs, found through MOTES_REAL_DATA; nothing of them is kept in the project."""

import os
from pathlib import Path

import pytest

from motes.data.collection import collect
from motes.data.normalise import Normalisation
from motes.data.orientation import check_orientation
from motes.data.working import Scale, to_working_scale
from motes.errors import PicksError
from motes.jobs.convert import flipped
from motes.jobs.score import ScoreOptions, score_picks
from motes.picks import Picks
from motes.units import Length

FOLDER = os.environ.get("MOTES_REAL_DATA")
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(FOLDER is None, reason="MOTES_REAL_DATA names no folder with real images"),
]
DATA = Path(FOLDER or ".")
APOFERRITIN = DATA / "empiar10146_apoferritin"
GALACTOSIDASE = DATA / "empiar10017_bgal_cryoppp"
SETS = [
    pytest.param(APOFERRITIN / "images", APOFERRITIN / "coords_annotatorA_discs", 66, id="apoferritin"),
    pytest.param(GALACTOSIDASE / "images", GALACTOSIDASE / "coords_cryoppp", 108, id="galactosidase"),
]


@pytest.mark.parametrize(("images", "picks", "diameter"), SETS)
def test_every_image_finds_its_picks_and_flipped_ones_are_noticed(images, picks, diameter):
    collection = collect([str(images)], str(picks))
    assert len(collection.picks) == len(collection.images) == 8
    assert collection.notes == []
    for entry in collection.images[:3]:
        working = to_working_scale(entry.read(), diameter, Scale(20), Normalisation())
        given = collection.picks[entry.name]

        def on_working_scale(each: Picks, factors=working.factors):
            return each.scaled(factors).points

        check_orientation(working.data, on_working_scale(given), 20, entry.name)
        for axis in (-2, -1):
            mirrored = flipped(given, axis, working.full_shape[axis])
            with pytest.raises(PicksError, match="the picks seem to be"):
                check_orientation(working.data, on_working_scale(mirrored), 20, entry.name)


def test_a_second_person_agrees_with_the_first_as_the_data_say():
    """Mutual nearest neighbours within 20 px gave 0.953 over 19 fields; these are eight of them."""
    options = ScoreOptions(radius=Length(20, "px"))
    report = score_picks(
        str(APOFERRITIN / "coords_annotatorB_points"), str(APOFERRITIN / "coords_annotatorA_discs"), options
    )
    assert report.as_dict()["f1"] == pytest.approx(0.953, abs=0.015)


def test_published_picks_score_as_the_data_say():
    """CrYOLO against CryoPPP within 40 px: precision 0.87, recall 0.82, F1 0.84 over 20 micrographs."""
    options = ScoreOptions(radius=Length(40, "px"))
    report = score_picks(
        str(GALACTOSIDASE / "published_picks" / "cryolo"), str(GALACTOSIDASE / "coords_cryoppp"), options
    )
    assert report.as_dict()["f1"] == pytest.approx(0.84, abs=0.03)
