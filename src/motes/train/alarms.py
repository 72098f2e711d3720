"""What a person would see in the curves of a training that goes wrong, and what to say then."""

from collections.abc import Mapping, Sequence

from motes.train.settings import Training

COLLAPSED = 5  # validations in a row in which nothing, or everything, was called a particle
GUESSING = 0.6  # area under the curve of a net that hardly knows one pixel from the other
UNIMPROVED = 10  # validations
POOR = 0.5  # of the watched metric; what is better may have been learnt in the first epoch

Row = Mapping[str, float | None]


def alarm(rows: Sequence[Row], training: Training) -> str | None:
    """What is wrong with a training whose validated epochs gave these rows of metrics; None if nothing is."""
    return _collapse(rows[-COLLAPSED:]) or _no_improvement(rows, training)


def _collapse(rows: Sequence[Row]) -> str | None:
    """The net gives one answer everywhere, and not because it is merely careful.

    A net that keeps below one half but ranks pixels well is not collapsed: the threshold is fitted later.
    """
    called = {row.get("pixels_called") for row in rows}
    areas = [
        row.get("pixel_auc") for row in rows
    ]  # None where validation shows no particle: no one can judge
    guessing = all(area is not None and area < GUESSING for area in areas)
    if len(rows) < COLLAPSED or len(called) != 1 or not guessing:
        return None
    share = called.pop()
    if share not in (0, 1):
        return None
    word = "no pixel" if share == 0 else "every pixel"
    return (
        f"the net calls {word} a particle, {COLLAPSED} validations in a row, and cannot tell them apart. "
        "Are the labels right (`motes inspect` shows them; a mask is 0 and 1)? Try a learning_rate ten times "
        "lower, and one way only to balance the classes"
    )


def _no_improvement(rows: Sequence[Row], training: Training) -> str | None:
    """Neither the loss nor the watched metric has ever been better than after the first epoch, which was poor."""
    if len(rows) < UNIMPROVED:
        return None
    watched, losses = values_of(rows, training.watch), values_of(rows, "loss")
    if max(watched[1:]) > watched[0] or min(losses[1:]) < losses[0] or watched[0] > POOR:
        return None
    return (
        f"neither the loss nor {training.watch} has improved since the first of {len(rows)} validations. "
        "Try a lower learning_rate, and see with `motes inspect` that labels and images belong together"
    )


def values_of(rows: Sequence[Row], metric: str) -> list[float]:
    """A metric in each row; minus infinity where it is not defined."""
    values = [row.get(metric) for row in rows]
    return [float("-inf") if value is None else value for value in values]
