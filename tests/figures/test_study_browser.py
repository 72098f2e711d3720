"""The page of a study in a real browser: light, dark, narrow and on paper."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PillowImage

from figures.test_study_page import failed_audit, ladder_of, two_arms
from motes.figures.study_page import write_study_page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="Debian's package chromium is not installed"),
]

QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
]
SCHEMES = {"dark": 0, "light": 1}  # as Chromium's setting preferredColorScheme counts them
PAPER_WIDTH = 703  # px of 1/96 inch: A4 between the page's margins
ALARM = (164, 0, 0)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A study of two arms, and one of fourteen whose audit failed."""
    folder = tmp_path_factory.mktemp("pages")
    studies = {"two": two_arms(), "fourteen": ladder_of(13, audit=failed_audit())}
    for name, results in studies.items():
        write_study_page(folder / f"{name}.html", results)
    return {name: folder / f"{name}.html" for name in studies}


def browse(page: Path, folder: Path, *options: str) -> str:
    """What Chromium writes to the standard output when it opens a page."""
    command = ["chromium", *QUIET, f"--user-data-dir={folder / 'profile'}", *options, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


def screenshot(page: Path, folder: Path, scheme: str) -> NDArray[np.uint8]:
    """The first screen of a page, (y, x, 3)."""
    picture = folder / "page.png"
    setting = f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}"
    browse(page, folder, setting, "--window-size=1000,900", f"--screenshot={picture}")
    return np.asarray(PillowImage.open(picture).convert("RGB"))


def measured(
    page: Path, folder: Path, script: str, width: int, *, printed: bool = False, scheme: str = "light"
) -> str:
    """What a script finds in a copy of the page in a window so wide; printed: with the rules for paper."""
    text = page.read_text(encoding="utf-8")
    if printed:
        text = text.replace("@media print", "@media all").replace("@media screen", "@media not all")
    text = text.replace("</body>", f"<script>document.title = {script}</script></body>")
    copy = folder / "copy.html"
    copy.write_text(text, encoding="utf-8")
    setting = f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}"
    found = re.search(
        "<title>(.*?)</title>", browse(copy, folder, setting, f"--window-size={width},900", "--dump-dom")
    )
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    ("scheme", "paper", "ink"), [("light", (255, 255, 255), 60), ("dark", (21, 24, 26), 200)]
)
def test_the_page_is_light_or_dark_as_its_reader_prefers(
    pages: dict[str, Path], tmp_path: Path, scheme: str, paper: tuple[int, int, int], ink: int
) -> None:
    shot = screenshot(pages["two"], tmp_path, scheme)
    assert tuple(shot[-1, 0]) == paper
    grey = shot.mean(axis=2)
    assert (grey.min() < ink) if scheme == "light" else (grey.max() > ink)
    assert 0.5 < np.mean((shot == paper).all(axis=2)) < 0.99


@pytest.mark.parametrize(
    ("scheme", "printed", "ink"),
    [("light", False, "#1b1d1f"), ("dark", False, "#e4e6e8"), ("dark", True, "#1b1d1f")],
)
def test_arms_have_colours_for_light_for_dark_and_for_paper(
    pages: dict[str, Path], tmp_path: Path, scheme: str, printed: bool, ink: str
) -> None:
    script = "getComputedStyle(document.documentElement).getPropertyValue('--arm-0')"
    assert measured(pages["two"], tmp_path, script, 1000, printed=printed, scheme=scheme) == ink


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_failed_audit_is_seen_on_the_first_screen(
    pages: dict[str, Path], tmp_path: Path, scheme: str
) -> None:
    shares = {
        name: np.mean((screenshot(page, tmp_path, scheme)[:300] == ALARM).all(axis=2))
        for name, page in pages.items()
    }
    assert shares["two"] == 0
    assert shares["fourteen"] > 0.3


@pytest.mark.parametrize("width", [1200, 800, 500])
@pytest.mark.parametrize("name", ["two", "fourteen"])
def test_nothing_is_wider_than_the_window(
    pages: dict[str, Path], tmp_path: Path, name: str, width: int
) -> None:
    script = "[document.documentElement.scrollWidth, innerWidth]"
    needed, given = map(int, measured(pages[name], tmp_path, script, width).split(","))
    assert needed <= given == width


@pytest.mark.parametrize("name", ["two", "fourteen"])
def test_no_table_or_plot_is_wider_than_paper(pages: dict[str, Path], tmp_path: Path, name: str) -> None:
    script = (
        "Math.ceil(Math.max(...[...document.querySelectorAll('table, figure svg, pre')]"
        ".map(each => each.getBoundingClientRect().right)))"
    )
    assert int(measured(pages[name], tmp_path, script, PAPER_WIDTH, printed=True)) <= PAPER_WIDTH


@pytest.mark.parametrize("printed", [False, True])
def test_folds_are_open_on_paper_only(pages: dict[str, Path], tmp_path: Path, printed: bool) -> None:
    script = (
        "[...document.querySelectorAll('details:not(.evidence) > *:not(summary)')]"
        ".every(each => each.checkVisibility({contentVisibilityAuto: true}))"
    )
    assert measured(pages["two"], tmp_path, script, 1000, printed=printed) == str(printed).lower()


def test_every_side_by_side_image_is_drawn_in_each_column(pages: dict[str, Path], tmp_path: Path) -> None:
    images = "[...document.querySelectorAll('.columns image, .columns use')]"
    script = f"{images}.map(each => Math.round(each.getBBox().width))"
    assert measured(pages["two"], tmp_path, script, 1000) == ",".join(["96"] * 6)


@pytest.mark.parametrize("name", ["two", "fourteen"])
def test_the_page_is_printed_in_full(pages: dict[str, Path], tmp_path: Path, name: str) -> None:
    paper = tmp_path / "page.pdf"
    browse(pages[name], tmp_path, "--no-pdf-header-footer", f"--print-to-pdf={paper}")
    content = paper.read_bytes()
    assert content.startswith(b"%PDF")
    sheets = len(re.findall(rb"/Type\s*/Page\b", content))
    assert {"two": 4, "fourteen": 15}[name] <= sheets <= {"two": 20, "fourteen": 60}[name]
