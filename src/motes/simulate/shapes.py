"""Generated shapes as signed distances, and the density maps that they fill.

A shape is a function from points (..., 3), x, y, z in A about its centre, to the distance (A) from its
surface, negative inside.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motes.errors import RecipeError, did_you_mean
from motes.simulate.orientations import symmetry_group

Points = NDArray[np.floating]
Shape = Callable[[Points], Points]


def ball(radius: float, centre: ArrayLike = (0.0, 0.0, 0.0)) -> Shape:
    """A solid ball."""
    middle = np.asarray(centre, dtype=np.float32)
    return lambda points: np.sqrt(((points - middle) ** 2).sum(axis=-1)) - radius


def shell(radius: float, thickness: float) -> Shape:
    """A hollow ball; thickness is that of its wall, radius the outer one."""
    return lambda points: np.abs(np.sqrt((points**2).sum(axis=-1)) - (radius - thickness / 2)) - thickness / 2


def ring(radius: float, thickness: float) -> Shape:
    """A torus about the z axis; radius is the outer one, thickness the diameter of its tube."""

    def distance(points: Points) -> Points:
        from_tube = np.hypot(points[..., 0], points[..., 1]) - (radius - thickness / 2)
        return np.asarray(np.hypot(from_tube, points[..., 2]) - thickness / 2)

    return distance


def rod(length: float, thickness: float) -> Shape:
    """A rod along z with round ends; length is the whole length, thickness its diameter."""

    def distance(points: Points) -> Points:
        half = (length - thickness) / 2
        along = np.maximum(np.abs(points[..., 2]) - half, 0)
        return np.asarray(np.hypot(np.hypot(points[..., 0], points[..., 1]), along) - thickness / 2)

    return distance


def disc(diameter: float, thickness: float) -> Shape:
    """A flat round slab across the z axis, its rim rounded."""

    def distance(points: Points) -> Points:
        out = np.maximum(np.hypot(points[..., 0], points[..., 1]) - (diameter - thickness) / 2, 0)
        return np.asarray(np.hypot(out, points[..., 2]) - thickness / 2)

    return distance


def tube(length: float, diameter: float, wall: float) -> Shape:
    """A hollow cylinder along z, open at both ends; diameter is the outer one."""

    def distance(points: Points) -> Points:
        across = np.hypot(points[..., 0], points[..., 1]) - (diameter - wall) / 2
        return np.asarray(np.maximum(np.abs(across) - wall / 2, np.abs(points[..., 2]) - length / 2))

    return distance


def moved(shape: Shape, by: ArrayLike) -> Shape:
    """The same shape about another point (x, y, z; A)."""
    offset = np.asarray(by, dtype=np.float32)
    return lambda points: shape(points - offset)


def union(shapes: list[Shape]) -> Shape:
    """All of the shapes together."""

    def distance(points: Points) -> Points:
        nearest = shapes[0](points)
        for shape in shapes[1:]:
            nearest = np.minimum(nearest, shape(points))
        return nearest

    return distance


def assembly(diameter: float, group: str, centres: ArrayLike, radii: ArrayLike) -> Shape:
    """Balls and their copies under a point group, about their middle, scaled to that longest extent (A).

    centres: (n, 3) x, y, z and radii: (n,) in any one unit.
    """
    rotations = symmetry_group(group)
    copies = np.einsum("gij,nj->gni", rotations, np.asarray(centres, dtype=np.float64)).reshape(-1, 3)
    sizes = np.tile(np.asarray(radii, dtype=np.float64), len(rotations))
    copies -= np.average(copies, axis=0, weights=sizes**3)
    scale = diameter / 2 / float((np.linalg.norm(copies, axis=1) + sizes).max())
    return union([ball(r, centre) for centre, r in zip(copies * scale, sizes * scale, strict=True)])


def random_assembly(diameter: float, group: str, rng: np.random.Generator) -> Shape:
    """A chain of balls, grown at random, and its copies under a point group; diameter in A."""
    order = len(symmetry_group(group))
    links = max(1, round(28 / order))
    radius = 1.15 * (0.5 / (links * order)) ** (1 / 3)
    reach = 1 - radius
    centres = [_inside(rng.normal(size=3), reach * rng.uniform(0.4, 1.0))]
    while len(centres) < links:
        step = centres[rng.integers(len(centres))] + _inside(rng.normal(size=3), 1.3 * radius)
        if np.linalg.norm(step) <= reach:
            centres.append(step)
    return assembly(diameter, group, centres, np.full(links, radius) * rng.uniform(0.8, 1.2, links))


def random_solid(diameter: float, rng: np.random.Generator) -> Shape:
    """A ball, or a few that run into each other."""
    small = diameter * rng.uniform(0.25, 0.5)
    balls = [
        ball(small, _inside(rng.normal(size=3), diameter / 2 - small)) for _ in range(rng.integers(1, 5))
    ]
    return union([ball(diameter / 2 * rng.uniform(0.6, 1.0)), *balls])


def random_shell(diameter: float, rng: np.random.Generator) -> Shape:
    """A hollow ball, with something in it now and then."""
    outer = shell(diameter / 2, diameter * rng.uniform(0.06, 0.3))
    core = ball(diameter * rng.uniform(0.08, 0.2), _inside(rng.normal(size=3), 0.1 * diameter))
    return union([outer, core]) if rng.uniform() < 0.3 else outer


def random_ring(diameter: float, rng: np.random.Generator) -> Shape:
    """One ring, or some on top of each other."""
    thickness = diameter * rng.uniform(0.15, 0.35)
    heights = np.arange(rng.integers(1, 4)) * 0.9 * thickness
    return union(
        [moved(ring(diameter / 2, thickness), (0, 0, height - heights.mean())) for height in heights]
    )


def random_rod(diameter: float, rng: np.random.Generator) -> Shape:
    """A rod, thin to plump."""
    return rod(diameter, diameter * rng.uniform(0.25, 0.65))


def random_tube(diameter: float, rng: np.random.Generator) -> Shape:
    """A barrel: as long as wide, within limits, and closed by a lid at times."""
    angle = rng.uniform(0.5, 1.1)
    length, width = diameter * np.cos(angle), diameter * np.sin(angle)
    barrel = tube(length, width, width * rng.uniform(0.15, 0.35))
    lid = moved(disc(0.9 * width, 0.2 * width), (0, 0, length / 2))
    return union([barrel, lid]) if rng.uniform() < 0.3 else barrel


def random_belt(diameter: float, rng: np.random.Generator) -> Shape:
    """A protein in a belt of detergent: a slab with domains above and below it."""
    slab = disc(diameter * rng.uniform(0.6, 1.0), diameter * rng.uniform(0.25, 0.4))
    domains = [
        ball(diameter * rng.uniform(0.12, 0.25), diameter * rng.uniform((-0.2, -0.2, -0.3), (0.2, 0.2, 0.3)))
        for _ in range(rng.integers(1, 5))
    ]
    return union([slab, *domains])


def random_arms(diameter: float, rng: np.random.Generator) -> Shape:
    """Two to four lobes around a middle, as antibodies and many complexes have them."""
    lobes = [
        ball(
            diameter * rng.uniform(0.14, 0.24), _inside(rng.normal(size=3), diameter * rng.uniform(0.2, 0.34))
        )
        for _ in range(rng.integers(2, 5))
    ]
    return union([ball(diameter * rng.uniform(0.1, 0.2)), *lobes])


def _inside(direction: NDArray[np.float64], length: float) -> NDArray[np.float64]:
    return direction / float(np.linalg.norm(direction)) * length


def apoferritin_like(diameter: float) -> Shape:
    """A hollow ball of 24 subunits (O), like apoferritin."""
    return assembly(diameter, "O", [[0.37, 0.16, 0.68]], [0.29])


def beta_galactosidase_like(diameter: float) -> Shape:
    """A flat tetramer (D2), like beta-galactosidase."""
    centres = [[0.20, 0.12, 0.22], [0.34, 0.16, 0.44], [0.22, 0.17, 0.66], [0.42, 0.04, 0.20]]
    return assembly(diameter, "D2", centres, [0.21, 0.22, 0.22, 0.18])


def proteasome_like(diameter: float) -> Shape:
    """A barrel of four rings of seven subunits (D7), like the 20S proteasome."""
    return assembly(diameter, "D7", [[0.40, 0.0, 0.20], [0.37, 0.10, 0.58]], [0.25, 0.24])


def ribosome_like(diameter: float) -> Shape:
    """Two lobes without symmetry (C1), like a ribosome."""
    centres = [
        [0.30, 0.05, 0.10],
        [0.30, -0.40, 0.15],
        [0.35, 0.45, -0.05],
        [0.15, 0.10, 0.55],
        [0.60, 0.05, 0],
    ]
    centres += [[-0.45, 0.25, 0.05], [-0.50, -0.25, -0.10], [-0.45, 0.05, 0.55], [-0.35, 0.10, -0.45]]
    return assembly(diameter, "C1", centres, [0.46, 0.32, 0.30, 0.32, 0.32, 0.34, 0.36, 0.26, 0.22])


def virus_like(diameter: float) -> Shape:
    """A shell of sixty subunits (I), like a small virus."""
    return assembly(diameter, "I", [[0.20, 0.32, 0.78]], [0.19])


# Shapes that need no chance: name -> shape of a longest extent in A.
SHAPES: dict[str, Callable[[float], Shape]] = {
    "apoferritin_like": apoferritin_like,
    "beta_galactosidase_like": beta_galactosidase_like,
    "proteasome_like": proteasome_like,
    "ribosome_like": ribosome_like,
    "virus_like": virus_like,
    "ball": lambda diameter: ball(diameter / 2),
    "shell": lambda diameter: shell(diameter / 2, diameter * 0.18),
    "ring": lambda diameter: ring(diameter / 2, diameter * 0.25),
    "rod": lambda diameter: rod(diameter, diameter * 0.3),
}


# Shapes that are drawn: name -> shape of a longest extent in A, another one for each generator.
RANDOM_SHAPES: dict[str, Callable[[float, np.random.Generator], Shape]] = {
    "random_solid": random_solid,
    "random_shell": random_shell,
    "random_ring": random_ring,
    "random_rod": random_rod,
    "random_tube": random_tube,
    "random_belt": random_belt,
    "random_arms": random_arms,
}


def build_shape(name: str, diameter: float, rng: np.random.Generator) -> Shape:
    """The shape of that name and longest extent (A); `assembly_GROUP`, as in assembly_D3, is a random one.

    Raises RecipeError for an unknown name.
    """
    if name in SHAPES:
        return SHAPES[name](diameter)
    if name in RANDOM_SHAPES:
        return RANDOM_SHAPES[name](diameter, rng)
    if name.startswith("assembly_"):
        return random_assembly(diameter, name.removeprefix("assembly_"), rng)
    known = [*SHAPES, *RANDOM_SHAPES, "assembly_D3"]
    raise RecipeError(f"unknown structure {name!r}.{did_you_mean(name, known)}")


def filled(shape: Shape, side: int, voxel_size: float, softness: float = 0.0) -> NDArray[np.float32]:
    """A density map (z, y, x) of a shape: 1 inside, 0 outside, falling over the softness of its surface.

    side: voxels along each edge; voxel_size in A; the shape's centre is at index side // 2. softness in A,
    at least one voxel.
    """
    axis = ((np.arange(side) - side // 2) * voxel_size).astype(np.float32)
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    distance = shape(np.stack([x, y, z], axis=-1))
    return np.asarray(np.clip(0.5 - distance / max(softness, voxel_size), 0, 1), dtype=np.float32)
