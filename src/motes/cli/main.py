"""The command `motes`."""

import sys

import typer

from motes.cli import pick, score, simulate, train
from motes.errors import MotesError

app = typer.Typer(
    help="Find small objects in microscope images with U-Nets.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(simulate.app, name="simulate")
app.command()(train.train)
app.command()(pick.pick)
app.command()(score.score)


def main() -> None:
    """Run the command line; what motes raises on purpose becomes one line and exit code 1."""
    try:
        app()
    except MotesError as error:
        print(f"motes: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print(
            "motes: stopped; the same command with --resume (train) or as it is (pick) goes on",
            file=sys.stderr,
        )
        sys.exit(130)
