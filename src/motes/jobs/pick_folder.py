"""The folder that `motes pick` writes: whose picks it holds, and what is done in it."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from motes.data.image_list import ImageEntry
from motes.errors import OutputError
from motes.formats.picks import PICKS_FORMATS
from motes.jobs.object_files import OUTLINE_FORMATS
from motes.output import write_text

SETTINGS = "settings.json"
IMAGES = "images.json"
SUMMARY = "summary.csv"


def csv_file(out: Path, entry: ImageEntry) -> Path:
    """DIR/picks/<image path>.csv; where it stands, the image is done."""
    return out / "picks" / f"{entry.output_name}.csv"


def claim(out: Path, settings: Mapping[str, Any], overwrite: bool) -> None:
    """Note down model and options; OutputError for a folder made with others, or not made by motes.

    With overwrite what motes made there is removed first; a folder that it did not make is never touched.
    """
    kept = out / SETTINGS
    if kept.is_file():
        before = json.loads(kept.read_text(encoding="utf-8"))
        changed = [name for name, value in settings.items() if before.get(name) != value]
        if changed and not overwrite and any((out / "picks").rglob("*.csv")):
            raise OutputError(
                f"{out} holds picks made with another {', '.join(changed)}; "
                "give another --out, or --overwrite to replace them"
            )
        if overwrite:
            _clear(out)
    elif out.exists() and any(out.iterdir()):
        raise OutputError(f"{out} holds other files; give a new or empty folder as --out")
    write_text(kept, json.dumps(settings, indent=2) + "\n")


def _clear(out: Path) -> None:
    for folder in ("picks", "maps", "pictures", "labels", *OUTLINE_FORMATS, *PICKS_FORMATS):
        shutil.rmtree(out / folder, ignore_errors=True)
    for name in (SUMMARY, IMAGES):
        (out / name).unlink(missing_ok=True)


def take_stock(out: Path, entries: Sequence[ImageEntry]) -> list[ImageEntry]:
    """Note down which file each image is, and give back the images that only earlier calls named.

    An image whose file, or pixel size in the list, has changed since then is done again; one that is away just now,
    on a disk that is not mounted say, keeps its picks. Raises OutputError where the picks there under an image's name
    are those of another file, or two images would share a file of picks.
    """
    kept = out / IMAGES
    noted = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {}
    now = {entry.name: _identity(entry) for entry in entries}
    for entry in entries:
        before = noted.get(entry.name, now[entry.name])
        if (before["file"], before["section"]) != (now[entry.name]["file"], now[entry.name]["section"]):
            raise OutputError(
                f"{out} holds picks of {entry.name} from {before['file']}, not from {entry.path}; "
                "give another --out for other images"
            )
        if not _can_be_read(now[entry.name]):
            now[entry.name] = before
        elif _differ(before, now[entry.name]):
            csv_file(out, entry).unlink(missing_ok=True)
    write_text(kept, json.dumps(noted | now, indent=1) + "\n")
    others = [
        ImageEntry(name, Path(each["file"]), each["section"], each.get("pixel_size"))
        for name, each in noted.items()
        if name not in now
    ]
    _check_apart([*entries, *others])
    return [entry for entry in others if csv_file(out, entry).is_file()]


def _identity(entry: ImageEntry) -> dict[str, Any]:
    """Where an image's file is, and what tells that it is still the same."""
    known: dict[str, Any] = {"file": str(entry.path.resolve()), "section": entry.section}
    if entry.pixel_size is not None:
        known["pixel_size"] = entry.pixel_size
    try:
        if not entry.path.is_dir():
            status = entry.path.stat()
            return {**known, "size": status.st_size, "changed": status.st_mtime_ns}
        # a folder of chunks, whose own time stays when they change
        files = [file.stat() for file in entry.path.rglob("*") if file.is_file()]
    except OSError:  # it is reported when it is read
        return known
    size, changed = sum(each.st_size for each in files), max((each.st_mtime_ns for each in files), default=0)
    return {**known, "size": size, "changed": changed}


def _differ(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether something that is known of an image both times has changed."""
    return any(before[key] != now[key] for key in before.keys() & now.keys())


def _can_be_read(identity: Mapping[str, Any]) -> bool:
    """Whether the file was there."""
    return "size" in identity


def _check_apart(entries: Sequence[ImageEntry]) -> None:
    owner: dict[str, str] = {}
    for entry in entries:
        if entry.output_name in owner:
            raise OutputError(
                f"the picks of {owner[entry.output_name]} and {entry.name} would both be written to "
                f"picks/{entry.output_name}.csv; pick them into different folders"
            )
        owner[entry.output_name] = entry.name
