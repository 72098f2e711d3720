"""motes recipe."""

import json
from typing import Annotated

import typer


def recipe(
    name: Annotated[
        str | None,
        typer.Argument(help="A shipped recipe, or a YAML file; without it, all are listed.", metavar="NAME"),
    ] = None,
    changes: Annotated[
        list[str] | None, typer.Argument(help="Changes, as motes train takes them.", metavar="KEY=VALUE")
    ] = None,
    as_yaml: Annotated[bool, typer.Option("--yaml", help="Print it as a file to start from.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List the recipes that ship, or show one with every value and what it means."""
    from motes.cli.console import OUT
    from motes.jobs.recipes import field_rows, recipe_list
    from motes.recipe_file import load_recipe

    if name is None:
        listed = recipe_list()
        if as_json:
            OUT.print(json.dumps(dict(listed)), markup=False)
        else:
            for title, about in listed:
                OUT.print(f"[bold]{title}[/bold]\n    {about}")
        return
    shown = load_recipe(name, changes or ())
    if as_yaml:
        OUT.print(shown.as_yaml(), markup=False, end="")
    elif as_json:
        OUT.print(json.dumps(shown.model_dump(mode="json")), markup=False)
    else:
        OUT.print(f"{shown.name}: {shown.about}", markup=False)
        for row in field_rows(shown):
            changed = "" if row.value == row.default else f"   (default {row.default})" if row.default else ""
            OUT.print(f"\n[bold]{row.key}[/bold] = ", end="")
            OUT.print(f"{row.value}{changed}", markup=False)
            OUT.print(f"    {row.meaning}; {row.allowed}", markup=False, style="dim")
