"""Results for copick: picks laid down as it keeps them, in a folder of their own or in a project's overlay."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from motes.errors import ImageError, InputError, OutputError, PicksError, UnitError, did_you_mean
from motes.formats import ome_zarr
from motes.formats.copick import (
    CopickObject,
    CopickProject,
    clean_name,
    picks_file,
    runs,
    tomograms,
    write_config,
)
from motes.formats.copick_picks import OBJECT, PICKS, RUNS, SESSION, USER, write_classes
from motes.formats.tables import without_image_suffix
from motes.picks import Picks

CONFIG = "config.json"
COLORS = (  # of objects that no project gives one: Okabe and Ito's, told apart by colour-blind eyes as well
    (230, 159, 0, 255),
    (86, 180, 233, 255),
    (0, 158, 115, 255),
    (240, 228, 66, 255),
    (0, 114, 178, 255),
    (213, 94, 0, 255),
    (204, 121, 167, 255),
)


@dataclass(frozen=True)
class Overlay:
    """A folder that is laid out as a root of a copick project, for picks of tomograms.

    classes: of them each gets a file in every run, picks or not; picks without classes are of the first one.
    """

    root: Path
    classes: tuple[str, ...] = (OBJECT,)
    user: str = USER
    session: str = SESSION

    def files(self, image_name: str) -> list[Path]:
        """Where the picks of an image lie, one file for each class."""
        run = run_name(image_name)
        return [picks_file(self.root, run, self.user, self.session, name) for name in self.classes]

    def has(self, image_name: str) -> bool:
        """Whether the picks of an image are there."""
        return all(file.is_file() for file in self.files(image_name))

    def write(self, image_name: str, picks: Picks, voxel_size: float | None) -> list[Path]:
        """Write the picks of an image, and return the files. voxel_size: A.

        Raises UnitError without it, PicksError for picks in micrographs, OutputError where it cannot be written.
        """
        run = run_name(image_name)
        return write_classes(
            self.root / RUNS / run / PICKS,
            picks,
            known_size(image_name, voxel_size),
            run=run,
            user=self.user,
            session=self.session,
            names=self.classes,
        )


def known_size(image_name: str, voxel_size: float | None) -> float:
    """The voxel size of an image, A; UnitError where it is not known."""
    if voxel_size is None:
        raise UnitError(
            f"{image_name}: copick keeps coordinates in Angstrom, and the pixel size is not known; give --pixel-size, "
            "or another --format"
        )
    return voxel_size


def run_name(image_name: str) -> str:
    """The run that an image is called in a project: its name without an extension, folders joined by hyphens."""
    parts = [part for part in without_image_suffix(image_name).split("/") if part not in ("", ".", "..")]
    return "-".join(parts)


def renamed(names: Iterable[str]) -> list[str]:
    """What to say of objects, users and sessions whose names copick does not take as they are."""
    return [
        f'{name} is called {clean_name(name)} in copick, where names have no spaces, underscores or any of <>:"/\\|?*'
        for name in dict.fromkeys(names)
        if clean_name(name) != name
    ]


def check_run_names(image_names: Sequence[str]) -> None:
    """Raise OutputError where two images would be the same run."""
    owner: dict[str, str] = {}
    for name in image_names:
        other = owner.setdefault(run_name(name), name)
        if other != name:
            raise OutputError(
                f"{other} and {name} would both be the run {run_name(name)} in copick; rename one of them"
            )


def write_overlay_config(
    root: Path, radii: Mapping[str, float | None], project: CopickProject | None = None
) -> Path:
    """Write a config beside an overlay, so that copick opens it, and return it.

    radii: A, by class. project: where the tomograms come from; its objects are kept, and its static root (else its
    overlay) becomes the static root here.
    """
    objects = [] if project is None else list(project.objects)
    known = {clean_name(each.name) for each in objects}
    label = max((each.label for each in objects), default=0)
    for name, radius in radii.items():
        if clean_name(name) not in known:
            label += 1
            objects.append(CopickObject(name, label, radius, color=COLORS[(label - 1) % len(COLORS)]))
    static = None if project is None else project.static_root or project.overlay_root
    write_config(root / CONFIG, objects, static_root=static, overlay_root=root, name="picks of motes")
    return root / CONFIG


def write_overlay(
    root: Path,
    picks: Mapping[str, Picks],
    voxel_size_of: Callable[[str], float | None],
    *,
    session: str = SESSION,
    unnamed: str | None = None,
    classes: Sequence[str] = (),
) -> list[Path]:
    """Write picks as an overlay of its own with its config, and return the files of picks.

    picks: by image name. voxel_size_of: A, of an image by that name. unnamed: what picks without classes are
    called. classes: that get files besides those of the picks. Radii are halves of the diameters that the picks
    carry. Raises as Overlay.write.
    """
    check_run_names(list(picks))
    named = {name: _named(each, unnamed or OBJECT) for name, each in picks.items()}
    every = sorted({*classes, *(name for each in named.values() for name in _classes(each))})
    overlay = Overlay(root, tuple(every) or (unnamed or OBJECT,), session=session)
    sizes = {name: voxel_size_of(name) for name in picks}
    files = [file for name, each in named.items() for file in overlay.write(name, each, sizes[name])]
    write_overlay_config(root, {name: _radius(name, named, sizes) for name in overlay.classes})
    return files


def _named(picks: Picks, unnamed: str) -> Picks:
    return picks if picks.classes is not None else replace(picks, classes=np.full(len(picks), unnamed))


def _classes(picks: Picks) -> list[str]:
    return [] if picks.classes is None else list(dict.fromkeys(map(str, picks.classes)))


def _radius(class_name: str, picks: Mapping[str, Picks], sizes: Mapping[str, float | None]) -> float | None:
    """The median radius of a class, A; None where its picks carry no diameters."""
    found = [
        each.diameters[each.classes == class_name] * (sizes[name] or np.nan) / 2
        for name, each in picks.items()
        if each.diameters is not None and each.classes is not None
    ]
    radii = np.concatenate(found) if found else np.zeros(0)
    radii = radii[np.isfinite(radii)]
    return round(float(np.median(radii)), 3) if len(radii) else None


def write_into_project(
    project: CopickProject,
    picks: Mapping[str, Picks],
    voxel_size_of: Callable[[str], float | None],
    *,
    session: str = SESSION,
    unnamed: str | None = None,
    overwrite: bool = False,
    classes: Sequence[str] = (),
) -> list[Path]:
    """Write picks into the overlay of a project, where nothing else is touched, and return the files.

    picks: by image name, which is a run. voxel_size_of: of the tomogram of an image, A; None: what the tomograms in
    the project say. unnamed: the object that picks without classes are of; by default the only particle of the
    project. Every object that any picks are of gets a file in every run, and so do classes, those of candidates too
    low to be among the picks, so that no earlier picks are left there. Raises InputError for a run or object that
    the project has not, OutputError where a file is there already and overwrite is not set; then nothing is
    written.
    """
    if project.overlay_root is None:
        raise InputError(f"{project.path} has no overlay_root, so nothing can be written; add one")
    check_run_names(list(picks))
    for name in picks:
        if run_name(name) not in runs(project):
            raise InputError(
                f"{project.path} has no run {run_name(name)!r}.{did_you_mean(run_name(name), runs(project))}"
            )
    overlay = Overlay(project.overlay_root, session=session)
    known = {clean_name(each.name) for each in project.objects}
    every = dict.fromkeys(name for name in classes if clean_name(name) in known)
    telling = [each for each in picks.values() if len(each) or each.classes is not None]
    for each in telling or ([] if every else picks.values()):  # an empty table may have no classes either
        every |= dict.fromkeys(_objects_of(project, each, unnamed))
    overlays = dict.fromkeys(picks, replace(overlay, classes=tuple(every)))
    sizes = {name: voxel_size_of(name) or _voxel_size(project, run_name(name)) for name in picks}
    there = [file for name, each in overlays.items() for file in each.files(name) if file.exists()]
    if there and not overwrite:
        raise OutputError(
            f"{there[0]} is there already ({len(there)} such files); give another --session, or --overwrite"
        )
    return [file for name, each in overlays.items() for file in each.write(name, picks[name], sizes[name])]


def _objects_of(project: CopickProject, picks: Picks, unnamed: str | None) -> tuple[str, ...]:
    """The objects of a project that picks are of."""
    if picks.classes is not None:
        names = tuple(_classes(picks))
    elif unnamed is not None or len(project.particles) == 1:
        names = (unnamed or project.particles[0],)
    else:
        raise PicksError(
            f"these picks name no class, and {project.path} has several objects ({', '.join(project.particles)}); "
            "say of which they are"
        )
    known = {clean_name(each.name): each.name for each in project.objects}
    unknown = [name for name in names if clean_name(name) not in known]
    if unknown:
        raise InputError(
            f"{project.path} has no object {unknown[0]!r}.{did_you_mean(unknown[0], known)} Add it to its "
            "pickable_objects"
        )
    return names


def _voxel_size(project: CopickProject, run: str) -> float:
    """A, as all tomograms of a run say; InputError where they differ, or none says it."""
    sizes = []
    for store in tomograms(project, run).values():
        try:
            sizes.append(ome_zarr.info(store, 3, None).pixel_size)
        except ImageError:  # a tomogram that is damaged says nothing
            continue
    known = [size for size in sizes if size is not None]
    if not known or max(known) > 1.01 * min(known):
        found = ", ".join(f"{size:g}" for size in sorted(set(known))) or "none"
        raise InputError(
            f"{run}: which voxel size its picks have is not known (its tomograms: {found} A); name the tomograms with "
            f"--images {project.path} --tomogram, or give --pixel-size"
        )
    return known[0]
