"""motes study."""

from pathlib import Path
from typing import Annotated

import typer

from motes.cli.options import Device, Threads

app = typer.Typer(help="Compare ways to train nets, so that the conclusions hold.", no_args_is_help=True)

STUDY = "Name of a shipped study, or a YAML file."
Folder = Annotated[Path, typer.Argument(help="Folder of a study.", metavar="DIR", file_okay=False)]


@app.command()
def run(
    study: Annotated[str, typer.Argument(help=STUDY, metavar="STUDY")],
    out: Annotated[
        Path, typer.Option(help="Folder for everything; the same command goes on in it.", file_okay=False)
    ],
    changes: Annotated[
        list[str] | None,
        typer.Argument(help="Changes of every arm's recipe, such as epochs=5.", metavar="KEY=VALUE"),
    ] = None,
    size: Annotated[str | None, typer.Option(help="quick or full; by default quick.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="Table of images with their labels and groups.", metavar="DATA.csv")
    ] = None,
    on: Annotated[str, typer.Option(help="local: this machine; slurm: jobs of Slurm.")] = "local",
    processes: Annotated[
        int | None, typer.Option(help="Trainings at a time, on this machine.", min=1)
    ] = None,
    threads: Threads = None,
    device: Device = None,
    budget: Annotated[float | None, typer.Option(help="Hours that it may take at most.", min=0)] = None,
    pilot: Annotated[
        Path | None, typer.Option(help="An earlier study to learn from what can be detected.", metavar="DIR")
    ] = None,
    plan_only: Annotated[bool, typer.Option("--plan-only", help="Say what it would cost, and stop.")] = False,
    retry: Annotated[bool, typer.Option("--retry", help="Begin again what has failed.")] = False,
    partition: Annotated[str | None, typer.Option(help="Slurm: partition.")] = None,
    account: Annotated[str | None, typer.Option(help="Slurm: account.")] = None,
    minutes: Annotated[int | None, typer.Option(help="Slurm: time limit of a job.", min=1)] = None,
    cpus: Annotated[int | None, typer.Option(help="Slurm: processors of a job.", min=1)] = None,
    gpus: Annotated[int | None, typer.Option(help="Slurm: GPUs of a job.", min=0)] = None,
    memory: Annotated[float | None, typer.Option(help="Slurm: GB of a job.", min=0)] = None,
    at_once: Annotated[int | None, typer.Option(help="Slurm: jobs at a time.", min=1)] = None,
    template: Annotated[
        Path | None, typer.Option(help="Slurm: a site's own slurm.yaml.", metavar="SLURM.yaml")
    ] = None,
) -> None:
    """Run a study, or go on with one that was stopped."""
    from motes.cli.console import OUT, Terminal
    from motes.errors import InputError
    from motes.study.file import load_study
    from motes.study.run import Options, Where, run_study

    asked = {
        "partition": partition,
        "account": account,
        "minutes": minutes,
        "cpus": cpus,
        "gpus": gpus,
        "memory": memory,
        "at_once": at_once,
    }
    if on not in ("local", "slurm"):
        raise InputError(f"--on is {on!r}; expected local or slurm")
    where = Where(asked if on == "slurm" else None, template, processes, threads, device)
    options = Options(data, pilot, budget, plan_only, retry)
    outcome = run_study(load_study(study, size, changes or ()), out, where, options, Terminal())
    if outcome.report is None:
        OUT.print("next: the same command without --plan-only runs it", markup=False)
        return
    _tell_report(out)


@app.command()
def status(folder: Folder) -> None:
    """Say how far a study has come."""
    from motes.cli.console import OUT, show_table
    from motes.study.status import status_of

    found = status_of(folder)
    show_table(f"{found.name}: {found.stage}", list(found.columns), [list(row) for row in found.rows])
    for item, reason in found.failed.items():
        OUT.print(f"failed: {item}: {reason}", markup=False, style="red")


@app.command()
def report(folder: Folder) -> None:
    """Write the report again, from what is there so far."""
    from motes.study.report import write_report
    from motes.study.status import open_study

    place, study, folds = open_study(folder)
    write_report(place, study, folds)
    _tell_report(folder)


@app.command()
def search(
    name: Annotated[str, typer.Argument(help="Name of a shipped search, or a YAML file.", metavar="SEARCH")],
    out: Annotated[
        Path, typer.Option(help="Folder for everything; the same command goes on in it.", file_okay=False)
    ],
    changes: Annotated[
        list[str] | None,
        typer.Argument(help="Changes of every trial's recipe, such as epochs=5.", metavar="KEY=VALUE"),
    ] = None,
    size: Annotated[str | None, typer.Option(help="quick or full; by default quick.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="Table of images with their labels and groups.", metavar="DATA.csv")
    ] = None,
    trials: Annotated[
        int | None, typer.Option(help="How many, in place of the search's own number.", min=1)
    ] = None,
    processes: Annotated[int | None, typer.Option(help="Trainings at a time.", min=1)] = None,
    threads: Threads = None,
    device: Device = None,
) -> None:
    """Search for good values of a recipe's fields, or go on with a search that was stopped."""
    from motes.cli.console import OUT, Terminal, show_table
    from motes.study.run import Where
    from motes.study.search import run_search
    from motes.study.search_description import load_search
    from motes.study.search_words import table_of, verdict

    where = Where(processes=processes, threads=threads, device=device)
    found = run_search(load_search(name, size, changes or (), trials), out, where, data, Terminal())
    show_table(f"{found.search.name}: the best values", *table_of(found))
    for sentence in verdict(found):
        OUT.print(sentence, markup=False)
    OUT.print(f"recipe: {found.folder.best}\ntrials: {found.folder.trials}", markup=False)
    OUT.print(f"next: motes train {found.folder.best} --data {found.folder.fold(0)} --out run", markup=False)
    if found.given_up:
        OUT.print(f"given up: {found.given_up} trials; the same command tries them again", style="red")
        raise typer.Exit(1)


def _tell_report(folder: Path) -> None:
    """Say what was found, and where it is written; exit code 1 where pieces failed or the audit did not pass."""
    import json

    from motes.cli.console import OUT
    from motes.study.folder import Folder
    from motes.study.run import failures

    found = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    OUT.print(found["answer"], markup=False)
    for effect in found["effects"]:
        OUT.print(effect["words"], markup=False)
    for caveat in found["caveats"]:
        OUT.print(caveat, markup=False)
    wrong = [row for row in found["audit"] if row["outcome"] in ("failed", "unknown")]
    for row in wrong:
        OUT.print(
            f"audit, {row['words']}: {row['outcome']}; {'; '.join(row['where'])}", markup=False, style="red"
        )
    if not wrong:
        OUT.print("audit: passed", markup=False)
    OUT.print(
        f"report: {folder / 'report.html'}\nnumbers: {folder / 'results.json'}, {folder / 'scores.csv'}",
        markup=False,
    )
    failed = failures(Folder(folder))
    for item, reason in failed.items():
        OUT.print(f"failed: {item}: {reason}", markup=False, style="red")
    if failed or wrong:
        raise typer.Exit(1)
