"""Where beads lie: side by side, in touching groups, in clusters."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from motes.simulate.bead_world import BeadWorld

THROWS = 5
ROUNDS = 300  # of pushing at most; 109 beads on 42 % of the area need about 20
CLOSE_ENOUGH = 0.05  # px that may be missing at the end
PATIENCE = 15  # rounds after which the group that is pressed most is thrown again
TRIES = 60  # places for it, of which the freest is taken
SLACK = 0.2  # px by which they are pushed further than they need
ANGLES = 24  # directions tried for a bead that is to touch another one
SMALL_GROUP = 4  # beads; larger groups are clusters, which are compact

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Placed:
    """Beads in an image: centres (n, 2) y, x px; radii (n,) px; groups (n,), equal for beads that touch."""

    centres: Points
    radii: NDArray[np.float64]
    groups: NDArray[np.intp]


def place_beads(world: BeadWorld, rng: np.random.Generator) -> Placed:
    """Throw beads, and groups of touching ones as a whole, and push them apart until none overlaps.

    Where some still lie upon others at the end all are thrown again, and after some throws such beads are left
    out, which happens at the highest densities only.
    """
    count = int(rng.integers(world.beads[0], world.beads[1] + 1))
    best = _thrown(world, count, rng)
    for _ in range(THROWS - 1):
        if len(best.radii) == count:
            break
        best = max(best, _thrown(world, count, rng), key=lambda placed: len(placed.radii))
    return best


def _thrown(world: BeadWorld, count: int, rng: np.random.Generator) -> Placed:
    radii = _radii(world, count, rng)
    groups = _groups(world, count, rng)
    offsets = _assembled(radii, groups, rng)
    lowest, highest = _bounds(world, offsets, radii, groups)
    places = lowest + rng.uniform(0, 1, lowest.shape) * (highest - lowest)
    for number in range(1, ROUNDS + 1 if count else 0):
        step, missing = _pushed(places[groups] + offsets, radii, groups, world.gap)
        if missing.max() < CLOSE_ENOUGH:
            break
        places = np.clip(places + step, lowest, highest)
        if number % PATIENCE == 0:
            stuck = int(missing.argmax())
            thrown = lowest[stuck] + rng.uniform(0, 1, (TRIES, 2)) * (highest - lowest)[stuck]
            others = groups != stuck
            crowd = KDTree((places[groups] + offsets)[others])
            places[stuck] = _freest(thrown, offsets[~others], crowd)
    return _without_overlap(Placed(places[groups] + offsets, radii, groups))


def _freest(places: Points, offsets: Points, crowd: KDTree) -> NDArray[np.float64]:
    """The place (2,) of several (m, 2) where a group's beads (k, 2) are farthest from all others."""
    distances, _ = crowd.query(places[:, None] + offsets[None])
    return np.asarray(places[distances.min(axis=1).argmax()])


def _radii(world: BeadWorld, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    deviation = np.clip(rng.normal(0, world.spread, count), -3 * world.spread, 3 * world.spread)
    return np.asarray(rng.uniform(*world.diameter) / 2 * np.maximum(1 + deviation, 0.3))


def _groups(world: BeadWorld, count: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """The group of each bead: clusters first, then twos to fours, then beads on their own."""
    sizes: list[int] = []
    for _ in range(int(rng.integers(world.clusters[0], world.clusters[1] + 1))):
        sizes.append(int(rng.integers(world.cluster_beads[0], world.cluster_beads[1] + 1)))
    touching = round(world.touching * max(count - sum(sizes), 0))
    while touching >= 2:
        size = touching if touching <= 3 else int(rng.integers(2, min(SMALL_GROUP, touching - 2) + 1))
        sizes.append(size)
        touching -= size
    alone = max(count - sum(sizes), 0)
    numbers = np.repeat(np.arange(len(sizes) + alone), [*sizes, *[1] * alone])
    return np.asarray(numbers[:count], dtype=np.intp)


def _assembled(radii: NDArray[np.float64], groups: NDArray[np.intp], rng: np.random.Generator) -> Points:
    """Where each bead (n, 2) lies from the first of its group, px; each touches one before it."""
    offsets = np.zeros((len(radii), 2))
    first = np.searchsorted(groups, groups)
    for number in np.flatnonzero(first < np.arange(len(groups))):
        mates = slice(first[number], number)
        compact = bool(np.count_nonzero(groups == groups[number]) > SMALL_GROUP)
        offsets[number] = _beside(offsets[mates], radii[mates], radii[number], compact, rng)
    return offsets


def _beside(
    mates: Points, radii: NDArray[np.float64], radius: float, compact: bool, rng: np.random.Generator
) -> NDArray[np.float64]:
    """A place (2,) where a disc touches one of those (n, 2) that lie there and overlaps none, px.

    compact: near their middle; otherwise anywhere.
    """
    angles = rng.uniform(0, 2 * np.pi, (len(mates), ANGLES, 1))
    directions = np.concatenate([np.sin(angles), np.cos(angles)], axis=2)
    candidates = (mates[:, None] + (radii + radius)[:, None, None] * directions).reshape(-1, 2)
    gaps = np.linalg.norm(candidates[:, None] - mates, axis=2) - radii - radius
    free = candidates[gaps.min(axis=1) > -CLOSE_ENOUGH]
    if compact:
        return np.asarray(free[np.linalg.norm(free - mates.mean(axis=0), axis=1).argmin()])
    return np.asarray(free[rng.integers(len(free))])


def _bounds(
    world: BeadWorld, offsets: Points, radii: NDArray[np.float64], groups: NDArray[np.intp]
) -> tuple[Points, Points]:
    """Between which places (groups, 2) the first bead of each group lies, so that all of it is in the image."""
    rim = 0 if world.edge_beads else radii[:, None]
    count = int(groups.max(initial=-1)) + 1
    lowest, highest = np.full((count, 2), -np.inf), np.full((count, 2), np.inf)
    np.maximum.at(lowest, groups, rim - offsets)
    np.minimum.at(highest, groups, np.array(world.size) - 1 - rim - offsets)
    middle = (lowest + highest) / 2
    return np.minimum(lowest, middle), np.maximum(highest, middle)


def _pushed(
    centres: Points, radii: NDArray[np.float64], groups: NDArray[np.intp], gap: float
) -> tuple[Points, NDArray[np.float64]]:
    """How each group (g, 2) moves in a round, and the most that is missing between it (g,) and another, px."""
    pairs = KDTree(centres).query_pairs(2 * float(radii.max()) + gap + SLACK, output_type="ndarray")
    i, j = pairs[groups[pairs[:, 0]] != groups[pairs[:, 1]]].T
    away = centres[i] - centres[j]
    distance = np.maximum(np.linalg.norm(away, axis=1), 1e-9)
    lack = radii[i] + radii[j] + gap - distance
    sizes = np.bincount(groups)
    heavy_i, heavy_j = sizes[groups[i]], sizes[groups[j]]
    push = (1.1 * np.maximum(lack + SLACK, 0) / distance / (heavy_i + heavy_j))[:, None] * away
    step = np.zeros((len(sizes), 2))
    for axis in range(2):
        step[:, axis] += np.bincount(groups[i], push[:, axis] * heavy_j, len(sizes))
        step[:, axis] -= np.bincount(groups[j], push[:, axis] * heavy_i, len(sizes))
    missing = np.zeros(len(sizes))
    np.maximum.at(missing, groups[i], lack)
    np.maximum.at(missing, groups[j], lack)
    return step, missing


def _without_overlap(placed: Placed) -> Placed:
    """The beads without those that overlap an earlier one by more than 5 % of a diameter."""
    if not len(placed.radii):
        return placed
    pairs = KDTree(placed.centres).query_pairs(2 * float(placed.radii.max()), output_type="ndarray")
    keep = np.ones(len(placed.centres), dtype=bool)
    for i, j in sorted(map(tuple, pairs.tolist())):
        distance = np.linalg.norm(placed.centres[i] - placed.centres[j])
        if keep[i] and keep[j] and distance < 0.95 * (placed.radii[i] + placed.radii[j]):
            keep[j] = False
    return Placed(placed.centres[keep], placed.radii[keep], placed.groups[keep])
