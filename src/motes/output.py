"""Nothing half written: every output goes to a temporary name beside its place and is renamed."""

import errno
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from motes.errors import OutputError

_REASONS = {
    errno.EACCES: "no permission to write there; choose another folder or change its permissions",
    errno.EPERM: "no permission to write there; choose another folder or change its permissions",
    errno.EROFS: "the file system is read-only; choose another folder",
    errno.ENOSPC: "the disk is full; free some space and run the same command again, what is done stays",
    errno.EDQUOT: "your disk quota is used up; free some space and run the same command again",
    errno.ENOENT: "that place does not exist and cannot be made; choose another folder",
    errno.EEXIST: "a file stands where a folder is needed; remove it or choose another folder",
    errno.ENOTDIR: "a file stands where a folder is needed; remove it or choose another folder",
    errno.EISDIR: "a folder stands where a file is needed; remove it or choose another name",
}

_WHEREVER = {errno.EROFS, errno.ENOSPC, errno.EDQUOT}  # reading never fails with these


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path to write; put it in place of path when the block ends without an error.

    Folders are made as needed. The temporary file keeps the suffix of path. Raises OutputError with the
    reason (no permission, disk full, ...) in place of OSError; nothing half written stays behind. An error
    in reading another file passes through.
    """
    temporary = path.with_name(f".{uuid.uuid4().hex[:8]}-{path.name}")
    with explained(path, temporary):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            temporary.replace(path)
        finally:
            if temporary.is_dir():
                shutil.rmtree(temporary)
            temporary.unlink(missing_ok=True)


def remove_half_written(path: Path) -> None:
    """Remove what processes that were killed while writing path have left beside it; they must have ended."""
    for left in path.parent.glob(f".{'[0-9a-f]' * 8}-{path.name}"):
        left.unlink(missing_ok=True)


@contextmanager
def explained(path: Path, temporary: Path | None = None) -> Iterator[None]:
    """Turn an OSError raised while writing path into an OutputError that says what to do.

    temporary: the name that path has until it is whole. Errors that concern other files pass through.
    """
    try:
        yield
    except OSError as error:
        # NumPy says "100 requested and 20 written", without a number, where the disk is full.
        number = errno.ENOSPC if error.errno is None and "written" in str(error) else error.errno
        reason = _REASONS.get(number or 0)
        if reason is None or not (number in _WHEREVER or _concerns(error, [path, temporary or path])):
            raise
        raise OutputError(f"cannot write {path}: {reason}") from error


def _concerns(error: OSError, places: Sequence[Path]) -> bool:
    """Whether an error is about one of the places, what lies in it, or a folder above it."""
    if not isinstance(error.filename, str | bytes | os.PathLike):
        return True
    named = Path(os.fsdecode(error.filename)).absolute()
    absolute = [place.absolute() for place in places]
    return any(named.is_relative_to(place) or place.is_relative_to(named) for place in absolute)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file in one step."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
