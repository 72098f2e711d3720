"""Look at images with masks before anything is trained: what is there, what is wrong, which recipe fits."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motes.data.masks import MaskKind
from motes.data.sources import DataSource
from motes.errors import InputError
from motes.jobs.domain import DOMAINS, Difference, Domain, compare, density_of, finite, measured
from motes.jobs.mask_facts import MaskFacts
from motes.jobs.mask_faults import MaskFault
from motes.jobs.mask_look import look_at_masks
from motes.jobs.recommend import Recommendation, recommend
from motes.jobs.telling import Teller
from motes.recipe_file import load_recipe

UNUSUAL = 4  # spreads away from the middle of all images


@dataclass(frozen=True)
class MaskOptions:
    """kind: what the values in masks mean. recipe: which to compare the data with; None: the recommended one.

    ndim: 2, or 3 for volumes; None: that of the recipe, 2 without one.
    """

    kind: MaskKind = "binary"
    recipe: str | None = None
    ndim: int | None = None

    @property
    def dimensions(self) -> int:
        """2 or 3; RecipeError for a recipe that is none."""
        if self.ndim is not None:
            return self.ndim
        return 2 if self.recipe is None else load_recipe(self.recipe).net.ndim


@dataclass(frozen=True)
class MaskInspection:
    """What was found. facts: one for each image, faults: those that must be put right first.

    domain: what the data are compared with, None where nothing is known of a recipe's. recommendation: None where no
    mask holds an object, those of the part test aside.
    """

    kind: MaskKind
    facts: list[MaskFacts]
    faults: list[MaskFault]
    domain: Domain | None
    differences: list[Difference]
    recommendation: Recommendation | None

    @property
    def usable(self) -> bool:
        """Whether nothing has to be put right first."""
        return not any(fault.unusable for fault in self.faults) and not any(f.problem for f in self.facts)

    @property
    def suspicious(self) -> list[MaskFacts]:
        """The images, most suspicious first: unusable, then by their faults, then by how unusual they are."""
        return sorted(
            self.facts,
            key=lambda each: (each.problem is None, -self._weight(each), -_distance(each, self._usual)),
        )

    def faults_of(self, name: str) -> list[MaskFault]:
        """Those that name an image."""
        return [fault for fault in self.faults if name in fault.images]

    def remarks(self, facts: MaskFacts) -> str:
        """Why an image is suspicious, in a few words; empty where it is not."""
        kinds = [fault.kind.replace("_", " ") for fault in self.faults_of(facts.name)]
        if facts.problem is not None or kinds:
            return facts.problem or ", ".join(dict.fromkeys(kinds))
        away = _away(facts, self._usual)
        name = max(away, key=lambda each: away[each], default="")
        return f"unusual {name}" if name and away[name] > UNUSUAL else ""

    @cached_property
    def _usual(self) -> dict[str, tuple[float, float]]:
        return _usual(self.facts)

    def _weight(self, facts: MaskFacts) -> int:
        return sum(100 if fault.unusable else 1 for fault in self.faults_of(facts.name))

    def as_dict(self) -> dict[str, Any]:
        """All of it as plain values: numbers that are none become None, columns their summaries."""
        domain = None if self.domain is None else asdict(self.domain)
        values = {
            "usable": self.usable,
            "kind": self.kind,
            "all": whole_set(self.facts),
            "faults": [{**asdict(fault), "evidence": dict(fault.evidence)} for fault in self.faults],
            "domain": domain,
            "differences": [asdict(each) for each in self.differences],
            "recommendation": None if self.recommendation is None else _recommendation(self.recommendation),
            "images": [_image(each) for each in self.facts],
        }
        plain: dict[str, Any] = _plain(values)
        return plain


def inspect_masks(
    sources: Sequence[DataSource], options: MaskOptions | None = None, teller: Teller | None = None
) -> MaskInspection:
    """Look at every image with its mask, one in memory at a time.

    Raises InputError where there is no image at all, or a set has picks in place of masks; RecipeError for a recipe
    that is none. Whatever else is wrong is among the faults.
    """
    options = options or MaskOptions()
    without = [source for source in sources if source.masks is None]
    if without:
        raise InputError(
            f"{without[0].images[0]} has picks, where masks are expected; look at images with picks by "
            "motes inspect IMAGES --picks PICKS"
        )
    facts, faults = look_at_masks(sources, options.kind, options.dimensions, teller)
    faults = sorted(faults, key=lambda fault: not fault.unusable)
    found = MaskInspection(options.kind, list(facts), faults, None, [], None)
    # what is wrong with masks changes what they seem to hold, so nothing is recommended before it is put right
    if found.usable and any(each.problem is None and each.objects and each.part != "test" for each in facts):
        advised = recommend(facts, options.kind)
        domain = DOMAINS.get(options.recipe or advised.recipe)
        differences = [] if domain is None else compare(facts, domain)
        found = replace(found, domain=domain, differences=differences, recommendation=advised)
    return found


def whole_set(facts: Sequence[MaskFacts]) -> dict[str, Any]:
    """What all images together hold, those left out that cannot be used."""
    usable = [each for each in facts if each.problem is None]
    found: dict[str, Any] = {"images": len(facts), "unusable": len(facts) - len(usable)}
    if not usable:
        return found
    here = measured(usable)
    return found | {
        "objects": here.objects,
        "pixels": here.pixels,
        "density": here.density,
        "objects_an_image": summary(np.array([each.objects for each in usable], dtype=np.float64)),
        "coverage": here.coverage,
        "coverages": summary(np.array([each.coverage for each in usable])),
        **{name: summary(finite([getattr(each, name) for each in usable])) for name in COLUMNS},
        "touching": here.touching,
        "at_edge": here.at_edge,
    }


COLUMNS = ("diameters", "circularities", "contrasts")


def summary(values: NDArray[np.float64]) -> dict[str, float | int | None]:
    """Count, mean, median, standard deviation, least and most of the finite values; None where there are none."""
    kept = values[np.isfinite(values)]
    if not len(kept):
        return {"count": 0, "mean": None, "median": None, "sd": None, "min": None, "max": None}
    return {
        "count": len(kept),
        "mean": float(kept.mean()),
        "median": float(np.median(kept)),
        "sd": float(kept.std()),
        "min": float(kept.min()),
        "max": float(kept.max()),
    }


def _image(facts: MaskFacts) -> dict[str, Any]:
    plain = {name: value for name, value in vars(facts).items() if name not in COLUMNS}
    summaries = {name: summary(getattr(facts, name)) for name in COLUMNS}
    return {**plain, "density": density_of(facts) if facts.problem is None else None, **summaries}


def _recommendation(advised: Recommendation) -> dict[str, Any]:
    needed = {each.field for each in advised.needed}
    changes = [{**asdict(each), "needed": each.field in needed} for each in advised.changes]
    return {**asdict(advised), "changes": changes}


def _plain(value: Any) -> Any:
    """A value as JSON has it; nan and infinity are None."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _usual(facts: Iterable[MaskFacts]) -> dict[str, tuple[float, float]]:
    """Median and spread (1.48 median deviation, that of a normal distribution's sigma) of what an image shows."""
    rows = [_shows(each) for each in facts if each.problem is None]
    found = {}
    for name in rows[0] if rows else ():
        values = np.array([row[name] for row in rows])
        values = values[np.isfinite(values)]
        middle = float(np.median(values)) if len(values) else 0.0
        spread = 1.48 * float(np.median(np.abs(values - middle))) if len(values) else 0.0
        found[name] = (middle, max(spread, 0.05 * abs(middle), 1e-9))
    return found


def _shows(facts: MaskFacts) -> dict[str, float]:
    return {
        "density": math.log1p(density_of(facts)),
        "coverage": facts.coverage,
        **{name: summary(getattr(facts, name))["median"] or math.nan for name in COLUMNS},
    }


def _distance(facts: MaskFacts, usual: dict[str, tuple[float, float]]) -> float:
    """By how many spreads the most unusual value of an image lies away from the middle of all."""
    return max(_away(facts, usual).values(), default=0.0)


def _away(facts: MaskFacts, usual: dict[str, tuple[float, float]]) -> dict[str, float]:
    """By how many spreads each value of an image lies away from the middle of all."""
    if facts.problem is not None:
        return {}
    away = {name: abs(value - usual[name][0]) / usual[name][1] for name, value in _shows(facts).items()}
    return {name: each for name, each in away.items() if math.isfinite(each)}
