"""How a job tells the user what it does, without knowing about terminals."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol


class Teller(Protocol):
    """Whoever shows messages and progress."""

    def say(self, message: str) -> None:
        """Show a line."""

    def warn(self, message: str) -> None:
        """Show a line that the user should not miss."""

    def progress(self, title: str, total: int, unit: str) -> AbstractContextManager[Callable[[int], None]]:
        """Show a bar with rate and end; the function that comes back takes how many are done."""


@dataclass(frozen=True)
class Silent:
    """Tells nothing: for use as a library, and in tests."""

    def say(self, message: str) -> None:
        """Drop the line."""

    def warn(self, message: str) -> None:
        """Drop the line."""

    @contextmanager
    def progress(self, title: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:  # noqa: ARG002
        """Show nothing."""
        yield lambda _: None


@dataclass(frozen=True)
class Printed:
    """Prints lines on standard output, for processes whose output goes to a log; no progress."""

    def say(self, message: str) -> None:
        """Print the line at once."""
        print(message, flush=True)

    def warn(self, message: str) -> None:
        """Print the line, marked."""
        print(f"warning: {message}", flush=True)

    @contextmanager
    def progress(self, title: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
        """Print what begins."""
        print(f"{title}: {total} {unit}", flush=True)
        yield lambda _: None


@dataclass(frozen=True)
class Failure:
    """One input that could not be used, and why; the others were done all the same."""

    name: str
    reason: str

    @property
    def message(self) -> str:
        """The reason with the name in front, once."""
        return self.reason if self.reason.startswith(self.name) else f"{self.name}: {self.reason}"
