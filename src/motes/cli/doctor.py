"""motes doctor."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from motes.cli.options import Device, Threads

if TYPE_CHECKING:
    from motes.jobs.doctor import Diagnosis


def doctor(
    device: Device = None,
    threads: Threads = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say what this installation and this machine can do, and what is missing."""
    from motes.cli.console import OUT
    from motes.jobs.doctor import diagnose

    found = diagnose(device=device, threads=threads)
    if as_json:
        OUT.print(json.dumps(found.as_dict()), markup=False)
    else:
        _show(found)


def _show(found: "Diagnosis") -> None:
    from motes.cli.console import OUT, show_table

    for line in found.advice:
        OUT.print(f"note  {line}", markup=False, style="yellow")
    show_table("versions", ["", "version"], [[name, v or "missing"] for name, v in found.versions.items()])
    show_table("machine", ["", "here"], _machine_rows(found))
    rows = [
        [name, f"{speed:.3g}", "yes" if name == found.speed.used else "no"]
        for name, speed in found.speed.megapixels_per_second.items()
    ]
    show_table(f"speed of a small net, {found.speed.device}", ["", "megapixels/s", "used"], rows)
    if found.missing:
        missing = [[optional.name, optional.brings] for optional in found.missing]
        show_table("not here, and not needed", ["", "what it would bring"], missing)


def _machine_rows(found: "Diagnosis") -> list[list[str]]:
    here = found.machine
    gpus = ", ".join(f"{gpu.name} ({gpu.memory:g} GiB)" for gpu in here.gpus) or "none"
    return [
        ["processor", here.processor],
        ["cores", f"{here.cores}, {here.threads} threads used"],
        ["bfloat16 instructions", "yes" if here.bfloat16 else "no"],
        ["GPU", gpus],
        ["memory", f"{_gib(here.available_memory)} free of {_gib(here.memory)}"],
        ["disk", f"{here.free_disk:g} GiB free for {here.folder}"],
    ]


def _gib(value: float | None) -> str:
    return "unknown" if value is None else f"{value:g} GiB"
