"""Non-maximum suppression: of picks that are too close together, the best stays."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from motes.picks import Picks


def suppress(picks: Picks, minimum_distance: float) -> Picks:
    """Take picks by falling score, leaving out those closer than minimum_distance to one already taken.

    minimum_distance: pixels; at exactly that distance both stay. Equal scores, and picks without scores, go
    in the order of the table. Picks of different classes do not suppress each other. Rows keep their order.
    """
    if len(picks) == 0:
        return picks
    order = np.arange(len(picks)) if picks.scores is None else np.argsort(-picks.scores, kind="stable")
    return picks.select(np.sort(_greedy(picks, order, minimum_distance)))


def _greedy(picks: Picks, order: NDArray[np.intp], minimum_distance: float) -> NDArray[np.intp]:
    """Find the indices of the picks that stay."""
    tree = KDTree(picks.points)
    free = np.ones(len(picks), dtype=bool)
    taken = []
    for index in order.tolist():
        if not free[index]:
            continue
        taken.append(index)
        near = np.asarray(tree.query_ball_point(picks.points[index], minimum_distance), dtype=np.intp)
        close = np.linalg.norm(picks.points[near] - picks.points[index], axis=1) < minimum_distance
        if picks.classes is not None:
            close &= picks.classes[near] == picks.classes[index]
        free[near[close]] = False
    return np.array(taken, dtype=np.intp)
