"""What each net costs for an image of some size."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from motes.errors import InputError, MotesError
from motes.nets.build import NETS
from motes.nets.cost import net_cost, padded_size
from motes.nets.description import NetDescription

SIZE = (768, 768)


@dataclass(frozen=True)
class NetRow:
    """One net with its costs (see cost.NetCost), None with the reason in missing where it cannot be built.

    size: that the costs are for, ([z,] y, x) in pixels: the one asked for, or the next that the net takes.
    """

    name: str
    parameters: int | None
    operations: int | None
    activation_bytes: int | None
    size: tuple[int, ...]
    cannot: tuple[str, ...]
    missing: str | None

    def as_dict(self) -> dict[str, Any]:
        """All of it as plain values."""
        return asdict(self)


def net_rows(size: Sequence[int] = SIZE, names: Sequence[str] | None = None) -> list[NetRow]:
    """A row for each net of the table, as its name sets it, for one image channel and one map.

    size: of the image, ([z,] y, x) in pixels; InputError unless it has two or three sides above 0.
    """
    if len(size) not in (2, 3) or min(size) < 1:
        raise InputError(
            f"the size {'x'.join(map(str, size))} is not that of an image; expected 768x768 or, in 3D, 32x128x128"
        )
    return [_row(name, tuple(size)) for name in names or NETS]


def _row(name: str, size: tuple[int, ...]) -> NetRow:
    net = NetDescription(name=name, ndim=3 if len(size) == 3 else 2)
    padded = padded_size(net, size)
    cannot = NETS[name].cannot
    try:
        cost = net_cost(net, padded)
    except MotesError as error:
        return NetRow(name, None, None, None, padded, cannot, str(error))
    return NetRow(name, cost.parameters, cost.operations, cost.activation_bytes, padded, cannot, None)
