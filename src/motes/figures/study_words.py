"""Numbers of a study as people read them."""

from math import isfinite

from motes.figures.pages import METRIC_NAMES, shown
from motes.figures.study_results import Interval

UNKNOWN = "undefined"
NAMES = {
    **METRIC_NAMES,
    "f4": "F4",
    "czii": "challenge score",
    "object_f1": "F1 of objects",
    "object_count_error": "count error",
}


def metric_words(metric: str) -> str:
    """The name of a metric in running text."""
    return NAMES.get(metric, metric.replace("_", " "))


def signed(value: float | None, digits: int = 4) -> str:
    """'+0.0512', '−0.0103', '0.0000'; 'undefined' for None, nan and infinity."""
    if value is None or not isfinite(value):
        return UNKNOWN
    text = f"{value:+.{digits}f}"
    return (text if float(text) else text[1:]).replace("-", "−")


def percent(share: float | None) -> str:
    """A relative change: '+10.2 %'."""
    text = signed(None if share is None else 100 * share, 1)
    return text if text == UNKNOWN else f"{text} %"


def p_words(p: float) -> str:
    """'< 0.001', '0.004', '0.03', '0.35'."""
    if not isfinite(p):
        return UNKNOWN
    if p < 0.001:
        return "< 0.001"
    return f"{p:.2f}" if p >= 0.1 else f"{p:.3f}".rstrip("0")


def value_range(interval: Interval) -> str:
    """The bounds of an interval of values: '0.480 to 0.544'."""
    bounds = (interval.low, interval.high)
    return " to ".join(map(shown, bounds)) if all(map(isfinite, bounds)) else "no interval"


def difference_range(low: float, high: float) -> str:
    """The bounds of an interval of differences: '+0.0310 to +0.0714'."""
    return f"{signed(low)} to {signed(high)}" if isfinite(low) and isfinite(high) else "no interval"


def change(before: float | None, after: float | None) -> tuple[float | None, float | None]:
    """The absolute and the relative change; None where it is not defined."""
    if before is None or after is None or not (isfinite(before) and isfinite(after)):
        return None, None
    return after - before, (after - before) / before if before else None
