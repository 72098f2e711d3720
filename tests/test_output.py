import errno

import pytest

from motes.errors import OutputError
from motes.output import replacing, write_text


def test_a_file_appears_only_when_it_is_whole(tmp_path):
    path = tmp_path / "deep" / "file.txt"
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert list(path.parent.iterdir()) == []
    write_text(path, "whole")
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_an_earlier_file_stays_when_writing_fails(tmp_path):
    path = tmp_path / "file.txt"
    write_text(path, "before")
    with pytest.raises(OutputError, match="disk is full"), replacing(path) as temporary:
        temporary.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert path.read_text() == "before"


def test_a_file_in_the_way_of_a_folder_is_explained(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="a file stands where a folder is needed"):
        write_text(tmp_path / "file" / "inside.txt", "x")


def test_no_permission_is_explained(tmp_path):
    with pytest.raises(OutputError, match="no permission"), replacing(tmp_path / "x"):
        raise PermissionError(errno.EACCES, "Permission denied")


def test_an_error_in_reading_another_file_stays_what_it_is(tmp_path):
    path = tmp_path / "out" / "joined.csv"
    with pytest.raises(FileNotFoundError, match=r"part\.csv"), replacing(path):
        (tmp_path / "out" / "part.csv").read_text()
    with pytest.raises(PermissionError), replacing(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "elsewhere" / "part.csv"))


@pytest.mark.parametrize("below", ["out/joined.csv", "out", "", "out/joined.csv/piece"])
def test_errors_about_the_place_itself_are_explained(tmp_path, below):
    named = str(tmp_path / below)
    with pytest.raises(OutputError, match="no permission"), replacing(tmp_path / "out" / "joined.csv"):
        raise PermissionError(errno.EACCES, "Permission denied", named)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_full_disk_is_explained_whatever_file_is_named(tmp_path, number):
    with pytest.raises(OutputError, match=r"cannot write .*joined\.csv"), replacing(tmp_path / "joined.csv"):
        raise OSError(number, "", "/elsewhere/scratch")


def test_an_error_about_the_temporary_file_is_explained(tmp_path):
    with pytest.raises(OutputError, match="no permission"), replacing(tmp_path / "joined.csv") as temporary:
        raise PermissionError(errno.EACCES, "Permission denied", str(temporary))
