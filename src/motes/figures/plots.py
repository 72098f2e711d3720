"""Small plots as SVG that takes its colours from the page around it, light or dark."""

import io
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from motes.figures.pages import METRIC_NAMES
from motes.score.metrics import Curve

# matplotlib is imported inside the functions: it must not slow the start of verbs that draw nothing.
if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Matplotlib wants a colour; the page knows which. These stand in for the page's own until it is written.
INK, FAINT, FIRST, SECOND = "#010101", "#020202", "#030303", "#040404"
ARMS = tuple(f"#0505{number:02x}" for number in range(8))  # of a study, each with a colour of its own
PAGE_COLOURS = {INK: "var(--ink)", FAINT: "var(--faint)", FIRST: "var(--first)", SECOND: "var(--second)"} | {
    colour: f"var(--arm-{number})" for number, colour in enumerate(ARMS)
}

FEW = 40  # epochs, up to which each has a marker
CELLS = 400  # along each axis of a precision-recall plot, finer than its line is wide
RECALL_AND_PRECISION: dict[str, Any] = {
    "picks": {
        "xlabel": "recall (part of the particles that is found)",
        "ylabel": "precision (part of the picks that is right)",
    },
    "pixels": {
        "xlabel": "recall (part of the particles' pixels that is found)",
        "ylabel": "precision (part of the pixels found that is right)",
    },
    "objects": {
        "xlabel": "recall (part of the objects that is found)",
        "ylabel": "precision (part of the objects found that is right)",
    },
}

STYLE: Any = {  # matplotlib's own type lists every setting there is, and changes with its version
    "font.size": 9,
    "font.family": "sans-serif",
    "text.parse_math": False,  # a dollar in a name is a dollar
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


def learning_curves(epochs: Sequence[Mapping[str, Any]], metrics: Sequence[str], best: int | None) -> str:
    """SVG of the training loss, validation metrics and the learning rate by epoch.

    epochs: rows with epoch, loss and learning_rate; those of validated epochs have the metrics too, of which a
    value of None leaves a gap. metrics: what is drawn, at most two, that which was watched first. best: the
    epoch to be marked.
    """
    with plot_style():
        figure = empty_figure(8.4, 2.6)
        left, middle, right = figure.subplots(1, 3, width_ratios=(3, 3, 1.6))
        number = _column(epochs, "epoch")
        left.plot(number, _column(epochs, "loss"), color=FIRST, marker=_dots(epochs))
        left.set(title="loss on training crops", xlabel="epoch", ylim=(0, None))
        _validation_curves(middle, [row for row in epochs if metrics[0] in row], metrics, best)
        right.plot(number, _column(epochs, "learning_rate"), color=FIRST, marker=_dots(epochs))
        right.set(title="learning rate", xlabel="epoch", ylim=(0, None))
        whole_numbers([left, middle, right])
        return as_svg(figure)


def _validation_curves(
    axes: "Axes", rows: Sequence[Mapping[str, Any]], metrics: Sequence[str], best: int | None
) -> None:
    """Draw the metrics of validated epochs, and a mark at the best epoch on the first of them."""
    styles = [(FIRST, "-", "o"), (SECOND, "--", "s")]
    number = _column(rows, "epoch")
    for metric, (colour, line, marker) in zip(metrics, styles, strict=False):
        axes.plot(
            number,
            _column(rows, metric),
            color=colour,
            ls=line,
            marker=marker if _dots(rows) else "",
            label=METRIC_NAMES.get(metric, metric),
        )
    marked = [row[metrics[0]] for row in rows if row["epoch"] == best]
    if best is not None and marked and marked[0] is not None:
        axes.plot(
            best, marked[0], color=INK, marker="D", ms=7, mfc="none", ls="none", label=f"best: epoch {best}"
        )
    axes.set(title="on validation images", xlabel="epoch", ylim=(0, 1.02))
    axes.legend(loc="best")


def _dots(rows: Sequence[Mapping[str, Any]]) -> str:
    """A marker for each point where they are few."""
    return "o" if len(rows) <= FEW else ""


def whole_numbers(many: Iterable["Axes"]) -> None:
    """Write no fractions of epochs below the plots."""
    from matplotlib.ticker import MaxNLocator

    for axes in many:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))


def precision_recall(curve: Curve, threshold: float, things: str = "picks") -> str:
    """SVG of precision over recall at every threshold, with the chosen threshold marked.

    things: what the curve counts, picks, pixels or objects. The mark stands at those with score >= threshold; there is
    none where none reaches it.
    """
    with plot_style():
        figure = empty_figure(4.2, 3.6)
        axes = figure.subplots()
        shown = drawn_points(curve)
        axes.plot(curve.recall[shown], curve.precision[shown], color=FIRST)
        _equal_f1_lines(axes)
        reached = curve.reached(threshold)
        if reached:
            where = (curve.recall[reached - 1], curve.precision[reached - 1])
            axes.plot(*where, color=SECOND, marker="D", ms=7, ls="none", label=f"threshold {threshold:.3f}")
            axes.legend(loc="lower left")
        axes.set(xlim=(0, 1.02), ylim=(0, 1.02), **RECALL_AND_PRECISION[things])
        return as_svg(figure)


def drawn_points(curve: Curve) -> NDArray[np.intp]:
    """The points of a curve without which its plot would look different: no two in a row of the same place.

    Places are cells of 1 / CELLS; a curve of pixels has a hundred thousand points, most of them in one cell.
    """
    with np.errstate(invalid="ignore"):
        cells = np.stack(
            [np.nan_to_num(axis * CELLS, nan=-1).round() for axis in (curve.recall, curve.precision)]
        )
    moves = np.any(np.diff(cells, axis=1, prepend=np.nan) != 0, axis=0)
    if len(moves):
        moves[-1] = True
    return np.flatnonzero(moves)


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


def plot_style() -> AbstractContextManager[None]:
    """The settings of matplotlib in which plots of a page are drawn."""
    from matplotlib import rc_context

    return rc_context(STYLE)


def empty_figure(width: float, height: float) -> "Figure":
    """An empty figure of that size in inches; no pyplot, so that no window system is asked for."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def as_svg(figure: "Figure") -> str:
    """The <svg> element of a figure, transparent, without a date, in the colours of the page."""
    written = io.StringIO()
    figure.savefig(written, format="svg", transparent=True, metadata={"Date": None})
    text = written.getvalue()
    for colour, of_page in PAGE_COLOURS.items():
        text = text.replace(colour, of_page)
    return text[text.index("<svg") :]
