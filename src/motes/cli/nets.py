"""motes nets."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from motes.jobs.nets import NetRow


def nets(
    size: Annotated[
        str, typer.Option(help="Of one image in pixels: 768x768, or in 3D 32x128x128.", metavar="SIZE")
    ] = "768x768",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List the nets, with parameters, operations and memory for an image size."""
    from motes.cli.console import OUT
    from motes.jobs.nets import net_rows
    from motes.jobs.simulate import parse_size

    sides = parse_size(size, ndim=3 if size.count("x") == 2 else 2)
    rows = net_rows(sides)
    if as_json:
        OUT.print(json.dumps({"size": sides, "nets": [row.as_dict() for row in rows]}), markup=False)
    else:
        _show(rows, sides)


def _show(rows: Sequence["NetRow"], sides: tuple[int, ...]) -> None:
    from motes.cli.console import OUT, show_table

    show_table(
        f"nets for one image of {_written(sides)}",
        ["net", "parameters", "GFLOP a forward pass", "GiB kept to train"],
        [_cells(row) for row in rows],
    )
    named: dict[str, list[str]] = {}
    for row in rows:
        for note in _notes(row, sides):
            named.setdefault(note, []).append(row.name)
    for note, names in named.items():
        OUT.print(f"note  {', '.join(names)}: {note}", markup=False, style="yellow")


def _cells(row: "NetRow") -> list[str]:
    if row.parameters is None or row.operations is None or row.activation_bytes is None:
        return [row.name, "-", "-", "-"]
    return [
        row.name,
        f"{row.parameters:,}",
        f"{row.operations / 1e9:,.1f}",
        f"{row.activation_bytes / 2**30:.2f}",
    ]


def _notes(row: "NetRow", sides: tuple[int, ...]) -> list[str]:
    """What is particular about a row: what the net cannot do, another size, why it is not here."""
    if row.missing is not None:
        return [row.missing]
    notes = [f"cannot {what}" for what in row.cannot]
    if row.size != sides:
        notes.append(f"counted at {_written(row.size)}, the next size taken; images are padded to it")
    return notes


def _written(sides: tuple[int, ...]) -> str:
    return "x".join(map(str, sides))
