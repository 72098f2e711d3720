"""Where crops are taken: near particles, at edges, in empty places, anywhere."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from motes.errors import InputError, RecipeError
from motes.fairness import may_change

LEAST_SIZE = 16
LABEL_TRIES = 256  # places looked up in a label image at once ...
LABEL_ROUNDS = 16  # ... and how often, until one of them is labelled
BACKGROUND_TRIES = 16
INFORMATIVE_TRIES = 8
MOST_READ = 2**22  # pixels of a label store that are read for one crop

Point = NDArray[np.float64]
Kind = Literal["around_points", "background", "boundaries", "informative", "hard", "anywhere"]
SHARES: tuple[Kind, ...] = ("around_points", "background", "boundaries", "informative", "hard")


class Sampling(BaseModel):
    """Where crops are taken; what the shares leave of 1 is taken anywhere."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=may_change("places"))

    size: int | tuple[int, ...] = Field(
        128,
        description="sides of a crop in working pixels: one number, or one an axis as in 32x128x128",
        json_schema_extra=may_change("places", "draws"),
    )
    images: Literal["random", "pass"] = Field(
        "random",
        description="random: draw an image for each crop by its weight; pass: go through all in turn, each as often "
        "as its weight says",
        json_schema_extra=may_change("order", "places"),
    )
    around_points: float = Field(
        0.5, ge=0, le=1, description="share of the crops that are centred near a particle"
    )
    background: float = Field(0, ge=0, le=1, description="share centred away from every particle")
    boundaries: float = Field(0, ge=0, le=1, description="share centred at the rim of a particle")
    informative: float = Field(0, ge=0, le=1, description="share centred where the local contrast is high")
    hard: float = Field(
        0,
        ge=0,
        le=1,
        description="share centred where the net fired wrongly, once such places are known",
        json_schema_extra=may_change("order", "places"),
    )
    by_class: Literal["equal", "natural"] = Field(
        "equal", description="around which class: each in the image equally often, or as often as it is there"
    )

    @field_validator("size", mode="before")
    @classmethod
    def _readable_size(cls, value: Any) -> Any:
        """Sizes may be written as on the command line, 32x128x128."""
        return value.lower().split("x") if isinstance(value, str) and "x" in value.lower() else value

    @field_validator("size")
    @classmethod
    def _large_enough(cls, value: int | tuple[int, ...]) -> int | tuple[int, ...]:
        sides = (value,) if isinstance(value, int) else value
        if not sides or min(sides) < LEAST_SIZE:
            raise ValueError(f"each side of a crop must be {LEAST_SIZE} px or more, found {value}")
        return value

    @model_validator(mode="after")
    def _shares_fit(self) -> "Sampling":
        shares = {kind: float(getattr(self, kind)) for kind in SHARES}
        if sum(shares.values()) > 1 + 1e-9:
            listed = ", ".join(f"{kind} {share:g}" for kind, share in shares.items() if share)
            raise ValueError(f"the shares of crops must not sum to more than 1, found {listed}")
        return self

    def shape(self, ndim: int) -> tuple[int, ...]:
        """The shape of a crop, (z,) y, x; RecipeError where another number of sides was given."""
        if isinstance(self.size, int):
            return (self.size,) * ndim
        if len(self.size) != ndim:
            sides = "x".join(map(str, self.size))
            raise RecipeError(
                f"sampling.size is {sides}, {len(self.size)} sides for images of {ndim} dimensions; give one "
                f"number, or {ndim} ({'z first' if ndim == 3 else 'y first'})"
            )
        return self.size

    def kind(self, number: int) -> Kind:
        """What the crop of that number shows.

        By the van der Corput sequence, which keeps to the shares in any stretch of numbers: of two
        neighbours one is below one half.
        """
        level = van_der_corput(number)
        for kind in SHARES:
            level -= getattr(self, kind)
            if level < 0:
                return kind
        return "anywhere"


def van_der_corput(number: int) -> float:
    """The binary digits of a number mirrored at the point: 0, 1/2, 1/4, 3/4, 1/8, ... (van der Corput 1935)."""
    value, weight = 0.0, 0.5
    while number:
        value += weight * (number & 1)
        number >>= 1
        weight /= 2
    return value


def weighted_pass(
    order: NDArray[np.int64], weights: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """One pass in which each image is shown in proportion to its weight, as near as whole numbers allow.

    order: (n,) numbers of the images, each once. weights: of the images by their number. Returns (n,): each
    image floor or ceil of n * weight / sum of the weights of those in order times, in that order; the order
    itself where all weights are equal. By systematic resampling (Kitagawa 1996, J. Comput. Graph. Stat. 5, 1).
    """
    shares = weights[order]
    if np.all(shares == shares[0]):
        return order
    up_to = np.cumsum(shares)
    # A draw of 24 bits, so that it can be added to a whole number without rounding up to the next one.
    steps = np.arange(len(order)) + float(rng.random(dtype=np.float32))
    return order[np.searchsorted(up_to / up_to[-1] * len(order), steps, side="right")]


class Pixels(Protocol):
    """An array that may lie in memory or be read when asked for: (z,) y, x."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length along each axis."""

    @property
    def ndim(self) -> int:
        """Number of axes."""

    def __getitem__(self, index: tuple[slice, ...], /) -> NDArray[Any]:
        """The part that a slice for each axis cuts out."""


@dataclass(frozen=True)
class Labelled:
    """One image to train on.

    data: (z,) y, x at the working scale, normalised. points: (n, ndim) on the same pixels. classes: (n,) index
    into the recipe's classes, None for all 0. labels: in place of points, the class of each pixel as an
    integer: 0 background, 1 the first class, -1 ignored. weight: how often crops are drawn from this image,
    relative to the others. unknown: beside points, 1 where an unmarked pixel may belong to a particle, else 0;
    None: every particle is marked.
    """

    data: Pixels
    points: NDArray[np.float64]
    classes: NDArray[np.int64] | None = None
    labels: Pixels | None = None
    weight: float = 1.0
    unknown: Pixels | None = None

    def class_of_points(self) -> NDArray[np.int64]:
        """(n,) class of each point, from 0."""
        return np.zeros(len(self.points), dtype=np.int64) if self.classes is None else self.classes


def check_diameters(images: Sequence[Labelled], known: int) -> None:
    """InputError where points are of a class whose diameter is not among the known ones."""
    painted = (image.class_of_points() for image in images if image.labels is None)
    highest = max((int(classes.max(initial=-1)) for classes in painted), default=-1)
    if highest < known:
        return
    if not known:
        raise InputError(
            "there are particles to train on, but how large they are is not known; give their diameter: 150 "
            "(Angstrom), 15nm or 60px"
        )
    raise InputError(
        f"there are particles of {highest + 1} classes, but the diameter of {known} only; give every class its "
        "own: classes: [{name: ribosome, diameter: 300}, ...]"
    )


@dataclass(frozen=True)
class Search:
    """Where a place is looked for; diameters: of each class, px."""

    image: Labelled
    sampling: Sampling
    diameters: tuple[float, ...]

    @property
    def size(self) -> tuple[int, ...]:
        """The shape of a crop."""
        return self.sampling.shape(self.image.data.ndim)


def find_place(kind: Kind, search: Search, rng: np.random.Generator) -> Point:
    """Choose where a crop of a kind is centred: (ndim,) px of the image, array order.

    Where the image has no such place, anywhere. Pixels are read for some kinds.
    """
    place = FINDERS[kind](search, rng) if kind in FINDERS else None
    return anywhere(search.image.data.shape, rng) if place is None else place


def anywhere(shape: tuple[int, ...], rng: np.random.Generator) -> Point:
    """A place in an image, (ndim,) px, each as likely; pixels reach half a pixel out."""
    return rng.random(len(shape)) * shape - 0.5


def near(point: Point, size: tuple[int, ...], rng: np.random.Generator) -> Point:
    """A centre for a crop of that size that shows a point in the middle half of each axis."""
    return point + rng.uniform(-0.25, 0.25, len(size)) * size


def _around_points(search: Search, rng: np.random.Generator) -> Point | None:
    image = search.image
    if image.labels is not None:
        point = _labelled_place(_try_labels(image.labels, search.size, rng), search.sampling, rng)
    else:
        chosen = _choose(image.class_of_points(), search.sampling, rng)
        point = None if chosen is None else image.points[chosen]
    return None if point is None else near(point, search.size, rng)


def _choose(classes: NDArray[np.int64], sampling: Sampling, rng: np.random.Generator) -> int | None:
    """One of some things by their classes; None of none."""
    if not len(classes):
        return None
    class_chance, chance = rng.random(2)
    eligible = np.arange(len(classes))
    if sampling.by_class == "equal":
        present = np.unique(classes)
        eligible = np.flatnonzero(classes == present[int(class_chance * len(present))])
    return int(eligible[int(chance * len(eligible))])


def _background(search: Search, rng: np.random.Generator) -> Point | None:
    """A place more than a diameter away from every particle, or the emptiest of some."""
    image = search.image
    if image.labels is not None:
        tries = _try_labels(image.labels, search.size, rng)
        empty = np.flatnonzero(tries.classes == 0)
        return tries.place(int(empty[0])) if len(empty) else None
    places = rng.random((BACKGROUND_TRIES, image.data.ndim)) * image.data.shape - 0.5
    if not len(image.points):
        return np.asarray(places[0])
    sizes = np.array(search.diameters)[image.class_of_points()]
    distances = np.linalg.norm(places[:, None] - image.points, axis=2) / sizes
    return np.asarray(places[np.minimum(distances.min(axis=1), 1).argmax()])


def _boundaries(search: Search, rng: np.random.Generator) -> Point | None:
    """A place on the rim of a particle, or on an edge between what is labelled and what is not."""
    image = search.image
    if image.labels is not None:
        return _edge_place(_try_labels(image.labels, search.size, rng), search.sampling, rng)
    classes = image.class_of_points()
    chosen = _choose(classes, search.sampling, rng)
    if chosen is None:
        return None
    direction = rng.standard_normal(image.data.ndim)
    rim = search.diameters[classes[chosen]] / 2 * direction / np.linalg.norm(direction)
    return np.asarray(image.points[chosen] + rim)


def _informative(search: Search, rng: np.random.Generator) -> Point | None:
    """Of some random places, the one where the middle of a crop varies the most."""
    image = search.image
    halves = np.array(search.size) // 4
    places = rng.random((INFORMATIVE_TRIES, image.data.ndim)) * image.data.shape - 0.5
    contrasts = []
    for place in places:
        low = np.clip(np.floor(place).astype(int) - halves, 0, None)
        window = tuple(slice(int(a), int(a) + 2 * int(h)) for a, h in zip(low, halves, strict=True))
        contrasts.append(float(np.std(image.data[window])))
    return np.asarray(places[int(np.argmax(contrasts))])


FINDERS: dict[Kind, Callable[[Search, np.random.Generator], Point | None]] = {
    "around_points": _around_points,
    "background": _background,
    "boundaries": _boundaries,
    "informative": _informative,
}


@dataclass(frozen=True)
class LabelTries:
    """Random places looked up in a label image.

    region: the part that was read. start: (ndim,) of it in the image. at: (n, ndim) places in the region.
    classes: (n,) what is there, -1 ignored, 0 background.
    """

    region: NDArray[Any]
    start: NDArray[np.int64]
    at: NDArray[np.int64]
    classes: NDArray[Any]

    def place(self, number: int) -> Point:
        """A place in pixels of the image."""
        return np.asarray(self.at[number] + self.start, dtype=np.float64)


def _try_labels(labels: Pixels, size: tuple[int, ...], rng: np.random.Generator) -> LabelTries:
    """Look random places up, on one read of the image, or of a box of twice the crop's size where it is large."""
    shape = np.array(labels.shape)
    low, high = np.zeros_like(shape), shape
    if not isinstance(labels, np.ndarray) and math.prod(labels.shape) > MOST_READ:
        sides = np.minimum(2 * np.array(size), shape)
        low = (rng.random(len(shape)) * (shape - sides + 1)).astype(np.int64)
        high = low + sides
    region = np.asarray(labels[tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))])
    for _ in range(LABEL_ROUNDS):
        at = (rng.random((LABEL_TRIES, len(shape))) * region.shape).astype(np.int64)
        classes = region[tuple(at.T)]
        if (classes > 0).any():
            break
    return LabelTries(region, low, at, classes)


def _labelled_place(tries: LabelTries, sampling: Sampling, rng: np.random.Generator) -> Point | None:
    hits = np.flatnonzero(tries.classes > 0)
    chosen = _choose(tries.classes[hits], sampling, rng)
    return None if chosen is None else tries.place(int(hits[chosen]))


def _edge_place(tries: LabelTries, sampling: Sampling, rng: np.random.Generator) -> Point | None:
    """Halve the way between a labelled pixel and one that is not until the two are neighbours."""
    hits, misses = np.flatnonzero(tries.classes > 0), np.flatnonzero(tries.classes == 0)
    chosen = _choose(tries.classes[hits], sampling, rng)
    if chosen is None or not len(misses):
        return None
    inner, outer = tries.at[hits[chosen]], tries.at[misses[0]]
    while np.abs(inner - outer).max() > 1:
        middle = (inner + outer) // 2
        if tries.region[tuple(middle)] > 0:
            inner = middle
        else:
            outer = middle
    return np.asarray(inner + tries.start, dtype=np.float64)
