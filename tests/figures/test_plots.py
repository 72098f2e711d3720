"""The small plots of a page."""

import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from motes.figures.plots import CELLS, PAGE_COLOURS, drawn_points, learning_curves, precision_recall
from motes.score.metrics import Curve

EPOCHS = [
    {"epoch": 1, "loss": 0.7, "learning_rate": 0.001, "average_precision": None, "best_f1": None},
    {"epoch": 2, "loss": 0.4, "learning_rate": 0.0005},
    {"epoch": 3, "loss": 0.4, "learning_rate": 0.0001, "average_precision": 0.6, "best_f1": 0.5},
]
METRICS = ("best_f1", "average_precision")
CURVE = Curve(np.array([0.9, 0.5, 0.1]), np.array([3, 4, 5]), np.array([0, 1, 9]), truth=6)
EMPTY = Curve(np.zeros(0), np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.intp), truth=0)


def test_plots_are_one_svg_element_in_the_colours_of_the_page() -> None:
    for svg in (learning_curves(EPOCHS, METRICS, 3), precision_recall(CURVE, 0.3)):
        assert ET.fromstring(svg).tag.endswith("svg")
        assert "var(--ink)" in svg
        assert not any(colour in svg for colour in PAGE_COLOURS)


def test_the_same_numbers_give_the_same_bytes() -> None:
    assert learning_curves(EPOCHS, METRICS, 3) == learning_curves(EPOCHS, METRICS, 3)


def test_text_in_a_plot_can_be_searched() -> None:
    svg = learning_curves(EPOCHS, METRICS, 3)
    for words in ("average precision", "best F1", "best: epoch 3", "learning rate"):
        assert words in svg


def test_a_best_epoch_without_a_value_is_not_marked() -> None:
    assert "best: epoch" not in learning_curves(EPOCHS, METRICS, 1)
    assert "best: epoch" not in learning_curves(EPOCHS, METRICS, 2)
    assert "best: epoch" not in learning_curves(EPOCHS, METRICS, None)


def test_a_run_that_never_validated_has_its_loss() -> None:
    assert "loss on training crops" in learning_curves(EPOCHS[1:2], METRICS, None)


def test_the_threshold_is_marked_where_a_pick_reaches_it() -> None:
    assert "threshold 0.300" in precision_recall(CURVE, 0.3)
    assert "threshold 0.950" not in precision_recall(CURVE, 0.95)


def test_pixels_are_called_pixels() -> None:
    assert "pixels" in precision_recall(CURVE, 0.3, "pixels")
    assert "pixels" not in precision_recall(CURVE, 0.3, "picks")


def test_a_curve_without_picks_is_an_empty_plot() -> None:
    assert "<svg" in precision_recall(EMPTY, 0.5)


@given(st.integers(1, 300), st.integers(0, 2**32 - 1))
def test_no_point_that_is_left_out_of_a_curve_could_be_seen(count: int, seed: int) -> None:
    hits = np.random.default_rng(seed).random(count) < 0.9
    found = np.cumsum(hits)
    curve = Curve(np.arange(count, 0, -1.0), found, np.arange(1, count + 1) - found, int(found[-1]))
    shown = drawn_points(curve)
    places = np.arange(count)
    before = shown[np.searchsorted(shown, places, side="right") - 1]
    assert shown[-1] == count - 1
    for axis in (np.nan_to_num(curve.recall), curve.precision):
        assert np.abs(axis - axis[before]).max() <= 1 / CELLS + 1e-9


def test_a_curve_of_very_many_pixels_stays_small() -> None:
    count = 200_000
    found = np.linspace(0, 9e6, count).astype(np.int64)
    curve = Curve(np.linspace(1, 0, count), found, (found**2 / 9e7).astype(np.int64), 9_000_000)
    assert len(drawn_points(curve)) < 4 * CELLS
    assert len(precision_recall(curve, 0.5, "pixels")) < 60_000


def test_matplotlib_is_imported_only_when_something_is_plotted() -> None:
    code = (
        "import sys, motes.figures.pictures, motes.figures.report; "
        "sys.exit('matplotlib' in sys.modules or 'jinja2' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
