"""What a person would see in the curves of a training that goes wrong, and what to say then."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from motes.train.settings import Training

COLLAPSED = 5  # validations in a row in which nothing, or everything, was called a particle
ONE_ANSWER = 0.001  # share of the pixels that may be called otherwise
GUESSING = 0.6  # area under the curve of a net that hardly knows one pixel from the other
WEAK = 0.7  # the same, of a net that has not got further in UNIMPROVED validations
USELESS = 0.05  # of the watched metric
FLAT = 0.005  # of an area under the curve; less is no change
UNIMPROVED = 10  # validations
POOR = 0.5  # of the watched metric; what is better may have been learnt in the first epoch
FALLING = 0.05  # of the watched metric from one validation to the next, on average
RANKS = 0.8  # area under the curve of a net that tells pixels apart
TOO_FAST = {"adam": 0.1, "adamw": 0.1, "sgd": 1.0}  # learning rates of which no training is known to profit

ALWAYS = ("no pixel", "every pixel")

Row = Mapping[str, float | None]


def alarm(rows: Sequence[Row], training: Training) -> str | None:
    """What is wrong with a training whose validated epochs gave these rows of metrics; None if nothing is.

    Whoever asks gives the training up, so that nothing is said of one that may still come right.
    """
    return _collapse(rows, training) or _no_improvement(rows, training)


def warning(rows: Sequence[Row], training: Training) -> str | None:
    """What to say of a training that has ended, by the rows of its validated epochs; None if it went well."""
    return _careful(rows, training) or _unsteady(rows[-UNIMPROVED:], training)


def rate_warning(training: Training) -> str | None:
    """What to say before the first step of a learning rate that is most likely a slip; else None."""
    if training.learning_rate < TOO_FAST[training.optimiser]:
        return None
    return (
        f"learning_rate is {training.learning_rate:g}, far above what {training.optimiser} is used with "
        f"(1e-4 to {TOO_FAST[training.optimiser] / 10:g}); expect a net that collapses or swings from epoch to epoch"
    )


def _collapse(rows: Sequence[Row], training: Training) -> str | None:
    """The net gives one answer everywhere, and not because it is merely careful, or has only begun to learn.

    A net that keeps below one half but ranks pixels well is not collapsed: the threshold is fitted later. One that
    ranks them better at each validation learns.
    """
    few, many = rows[-COLLAPSED:], rows[-UNIMPROVED:]
    if len(few) == COLLAPSED and _answer(few) in ALWAYS and _below(few, GUESSING) and not _rising(few):
        return _collapsed(few)
    lost = _below(many, GUESSING) or (_below(many, WEAK) and _stuck(many, training))
    if len(many) == UNIMPROVED and _answer(many) and lost and not _rising(many):
        return _collapsed(many)
    return None


def _collapsed(rows: Sequence[Row]) -> str:
    return (
        f"the net calls {_answer(rows)} a particle, {len(rows)} validations in a row, and cannot tell them apart. "
        "Are the labels right (`motes inspect` shows them; a mask is 0 and 1)? Try a learning_rate ten times "
        "lower, and one way only to balance the classes"
    )


def _answer(rows: Sequence[Row]) -> str:
    """What the net says of all pixels, in words; nothing where it makes a difference between them."""
    shares = [row.get("pixels_called") for row in rows]
    none = [share is not None and share <= ONE_ANSWER for share in shares]
    every = [share is not None and share >= 1 - ONE_ANSWER for share in shares]
    if not all(no or yes for no, yes in zip(none, every, strict=True)):
        return ""
    if all(none) or all(every):
        return ALWAYS[all(every)]
    return "now no pixel and now every pixel"


def _below(rows: Sequence[Row], area: float) -> bool:
    """Whether the net ranks pixels so badly; None, where validation shows no particle, is for no one to judge."""
    areas = [row.get("pixel_auc") for row in rows]
    return all(each is not None and each < area for each in areas)


def _rising(rows: Sequence[Row]) -> bool:
    """Whether the net ranks pixels better from each validation to the next, or hardly worse."""
    areas = values_of(rows, "pixel_auc")
    return areas[-1] > areas[0] + FLAT and all(after > before - FLAT for before, after in pairwise(areas))


def _stuck(rows: Sequence[Row], training: Training) -> bool:
    """Whether the watched metric is as good as nothing, and pixels are not ranked better in the second half."""
    areas, half = values_of(rows, "pixel_auc"), len(rows) // 2
    if not half or max(values_of(rows, training.watch)) > USELESS:
        return False
    return max(areas[half:]) <= max(areas[:half]) + FLAT


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


def _careful(rows: Sequence[Row], training: Training) -> str | None:
    """A metric at one half is watched, and the net ranks pixels well but never gets there: no epoch is the best."""
    area = rows[-1].get("pixel_auc") if rows else None
    if training.watch not in ("pixel_f1", "pixel_iou") or max(values_of(rows, training.watch), default=1) > 0:
        return None
    if area is None or area < RANKS:
        return None
    return (
        f"{training.watch} was 0 in all {len(rows)} validations, for no particle's pixel reached one half, yet the net "
        f"tells pixels apart (ROC AUC {area:.2f}), so the best epoch could not be told; set training.watch to "
        "pixel_best_f1, or train longer"
    )


def _unsteady(rows: Sequence[Row], training: Training) -> str | None:
    """The watched metric falls again and again: which epoch is good is luck."""
    watched = values_of(rows, training.watch)
    if len(rows) < UNIMPROVED or min(watched) == float("-inf"):
        return None
    falls = [max(before - after, 0) for before, after in pairwise(watched)]
    if sum(falls) / len(falls) <= FALLING:
        return None
    return (
        f"{training.watch} swung between {min(watched):.2f} and {max(watched):.2f} in the last {len(rows)} "
        "validations, so the best epoch is partly luck; try a learning_rate ten times lower, or more images to "
        "validate on"
    )


def values_of(rows: Sequence[Row], metric: str) -> list[float]:
    """A metric in each row; minus infinity where it is not defined."""
    values = [row.get(metric) for row in rows]
    return [float("-inf") if value is None else value for value in values]
