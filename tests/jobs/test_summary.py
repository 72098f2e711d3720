from pathlib import Path

import numpy as np

from motes.jobs.summary import ImageSummary, earlier_rows, mean_score, told_quality, write_summary
from motes.picks import Picks, empty_picks

ROWS = [
    ImageSummary("a.mrc", "done", 3, 20, 0.41, 0.8125, "ok", 1.5, 2, 0.25, None, "yes"),
    ImageSummary("b.mrc", "done", 0, 0, None, None, "probably nothing", None, 0, 0.5),
    ImageSummary("c.mrc", status="cannot be read"),
]


def test_rows_come_back_without_those_that_failed(tmp_path: Path) -> None:
    write_summary(tmp_path, ROWS)
    assert earlier_rows(tmp_path) == {row.image: row for row in ROWS[:2]}
    header = (tmp_path / "summary.csv").read_text().splitlines()[0]
    assert header == (
        "image,status,picks,candidates,threshold,mean_score,quality,pixel_size,bad_pixels,seconds,doubt,"
        "beside_negative"
    )


def test_a_table_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    (tmp_path / "summary.csv").write_text("image,status,picks\na.mrc,done,3\n")
    assert earlier_rows(tmp_path) == {"a.mrc": ImageSummary("a.mrc", "done", 3)}
    assert earlier_rows(tmp_path / "other") == {}


def test_the_worst_verdict_is_told_first_with_names() -> None:
    many = [ImageSummary(f"{n}.mrc", "done", 0, quality="few particles") for n in range(5)]
    assert told_quality([*ROWS, *many]) == (
        "1 probably nothing (b.mrc), 5 few particles (0.mrc, 1.mrc, 2.mrc and 2 more), 1 ok"
    )
    assert told_quality(ROWS[2:]) == ""


def test_of_images_to_look_at_the_most_doubtful_are_named_first() -> None:
    doubts = {"a": 0.1, "b": 0.3, "c": 0.9, "d": 0.4, "e": 0.25}
    rows = [
        ImageSummary(name, "done", 1, quality="look" if doubt > 0.2 else "ok", doubt=doubt)
        for name, doubt in doubts.items()
    ]
    assert told_quality(rows) == "4 to look at (c, d, b and 1 more), 1 ok"


def test_mean_score() -> None:
    points = np.zeros((2, 2))
    assert mean_score(Picks(points, np.array([0.5, 0.25]))) == 0.375
    assert mean_score(Picks(points)) is None
    assert mean_score(empty_picks(2)) is None
