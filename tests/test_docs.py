"""What the documentation says is true: its commands parse, its links lead somewhere, its tables are up to date."""

import re
import runpy
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from motes.cli.main import app
from motes.fairness import CHECKS
from motes.recipe_file import leaf_keys, load_recipe, shipped_recipes
from motes.study.description import Study
from motes.study.file import load_study, shipped_studies
from motes.study.search_description import load_search

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
VERBS = [
    "simulate micrographs",
    "simulate worlds",
    "simulate tomograms",
    "simulate beads",
    "inspect",
    "recipe",
    "nets",
    "prepare",
    "train",
    "study run",
    "study status",
    "study report",
    "study search",
    "pick",
    "score",
    "measure",
    "convert",
    "doctor",
]
WITHOUT_OPTIONS = ("study status", "study report")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
YAML = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
MADE = re.compile(r"<!-- made by .*?: start -->.*?<!-- made by .*?: end -->", re.DOTALL)
INLINE = re.compile(r"`(motes [a-z][^`]*)`")
START = re.compile(r"^((torchrun|srun) .*bin/)?motes ")
CHANGES = re.compile(r"`(\'?[a-z_.]+=[^`]+)`")
MARK = re.compile(r"[^\w\- ]")


def commands() -> Iterator[Any]:
    """Every `motes VERB ...` line in a block, and in the running text those that hold more than the verb."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        blocks = [line for block in FENCE.findall(text) for line in block.replace("\\\n", "").splitlines()]
        running = [found for found in INLINE.findall(FENCE.sub("", text)) if " --" in found or "=" in found]
        for line in [*blocks, *running]:
            if START.match(line):
                yield pytest.param(START.sub("motes ", line), id=f"{page.name}: {line}")


def changes() -> Iterator[Any]:
    """Changes of a recipe in the running text, such as `flip=false`; several words of one span belong together."""
    for page in PAGES:
        text = FENCE.sub("", MADE.sub("", page.read_text(encoding="utf-8")))
        for found in CHANGES.findall(text):
            if found != "key=value" and not found.endswith("..."):
                yield pytest.param(shlex.split(found), id=f"{page.name}: {found}")


def example_recipes() -> Iterator[Any]:
    """The recipes, studies and searches in the pages."""
    for page in PAGES:
        for number, block in enumerate(YAML.findall(page.read_text(encoding="utf-8")), start=1):
            yield pytest.param(block, id=f"{page.name}: recipe {number}")


def command_of(verb: str) -> Any:
    """The command of a verb, such as 'simulate micrographs'."""
    command = typer.main.get_command(app)
    for word in verb.split():
        command = command.get_command(None, word)  # type: ignore[attr-defined]
    return command


@pytest.mark.parametrize("line", list(commands()))
def test_commands_parse(line: str) -> None:
    words = [word for word in shlex.split(line, comments=True)[1:] if word != "..."]
    verb = next(verb for verb in VERBS if words[: len(verb.split())] == verb.split())
    given = words[len(verb.split()) :]
    if "--help" in given:
        return
    read = command_of(verb).make_context(verb, given).params
    assert not read.get("left_over")
    if verb in ("train", "recipe"):
        name = read.get("recipe") or read.get("name")
        shipped = name in shipped_recipes()
        load_recipe(name if shipped else "micrographs", read["changes"] or ())


@pytest.mark.parametrize("words", list(changes()))
def test_changes_can_be_made(words: list[str]) -> None:
    recipe = load_recipe("micrographs", words)
    assert recipe.name == "micrographs"


@pytest.mark.parametrize("text", list(example_recipes()))
def test_example_recipes_load(text: str, tmp_path: Path) -> None:
    path = tmp_path / "example.yaml"
    path.write_text(text, encoding="utf-8")
    values = yaml.safe_load(text)
    load = load_search if "space" in values else load_study if "arms" in values else load_recipe
    assert load(str(path)).name == values["name"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = [target for target in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in target]
    for target in targets:
        name, _, heading = target.partition("#")
        linked = (page.parent / name) if name else page
        assert linked.exists(), f"{page.name} links to {target}, which is not there"
        if heading:
            assert heading in anchors(linked), f"{page.name} links to {target}; no such heading"


def anchors(page: Path) -> set[str]:
    """The names under which headings can be linked, as GitHub makes them."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {MARK.sub("", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in WITHOUT_OPTIONS])
def test_every_option_is_explained(verb: str) -> None:
    usage = (ROOT / "docs" / "usage.md").read_text(encoding="utf-8")
    section = usage.partition(f"\n## motes {verb}\n")[2].partition("\n## ")[0]
    options = [
        option for parameter in command_of(verb).params for option in parameter.opts if option[:2] == "--"
    ]
    assert options
    assert [option for option in options if f"`{option}`" not in section] == []


def test_every_field_of_a_study_is_explained() -> None:
    page = (ROOT / "docs" / "studies.md").read_text(encoding="utf-8")
    table = page.partition("## A study of your own")[2].partition("\n## ")[0]
    assert [name for name in Study.model_fields if f"`{name}`" not in table] == []
    assert [name for name in shipped_studies() if f"| `{name}` |" not in page] == []


def test_every_check_of_the_audit_is_explained() -> None:
    page = (ROOT / "docs" / "studies.md").read_text(encoding="utf-8")
    assert [check for check in CHECKS if f"\n| {check} |" not in page] == []


def test_the_tables_of_recipes_are_up_to_date() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "recipe-table"))
    page = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    written = page.partition(script["START"])[2].partition(script["END"])[0]
    assert written == f"\n{script['tables']()}", (
        "docs/recipes.md is behind the program: call scripts/recipe-table"
    )
    assert all(f"| `{key}` |" in written for key in leaf_keys())
