"""From picks and their truth to numbers: matching, metrics, intervals, one report. Pure functions."""

from motes.score.matching import Ignored, Matching, candidate_pairs, match
from motes.score.metrics import (
    Counts,
    Curve,
    Ranked,
    average_precision,
    count,
    f_beta,
    precision,
    precision_recall_curve,
    rank,
    recall,
)
from motes.score.rim import in_rim
from motes.score.scores import ImageScore, Report, Value, score

__all__ = [
    "Counts",
    "Curve",
    "Ignored",
    "ImageScore",
    "Matching",
    "Ranked",
    "Report",
    "Value",
    "average_precision",
    "candidate_pairs",
    "count",
    "f_beta",
    "in_rim",
    "match",
    "precision",
    "precision_recall_curve",
    "rank",
    "recall",
    "score",
]
