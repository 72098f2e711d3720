"""Doing the next piece of work in the background while the present one is used."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


def made_ahead(make: Callable[[Item], Made], items: Iterable[Item]) -> Iterator[Made]:
    """make(item) for each item, in order, one ahead of the one in use; never more than two exist."""
    with ThreadPoolExecutor(max_workers=1) as maker:
        waiting = iter(items)
        upcoming = [maker.submit(make, item) for item in _take_one(waiting)]
        while upcoming:
            ready = upcoming.pop().result()
            upcoming = [maker.submit(make, item) for item in _take_one(waiting)]
            yield ready


def _take_one(items: Iterator[Item]) -> list[Item]:
    for item in items:
        return [item]
    return []
