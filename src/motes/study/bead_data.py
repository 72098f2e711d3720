"""The simulated images of beads of a study: each is a group of its own, and its part is known."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from motes.data.sources import COLUMNS, PARTS, Part
from motes.errors import RecipeError
from motes.jobs.telling import Teller
from motes.simulate.bead_folder import write_beads
from motes.simulate.bead_world import BeadWorld
from motes.study.data_description import DrawnBeads, Simulated
from motes.study.division import Fold

SEEDS_APART = 1000  # from one density to the next, so that their images share no chance


def rows_of_beads(
    data: Simulated, counts: DrawnBeads, samples: int, out: Path, teller: Teller
) -> list[dict[str, str]]:
    """Make the images of a study where they are missing; the rows of its table, with their parts.

    counts: of each sample, but one test set for all; of a series of densities, of each density. The masks hold the
    number of the bead at each pixel. Raises RecipeError for a world that cannot be.
    """
    if not counts.densities:
        return _rows(bead_world(data), data.seed, out, _parts(counts, samples), "", teller)
    rows = []
    for number, density in enumerate(counts.densities):
        world = bead_world(data, density)
        folder, seed = out / f"density-{density}", data.seed + SEEDS_APART * number
        rows += _rows(world, seed, folder, _parts(counts, 1), f"{density}/", teller)
    return rows


def folds_of_densities(rows: Sequence[dict[str, str]], densities: Sequence[int]) -> list[Fold]:
    """A fold for each density, of its own images: the part of each of its groups."""
    folds: list[Fold] = []
    for density in densities:
        own = [row for row in rows if row["group"].startswith(f"{density}/")]
        parts: dict[str, Part] = {row["group"]: PARTS[row["split"]] for row in own}
        folds.append(parts)
    return folds


def bead_world(data: Simulated, density: int | None = None) -> BeadWorld:
    """The simulation of all images, or of those with so many beads; RecipeError for fields or values it cannot take."""
    fields: dict[str, Any] = data.world if density is None else {**data.world, "beads": density}
    try:
        return BeadWorld.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
    except RecipeError as error:
        raise RecipeError(f"study: data: {error}") from None
    name = ".".join(map(str, first["loc"]))
    raise RecipeError(f"study: data: {name} cannot be {first['input']!r}: {first['msg']}")


def _parts(counts: DrawnBeads, samples: int) -> list[str]:
    """The part of each image, in order."""
    each = {"train": samples * counts.train, "validation": samples * counts.validation, "test": counts.test}
    return [part for part, count in each.items() for _ in range(count)]


def _rows(
    world: BeadWorld, seed: int, out: Path, parts: Sequence[str], prefix: str, teller: Teller
) -> list[dict[str, str]]:
    """prefix: of the group of each image."""
    with teller.progress("simulating", len(parts), "images of beads") as done:
        made = write_beads(world, out, len(parts), seed, progress=done)
    return [
        dict.fromkeys(COLUMNS, "")
        | {
            "image": str(path.absolute()),
            "masks": str((out / "labels" / path.name).absolute()),
            "group": f"{prefix}{path.stem}",
            "split": part,
        }
        for path, part in zip(made, parts, strict=True)
    ]
