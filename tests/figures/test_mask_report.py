"""The page on images with masks."""

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image as PillowImage

from motes.figures.mask_report import (
    AdviceShown,
    FaultShown,
    Histogram,
    MaskPicture,
    MaskReport,
    apart,
    histogram,
    mask_picture,
    write_mask_report,
)

ORANGE = (255, 165, 0)


def picture_of(address):
    kind, _, data = address.partition(",")
    assert kind == "data:image/png;base64"
    return np.asarray(PillowImage.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))


def coloured(address):
    return (picture_of(address) == ORANGE).all(axis=-1)


def noise(shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


PICTURE = mask_picture("a.png", "2 objects", noise((20, 20)), np.eye(20, dtype=np.int32), 5.0)
REPORT = MaskReport(
    answer="One thing has to be put right.",
    faults=[
        FaultShown("masks are <inverted>", ["a.png"], [("share", "0.9")], True, [PICTURE]),
        FaultShown("two images are the same", [f"{n}.png" for n in range(9)], [], False),
    ],
    found=["9 images hold 20 objects."],
    rows=[("images", "9")],
    histograms=[
        Histogram("diameters", "px", np.array([17.0, 18, 19]), (17, 19)),
        Histogram("contrast", "sd", np.zeros(0)),
    ],
    examples=[PICTURE],
    domain="beads-unet was made for microbeads, as `motes simulate beads` makes them.",
    differences=["36 times more objects"],
    recipe="beads-unet",
    reason="109 objects",
    advice=[
        AdviceShown("net.depth", "4", "95 % are 19 px wide", True),
        AdviceShown("net.width", "32", "discs of 19 px", False),
    ],
    command="motes train beads-unet --images a --masks b net.depth=4 --out run",
    columns=["image", "objects", "remarks"],
    images=[["a.png", "20", "inverted"]],
)


class Shape(HTMLParser):
    """That tags close as they opened, and the text between them."""

    def __init__(self):
        super().__init__()
        self.open, self.text, self.links = [], [], []

    def handle_starttag(self, tag, attrs):
        self.links += [value for name, value in attrs if name in ("src", "href")]
        if tag not in ("img", "meta", "path", "use", "rect", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in ("path", "use", "rect"):
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def read(path, report):
    write_mask_report(path, report)
    page = Shape()
    page.feed(path.read_text(encoding="utf-8"))
    assert not page.open
    return page, re.sub(r"\s+", " ", "".join(page.text))


def test_the_page_says_everything_and_needs_no_other_file(tmp_path):
    page, text = read(tmp_path / "report.html", REPORT)
    wanted = (
        REPORT.answer, "masks are <inverted>", "share", "9 images hold 20 objects.", "diameters",
        "36 times more objects", REPORT.command, "95 % are 19 px wide", "inverted",
    )  # fmt: skip
    for words in wanted:
        assert words in text, words
    outside = [link for link in page.links if not link.startswith(("data:image/png;base64,", "#"))]
    assert outside == []


def test_faults_come_before_facts_and_advice(tmp_path):
    _, text = read(tmp_path / "report.html", REPORT)
    places = [
        text.index(words)
        for words in ("What is wrong", "What is there", "Compared with", "What to train with")
    ]
    assert places == sorted(places)


def test_words_between_backticks_are_code(tmp_path):
    write_mask_report(tmp_path / "report.html", REPORT)
    assert "<code>motes simulate beads</code>" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_what_is_not_known_leaves_no_empty_section(tmp_path):
    bare = replace(REPORT, faults=[], histograms=[], examples=[], domain="", recipe="", advice=[])
    _, text = read(tmp_path / "report.html", bare)
    for words in ("What is wrong", "See for yourself", "Compared with", "What to train with", "Dashed"):
        assert words not in text


def test_data_that_are_like_the_domain(tmp_path):
    _, text = read(tmp_path / "report.html", replace(REPORT, differences=[]))
    assert "These data are like them in all that is known" in text


@pytest.mark.parametrize("values", [[5.0], [1.0, 1.0], [1.0, 2.0, 50.0]])
def test_a_histogram_of_any_values(values):
    svg = histogram(Histogram("coverage", "%", np.array(values), (2.0, 2.0)))
    assert svg.startswith("<svg")
    assert "coverage" in svg


def test_objects_that_touch_are_drawn_apart():
    marks = np.zeros((6, 8), dtype=np.int32)
    marks[1:5, 1:4], marks[1:5, 4:7] = 1, 2
    inside = apart(marks)
    assert not inside[1:5, 3].any()
    assert inside[1:5, [1, 2, 4, 5, 6]].all()
    assert apart((marks > 0).astype(np.int32))[1:5, 3].all()


def test_the_outline_lies_at_the_rim_of_the_mask():
    marks = np.zeros((40, 40), dtype=np.int32)
    marks[10:20, 15:30] = 1
    drawn = coloured(mask_picture("a", "", noise((40, 40)), marks, 12.0).whole)
    rows, columns = np.nonzero(drawn)
    zoom = drawn.shape[0] // 40
    assert (rows.min() // zoom, rows.max() // zoom) == (10, 19)
    assert (columns.min() // zoom, columns.max() // zoom) == (15, 29)


def test_a_crop_of_a_large_image_shows_an_object():
    marks = np.zeros((300, 400), dtype=np.int32)
    marks[20:30, 350:360] = 7
    drawn = mask_picture("a", "", noise((300, 400)), marks, 10.0)
    assert coloured(drawn.crop).any()
    height, width = picture_of(drawn.crop).shape[:2]
    assert height == width  # 64 px, enlarged


def test_a_small_image_has_no_crop():
    assert mask_picture("a", "", noise((60, 60)), np.zeros((60, 60), np.int32), 10.0).crop == ""


def test_of_a_volume_the_middle_section():
    marks = np.zeros((9, 30, 30), dtype=np.int32)
    marks[4, 5:15, 5:15] = 1
    assert coloured(mask_picture("a", "", noise((9, 30, 30)), marks, 10.0).whole).any()


def test_a_mask_of_another_size_is_shown_beside_the_image():
    drawn = mask_picture("a", "", noise((40, 60)), np.eye(20, dtype=np.int32), float("nan"))
    assert not coloured(drawn.whole).any()
    height, width = picture_of(drawn.crop).shape[:2]
    assert height == width
    assert isinstance(drawn, MaskPicture)
