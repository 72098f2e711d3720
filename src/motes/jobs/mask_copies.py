"""Images that are there twice, and masks that belong to several, in words."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from motes.data.look_alikes import LookAlike
from motes.jobs.mask_faults import FULL, Looked, MaskFault, names_of

FEW_OBJECTS = 8  # images of fewer may be alike by them alone
SAME_GRAIN = 0.3  # correlation of the noise of two copies
Pairs = list[tuple[Looked, Looked, LookAlike]]


def faults_of_pairs(looked: Sequence[Looked], alike: Iterable[LookAlike]) -> Iterator[MaskFault]:
    """Images that are there twice, and masks that belong to several; look-alikes by number in `looked`."""
    same: Pairs = []
    near: Pairs = []
    for pair in alike:
        first, second = looked[pair.first], looked[pair.second]
        if min(first.regions, second.regions) < FEW_OBJECTS and pair.grain < SAME_GRAIN:
            continue
        (same if first.image_sha256 == second.image_sha256 else near).append((first, second, pair))
    for pairs, what in ((same, "the same"), (near, "nearly the same")):
        for leaks, chosen in _by_leak(pairs):
            if chosen:
                yield _duplicated(chosen, what, leaks)
    yield from _shared_masks(looked)


def _by_leak(pairs: Pairs) -> Iterator[tuple[str, Pairs]]:
    """Pairs across parts, pairs that may be divided, and pairs that are not."""
    order: dict[str, Callable[[Looked, Looked], bool]] = {
        "across": lambda a, b: a.part != b.part and "" not in (a.part, b.part),
        "open": lambda a, b: "" in (a.part, b.part) and not (a.group and a.group == b.group),
    }
    left = list(pairs)
    for leak, holds in order.items():
        yield leak, [pair for pair in left if holds(pair[0], pair[1])]
        left = [pair for pair in left if not holds(pair[0], pair[1])]
    yield "within", left


def _duplicated(pairs: Pairs, what: str, leak: str) -> MaskFault:
    first, second, pair = pairs[0]
    words = {
        "across": f"one in {first.part}, one in {second.part}: what is validated or tested on must not be trained on, "
        "so take one of them out",
        "open": "if one is trained on and the other validated on, the score means nothing; take one of them out, or "
        "give both one group in the table",
        "within": "the picture counts twice; take one of them out unless that is meant",
    }[leak]
    how = ", one of them turned or mirrored" if pair.turned else ""
    return MaskFault(
        "duplicated",
        f"{first.name} and {second.name} show {what} picture{how}{_more(len(pairs) - 1, 'pair')}; {words}",
        tuple(dict.fromkeys(each.name for pair_ in pairs for each in pair_[:2])),
        {
            "pairs": len(pairs),
            "correlation": min(each.correlation for _, _, each in pairs),
            "parts": " and ".join(sorted({first.part or "open", second.part or "open"})),
        },
        unusable=leak == "across" or (leak == "open" and what == "the same"),
    )


def _shared_masks(looked: Sequence[Looked]) -> Iterator[MaskFault]:
    by_mask: dict[str, list[Looked]] = {}
    for each in looked:
        if each.highest > 0 and each.coverage < FULL:
            by_mask.setdefault(each.mask_sha256, []).append(each)
    shared = [group for group in by_mask.values() if len({each.image_sha256 for each in group}) > 1]
    if shared:
        found = [each for group in shared for each in group]
        yield MaskFault(
            "same_mask",
            f"{shared[0][0].name} and {shared[0][1].name} are different images with one and the same mask"
            f"{_more(len(found) - 2, 'image')}; see which of them it belongs to",
            names_of(found),
            {"images": len(found)},
            unusable=False,
        )


def _more(count: int, what: str) -> str:
    return f" ({count} more {what}{'s' if count > 1 else ''})" if count > 0 else ""
