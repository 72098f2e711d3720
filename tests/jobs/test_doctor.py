import json
from pathlib import Path

import pytest
import torch

import motes
from motes.jobs import doctor
from motes.jobs.doctor import diagnose, installed_versions, processor_name, read_memory


def test_versions_are_those_in_use() -> None:
    versions = installed_versions()
    assert versions["motes"] == motes.__version__
    assert versions["torch"] is not None
    assert torch.__version__.startswith(versions["torch"].split("+")[0])


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PACKAGES", ("torch", "no-such-package"))
    monkeypatch.setattr(doctor, "SIDE", 32)
    found = diagnose()
    assert found.versions["no-such-package"] is None
    assert "no-such-package is not installed: pip install no-such-package" in found.advice


def test_system_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: A Fine Processor\n")
    assert processor_name(tmp_path / "cpuinfo") == "A Fine Processor"
    assert processor_name(tmp_path / "none")
    (tmp_path / "meminfo").write_text("MemTotal: 2097152 kB\nMemAvailable: 1048576 kB\nHugePages_Total: 0\n")
    assert read_memory(tmp_path / "meminfo") == {"MemTotal": 2.0, "MemAvailable": 1.0}
    assert read_memory(tmp_path / "none") == {}


def test_what_is_missing_is_listed_with_its_use(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "SIDE", 32)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = diagnose(tmp_path)
    assert [optional.name for optional in found.missing] == [optional.name for optional in doctor.OPTIONAL]
    assert found.machine.folder == str(tmp_path)
    assert found.machine.free_disk >= 0
    assert 0 < found.machine.cores <= 10_000
    assert json.loads(json.dumps(found.as_dict()))["speed"]["used"] in ("float32", "bfloat16")
    assert min(found.speed.megapixels_per_second.values()) >= 0
