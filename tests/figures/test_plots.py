"""The small plots of a page."""

import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np

from motes.figures.plots import PAGE_COLOURS, learning_curves, precision_recall
from motes.score.metrics import Curve

EPOCHS = [
    {"epoch": 1, "loss": 0.7, "average_precision": None, "best_f1": None},
    {"epoch": 2, "loss": 0.4, "average_precision": 0.6, "best_f1": 0.5},
]
CURVE = Curve(np.array([0.9, 0.5, 0.1]), np.array([3, 4, 5]), np.array([0, 1, 9]), truth=6)
EMPTY = Curve(np.zeros(0), np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.intp), truth=0)


def test_plots_are_one_svg_element_in_the_colours_of_the_page() -> None:
    for svg in (learning_curves(EPOCHS), precision_recall(CURVE, 0.3)):
        assert ET.fromstring(svg).tag.endswith("svg")
        assert "var(--ink)" in svg
        assert not any(colour in svg for colour in PAGE_COLOURS)


def test_the_same_numbers_give_the_same_bytes() -> None:
    assert learning_curves(EPOCHS) == learning_curves(EPOCHS)


def test_text_in_a_plot_can_be_searched() -> None:
    assert "average precision" in learning_curves(EPOCHS)


def test_the_threshold_is_marked_where_a_pick_reaches_it() -> None:
    assert "threshold 0.300" in precision_recall(CURVE, 0.3)
    assert "threshold 0.950" not in precision_recall(CURVE, 0.95)


def test_a_curve_without_picks_is_an_empty_plot() -> None:
    assert "<svg" in precision_recall(EMPTY, 0.5)


def test_matplotlib_is_imported_only_when_something_is_plotted() -> None:
    code = (
        "import sys, motes.figures.pictures, motes.figures.report; "
        "sys.exit('matplotlib' in sys.modules or 'jinja2' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
