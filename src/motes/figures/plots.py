"""Small plots as SVG that takes its colours from the page around it, light or dark."""

import io
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from motes.score.metrics import Curve

# matplotlib is imported inside the functions: it must not slow the start of verbs that draw nothing.
if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Matplotlib wants a colour; the page knows which. These stand in for the page's own until it is written.
INK, FAINT, FIRST, SECOND = "#010101", "#020202", "#030303", "#040404"
PAGE_COLOURS = {INK: "var(--ink)", FAINT: "var(--faint)", FIRST: "var(--first)", SECOND: "var(--second)"}

STYLE: Any = {  # matplotlib's own type lists every setting there is, and changes with its version
    "font.size": 9,
    "font.family": "sans-serif",
    "svg.fonttype": "none",  # text stays text: it can be searched and copied
    "svg.hashsalt": "motes",  # the same plot gives the same bytes
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlesize": 10,
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 3.5,
}


def learning_curves(epochs: Sequence[Mapping[str, Any]]) -> str:
    """SVG of the training loss, and beside it of average precision and best F1 on validation, by epoch.

    epochs: rows with epoch, loss, average_precision and best_f1; a value of None leaves a gap.
    """
    from matplotlib.ticker import MaxNLocator

    with _style():
        figure = _figure(7.6, 2.6)
        left, right = figure.subplots(1, 2)
        number = [row["epoch"] for row in epochs]
        left.plot(number, _column(epochs, "loss"), color=FIRST, marker="o")
        left.set(title="loss on training crops", xlabel="epoch", ylim=(0, None))
        right.plot(number, _column(epochs, "best_f1"), color=FIRST, marker="o", label="best F1")
        right.plot(
            number,
            _column(epochs, "average_precision"),
            color=SECOND,
            ls="--",
            marker="s",
            label="average precision",
        )
        right.set(title="on validation images", xlabel="epoch", ylim=(0, 1.02))
        right.legend()
        for axes in (left, right):
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
        return _svg(figure)


def precision_recall(curve: Curve, threshold: float) -> str:
    """SVG of precision over recall at every threshold, with the chosen threshold marked.

    The mark stands at the picks with score >= threshold; there is none where no pick reaches it.
    """
    with _style():
        figure = _figure(4.2, 3.6)
        axes = figure.subplots()
        axes.plot(curve.recall, curve.precision, color=FIRST)
        _equal_f1_lines(axes)
        reached = int(np.count_nonzero(curve.thresholds >= threshold))
        if reached:
            where = (curve.recall[reached - 1], curve.precision[reached - 1])
            axes.plot(*where, color=SECOND, marker="D", ms=7, ls="none", label=f"threshold {threshold:.3f}")
            axes.legend(loc="lower left")
        axes.set(xlabel="recall (part of the particles that is found)", xlim=(0, 1.02), ylim=(0, 1.02))
        axes.set_ylabel("precision (part of the picks that is right)")
        return _svg(figure)


def _equal_f1_lines(axes: "Axes") -> None:
    """Draw the lines on which F1 = 2 P R / (P + R) is 0.5, 0.7 and 0.9."""
    recall = np.linspace(0.01, 1, 200)
    for f1 in (0.5, 0.7, 0.9):
        inside = recall > f1 / (2 - f1)
        precision = f1 * recall[inside] / (2 * recall[inside] - f1)
        axes.plot(recall[inside], precision, color=FAINT, lw=0.6, ls=":")
        axes.annotate(
            f"F1 {f1:g}", (1.03, f1 / (2 - f1)), color=INK, fontsize=7, va="center", annotation_clip=False
        )


def _column(rows: Sequence[Mapping[str, Any]], key: str) -> NDArray[np.float64]:
    return np.array([np.nan if row.get(key) is None else row[key] for row in rows], dtype=np.float64)


def _style() -> AbstractContextManager[None]:
    from matplotlib import rc_context

    return rc_context(STYLE)


def _figure(width: float, height: float) -> "Figure":
    """An empty figure of that size in inches; no pyplot, so that no window system is asked for."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _svg(figure: "Figure") -> str:
    """The <svg> element of a figure, transparent, without a date, in the colours of the page."""
    written = io.StringIO()
    figure.savefig(written, format="svg", transparent=True, metadata={"Date": None})
    text = written.getvalue()
    for colour, of_page in PAGE_COLOURS.items():
        text = text.replace(colour, of_page)
    return text[text.index("<svg") :]
