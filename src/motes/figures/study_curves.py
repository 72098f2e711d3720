"""The plots of how the arms of a study learnt."""

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from motes.figures.plots import ARMS, FAINT, FIRST, INK, as_svg, empty_figure, plot_style, whole_numbers
from motes.figures.study_plots import LINES, WIDTH, target_levels
from motes.figures.study_results import Arm, Curve
from motes.figures.study_words import metric_words

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

MOST_LINES = len(ARMS)  # in one plot; more cannot be told apart
MOST_POINTS = 150  # of a curve, of which a plot shows no more side by side
SMALL_COLUMNS = 5


def learning_plot(arms: Sequence[Arm], watched: str, targets: Mapping[str, float] | None = None) -> str:
    """SVG of the watched metric, the loss and the learning rate of at most MOST_LINES arms, with their bands.

    targets: by name, values of the watched metric to draw as lines.
    """
    names = [watched, "loss", "learning_rate"]
    titles = [f"{metric_words(watched)}, validation", "loss on training crops", "learning rate"]
    rows = -(-len(arms) // 3)
    with plot_style():
        figure = empty_figure(WIDTH, 2.7 + 0.22 * rows)
        panels = figure.subplots(1, 3, width_ratios=(3, 3, 2))
        for axes, name, title in zip(panels, names, titles, strict=True):
            for number, arm in enumerate(arms):
                if name in arm.curves:
                    look = (ARMS[number], LINES[number % len(LINES)])
                    _curve(axes, arm.curves[name], *look, arm.name, 0.4 / max(len(arms), 3))
            axes.set(title=title, xlabel="epoch")
        target_levels(panels[0], targets or {})
        panels[2].set_ylim(0, None)
        whole_numbers(panels)
        handles, labels = _handles(panels)
        figure.legend(handles, labels, loc="outside lower center", ncols=3)
        return as_svg(figure)


def _handles(panels: Sequence["Axes"]) -> tuple[list["Artist"], list[str]]:
    """What a legend of all panels holds, each name once."""
    found: dict[str, Artist] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    return list(found.values()), list(found)


def small_multiples(arms: Sequence[Arm], base: str, metric: str) -> str:
    """SVG of one small panel for each arm with its curve of a metric, that of the base in grey behind it."""
    drawn = [arm for arm in arms if metric in arm.curves]
    reference = next((arm.curves[metric] for arm in drawn if arm.name == base), None)
    down = -(-len(drawn) // SMALL_COLUMNS)
    with plot_style():
        figure = empty_figure(WIDTH, 1.45 * down + 0.3)
        panels = figure.subplots(down, SMALL_COLUMNS, squeeze=False, sharex=True, sharey=True).ravel()
        for axes, arm in zip(panels, drawn, strict=False):
            if reference is not None and arm.name != base:
                axes.plot(*_thinned(reference.epochs, reference.mean), color=FAINT, lw=1.2)
            _curve(axes, arm.curves[metric], INK if arm.name == base else FIRST, "-", arm.name, 0.15)
            axes.set_title(fill(arm.name, 22), fontsize=7.5)
            axes.tick_params(labelsize=7)
        for axes in panels[len(drawn) :]:
            axes.set_axis_off()
        whole_numbers(panels[:1])
        figure.supxlabel("epoch", fontsize=9)
        figure.supylabel(metric_words(metric), fontsize=9)
        return as_svg(figure)


def validation_over_loss(arms: Sequence[Arm], watched: str, targets: Mapping[str, float]) -> str:
    """SVG of the watched metric against the loss in training, epoch by epoch; a line for each of MOST_LINES arms.

    A dot is the last epoch. Empty where no arm has both. Losses of arms that have each their own are not alike.
    """
    drawn = [arm for arm in arms if {watched, "loss"} <= arm.curves.keys()]
    if not drawn:
        return ""
    with plot_style():
        figure = empty_figure(WIDTH, 3.2 + 0.22 * -(-len(drawn) // 3))
        axes = figure.subplots()
        for number, arm in enumerate(drawn):
            seen, loss = arm.curves[watched], arm.curves["loss"]
            epochs = np.intersect1d(seen.epochs, loss.epochs)
            x, y = (each.mean[np.isin(each.epochs, epochs)] for each in (loss, seen))
            x, y = _thinned(x, y)
            axes.plot(x, y, color=ARMS[number], ls=LINES[number % len(LINES)], lw=1.2, label=arm.name)
            axes.plot(x[-1:], y[-1:], "o", color=ARMS[number], ms=5)
        target_levels(axes, targets)
        axes.invert_xaxis()
        axes.set(xlabel="loss on training crops, falling", ylabel=f"{metric_words(watched)}, validation")
        figure.legend(loc="outside lower center", ncols=3)
        return as_svg(figure)


def _curve(axes: "Axes", curve: Curve, colour: str, line: str, name: str, band: float) -> None:
    """Draw a mean over epochs, and the band, so opaque, from the lowest to the highest run."""
    epochs, mean, low, high = _thinned(curve.epochs, curve.mean, curve.low, curve.high)
    axes.fill_between(epochs, low, high, color=colour, alpha=band, lw=0)
    axes.plot(epochs, mean, color=colour, ls=line, lw=1.5, label=name)


def _thinned(*columns: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """The columns (epochs,) at no more than MOST_POINTS places, evenly spread, the first and last among them."""
    count = len(columns[0])
    kept = np.unique(np.linspace(0, count - 1, min(count, MOST_POINTS)).round().astype(np.intp))
    return [column[kept] for column in columns]
