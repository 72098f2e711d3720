"""The simulated tomograms of a study: each is a group of its own, and its part is known."""

from pathlib import Path

from pydantic import ValidationError

from motes.data.sources import COLUMNS
from motes.errors import RecipeError
from motes.jobs.telling import Teller
from motes.simulate.tomogram_world import TomogramWorld
from motes.simulate.write_tomograms import write_tomograms
from motes.study.data_description import DrawnTomograms, Simulated


def rows_of_tomograms(
    data: Simulated, counts: DrawnTomograms, samples: int, out: Path, teller: Teller
) -> list[dict[str, str]]:
    """Make the tomograms of a study where they are missing; the rows of its table, with their parts.

    counts: of each sample, but one test set for all. Diameters are left to the recipe, since there are several classes.
    Raises RecipeError for a world that cannot be.
    """
    each: dict[str, int] = {
        "train": samples * counts.train,
        "validation": samples * counts.validation,
        "test": counts.test,
    }
    parts = [part for part, count in each.items() for _ in range(count)]
    world = tomogram_world(data)
    with teller.progress("simulating", len(parts), "tomograms") as done:
        made = write_tomograms(world, out, len(parts), data.seed, progress=lambda number, _: done(number))
    folder = out / ("tomograms_denoised" if counts.denoised else "tomograms")
    return [
        dict.fromkeys(COLUMNS, "")
        | {
            "image": str((folder / path.name).absolute()),
            "picks": str((out / "picks" / f"{path.stem}.csv").absolute()),
            "group": path.stem,
            "split": part,
        }
        for path, part in zip(made, parts, strict=True)
    ]


def tomogram_world(data: Simulated) -> TomogramWorld:
    """The simulation of all tomograms; RecipeError for fields that it does not have, or values that it cannot take."""
    try:
        return TomogramWorld.model_validate(data.world)
    except ValidationError as error:
        first = error.errors()[0]
    name = ".".join(map(str, first["loc"]))
    raise RecipeError(f"study: data: {name} cannot be {first['input']!r}: {first['msg']}")
