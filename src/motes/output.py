"""Nothing half written: every output goes to a temporary name beside its place and is renamed."""

import errno
import shutil
import uuid
from collections.abc import Iterator
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


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path to write; put it in place of path when the block ends without an error.

    Folders are made as needed. The temporary file keeps the suffix of path. Raises OutputError with the
    reason (no permission, disk full, ...) in place of OSError; nothing half written stays behind.
    """
    temporary = path.with_name(f".{uuid.uuid4().hex[:8]}-{path.name}")
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            temporary.replace(path)
        finally:
            if temporary.is_dir():
                shutil.rmtree(temporary)
            temporary.unlink(missing_ok=True)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn an OSError raised while writing path into an OutputError that says what to do."""
    try:
        yield
    except OSError as error:
        # NumPy says "100 requested and 20 written", without a number, where the disk is full.
        number = errno.ENOSPC if error.errno is None and "written" in str(error) else error.errno
        reason = _REASONS.get(number or 0)
        if reason is None:
            raise
        raise OutputError(f"cannot write {path}: {reason}") from error


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file in one step."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
