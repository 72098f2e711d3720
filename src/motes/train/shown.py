"""What a net was shown, as hashes: two runs with equal ones were shown the same."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from motes.data.crops import Patches


@dataclass
class Shown:
    """Chained SHA-256 of the crops of an epoch, in the order in which they were trained on.

    order: of the images' numbers. places: of where crops were taken. draws: of what augmentation drew. Each
    crop's hash takes in that of the crop before it, so that equal ones mean the same crops in the same order.
    """

    order: str = ""
    places: str = ""
    draws: str = ""

    def add(self, patches: Patches) -> None:
        """Take in the crops of one part of a batch."""
        for plan in patches.plans:
            self.order = chained(self.order, str(plan.image))
            self.places = chained(self.places, repr(plan.centre.tolist()))
            self.draws = chained(self.draws, plan.drawn.as_text())
        if patches.pairs:
            self.draws = chained(self.draws, repr(patches.pairs))

    @classmethod
    def joined(cls, shares: Sequence["Shown"]) -> "Shown":
        """The hashes of several processes' shares as one; of one share, that share."""
        if len(shares) == 1:
            return shares[0]
        together = cls()
        for share in shares:
            together.order = chained(together.order, share.order)
            together.places = chained(together.places, share.places)
            together.draws = chained(together.draws, share.draws)
        return together


def chained(before: str, text: str) -> str:
    """SHA-256, as hexadecimal digits, of the hash before and some text."""
    return hashlib.sha256(f"{before}\n{text}".encode()).hexdigest()
