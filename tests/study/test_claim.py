"""Whose a folder is: a study that is begun otherwise before it was planned takes the place of the first."""

from pathlib import Path

import pytest

from motes.errors import OutputError
from motes.study import run
from motes.study.description import Study
from motes.study.file import as_yaml
from motes.study.folder import Folder
from motes.study.run import claim
from study_folder import made_up_study

FIRST = made_up_study()
OTHER = made_up_study(arms={"plain": None, "wide": {"changes": ["net.width=32"]}})


class KilledError(Exception):
    """Stands for a signal that ends the process."""


def killed_before_write(number: int, monkeypatch: pytest.MonkeyPatch, folder: Folder, study: Study) -> None:
    """Claim a folder, and die before a file is written. number: which, counted from 0."""
    write, written = run.write_text, []

    def dying(path: Path, text: str) -> None:
        if len(written) == number:
            raise KilledError
        written.append(path)
        write(path, text)

    with monkeypatch.context() as patch, pytest.raises(KilledError):
        patch.setattr(run, "write_text", dying)
        claim(folder, study)


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("then", [FIRST, OTHER], ids=["first", "other"])
def test_a_study_killed_while_it_takes_the_place_of_another_can_be_begun_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, then: Study
) -> None:
    folder = Folder(tmp_path)
    claim(folder, FIRST)
    killed_before_write(number, monkeypatch, folder, OTHER)
    claim(folder, then)
    assert folder.study.read_text() == as_yaml(then)
    assert all(folder.arm(name).is_file() for name in then.all_arms)


def test_the_recipes_of_the_study_before_are_gone(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    claim(folder, FIRST)
    claim(folder, OTHER)
    assert sorted(path.stem for path in (tmp_path / "arms").iterdir()) == ["plain", "wide"]


def test_a_folder_with_other_things_is_no_place_for_a_study(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text("my own study\n")
    with pytest.raises(OutputError, match=r"holds 'study\.yaml' and no study of its own"):
        claim(Folder(tmp_path), FIRST)
