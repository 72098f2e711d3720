"""What is asked of Slurm: the file that ships, the site's file, the command line."""

import inspect
from pathlib import Path

import pytest
import yaml

from motes.cluster.options import SlurmOptions, slurm_options
from motes.errors import InputError


def test_the_first_use_leaves_a_file_to_edit_which_holds_every_option(tmp_path: Path) -> None:
    options = slurm_options(tmp_path)
    values = yaml.safe_load((tmp_path / "slurm.yaml").read_text())
    assert set(values) == set(SlurmOptions.model_fields)
    assert options.minutes == values["minutes"]
    assert options.partition is None


def test_the_edited_file_counts_and_the_command_line_wins(tmp_path: Path) -> None:
    (tmp_path / "slurm.yaml").write_text("partition: long\nminutes: 30\nsetup: [module load cuda]\n")
    options = slurm_options(tmp_path, minutes=60, partition=None, gpus=1)
    assert (options.partition, options.minutes, options.gpus) == ("long", 60, 1)
    assert options.setup == ("module load cuda",)
    assert options.cpus == slurm_options(tmp_path / "other").cpus  # as shipped, where nothing is said


def test_a_file_that_is_named_is_kept_for_later(tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text("# of this site\nminutes: 30\n")
    assert slurm_options(tmp_path / "study", site).minutes == 30
    site.unlink()
    assert slurm_options(tmp_path / "study").minutes == 30
    assert (tmp_path / "study" / "slurm.yaml").read_text().startswith("# of this site")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("minuts: 3", "there is no 'minuts'; .*Did you mean 'minutes'"),
        ("qos: high", "other options of sbatch belong under sbatch"),
        ("minutes: 0", "minutes cannot be 0"),
        ("minutes: 1-00:00:00", "minutes cannot be '1-00:00:00'"),
        ("setup: module load cuda", "setup cannot be 'module load cuda'"),
        ("sbatch: {qos: [1, 2]}", "sbatch.qos cannot be"),
        ("- minutes", "key: value"),
        ("minutes: [", "not YAML"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "slurm.yaml").write_text(text)
    with pytest.raises(InputError, match=words) as caught:
        slurm_options(tmp_path)
    assert str(tmp_path / "slurm.yaml") in str(caught.value)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.yaml cannot be read"):
        slurm_options(tmp_path, tmp_path / "nowhere.yaml")


def script(tmp_path: Path, **given: object) -> str:
    """What sbatch would be given."""
    from submitit.slurm import slurm

    parameters = slurm_options(tmp_path, **given).parameters("motes-a")
    assert set(parameters) <= set(inspect.signature(slurm._make_sbatch_string).parameters)
    text: str = slurm._make_sbatch_string(command="python", folder=tmp_path, **parameters)
    return text


def test_what_sbatch_is_asked_for(tmp_path: Path) -> None:
    lines = script(
        tmp_path,
        partition="main",
        account="lab",
        minutes=60,
        cpus=3,
        gpus=2,
        memory=1.5,
        setup=["module load cuda"],
        sbatch={"mail-type": "FAIL", "exclusive": True, "contiguous": False},
    ).splitlines()
    asked = [line.removeprefix("#SBATCH --") for line in lines if line.startswith("#SBATCH")]
    assert set(asked) >= {
        *("job-name=motes-a", "partition=main", "account=lab", "time=60", "cpus-per-task=3"),
        *("gpus-per-node=2", "mem=1536M", "signal=USR2@90", "requeue", "mail-type=FAIL", "exclusive"),
    }
    assert not any(word.startswith(("contiguous", "wckey")) for word in asked)
    assert lines.index("module load cuda") < lines.index("export SRUN_CPUS_PER_TASK=3")


def test_what_is_not_given_is_left_to_the_site(tmp_path: Path) -> None:
    text = script(tmp_path)
    assert not any(f"--{word}=" in text for word in ("partition", "account", "mem", "gpus-per-node"))


def test_a_short_job_is_told_late_to_stop(tmp_path: Path) -> None:
    assert "--signal=USR2@6\n" in script(tmp_path, minutes=1)
