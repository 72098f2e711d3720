"""The door to copick projects in folders: their runs, tomograms and picks, found, chosen and written.

A project is named by its config, config.json; what is chosen of it follows after an @, so that it can stand wherever
images or picks are named: config.json@denoised@10.0 are tomograms, config.json@ribosome:curation/0 are picks.
Source: copick 1.31, impl/filesystem.py (layout, static and overlay) and util/uri.py (the words).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from motes.errors import InputError, PicksError
from motes.formats.copick_config import (
    CopickObject,
    CopickProject,
    clean_name,
    is_config,
    read_config,
    write_config,
)
from motes.formats.copick_picks import (
    PICKS,
    RUNS,
    UNKNOWN,
    CopickPicks,
    picks_file,
    read_picks_file,
    write_picks_file,
)

__all__ = [
    "CopickObject",
    "CopickPicks",
    "CopickProject",
    "KnownPicks",
    "chosen_picks",
    "chosen_tomograms",
    "clean_name",
    "is_config",
    "list_picks",
    "picks_file",
    "read_config",
    "read_picks_file",
    "runs",
    "split_source",
    "tomogram",
    "tomogram_file",
    "tomograms",
    "write_config",
    "write_picks_file",
]

SPACING = "VoxelSpacing"
ANY = "*"
MOST_NAMED = 12


def split_source(source: str) -> tuple[Path, str] | None:
    """A project's config and what is chosen of it (may be empty) from a source; None for any other source.

    Raises InputError where something is chosen of a file that is not there, or is no config.
    """
    found = re.fullmatch(r"(.+?\.json)(?:@(.*))?", source, re.IGNORECASE)
    if found is None or (Path(source).exists() and not is_config(Path(source))):
        return None
    config, chosen = Path(found[1]), found[2]
    if is_config(config):
        return config, chosen or ""
    if chosen is None:
        return None
    state = "is not the config of a copick project" if config.exists() else "does not exist"
    raise InputError(f"{config} {state}, so {chosen!r} cannot be chosen of it")


def runs(project: CopickProject) -> list[str]:
    """The names of its runs, sorted: those that the config lists, or all that are in its folders."""
    names = {folder.name for root in project.roots for folder in _folders(root / RUNS)}
    return sorted(names if project.run_names is None else names.intersection(project.run_names))


def _run_folders(project: CopickProject, run: str) -> list[Path]:
    """Where the files of a run are, the overlay first."""
    return [root / RUNS / run for root in project.roots if (root / RUNS / run).is_dir()]


def _folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(each for each in folder.iterdir() if each.is_dir() and not each.name.startswith("."))


def tomograms(project: CopickProject, run: str) -> dict[str, Path]:
    """The tomograms of a run by type@spacing, as denoised@10.0.

    The spacing is that of a folder's name, which is rounded: the voxel size stands in the tomogram's metadata.
    """
    found: dict[str, Path] = {}
    for folder in _run_folders(project, run):
        for spacing in _folders(folder):
            number = _number(spacing.name.removeprefix(SPACING))
            if not spacing.name.startswith(SPACING) or number is None:
                continue
            for store in _folders(spacing):
                if store.suffix == ".zarr" and not store.name.endswith("_features.zarr"):
                    found.setdefault(f"{store.stem}@{number}", store)
    return found


def tomogram(project: CopickProject, run: str, wanted: str) -> Path | None:
    """The store of a tomogram by type@spacing; None where the run has none. InputError for another word."""
    kind, at, spacing = wanted.rpartition("@")
    number = _number(spacing)
    if not at or not kind or number is None:
        raise InputError(
            f"{wanted!r} names no tomogram; write its type and the spacing of its folder, as denoised@10.0"
        )
    for word, store in tomograms(project, run).items():
        its_kind, _, its_spacing = word.rpartition("@")
        if its_kind == kind and abs(float(its_spacing) - number) < 0.0006:  # folders have three digits
            return store
    return None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def tomogram_file(root: Path, run: str, kind: str, spacing: float) -> Path:
    """Where a tomogram of a type lies; its folder has the spacing (A) with three digits."""
    return root / RUNS / run / f"{SPACING}{spacing:.3f}" / f"{clean_name(kind)}.zarr"


def chosen_tomograms(project: CopickProject, wanted: str) -> dict[str, Path]:
    """One tomogram of each run that has it, by the name of the run.

    wanted: type@spacing; empty: the only one that there is. Raises InputError, which lists what is there, where
    nothing fits or several do.
    """
    names = runs(project)
    there = list(dict.fromkeys(word for run in names for word in tomograms(project, run)))
    listed = (
        f"{len(names)} runs with the tomograms {_some(there)}" if there else f"{len(names)} runs, no tomogram"
    )
    if not wanted and len(there) != 1:
        raise InputError(
            f"{project.path}: which tomograms is not said; give one of them with --tomogram. It has {listed}"
        )
    found = {run: tomogram(project, run, wanted or there[0]) for run in names}
    chosen = {run: store for run, store in found.items() if store is not None}
    if not chosen:
        raise InputError(f"{project.path}: there is no tomogram {wanted} in it; it has {listed}")
    return chosen


@dataclass(frozen=True)
class KnownPicks:
    """A file of picks. user, session: empty where neither its name nor the file says them."""

    run: str
    object_name: str
    user: str
    session: str
    path: Path

    @property
    def word(self) -> str:
        """How copick names them: object:user/session."""
        return f"{self.object_name}:{self.user or '?'}/{self.session or '?'}"


def list_picks(project: CopickProject, run: str) -> list[KnownPicks]:
    """The files of picks of a run, sorted; where static and overlay have the same, that of the overlay."""
    found: dict[str, KnownPicks] = {}
    for folder in _run_folders(project, run):
        for file in sorted((folder / PICKS).glob("*.json")):
            known = None if file.name.startswith(".") else _known(run, file)
            if known is not None:
                found.setdefault(known.word, known)
    return [found[word] for word in sorted(found)]


def _known(run: str, file: Path) -> KnownPicks | None:
    """What a file's name says, user_session_object; of a bare name, as the CZII challenge has it, the file itself."""
    parts = file.stem.split("_")
    if len(parts) == 3:
        user, session, name = parts
        return KnownPicks(run, name, user, session, file)
    if len(parts) > 1:  # not copick's, which has no underscores within names
        return None
    try:
        inside = read_picks_file(file)
    except PicksError:  # it is reported when it is read
        return KnownPicks(run, file.stem, UNKNOWN, UNKNOWN, file)
    return KnownPicks(run, file.stem, inside.user, inside.session, file)


def chosen_picks(project: CopickProject, words: Sequence[str]) -> dict[str, list[KnownPicks]]:
    """The files that words choose, by run; a run without any is left out.

    A word is an object and whose picks of it, object:user/session, with * for any; without a user any counts, and
    * alone are all objects that are particles. Raises InputError, which lists what is there, where no word is given,
    a word fits nothing, or several files are of one object in one run.
    """
    there = {run: list_picks(project, run) for run in runs(project)}
    listed = _some(sorted({each.word for known in there.values() for each in known}))
    if not words:
        raise InputError(
            f"{project.path}: whose picks is not said; choose with --picks, as ribosome:curation/0 or '*:curation/0'. "
            f"It has {listed or 'no picks'}"
        )
    chosen: dict[str, list[KnownPicks]] = {}
    for word in words:
        fitting = [each for known in there.values() for each in known if _fits(each, word, project.particles)]
        if not fitting:
            raise InputError(
                f"{project.path}: there are no picks {word} in it; it has {listed or 'no picks'}"
            )
        for each in fitting:
            own = chosen.setdefault(each.run, [])
            own += [] if each in own else [each]
    for run, files in chosen.items():
        _check_one_each(project, run, files)
    return chosen


def _fits(known: KnownPicks, word: str, particles: Sequence[str]) -> bool:
    name, _, whose = word.partition(":")
    user, _, session = whose.partition("/")
    if ANY in name and particles and known.object_name not in particles:
        return False
    return (
        fnmatchcase(known.object_name, name)
        and fnmatchcase(known.user, user or ANY)
        and fnmatchcase(known.session, session or ANY)
    )


def _check_one_each(project: CopickProject, run: str, files: Sequence[KnownPicks]) -> None:
    by_name: dict[str, KnownPicks] = {}
    for each in files:
        other = by_name.setdefault(each.object_name, each)
        if other is not each:
            raise InputError(
                f"{project.path}: {run} has several picks of {each.object_name}, {other.word} and {each.word}; say "
                f"whose, as --picks {other.word}"
            )


def _some(words: Iterable[str]) -> str:
    every = list(words)
    more = f" and {len(every) - MOST_NAMED} more" if len(every) > MOST_NAMED else ""
    return ", ".join(every[:MOST_NAMED]) + more
