"""The command `motes`."""

import sys

import typer

from motes.cli import convert, doctor, inspect, pick, score, simulate, train
from motes.errors import MotesError

app = typer.Typer(
    help="Find small objects in microscope images with U-Nets.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(simulate.app, name="simulate")
app.command()(inspect.inspect)
app.command()(train.train)
app.command()(pick.pick)
app.command()(score.score)
app.command()(convert.convert)
app.command()(doctor.doctor)


def main() -> None:
    """Run the command line; what motes raises on purpose, or the system refuses, becomes one line and exit code 1."""
    try:
        app()
    except MotesError as error:
        print(f"motes: {error}", file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        print(
            f"motes: the system refuses: {error}; see that the path is right and can be used", file=sys.stderr
        )
        sys.exit(1)
    except KeyboardInterrupt:
        print(
            "motes: stopped; the same command with --resume (train) or as it is (pick) goes on",
            file=sys.stderr,
        )
        sys.exit(130)
