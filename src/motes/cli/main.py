"""The command `motes`."""

import gc
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Annotated

import typer

import motes
from motes.cli import (
    convert,
    doctor,
    inspect,
    measure,
    nets,
    pick,
    prepare,
    recipe,
    score,
    simulate,
    study,
    train,
)
from motes.errors import MotesError

# torch and scipy make some 200,000 objects when they are imported, which stay: to search them for garbage every 700
# objects, as Python does, takes up to a tenth of the time that it takes to import them.
OBJECTS_BEFORE_A_SEARCH = 10_000

AGAIN = "the same command again goes on, or begins anew where nothing was kept"

app = typer.Typer(
    help="Find small objects in microscope images with U-Nets.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def show_version(wanted: bool) -> None:
    """Print the version and end."""
    if wanted:
        print(f"motes {motes.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Find small objects in microscope images with U-Nets."""


app.add_typer(simulate.app, name="simulate")
app.add_typer(study.app, name="study")
app.command()(inspect.inspect)
app.command()(recipe.recipe)
app.command()(nets.nets)
app.command()(prepare.prepare)
app.command()(train.train)
app.command()(pick.pick)
app.command()(score.score)
app.command()(measure.measure)
app.command()(convert.convert)
app.command()(doctor.doctor)


class Stopped(BaseException):
    """Someone stopped the program. Not a KeyboardInterrupt, which typer would answer itself."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise Stopped at Ctrl-C and SIGTERM, so that what is open is closed; a second one kills.

    Signals that are ignored, as Ctrl-C is in the background of a script, stay ignored.
    """

    def stop(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        raise Stopped(number)

    if threading.current_thread() is not threading.main_thread():  # only there may handlers be set
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    before = {number: handler for number, handler in before.items() if handler not in (signal.SIG_IGN, None)}
    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def main() -> None:
    """Run the command line; what motes raises on purpose, or the system refuses, becomes one line and exit code 1.

    Ctrl-C and SIGTERM become one line that says how to go on, and exit code 130 or 143.
    """
    gc.set_threshold(OBJECTS_BEFORE_A_SEARCH)
    try:
        with stoppable():
            app()
    except MotesError as error:
        print(f"motes: {error}", file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        print(
            f"motes: the system refuses: {error}; see that the path is right and can be used", file=sys.stderr
        )
        sys.exit(1)
    except Stopped as stopped:
        again = "the same command with --resume goes on" if sys.argv[1:2] == ["train"] else AGAIN
        print(f"motes: stopped; {again}", file=sys.stderr)
        sys.exit(128 + stopped.number)
