"""Plots of agreement."""

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np

from motes.figures.agreement_plots import OverIou, bland_altman, iou_curves, save_svg, size_histograms
from motes.score.counts import agreement
from motes.score.scores import Value

COUNTS = agreement([10, 12, 30, 41], [11, 15, 30, 38])  # differences of -0.25 +- 2.5
CURVE = OverIou("F1", {0.5: Value(0.9, 0.8, 1.0), 0.7: Value(0.6, 0.5, 0.7), 0.6: Value(0.8, 0.7, 0.9)})


def test_plots_take_the_colours_of_the_page() -> None:
    for svg in (bland_altman(COUNTS), size_histograms([4.0, 5, 5], [5.0]), iou_curves([CURVE])):
        assert ET.fromstring(svg).tag.endswith("svg")
        assert "var(--ink)" in svg


def test_bias_and_limits_are_written_beside_their_lines() -> None:
    svg = bland_altman(COUNTS, ("a", "b"))
    for words in ("bias -0.2", "upper limit 4.6", "lower limit -5.1", "a - b", "mean of a and b"):
        assert words in svg


def test_a_single_image_has_a_bias_and_no_limits() -> None:
    svg = bland_altman(agreement([10], [12]))
    assert "bias -2.0" in svg
    assert "upper limit" not in svg


def test_limits_that_fall_together_are_one_line() -> None:
    svg = bland_altman(agreement([10, 11], [10, 11]))
    assert "bias 0.0" in svg
    assert "upper limit" not in svg


def test_sizes_say_how_many_objects_there_are() -> None:
    svg = size_histograms(np.linspace(4, 9, 30), [5.0, 6.0], unit="nm")
    for words in ("found (30)", "true (2)", "nm"):
        assert words in svg
    for empty in (size_histograms([], []), size_histograms([], [5.0])):
        assert "found (0)" in empty


def test_a_curve_has_each_metric_and_gaps_where_it_is_not_defined() -> None:
    undefined = OverIou(
        "average precision", {0.5: Value(0.5, np.nan, np.nan), 0.6: Value(np.nan, np.nan, np.nan)}
    )
    svg = iou_curves([CURVE, undefined])
    assert "F1" in svg
    assert "average precision" in svg


def test_the_same_numbers_give_the_same_bytes() -> None:
    assert bland_altman(COUNTS) == bland_altman(COUNTS)


def test_a_file_of_its_own_needs_no_page(tmp_path: Path) -> None:
    save_svg(tmp_path / "counts.svg", bland_altman(COUNTS))
    text = (tmp_path / "counts.svg").read_text()
    assert ET.fromstring(text).tag.endswith("svg")
    assert "var(--" not in text
    assert 'fill="#ffffff"' in text
