"""The learning rate of each step: a function of the step and of what validation has shown, nothing else.

So a run that is resumed needs no state of a scheduler.
"""

import math
from collections.abc import Sequence

from motes.train.settings import Training

ONE_CYCLE_START = 25  # the rate begins at this fraction of the highest, as in Smith and Topin 2018


def learning_rate(training: Training, step: int, steps: int, watched: Sequence[float] = ()) -> float:
    """The rate of a step counted from 0, where an epoch has so many steps.

    watched: the watched metric at each validation so far, for the schedule `plateau`. A linear rise comes
    first in all schedules; one_cycle (Smith and Topin 2018, arXiv:1708.07120) rises along a cosine, and
    leaves the momentum as it is. The periods of cosine_restarts are counted from the
    first step, so that each ends with an epoch.
    """
    rising = max(1, round(training.warmup * training.epochs * steps))
    risen = _rise(training, step, rising) if step < rising else 1.0
    if training.schedule == "cosine_restarts":
        return (
            training.learning_rate * risen * _cosine(_in_period(training, step, steps), training.lowest_rate)
        )
    return training.learning_rate * (
        risen if step < rising else _fall(training, step, rising, steps, watched)
    )


def _rise(training: Training, step: int, rising: int) -> float:
    done = (step + 1) / rising
    if training.schedule == "one_cycle":
        return _cosine(1 - done, 1 / ONE_CYCLE_START)
    return done


def _fall(training: Training, step: int, rising: int, steps: int, watched: Sequence[float]) -> float:
    lowest = training.lowest_rate
    match training.schedule:
        case "constant":
            return 1.0
        case "plateau":
            return max(lowest, training.plateau_factor ** falls(watched, training.plateau_patience))
    return _cosine((step - rising) / max(1, training.epochs * steps - rising), lowest)


def _cosine(done: float, lowest: float) -> float:
    """Half a cosine from 1 down to lowest (Loshchilov and Hutter 2017, arXiv:1608.03983)."""
    return lowest + (1 - lowest) * (1 + math.cos(math.pi * done)) / 2


def _in_period(training: Training, step: int, steps: int) -> float:
    """How much of the present period of cosine_restarts is done, 0 to 1."""
    length = training.restart_epochs * steps
    while step >= length:
        step -= length
        length *= training.restart_factor
    return step / length


def restart_epochs(training: Training) -> list[int]:
    """The epochs, counted from 1, that end a period of cosine_restarts."""
    ends, end, length = [], 0, training.restart_epochs
    while (end := end + length) <= training.epochs:
        ends.append(end)
        length *= training.restart_factor
    return ends


def falls(watched: Sequence[float], patience: int) -> int:
    """How often `patience` validations in a row have brought nothing better than the best before them."""
    best, waited, fallen = -math.inf, 0, 0
    for value in watched:
        if value > best:
            best, waited = value, 0
        else:
            waited += 1
        if waited == patience:
            fallen, waited = fallen + 1, 0
    return fallen


def since_best(watched: Sequence[float]) -> int:
    """Validations after the best one, the first of equals."""
    return len(watched) - 1 - max(range(len(watched)), key=lambda i: watched[i]) if watched else 0
