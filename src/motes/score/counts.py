"""Counts against counts: how well a program agrees with a person, or one person with another."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from motes.errors import InputError
from motes.score.metrics import ratio
from motes.score.scores import Value
from motes.score.statistics import percentile_interval, resample_images, resampled_mean

NORMAL = 1.959964  # 95 % of a normal distribution lie within so many standard deviations of its mean


@dataclass(frozen=True)
class Limits:
    """Limits of agreement: between lower and upper lie 95 % of the differences, around bias; each with interval."""

    bias: Value
    lower: Value
    upper: Value


@dataclass(frozen=True)
class Agreement:
    """Counts of the same images by two raters, the second being the reference.

    means, differences: (n,), first minus second, the two axes of Bland and Altman's picture. total_error: of the sum
    over all images, relative to the reference's. mean_absolute_error: objects an image. concordance: Lin's.
    correlation: Pearson's, which does not see a bias.
    """

    means: NDArray[np.float64]
    differences: NDArray[np.float64]
    limits: Limits
    concordance: Value
    correlation: float
    total_error: Value
    mean_absolute_error: Value

    def as_dict(self) -> dict[str, int | float | None]:
        """Give one flat dictionary for JSON; ends of intervals with _low and _high, None where not defined."""
        flat: dict[str, int | float | None] = {"images": len(self.differences)}
        values = {
            "bias": self.limits.bias,
            "lower_limit": self.limits.lower,
            "upper_limit": self.limits.upper,
            "concordance": self.concordance,
            "total_error": self.total_error,
            "mean_absolute_error": self.mean_absolute_error,
        }
        for name, value in values.items():
            ends = {"": value.value, "_low": value.low, "_high": value.high}
            flat |= {name + end: _none_if_nan(number) for end, number in ends.items()}
        return {**flat, "correlation": _none_if_nan(self.correlation)}


def agreement(counts: ArrayLike, reference: ArrayLike, *, bootstrap: int = 1000, seed: int = 0) -> Agreement:
    """Compare two counts of each image: a program's with a person's, or those of two persons.

    counts, reference: (n,), the same images in the same order. The intervals of total_error and mean_absolute_error
    come from resampling the images, the others from theory. Raises InputError where the two do not fit.
    """
    first, second = _checked(counts, reference)
    differences = first - second
    draws = resample_images(len(first), bootstrap if len(first) > 1 else 0, seed)
    errors = resampled_mean(draws, np.abs(differences))
    totals = ratio(draws @ differences, draws @ second)
    return Agreement(
        means=(first + second) / 2,
        differences=differences,
        limits=limits_of_agreement(differences),
        concordance=concordance(first, second),
        correlation=_correlation(first, second),
        total_error=Value(float(ratio(differences.sum(), second.sum())), *percentile_interval(totals)),
        mean_absolute_error=Value(float(np.abs(differences).mean()), *percentile_interval(errors)),
    )


def limits_of_agreement(differences: ArrayLike) -> Limits:
    """Give the bias and the limits within which 95 % of the differences (n,) are expected.

    Bias +- 1.96 standard deviations (with n - 1), for differences that are about normal. 95 % intervals from
    Student's t with n - 1 degrees of freedom; the variance of a limit is s^2 (1 / n + 1.96^2 / (2 (n - 1))), of which
    the first paper gives the round form 3 s^2 / n. The limits are nan for a single difference, all for none.
    Source: Bland & Altman 1986, Lancet 327, 307; 1999, Statistical Methods in Medical Research 8, 135.
    """
    values = np.asarray(differences, dtype=np.float64)
    count = len(values)
    bias = float(values.mean()) if count else math.nan
    if count < 2:
        undefined = Value(math.nan, math.nan, math.nan)
        return Limits(Value(bias, math.nan, math.nan), undefined, undefined)
    spread, student = float(values.std(ddof=1)), float(stdtrit(count - 1, 0.975))
    of_bias = student * spread / math.sqrt(count)
    of_limit = student * spread * math.sqrt(1 / count + NORMAL**2 / (2 * (count - 1)))
    lower, upper = bias - NORMAL * spread, bias + NORMAL * spread
    return Limits(
        Value(bias, bias - of_bias, bias + of_bias),
        Value(lower, lower - of_limit, lower + of_limit),
        Value(upper, upper - of_limit, upper + of_limit),
    )


def concordance(first: ArrayLike, second: ArrayLike) -> Value:
    """Give Lin's concordance correlation coefficient: 1 where all points lie on the line of equality.

    first, second: (n,). 2 s12 / (s1^2 + s2^2 + (m1 - m2)^2), with moments divided by n. The 95 % interval is that of
    Fisher's z, nan for fewer than three. nan where neither count varies and both are the same. Source: Lin 1989,
    Biometrics 45, 255, with the variance as corrected in Lin 2000, Biometrics 56, 324.
    """
    one, two = _checked(first, second)
    spreads = float(one.std() * two.std())
    product = float(((one - one.mean()) * (two - two.mean())).mean())
    apart = float((one.mean() - two.mean()) ** 2)
    whole = float(one.var() + two.var()) + apart
    value = float(ratio(2 * product, whole))
    if len(one) < 3 or not spreads > 0:
        return Value(value, math.nan, math.nan)
    if value >= 1 - 1e-12:
        return Value(value, value, value)
    accuracy, shift = (
        2 * spreads / whole,
        apart / spreads,
    )  # Lin's C_b and u^2; value is C_b times the correlation
    correlation = product / spreads
    variance = (1 - correlation**2) * accuracy**2 * (1 - value**2)
    variance += 2 * value**2 * accuracy * (1 - value) * shift - value**2 * accuracy**2 * shift**2 / 2
    half = NORMAL * math.sqrt(max(variance, 0.0) / max(len(one) - 2, 1)) / (1 - value**2)
    return Value(value, math.tanh(math.atanh(value) - half), math.tanh(math.atanh(value) + half))


def _correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    product = ((first - first.mean()) * (second - second.mean())).mean()
    return float(ratio(product, first.std() * second.std()))


def _checked(counts: ArrayLike, reference: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first, second = np.asarray(counts, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    if first.shape != second.shape or first.ndim != 1 or not first.size:
        raise InputError(
            f"counts are compared image by image: expected two lists of one length, at least 1, found shapes "
            f"{first.shape} and {second.shape}"
        )
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise InputError("some counts are not numbers; leave those images out of both lists")
    return first, second


def _none_if_nan(value: float) -> float | None:
    return None if math.isnan(value) else value
