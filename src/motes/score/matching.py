"""One-to-one matching of picks with truth."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from scipy.spatial import KDTree

from motes.errors import PicksError
from motes.picks import Picks

Radius = float | NDArray[np.float64]


@dataclass(frozen=True)
class Matching:
    """Which pick found which truth.

    pairs: (k, 2) indices (pick, truth), by rising pick. distances: (k,) pixels.
    """

    pairs: NDArray[np.intp]
    distances: NDArray[np.float64]


@dataclass(frozen=True)
class Ignored:
    """What is neither rewarded nor punished.

    picks: (n,) bool, picks that are not false positives when they find nothing. truth: (m,) bool, truth
    that need not be found, and whose pick then does not count.
    """

    picks: NDArray[np.bool_]
    truth: NDArray[np.bool_]


@dataclass(frozen=True)
class CandidatePairs:
    """All pairs that are near enough: indices pick (e,), rising, and truth (e,); distance (e,) in pixels."""

    pick: NDArray[np.intp]
    truth: NDArray[np.intp]
    distance: NDArray[np.float64]

    def select(self, mask: NDArray[np.bool_]) -> "CandidatePairs":
        """Keep the pairs at a boolean mask (e,)."""
        return CandidatePairs(self.pick[mask], self.truth[mask], self.distance[mask])


def nothing_ignored(picks: Picks, truth: Picks) -> Ignored:
    """Let every pick and every truth count."""
    return Ignored(np.zeros(len(picks), dtype=bool), np.zeros(len(truth), dtype=bool))


def match(picks: Picks, truth: Picks, radius: Radius, ignored: Ignored | None = None) -> Matching:
    """Pair picks with truth, each at most once: as many pairs as possible, then the least total distance.

    radius: pixels, inclusive; one value or one for each truth. Where both have classes, only equal classes
    pair. Those that count are paired before those ignored; the number of pairs is the greatest all the same,
    and so are at once the number of counted truths found and of counted picks that find something
    (Mendelsohn & Dulmage 1958). Raises PicksError where dimensions, points or radius make no sense.
    """
    near = candidate_pairs(picks, truth, radius)
    if near.pick.size == 0:
        return Matching(np.zeros((0, 2), dtype=np.intp), np.zeros(0))
    costs = _costs(near, ignored or nothing_ignored(picks, truth))
    pick, truth_index = _assign(near, costs, len(picks), len(truth))
    distances = np.linalg.norm(picks.points[pick] - truth.points[truth_index], axis=1)
    return Matching(np.stack([pick, truth_index], axis=1), distances)


def candidate_pairs(picks: Picks, truth: Picks, radius: Radius) -> CandidatePairs:
    """Find all pairs of a pick and a truth within the radius (pixels, inclusive) and of one class."""
    radii = _checked(picks, truth, radius)
    if not len(picks) or not len(truth):
        nothing = np.zeros(0, dtype=np.intp)
        return CandidatePairs(nothing, nothing, np.zeros(0))
    # the tree rounds in its own way: ask for a hair more, then compare exactly
    found = KDTree(picks.points).query_ball_point(truth.points, radii * (1 + 1e-9))
    pick = np.concatenate([np.asarray(indices, dtype=np.intp) for indices in found])
    truth_index = np.repeat(np.arange(len(truth)), [len(indices) for indices in found])
    distance = np.linalg.norm(picks.points[pick] - truth.points[truth_index], axis=1)
    allowed = distance <= radii[truth_index]
    if picks.classes is not None and truth.classes is not None:
        allowed &= picks.classes[pick] == truth.classes[truth_index]
    order = np.lexsort((truth_index, pick))
    return CandidatePairs(pick[order], truth_index[order], distance[order]).select(allowed[order])


def gains(near: CandidatePairs, order: NDArray[np.intp], truths: int) -> NDArray[np.bool_]:
    """Say whether each pick, added in this order, makes the greatest possible number of pairs one larger.

    order: (n,) all pick indices, first to last. The number of True among the first k in order is therefore
    the size of the maximum matching of these k picks. Each pick is tried once, by an augmenting path (Kuhn).
    """
    bounds = np.searchsorted(near.pick, np.arange(len(order) + 1))
    flat = near.truth.tolist()
    neighbours = [flat[first:last] for first, last in pairwise(bounds.tolist())]
    partners = [-1] * truths
    closed: set[int] = set()
    gained = np.zeros(len(order), dtype=bool)
    for pick in order.tolist():
        gained[pick] = _augment(pick, neighbours, partners, closed)
    return gained


def _augment(start: int, neighbours: list[list[int]], partners: list[int], closed: set[int]) -> bool:
    """Pair the pick start, by re-pairing others where needed; False where that is not possible.

    partners: the pick of each truth, -1 where free; updated. closed: truths from which no free truth can be
    reached; that never changes again, so that a search that failed is not repeated.
    """
    came_from: dict[int, int] = {}
    queue = [start]
    for pick in queue:
        for truth in neighbours[pick]:
            if truth in came_from or truth in closed:
                continue
            came_from[truth] = pick
            if partners[truth] < 0:
                _flip(truth, start, came_from, partners)
                return True
            queue.append(partners[truth])
    closed.update(came_from)
    return False


def _flip(truth: int, start: int, came_from: dict[int, int], partners: list[int]) -> None:
    """Exchange paired and unpaired steps along the path from the pick start to a free truth."""
    left_by = {partners[other]: other for other in came_from if partners[other] >= 0}
    pick = came_from[truth]
    while pick != start:
        partners[truth] = pick
        truth = left_by[pick]
        pick = came_from[truth]
    partners[truth] = start


def _costs(near: CandidatePairs, ignored: Ignored) -> tuple[NDArray[np.float64], float]:
    """Give the cost of each candidate pair (e,), and of a pick without a pair.

    A pick or truth that stays without a pair costs 2 steps, or 1 where it is ignored; distances are scaled to
    at most 1, and a step is longer than all of them together. All costs are at least 1, because the solver
    takes 0 for a missing pair.
    """
    largest = float(near.distance.max()) or 1.0
    step = min(len(ignored.picks), len(ignored.truth)) + 1.0
    lost = ignored.picks[near.pick].astype(np.float64) + ignored.truth[near.truth]
    return 1.0 + near.distance / largest + step * lost, 1.0 + 4.0 * step


def _assign(
    near: CandidatePairs, costs: tuple[NDArray[np.float64], float], picks: int, truths: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Find the pairs of least total cost, as indices (k,) of picks and truths.

    Beside the truths each pick has a place of its own, where it goes if it stays without a pair.
    """
    alone = np.arange(picks)
    rows = np.concatenate([near.pick, alone])
    columns = np.concatenate([near.truth, truths + alone])
    values = np.concatenate([costs[0], np.full(picks, costs[1])])
    graph = coo_matrix((values, (rows, columns)), shape=(picks, truths + picks)).tocsr()
    pick, place = min_weight_full_bipartite_matching(graph)
    paired = place < truths
    return pick[paired].astype(np.intp), place[paired].astype(np.intp)


def _checked(picks: Picks, truth: Picks, radius: Radius) -> NDArray[np.float64]:
    """Give the radius of each truth (m,); PicksError where the input makes no sense."""
    if len(picks) and len(truth) and picks.ndim != truth.ndim:
        raise PicksError(
            f"picks have {picks.ndim} coordinates and truth has {truth.ndim}; "
            "both must come from images, or both from volumes"
        )
    for name, table in (("picks", picks), ("truth", truth)):
        if not np.isfinite(table.points).all():
            raise PicksError(f"{name} hold coordinates that are not finite numbers; remove those rows")
    radii = np.asarray(radius, dtype=np.float64)
    if radii.shape not in ((), (len(truth),)):
        raise PicksError(
            f"the radius must be one number or one for each truth ({len(truth)}), found {radii.shape}"
        )
    if not (np.isfinite(radii) & (radii >= 0)).all():
        raise PicksError(f"the matching radius must be a number of pixels, 0 or more, found {radius}")
    return np.broadcast_to(radii, (len(truth),))
