"""From maps to picks: peaks, objects, suppression, thresholds. Pure functions."""

from motes.picking.objects import find_components
from motes.picking.peaks import find_peaks
from motes.picking.suppress import suppress
from motes.picking.thresholds import FittedThreshold, Goal, fit_threshold, parse_goal

__all__ = [
    "FittedThreshold",
    "Goal",
    "find_components",
    "find_peaks",
    "fit_threshold",
    "parse_goal",
    "suppress",
]
