"""The folder that `motes prepare` writes: what it was begun with, and what is done in it.

While work goes on the stores have hidden names, and a journal says which images are whole in them; what it
does not list is written again. Only finished stores stand under their own names.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motes.data.mask_pairs import INDEX
from motes.errors import OutputError
from motes.formats.stores import StoreWriter, create_store, is_store, reopen_store
from motes.output import explained, write_text

SETTINGS = "settings.json"
JOURNAL = ".journal.jsonl"
IMAGES, MASKS = "images.zarr", "masks.zarr"


class StoreFolder:
    """OUT with its two stores. records: what is known of each row, in order."""

    def __init__(self, out: Path, settings: Mapping[str, Any], size: int) -> None:
        self.out = out
        self.settings = settings
        self.size = size
        self.records: list[dict[str, Any]] = []
        self._identities: dict[str, str] = {}
        self._writers: tuple[StoreWriter, StoreWriter] | None = None
        for entry in _journal(out):
            self._identities[entry["image"]] = entry["identity"]
            self.records += entry["rows"]

    @classmethod
    def claim(cls, out: Path, settings: Mapping[str, Any], size: int) -> "StoreFolder":
        """Note down the settings; OutputError for a folder begun with others, or not by this verb."""
        kept = out / SETTINGS
        if kept.is_file():
            before = json.loads(kept.read_text(encoding="utf-8"))
            changed = [
                f"{key} {before.get(key)}" for key, value in settings.items() if before.get(key) != value
            ]
            if changed:
                raise OutputError(
                    f"{out} was begun with {', '.join(changed)}; give the same options to go on with it, or "
                    "another folder"
                )
        elif out.exists() and any(out.iterdir()):
            raise OutputError(f"{out} holds other files; give a new or an empty folder")
        else:
            write_text(kept, json.dumps(settings, indent=2) + "\n")
        return cls(out, settings, size)

    @property
    def images(self) -> Path:
        """OUT/images.zarr."""
        return self.out / IMAGES

    @property
    def masks(self) -> Path:
        """OUT/masks.zarr."""
        return self.out / MASKS

    def missing(self, identities: Mapping[str, str]) -> dict[str, str]:
        """The images that are not done, with what identifies them; OutputError where a done one has changed."""
        for name, identity in identities.items():
            if self._identities.get(name, identity) != identity:
                raise OutputError(
                    f"{self.out} holds {name} as it was before its image or its picks changed; give another folder"
                )
        return {name: identity for name, identity in identities.items() if name not in self._identities}

    def write(self, row: int, pixels: NDArray[np.float32], mask: NDArray[np.int8]) -> None:
        """Put one image (y, x) and its mask into a row, which counts when it is noted down."""
        if self._writers is None:
            self._writers = self._open()
        self._writers[0].write(row, pixels)
        self._writers[1].write(row, mask)

    def note_down(self, name: str, identity: str, records: Sequence[dict[str, Any]]) -> None:
        """Say that the rows of an image are whole."""
        line = json.dumps({"image": name, "identity": identity, "rows": records})
        path = self.out / JOURNAL
        with explained(path), path.open("a", encoding="utf-8") as journal:
            journal.write(line + "\n")
        self._identities[name] = identity
        self.records += records

    def finish(self, index: str) -> None:
        """Cut the stores to their length, give them their names, and write the index of their rows."""
        if self._writers is None and (self.out / INDEX).is_file():
            return
        for writer in self._writers or self._open():
            writer.resize(len(self.records))
            for left in writer.path.rglob("*.partial"):  # of a write that was killed
                left.unlink()
            with explained(writer.path):
                writer.path.rename(self.out / writer.path.name.removeprefix("."))
        write_text(self.out / INDEX, index)

    def _open(self) -> tuple[StoreWriter, StoreWriter]:
        """The stores under their hidden names, taken back from their own ones where they were finished."""
        (self.out / INDEX).unlink(missing_ok=True)
        if not (self.out / JOURNAL).is_file():
            write_text(self.out / JOURNAL, "")
        side = (self.size, self.size)
        types = {IMAGES: "float32", MASKS: str(self.settings["mask_type"])}
        writers = []
        for name, dtype in types.items():
            hidden = self.out / f".{name}"
            if not is_store(hidden) and is_store(self.out / name):
                with explained(hidden):
                    (self.out / name).rename(hidden)
            known = is_store(hidden)
            writers.append(reopen_store(hidden) if known else create_store(hidden, side, dtype))
        return writers[0], writers[1]


def _journal(out: Path) -> list[dict[str, Any]]:
    """What the journal says; a last line that was cut off is taken out of it."""
    path = out / JOURNAL
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.is_file() else []
    whole = [line for line in lines if line.endswith("\n")]
    if whole != lines:
        write_text(path, "".join(whole))
    return [json.loads(line) for line in whole]
