from pathlib import Path

import pytest

from motes.errors import OutputError
from motes.jobs.places import coordinate_places


def test_folders_and_dots_stay_and_the_extension_goes():
    names = ["A/001.mrc", "B/001.mrc", "May08_03.05.02.bin.png", "packed.mrc.gz", "no_extension.bin"]
    places = coordinate_places(names, Path("out"), "relion")
    assert [str(places[name]) for name in names] == [
        "out/A/001_autopick.star",
        "out/B/001_autopick.star",
        "out/May08_03.05.02.bin_autopick.star",
        "out/packed_autopick.star",
        "out/no_extension.bin_autopick.star",
    ]


def test_two_images_never_share_a_file():
    with pytest.raises(OutputError, match=r"A/001\.mrc and A/001\.tif"):
        coordinate_places(["A/001.mrc", "A/001.tif"], Path("out"), "eman")


def test_relion_places_leave_the_job_out_unless_two_would_be_equal():
    names = ["MotionCorr/job002/a.mrc", "MotionCorr/job003/b.mrc"]
    places = coordinate_places(names, Path("out"), "relion")
    assert [str(places[name]) for name in names] == ["out/a_autopick.star", "out/b_autopick.star"]
    equal = ["MotionCorr/job002/a.mrc", "MotionCorr/job003/a.mrc", "MotionCorr/job003/b.mrc"]
    places = coordinate_places(equal, Path("out"), "relion")
    assert [str(places[name]) for name in equal] == [
        "out/MotionCorr/job002/a_autopick.star",
        "out/MotionCorr/job003/a_autopick.star",
        "out/MotionCorr/job003/b_autopick.star",
    ]
    with pytest.raises(OutputError, match=r"a\.mrc and MotionCorr/job002/a\.tif"):
        coordinate_places(["MotionCorr/job002/a.mrc", "MotionCorr/job002/a.tif"], Path("out"), "relion")
