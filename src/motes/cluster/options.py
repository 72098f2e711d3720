"""What to ask of Slurm: a file that a site can edit, and the options of a command line."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from motes.errors import InputError, did_you_mean
from motes.output import write_text

WARNING = 90  # seconds before its time limit that a job is told to stop


class SlurmOptions(BaseModel):
    """What each job asks for, and what it does first; the shipped slurm.yaml says what each means."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    partition: str | None = None
    account: str | None = None
    minutes: int = Field(gt=0)
    time_outs: int = Field(ge=0)
    cpus: int = Field(gt=0)
    gpus: int | None = Field(None, ge=0)
    memory: float | None = Field(None, gt=0)
    at_once: int | None = Field(None, gt=0)
    in_queue: int = Field(gt=0)
    setup: tuple[str, ...] = ()
    sbatch: dict[str, str | int | float | bool] = {}

    def parameters(self, name: str) -> dict[str, Any]:
        """The same in the words of submitit. name: how the jobs appear in Slurm's lists."""
        more = {key.replace("-", "_"): value for key, value in self.sbatch.items() if value is not False}
        return {
            "job_name": name,
            "partition": self.partition,
            "account": self.account,
            "time": self.minutes,
            "cpus_per_task": self.cpus,
            "gpus_per_node": self.gpus,
            "mem": None if self.memory is None else f"{round(1024 * self.memory)}M",
            "signal_delay_s": min(WARNING, 6 * self.minutes),  # a tenth of a short limit
            "stderr_to_stdout": True,
            "wckey": None,  # submitit's own key is refused where keys are checked
            # Since Slurm 22.05 srun no longer takes over what sbatch was asked for.
            "setup": [*self.setup, f"export SRUN_CPUS_PER_TASK={self.cpus}"],
            "additional_parameters": {"requeue": True, **more},
        }


def slurm_options(folder: Path, template: Path | None = None, **given: Any) -> SlurmOptions:
    """The options in template, or else in FOLDER/slurm.yaml, changed by those of given that are not None.

    Where there is no FOLDER/slurm.yaml, it becomes a copy of template, or else of the file that ships. What a
    file leaves out is as in the file that ships. Raises InputError for a file or a value that cannot be used.
    """
    shipped = resources.files("motes.cluster").joinpath("slurm.yaml").read_text(encoding="utf-8")
    path = folder / "slurm.yaml"
    if not path.exists():
        write_text(path, shipped if template is None else _read(template))
    path = template or path
    values = {**_values(shipped, path), **_values(_read(path), path), **_without_none(given)}
    try:
        return SlurmOptions.model_validate(values)
    except ValidationError as error:
        raise InputError(f"{path}: {_in_words(error)}") from None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} cannot be read ({error}); give a YAML file with options for Slurm"
        ) from None


def _values(text: str, path: Path) -> dict[str, Any]:
    """What is given in YAML text: keys with empty values are left out."""
    try:
        values = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise InputError(f"{path} is not YAML: {error}") from None
    if not isinstance(values, dict):
        raise InputError(f"{path} must hold lines of the form key: value, not {values!r}")
    return _without_none(values)


def _without_none(values: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(key): value for key, value in values.items() if value is not None}


def _in_words(error: ValidationError) -> str:
    first = error.errors()[0]
    key = ".".join(map(str, first["loc"][:2]))
    if first["type"] == "extra_forbidden":
        hint = did_you_mean(key, SlurmOptions.model_fields)
        return f"there is no {key!r}; other options of sbatch belong under sbatch.{hint}"
    return f"{key} cannot be {first['input']!r}: {first['msg']}"
