"""Doing the next piece of work in the background while the present one is used."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


def made_ahead(make: Callable[[Item], Made], items: Iterable[Item], makers: int = 1) -> Iterator[Made]:
    """make(item) for each item, in order, by so many threads; no more than that are ahead of the one in use."""
    with ThreadPoolExecutor(max_workers=makers) as pool:
        waiting = iter(items)
        upcoming = deque(pool.submit(make, item) for item in islice(waiting, makers))
        while upcoming:
            ready = upcoming.popleft().result()
            upcoming.extend(pool.submit(make, item) for item in islice(waiting, 1))
            yield ready
