"""What the launcher asks of Slurm and makes of its answers; Slurm itself is a stand-in that carries out nothing.

The real one is in tests/acceptance/test_slurm.py.
"""

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from easy_tasks import easy_task
from motes.cluster.options import slurm_options
from motes.cluster.slurm import on_slurm
from motes.cluster.tasks import Standing, Task, holding
from motes.errors import MotesError

SBATCH = """#!/bin/sh
number=$(ls {folder} | grep -c asked-)
cp "$1" {folder}/asked-$number
echo "Submitted batch job $number"
"""


@dataclass(frozen=True)
class StandIn:
    """Programs in place of Slurm's. Jobs get the numbers 0, 1, 2 ..."""

    folder: Path

    def program(self, name: str, text: str) -> None:
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o755)

    def squeue(self, *answers: str | tuple[str, Sequence[Task]]) -> None:
        """What each call answers, the last one for good; and the tasks that are finished by then."""
        for number, answer in enumerate(answers):
            text, finished = (answer, []) if isinstance(answer, str) else answer
            lines = [f"touch {task.done}" for task in finished] + [f"echo '{line}'" for line in text.split()]
            self.program(f"answer-{number}", "\n".join(["#!/bin/sh", *lines, ""]))
        self.program(
            "squeue",
            f"#!/bin/sh\ncd {self.folder}\ncalls=$(ls | grep -c call-)\ntouch call-$calls\n"
            f"[ $calls -lt {len(answers)} ] || calls={len(answers) - 1}\nexec ./answer-$calls\n",
        )

    @property
    def arrays(self) -> list[str]:
        """The array of each submission, as sbatch was asked for it; empty for a job alone."""
        found = [path.read_text() for path in sorted(self.folder.glob("asked-*"))]
        return [(re.findall("--array=(.*)", text) or [""])[0].strip("'") for text in found]


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    folder = tmp_path / "bin"
    folder.mkdir()
    stand_in = StandIn(folder)
    stand_in.program("sbatch", SBATCH.format(folder=folder))
    stand_in.program("srun", "#!/bin/sh\n")
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return stand_in


def launch(folder: Path, tasks: list[Task], **given: object) -> Standing:
    return on_slurm(tasks, folder, slurm_options(folder, **given), poll=0.01)


def recorded(folder: Path) -> dict[str, list[str]]:
    jobs: dict[str, list[str]] = json.loads((folder / "slurm" / "jobs.json").read_text())
    return jobs


def test_nothing_is_submitted_where_all_is_over(tmp_path: Path, slurm: StandIn) -> None:
    slurm.squeue("")
    tasks = [easy_task(tmp_path, name) for name in "ab"]
    tasks[0].done.touch()
    tasks[1].failed.write_text("no net\n")
    assert launch(tmp_path, tasks) == Standing(done=1, failed=1, running=0, waiting=0)
    assert slurm.arrays == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("0|NODE_FAIL\n1|NODE_FAIL\n2|NODE_FAIL", "its node was lost"),
        ("", "its job ended, and Slurm no longer knows how"),
    ],
)
def test_what_always_ends_without_a_result_fails_after_three_jobs(
    tmp_path: Path, slurm: StandIn, answer: str, words: str
) -> None:
    slurm.squeue(answer)
    task = easy_task(tmp_path, "a")
    task.log.write_text("nobody home\n")
    assert launch(tmp_path, [task]) == Standing(done=0, failed=1, running=0, waiting=0)
    assert len(slurm.arrays) == 3
    assert recorded(tmp_path) == {"a": ["0", "1", "2"]}
    assert task.failed.read_text() == (
        f"tried 3 times, and the last time {words}; the log {task.log} ends with\nnobody home\n"
    )


def test_what_is_still_in_the_queue_from_an_earlier_launch_is_waited_for(
    tmp_path: Path, slurm: StandIn
) -> None:
    task = easy_task(tmp_path, "a")
    slurm.squeue("7_0|PENDING", "7_0|PENDING", "7_0|RUNNING", "7_0|COMPLETING", ("7_0|COMPLETED", [task]))
    (tmp_path / "slurm").mkdir()
    (tmp_path / "slurm" / "jobs.json").write_text('{"a": ["6_0", "7_0"], "b": ["6_1"]}')
    assert launch(tmp_path, [task]).done == 1
    assert slurm.arrays == []
    assert recorded(tmp_path) == {"a": ["6_0", "7_0"]}  # b is no longer in the queue


def test_one_look_at_a_job_that_is_gone_is_not_enough(tmp_path: Path, slurm: StandIn) -> None:
    task = easy_task(tmp_path, "a")
    slurm.squeue("", "", "0|RUNNING", "0|COMPLETED", ("0|COMPLETED", [task]))
    assert launch(tmp_path, [task]).done == 1
    assert len(slurm.arrays) == 1


def test_what_another_process_has_is_not_submitted(tmp_path: Path, slurm: StandIn) -> None:
    task = easy_task(tmp_path, "a")
    slurm.squeue("", "", "", ("", [task]))
    with holding(task.lock):
        assert launch(tmp_path, [task]).done == 1
    assert slurm.arrays == []


def test_no_more_at_once_than_asked_for_and_no_more_in_the_queue(tmp_path: Path, slurm: StandIn) -> None:
    a, b, c, d, e = tasks = [easy_task(tmp_path, name) for name in "abcde"]
    full = "0_0|RUNNING 0_1|RUNNING 0_2|PENDING 0_3|NODE_FAIL"
    free = "0_0|RUNNING 0_1|COMPLETED 0_2|COMPLETED 0_3|NODE_FAIL"
    slurm.squeue("", "", full, full, full, (free, [b, c]), ("", [a, d, e]))
    assert launch(tmp_path, tasks, at_once=2, in_queue=4).done == 5
    assert slurm.arrays == ["0-3%2", "0-1%1"]
    assert recorded(tmp_path)["d"] == ["0_3", "1_0"]
    assert recorded(tmp_path)["e"] == ["1_1"]


def test_jobs_that_slurm_refuses(tmp_path: Path, slurm: StandIn) -> None:
    slurm.squeue("")
    slurm.program("sbatch", "#!/bin/sh\necho 'sbatch: error: invalid partition: fast' >&2\nexit 1\n")
    with pytest.raises(MotesError, match=r"refuses the jobs: .*invalid partition: fast.*slurm\.yaml"):
        launch(tmp_path, [easy_task(tmp_path, "a")], partition="fast")


def test_slurm_that_does_not_answer_at_all(tmp_path: Path, slurm: StandIn) -> None:
    slurm.program("squeue", "#!/bin/sh\necho 'unable to contact slurm controller' >&2\nexit 1\n")
    with pytest.raises(MotesError, match="does not answer: unable to contact slurm controller"):
        launch(tmp_path, [easy_task(tmp_path, "a")])
    assert slurm.arrays == []


def test_slurm_that_does_not_answer_for_a_while(tmp_path: Path, slurm: StandIn) -> None:
    task = easy_task(tmp_path, "a")
    slurm.squeue("", "", "0|RUNNING", "no answer", "no answer", ("0|COMPLETED", [task]))
    for number in (3, 4):
        slurm.program(f"answer-{number}", "#!/bin/sh\nexit 1\n")
    assert launch(tmp_path, [task]).done == 1
    assert len(slurm.arrays) == 1


def test_a_machine_without_slurm_or_submitit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MotesError, match="there is no sbatch on this machine"):
        launch(tmp_path, [easy_task(tmp_path, "a")])
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(MotesError, match=r"pip install 'motes\[slurm\]'"):
        launch(tmp_path, [easy_task(tmp_path, "a")])
