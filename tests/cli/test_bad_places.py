"""Places that cannot be written: no permission, no room, something else in the way."""

import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Motes = Callable[..., Any]
PICK = "pick"


def commands(tiny: Any, out: Path) -> list[tuple[object, ...]]:
    return [
        ("pick", tiny.images, "--model", tiny.model, "--out", out),
        ("train", "micrographs", "--images", tiny.images, "--picks", tiny.truth, "--out", out, "epochs=1"),
        ("convert", tiny.truth, out, "--to", "csv"),
        ("simulate", "micrographs", out, "--count", 1, "--size", 128, "--diameter", 60),
    ]


def test_a_file_where_a_folder_is_needed(motes: Motes, tiny: Any, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    for command in commands(tiny, tmp_path / "taken" / "out"):
        answer = motes(*command)
        assert answer.code == 1
        assert "a file stands where a folder is needed; remove it or choose another folder" in answer.err


def test_a_place_where_nothing_can_be_made(motes: Motes, tiny: Any) -> None:
    for command in commands(tiny, Path("/proc/motes")):
        answer = motes(*command)
        assert answer.code == 1
        assert answer.err.splitlines()[-1].startswith("motes: ")
        assert "/proc/motes" in answer.err


def test_no_permission(motes: Motes, tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_making(monkeypatch, errno.EACCES)
    for command in commands(tiny, tmp_path / "out"):
        answer = motes(*command)
        assert answer.code == 1
        assert "no permission to write there; choose another folder or change its permissions" in answer.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder(motes: Motes, tiny: Any, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    for command in commands(tiny, tmp_path / "locked" / "out"):
        answer = motes(*command)
        assert (answer.code, "no permission to write there" in answer.err) == (1, True)


def refuse_making(monkeypatch: pytest.MonkeyPatch, reason: int) -> None:
    def mkdir(self: Path, *_: object, **__: object) -> None:
        raise OSError(reason, os.strerror(reason), str(self))

    monkeypatch.setattr(Path, "mkdir", mkdir)


def test_a_disk_that_fills_up_half_way(
    motes: Motes, tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_text = Path.write_text

    def fill_up(self: Path, text: str, *words: Any, **named: Any) -> int:
        if self.name.endswith("mic_0002.mrc.csv"):
            write_text(self, text[: len(text) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))
        return write_text(self, text, *words, **named)

    command = commands(tiny, tmp_path / "out")[0]
    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", fill_up)
        answer = motes(*command)
    assert answer.code == 1
    assert "the disk is full; free some space and run the same command again" in answer.err
    assert [p.name for p in (tmp_path / "out" / "picks").iterdir()] == ["mic_0001.mrc.csv"]
    again = motes(*command)
    assert again.code == 0
    assert "1 of 3 images are done already" in again.err
    for number in (1, 2, 3):
        name = f"picks/mic_000{number}.mrc.csv"
        assert (tmp_path / "out" / name).read_bytes() == (tiny.picked / name).read_bytes()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB, where the tests may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no permission to mount a small disk")
    yield place
    subprocess.run(["umount", str(place)], check=True)


# mrcfile leaves its file open when its own write fails; Python closes it with a warning
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_full_disk(motes: Motes, tiny: Any, small_disk: Path) -> None:
    (small_disk / "filling").write_bytes(bytes(48 * 1024))
    picking, _, converting, simulating = commands(tiny, small_disk / "out")
    for command in ((*picking, "--save-maps"), converting, simulating):
        (small_disk / "filling").write_bytes(bytes(48 * 1024))
        answer = motes(*command, "--overwrite")
        assert answer.code == 1
        assert "the disk is full" in answer.err
        assert not [p for p in small_disk.rglob(".*") if p.is_file()]


def test_a_full_disk_while_training(motes: Motes, tiny: Any, small_disk: Path) -> None:
    answer = motes(*commands(tiny, small_disk / "out")[1])
    assert answer.code == 1
    assert "the disk is full" in answer.err


def test_a_folder_in_use_is_left_alone(motes: Motes, tiny: Any, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    answer = motes(*commands(tiny, tmp_path / "mine")[0])
    assert (answer.code, "holds other files" in answer.err) == (1, True)
    answer = motes(*commands(tiny, tmp_path / "mine")[2])
    assert (answer.code, "is there already" in answer.err) == (1, True)
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["letter.txt"]
