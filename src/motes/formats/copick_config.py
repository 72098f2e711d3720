"""The config of a copick project in folders: its objects, and where its files are.

Source: copick 1.31, models.py, impl/filesystem.py and util/escape.py.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from motes.errors import InputError
from motes.output import write_text

UNFIT = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f\s_]')
GREY = (100, 100, 100, 255)


@dataclass(frozen=True)
class CopickObject:
    """Something that is picked in a project. label: its number, from 1. radius: A. color: red, green, blue, alpha."""

    name: str
    label: int
    radius: float | None = None
    is_particle: bool = True
    color: tuple[int, int, int, int] = GREY
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class CopickProject:
    """A project. path: of its config. static_root: read only; overlay_root: where results are written.

    runs: their names, where the config lists them; None: all that are there.
    """

    path: Path
    objects: tuple[CopickObject, ...]
    static_root: Path | None = None
    overlay_root: Path | None = None
    user_id: str | None = None
    session_id: str | None = None
    run_names: tuple[str, ...] | None = None

    @property
    def roots(self) -> list[Path]:
        """Where its files are, the overlay first, as it comes before the static part."""
        return list(dict.fromkeys(root for root in (self.overlay_root, self.static_root) if root is not None))

    @property
    def particles(self) -> list[str]:
        """The names of the objects that are particles."""
        return [each.name for each in self.objects if each.is_particle]

    def object(self, name: str) -> CopickObject | None:
        """The object of that name."""
        return next((each for each in self.objects if each.name == name), None)


def is_config(path: Path) -> bool:
    """Whether a file is the config of a copick project, by what stands in it."""
    if path.suffix.lower() != ".json" or not path.is_file():
        return False
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and "pickable_objects" in found


def read_config(path: Path) -> CopickProject:
    """Read the config of a project that lies in folders.

    Roots may be plain paths or begin with local:// or file://; relative ones count from the config's folder. Raises
    InputError for other places (such as s3:// or the data portal), and for what has no sense.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        kind = found.get("config_type", "filesystem")
        if kind != "filesystem":
            raise InputError(
                f"{path}: a project of type {kind}; only those in folders (filesystem) are read, copy it first "
                "(`copick sync`)"
            )
        names = found.get("runs")
        return CopickProject(
            path,
            tuple(_object(each) for each in found["pickable_objects"]),
            _root(path, found.get("static_root")),
            _root(path, found.get("overlay_root")),
            found.get("user_id"),
            found.get("session_id"),
            None if names is None else tuple(map(str, names)),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: cannot be read as the config of a copick project ({type(error).__name__}: {error})"
        ) from None


def _object(found: Mapping[str, Any]) -> CopickObject:
    radius, label = found.get("radius"), found.get("label")
    red, green, blue, alpha = map(int, found.get("color") or GREY)
    return CopickObject(
        str(found["name"]),
        1 if label is None else int(label),
        None if radius is None else float(radius),
        bool(found.get("is_particle", True)),
        (red, green, blue, alpha),
        found.get("metadata") or {},
    )


def _root(config: Path, written: str | None) -> Path | None:
    if not written:
        return None
    protocol, colon, place = written.partition("://")
    if not colon:
        return config.parent / written
    if protocol not in ("local", "file"):
        raise InputError(
            f"{config}: its files are at {written}; only folders of this machine are read (a path, or local://). "
            "Copy or mount them first, and give a config that names that folder"
        )
    return config.parent / place


def write_config(
    path: Path,
    objects: Sequence[CopickObject],
    *,
    static_root: Path | None = None,
    overlay_root: Path | None = None,
    name: str = "motes",
    user: str | None = None,
    session: str | None = None,
) -> None:
    """Write a config that copick opens; roots become absolute, for copick counts relative ones from where it runs.

    overlay_root: by default the folder of the config. Names of objects are cleaned as clean_name does.
    """
    overlay = path.parent if overlay_root is None else overlay_root
    config: dict[str, Any] = {
        "name": name,
        "description": "Written by motes",
        "version": "1.0.0",
        "pickable_objects": [
            {
                "name": clean_name(each.name),
                "is_particle": each.is_particle,
                "label": each.label,
                "color": list(each.color),
                "radius": each.radius,
                "metadata": dict(each.metadata),
            }
            for each in objects
        ],
        "config_type": "filesystem",
        "user_id": user,
        "session_id": session,
        "overlay_root": _address(overlay),
        "overlay_fs_args": {"auto_mkdir": True},
    }
    if static_root is not None:
        config |= {"static_root": _address(static_root), "static_fs_args": {}}
    write_text(path, json.dumps(config, indent=4) + "\n")


def _address(folder: Path) -> str:
    return f"local://{folder.absolute().as_posix()}"


def clean_name(name: str) -> str:
    """A name as copick takes it for objects, users and sessions: what is not allowed becomes a hyphen.

    Raises InputError where nothing is left of it.
    """
    cleaned = UNFIT.sub("-", name).strip("-")
    if not cleaned:
        raise InputError(f"{name!r} cannot be a name in a copick project; it needs letters or digits")
    return cleaned
