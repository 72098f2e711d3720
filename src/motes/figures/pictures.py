"""Pictures of images and volumes with their picks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageDraw

from motes.data.sampling import Pixels
from motes.figures.panels import Colour, joined_panels
from motes.output import replacing
from motes.picks import Picks

# Sky blue and orange are told apart by every kind of colour vision (Okabe & Ito 2008).
PICKED: Colour = (230, 159, 0)
TRUE: Colour = (86, 180, 233)
# So are these, one for each class, on grey.
CLASS_COLOURS: tuple[Colour, ...] = (
    (86, 180, 233),
    (255, 165, 0),
    (240, 228, 66),
    (0, 158, 115),
    (204, 121, 167),
    (213, 94, 0),
    (255, 255, 255),
)
LARGEST = 1600  # px of a picture of one image
PANEL = 800  # px of a panel of a picture with several
MOST_ZOOM = 4
MOST_PLANES = 3
COVER = 0.7  # of the colour of a painted particle; the grey below shines through
DIM = 0.5  # of the grey below colours

Value = TypeVar("Value", bound=np.generic)
Diameters = float | Mapping[str, float]


def save_picture(
    path: Path,
    data: Pixels,
    picks: Picks,
    diameters: Diameters,
    truth: Picks | None = None,
    maps: Pixels | None = None,
) -> None:
    """Save a PNG of an image or volume with circles around picks and wider ones around true particles.

    data: (y, x), or (z, y, x) of which only the planes that are shown are read: those that cut most picks. picks,
    truth: in pixels of data. diameters: px, of the particles, or of each class in order; each class has a colour.
    maps: (classes, [z,] y, x), the probability of each class, shown beside; of a volume without maps the particles
    are painted there.
    """
    classes = diameters if isinstance(diameters, Mapping) else {"": diameters}
    if data.ndim == 2 and len(classes) == 1 and maps is None:
        picture = _one_panel(section(data, None), picks, next(iter(classes.values())), truth)
    else:
        picture = _all_panels(data, picks, classes, truth, maps)
    with replacing(path) as temporary:
        picture.save(temporary, format="PNG")


def _one_panel(
    flat: NDArray[np.float32], picks: Picks, diameter: float, truth: Picks | None
) -> PillowImage.Image:
    picture, zoom = _enlarged(grey(flat).convert("RGB"), LARGEST)
    canvas = ImageDraw.Draw(picture)
    if truth is not None:
        _draw(canvas, circles(truth, flat.shape, diameter), 1.15, zoom, TRUE)
    _draw(canvas, circles(picks, flat.shape, diameter), 1, zoom, PICKED)
    return picture


def _all_panels(
    data: Pixels, picks: Picks, classes: Mapping[str, float], truth: Picks | None, maps: Pixels | None
) -> PillowImage.Image:
    """A row for each plane: the data with circles, and beside it the maps or painted particles."""
    by_class = split(picks, classes)
    true_by_class = split(picks.select([]) if truth is None else truth, classes)
    shown = [(table, classes[name]) for tables in (by_class, true_by_class) for name, table in tables.items()]
    beside = _words_beside(maps, truth)
    rows = []
    for plane in planes_of(data.shape, shown):
        flat = section(data, plane)
        drawn = [circles(by_class[name], data.shape, classes[name], plane) for name in classes]
        true = [circles(true_by_class[name], data.shape, classes[name], plane) for name in classes]
        left = _circled(flat, drawn, true)
        right = _beside(flat, drawn if truth is None else true, maps, plane)
        row = [left] if maps is None and data.ndim == 2 else [left, right]
        rows.append(("" if plane is None else f"z = {plane}: {_counted(drawn)} picks{beside}", row))
    colours = [class_colour(number) for number in range(len(classes))]
    key = [(c, f"{name} ({len(by_class[name])})") for c, name in zip(colours, classes, strict=True) if name]
    return joined_panels(rows, key)


def _words_beside(maps: Pixels | None, truth: Picks | None) -> str:
    """What is drawn in the right panels, and with which line."""
    dashed = "" if truth is None else " (dashed: true particles)"
    painted_ones = "the picks" if truth is None else "the true particles"
    return f"{dashed}; right: {painted_ones if maps is None else 'the probability of each class'}"


def _counted(tables: Sequence[NDArray[np.float64]]) -> int:
    """How many circles of `circles` are there."""
    return sum(int(np.count_nonzero(rows[:, 2])) for rows in tables)


def _circled(
    flat: NDArray[np.float32], drawn: Sequence[NDArray[np.float64]], true: Sequence[NDArray[np.float64]]
) -> PillowImage.Image:
    picture, zoom = _enlarged(grey(flat).convert("RGB"), PANEL)
    canvas = ImageDraw.Draw(picture)
    for number, (found, marked) in enumerate(zip(drawn, true, strict=True)):
        _draw(canvas, marked, 1.15, zoom, class_colour(number), dashed=True)
        _draw(canvas, found, 1, zoom, class_colour(number))
    return picture


def _beside(
    flat: NDArray[np.float32], rows: Sequence[NDArray[np.float64]], maps: Pixels | None, plane: int | None
) -> PillowImage.Image:
    """The plane in the colours of the classes: their probabilities, or without maps the circles, filled."""
    shown = COVER * painted(rows, flat.shape) if maps is None else class_sections(maps, plane)
    return _enlarged(coloured(flat, shown), PANEL)[0]


def _enlarged(picture: PillowImage.Image, largest: int) -> tuple[PillowImage.Image, int]:
    """The picture, a whole number of times as large, and that number."""
    zoom = max(1, min(MOST_ZOOM, largest // max(picture.size)))
    size = (picture.width * zoom, picture.height * zoom)
    return picture.resize(size, PillowImage.Resampling.BILINEAR), zoom


def split(picks: Picks, names: Mapping[str, float] | Sequence[str]) -> dict[str, Picks]:
    """The picks of each class; those without classes are of the first."""
    if picks.classes is None:
        return {name: picks if number == 0 else picks.select([]) for number, name in enumerate(names)}
    if len(names) == 1:
        return dict.fromkeys(names, picks)
    return {name: picks.select(picks.classes == name) for name in names}


def class_colour(number: int) -> Colour:
    """The colour of a class by its number from 0; after the last it begins again."""
    return CLASS_COLOURS[number % len(CLASS_COLOURS)]


def middle_section(data: NDArray[Value]) -> NDArray[Value]:
    """The (y, x) image itself, or the section in the middle of a (z, y, x) volume."""
    return data if data.ndim == 2 else data[data.shape[0] // 2]


def section(data: Pixels, plane: int | None) -> NDArray[np.float32]:
    """One plane (y, x) of a volume (z, y, x), of which no more is read; plane None: the whole (y, x) image."""
    whole = (slice(None), slice(None))
    if plane is None:
        return np.asarray(data[whole], dtype=np.float32)
    planes: NDArray[np.float32] = np.asarray(data[(slice(plane, plane + 1), *whole)], dtype=np.float32)
    return planes.reshape(planes.shape[1:])


def class_sections(maps: Pixels, plane: int | None) -> NDArray[np.float32]:
    """One plane of the maps of all classes, (classes, y, x); maps: (classes, [z,] y, x)."""
    planes = slice(None) if plane is None else slice(plane, plane + 1)
    cut = np.asarray(maps[(slice(None), planes, *[slice(None)] * (maps.ndim - 2))], dtype=np.float32)
    return cut if plane is None else cut[:, 0]


def planes_of(
    shape: Sequence[int], shown: Sequence[tuple[Picks, float]], most: int = MOST_PLANES
) -> list[int] | list[None]:
    """The planes of a volume of a shape to show, from the first to the last; [None] for an image.

    shown: picks with the diameter of their particles, px. The first plane cuts most of them, each further one most of
    those not cut yet, as long as there are any; without picks it is the middle one.
    """
    if len(shape) == 2:
        return [None]
    heights = np.concatenate([np.zeros(0), *(picks.points[:, 0] for picks, _ in shown)])
    radii = np.repeat([diameter / 2 for _, diameter in shown], [len(picks) for picks, _ in shown])
    cuts = np.abs(np.arange(shape[0])[:, None] - heights) < radii
    from_middle = np.abs(np.arange(shape[0]) - shape[0] // 2)
    chosen: list[int] = []
    while len(chosen) < most and cuts.any():
        counts = cuts.sum(axis=1)
        chosen.append(int(np.lexsort((from_middle, -counts))[0]))
        cuts = cuts & ~cuts[chosen[-1]]
    return sorted(chosen) or [shape[0] // 2]


def grey(data: NDArray[np.float32]) -> PillowImage.Image:
    """An 8-bit grey picture of (y, x), the middle 99 % of the grey values stretched from black to white."""
    low, high = np.percentile(data, [0.5, 99.5])
    scaled = np.clip((data - low) / max(high - low, 1e-12), 0, 1) * 255
    return PillowImage.fromarray(scaled.astype(np.uint8))


def coloured(data: NDArray[np.float32], maps: NDArray[np.float32]) -> PillowImage.Image:
    """A dimmed grey picture of (y, x) below the colours of the classes.

    maps: (classes, y, x), how strong each colour is, from 0 to 1.
    """
    below = np.asarray(grey(data), dtype=np.float32)[..., None] * DIM
    share = np.clip(np.nan_to_num(maps), 0, 1)
    colours = np.array([class_colour(number) for number in range(len(maps))], dtype=np.float32)
    above = np.einsum("cyx,cv->yxv", share, colours)
    mixed = below * (1 - np.minimum(share.sum(axis=0), 1))[..., None] + above
    return PillowImage.fromarray(np.clip(mixed, 0, 255).astype(np.uint8))


def painted(by_class: Sequence[NDArray[np.float64]], shape: Sequence[int]) -> NDArray[np.float32]:
    """Maps (classes, y, x) with 1 within the circles of each class, 0 elsewhere; a later class is on top.

    by_class: (n, 3) rows of `circles`. shape: (y, x).
    """
    maps = np.zeros((len(by_class), *shape), dtype=np.float32)
    for number, rows in enumerate(by_class):
        for y, x, radius in rows[rows[:, 2] > 0]:
            lows = [max(0, int(np.floor(place - radius))) for place in (y, x)]
            highs = [int(np.ceil(place + radius)) + 1 for place in (y, x)]
            part = (slice(None), slice(lows[0], highs[0]), slice(lows[1], highs[1]))
            patch = maps[part]
            grid = np.ogrid[lows[0] : lows[0] + patch.shape[1], lows[1] : lows[1] + patch.shape[2]]
            inside = (grid[0] - y) ** 2 + (grid[1] - x) ** 2 <= radius**2
            patch[:, inside] = 0
            patch[number, inside] = 1
    return maps


def circles(
    picks: Picks, shape: Sequence[int], diameter: float, plane: int | None = None
) -> NDArray[np.float64]:
    """Where a plane cuts the particles: (n, 3) rows of y, x, radius in px; 0 where it does not.

    shape: (y, x) or (z, y, x) of the image that the picks are in. diameter: of the particles, px. plane: of a volume;
    by default the middle one. In an image every circle has the radius of the particle.
    """
    middle = shape[0] // 2 if plane is None else plane
    height = picks.points[:, 0] - middle if len(shape) == 3 else np.zeros(len(picks))
    radius = np.sqrt(np.clip((diameter / 2) ** 2 - height**2, 0, None))
    return np.column_stack([picks.points[:, -2:], radius])


def _draw(
    canvas: ImageDraw.ImageDraw,
    rows: NDArray[np.float64],
    wider: float,
    zoom: int,
    colour: Colour,
    *,
    dashed: bool = False,
) -> None:
    """Draw the circles (n, 3) of `circles` on a picture enlarged by zoom, each radius times wider."""
    for y, x, r in rows[rows[:, 2] > 0]:
        row, column, radius = (y + 0.5) * zoom, (x + 0.5) * zoom, r * wider * zoom
        box = (column - radius, row - radius, column + radius, row + radius)
        if not dashed:
            canvas.ellipse(box, outline=colour, width=2)
            continue
        for start in range(0, 360, 30):
            canvas.arc(box, start, start + 18, fill=colour, width=2)
