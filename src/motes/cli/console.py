"""How the command line talks: messages and progress on standard error, results on standard output."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

OUT = Console(soft_wrap=True, highlight=False)
ERR = Console(stderr=True, soft_wrap=True, highlight=False)
WIDE = 200  # characters of a line in a file or a pipe, which have no width of their own


class RateColumn(ProgressColumn):
    """How many are done in a second."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def render(self, task: Task) -> Text:
        """12.3 images/s."""
        rate = task.finished_speed or task.speed
        return Text("" if rate is None else f"{rate:.3g} {self.unit}/s")


@dataclass(frozen=True)
class Terminal:
    """Tells on standard error."""

    console: Console = field(default_factory=lambda: ERR)

    def say(self, message: str) -> None:
        """Show a line."""
        self.console.print(message, markup=False)

    def warn(self, message: str) -> None:
        """Show a line in yellow."""
        self.console.print(message, style="yellow", markup=False)

    @contextmanager
    def progress(self, title: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
        """Show a bar with rate and remaining time; in a log file, a line now and then."""
        columns = [
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            RateColumn(unit),
            TimeRemainingColumn(),
        ]
        with Progress(*columns, console=self.console, transient=False) as bar:
            task = bar.add_task(title, total=total)
            yield lambda done: bar.update(task, completed=done)


def show_table(title: str, columns: list[str], rows: list[list[Any]]) -> None:
    """Print a small table on standard output; only the first column is folded, numbers stay whole."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for number, column in enumerate(columns):
        first = number == 0
        table.add_column(column, justify="left" if first else "right", overflow="fold", no_wrap=not first)
    for row in rows:
        table.add_row(*(plain_cell(cell) for cell in row))
    console = OUT if OUT.is_terminal else Console(width=WIDE, highlight=False)
    console.print(table)


def plain_cell(value: Any) -> str:
    """A value as people read it in a table."""
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
