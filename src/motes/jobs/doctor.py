"""What this machine and this installation have to offer."""

import os
import platform
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import motes
from motes.jobs.device import choose_device
from motes.nets.build import build_net
from motes.nets.description import NetDescription
from motes.predict.maps import cpu_has_bfloat16, fast_precision, predict

PACKAGES = ("torch", "numpy", "scipy", "mrcfile", "gemmi", "tifffile", "imagecodecs", "pillow", "pydantic")
WIDTH = 16  # of the net that is timed, the one of the recipe for micrographs
SIDE = 256  # of the image that it is shown, px
REPEATS = 3
GIB = 1 << 30


@dataclass(frozen=True)
class Optional:
    """A program that motes can do without, and what it would bring."""

    name: str
    program: str
    brings: str


OPTIONAL = (
    Optional(
        "RELION", "relion_preprocess", "the acceptance test that RELION cuts every particle from our files"
    ),
    Optional("NVIDIA driver", "nvidia-smi", "computing on an NVIDIA GPU"),
)


@dataclass(frozen=True)
class Gpu:
    """A GPU that torch can use. memory: GiB."""

    name: str
    memory: float


@dataclass(frozen=True)
class Machine:
    """memory, available_memory, free_disk: GiB, None where the system does not tell."""

    processor: str
    cores: int
    threads: int
    bfloat16: bool
    gpus: list[Gpu]
    memory: float | None
    available_memory: float | None
    folder: str
    free_disk: float
    writable: bool


@dataclass(frozen=True)
class Speed:
    """Megapixels a second of a forward pass, by number format, and the format that is used."""

    device: str
    megapixels_per_second: dict[str, float]
    used: str


@dataclass(frozen=True)
class Diagnosis:
    """versions: by package, None where one is missing. missing: what is not here and what it would bring."""

    versions: dict[str, str | None]
    machine: Machine
    missing: list[Optional]
    advice: list[str]
    speed: Speed

    def as_dict(self) -> dict[str, Any]:
        """All of it as plain values."""
        return asdict(self)


def diagnose(
    folder: Path | None = None, *, device: str | None = None, threads: int | None = None
) -> Diagnosis:
    """Look at versions, processor, GPUs, memory and disk, and time a small net; folder: where results go."""
    chosen = choose_device(device, threads)
    versions = installed_versions()
    machine = look_at_machine(folder or Path.cwd())
    missing = [optional for optional in OPTIONAL if shutil.which(optional.program) is None]
    return Diagnosis(versions, machine, missing, _advice(versions, machine), time_net(chosen))


def installed_versions() -> dict[str, str | None]:
    """Versions of motes, Python and the packages that results depend on."""
    found: dict[str, str | None] = {"motes": motes.__version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


def look_at_machine(folder: Path) -> Machine:
    """Processor, GPUs, memory, and the disk that a folder lies on."""
    memory = read_memory()
    return Machine(
        processor=processor_name(),
        cores=usable_cores(),
        threads=torch.get_num_threads(),
        bfloat16=cpu_has_bfloat16(),
        gpus=[
            Gpu(
                torch.cuda.get_device_name(n),
                round(torch.cuda.get_device_properties(n).total_memory / GIB, 1),
            )
            for n in range(torch.cuda.device_count())
        ],
        memory=memory.get("MemTotal"),
        available_memory=memory.get("MemAvailable"),
        folder=str(folder),
        free_disk=round(shutil.disk_usage(folder).free / GIB, 1),
        writable=os.access(folder, os.W_OK),
    )


def processor_name(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """What the processor calls itself."""
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def usable_cores() -> int:
    """How many cores this process may use, which in a container or a job can be fewer than there are."""
    allowed = getattr(os, "sched_getaffinity", None)  # Linux only
    return len(allowed(0)) if allowed is not None else os.cpu_count() or 1


def read_memory(meminfo: Path = Path("/proc/meminfo")) -> dict[str, float]:
    """Linux's memory figures in GiB; empty on other systems."""
    if not meminfo.is_file():
        return {}
    lines = (line.split() for line in meminfo.read_text(encoding="utf-8").splitlines())
    return {
        words[0].rstrip(":"): round(int(words[1]) * 1024 / GIB, 1)
        for words in lines
        if len(words) == 3 and words[2] == "kB"
    }


def time_net(device: torch.device) -> Speed:
    """Time a forward pass of a small net in each number format."""
    net = build_net(NetDescription(width=WIDTH)).to(device).eval()
    image = np.random.default_rng(0).standard_normal((SIDE, SIDE), dtype=np.float32)
    speeds = {
        str(precision).removeprefix("torch."): SIDE**2 / 1e6 / _seconds(net, image, precision)
        for precision in (torch.float32, torch.bfloat16)
    }
    return Speed(
        device=device.type,
        megapixels_per_second={name: round(speed, 2) for name, speed in speeds.items()},
        used=str(fast_precision(device)).removeprefix("torch."),
    )


def _seconds(net: nn.Module, image: np.ndarray[Any, np.dtype[np.float32]], precision: torch.dtype) -> float:
    """The shortest of a few passes, the first of which warms up."""
    predict(net, image, precision)
    taken = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        predict(net, image, precision)
        taken.append(time.perf_counter() - started)
    return min(taken)


def _advice(versions: Mapping[str, str | None], machine: Machine) -> list[str]:
    """What to change on this machine."""
    advice = [f"{name} is not installed: pip install {name}" for name, v in versions.items() if v is None]
    if not machine.gpus and shutil.which("nvidia-smi") is not None:
        advice.append(
            f"there is an NVIDIA driver, but torch {versions['torch']} cannot use a GPU: install a torch built "
            "for CUDA (pytorch.org/get-started), and see that the driver is new enough for it"
        )
    if machine.available_memory is not None and machine.available_memory < 2:
        advice.append(
            f"{machine.available_memory:g} GiB of memory are free; training micrographs takes up to 4"
        )
    if machine.free_disk < 1:
        advice.append(
            f"{machine.free_disk:g} GiB are free on the disk of {machine.folder}; make room for results"
        )
    if not machine.writable:
        advice.append(f"no permission to write into {machine.folder}; start motes in another folder")
    if not (machine.bfloat16 or machine.gpus):
        advice.append(
            f"this processor has no bfloat16 instructions, so float32 is used ({machine.processor})"
        )
    return advice
