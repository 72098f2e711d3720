"""The picks that are chosen of a copick project, as those of its tomograms."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from motes.errors import ImageError, PicksError
from motes.formats import copick
from motes.formats.tables import Facts
from motes.picks import Picks, joined


def project_picks(
    config: Path, words: Sequence[str], facts_of: Callable[[str], Facts], among_images: bool
) -> tuple[dict[str, Picks], dict[str, str], list[str]]:
    """The chosen picks of a project by run, each of the class that its object is called; problems by run; notes.

    words: as copick.chosen_picks takes them. facts_of: of a run's tomogram, whose voxel size turns Angstrom into
    pixels; the spacing that the project names does not count. among_images: pass over runs whose tomogram is not known.
    Raises InputError where the words choose nothing, or not clearly.
    """
    project = copick.read_config(config)
    files = copick.chosen_picks(project, words)
    names = {each.object_name for own in files.values() for each in own}
    picks: dict[str, Picks] = {}
    problems: dict[str, str] = {}
    notes = []
    for run, own in files.items():
        try:
            facts = facts_of(run)
            if among_images and facts.shape is None:
                notes.append(f"{run}: its picks are left out, for it is not among the tomograms")
                continue
            picks[run] = _picks_of_run(project, own, facts.pixel_size)
        except (PicksError, ImageError) as error:
            problems[run] = str(error)
            continue
        missing = sorted(names - {each.object_name for each in own})
        if missing:
            notes.append(f"{run}: no file with picks of {', '.join(missing)}, so it is taken to hold none")
    return picks, problems, notes


def _picks_of_run(
    project: copick.CopickProject, files: Sequence[copick.KnownPicks], voxel_size: float | None
) -> Picks:
    """All picks of a run; their diameters are twice the radius that the project gives their object."""
    if voxel_size is None:
        raise PicksError(
            f"{files[0].path}: its coordinates are in Angstrom, and the voxel size of the tomogram is not known; name "
            "the tomogram with --images and --tomogram, or give --pixel-size"
        )
    found = []
    for each in files:
        picks = copick.read_picks_file(each.path).picks(voxel_size, each.object_name)
        known = project.object(each.object_name)
        if known is not None and known.radius is not None:
            picks = replace(picks, diameters=np.full(len(picks), 2 * known.radius / voxel_size))
        found.append(picks)
    return joined(found)
