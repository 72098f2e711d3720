"""Score picks against truth, whatever programs wrote them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from motes.data.collection import own_threshold
from motes.data.image_list import ImageEntry
from motes.data.orientation import look_at_set
from motes.errors import InputError, PicksError, UnitError, did_you_mean
from motes.formats.images import image_info
from motes.jobs.score_tables import Tables, load_tables
from motes.jobs.telling import Silent, Teller
from motes.picks import Picks, Threshold
from motes.score.classes import ClassReport, class_names, score_by_class
from motes.score.czii import CziiRules, CziiScore, czii_score
from motes.score.scores import Report, Row, score
from motes.units import Length


@dataclass(frozen=True)
class ScoreOptions:
    """radius, or half of diameter, is how near a pick must be; images give shapes and pixel sizes.

    diameter, threshold: for all picks, or by class. threshold: without it, for the folder that `motes pick` wrote,
    the one it was picked with. weights: by class, 1 where none is given. beta: of the F score beside F1. metric: czii
    adds the official metric of the CZII challenge, whose radii, weights and beta then count where no others are given.
    check_flips: refuse picks or truth that fit the mirrored images much better, where the diameter is known. ndim: of
    the images, None: found from the truth.
    """

    radius: Length | None = None
    diameter: Length | Mapping[str, Length] | None = None
    threshold: float | Mapping[str, float] | None = None
    weights: Mapping[str, float] = field(default_factory=dict)
    beta: float | None = None
    metric: Literal["strict", "czii"] = "strict"
    ignore_rim: float = 0
    images: Sequence[str] = ()
    pixel_size: float | None = None
    check_flips: bool = True
    ndim: int | None = None

    @property
    def rules(self) -> CziiRules | None:
        """Of the official metric, where it is asked for."""
        return CziiRules() if self.metric == "czii" else None

    @property
    def by_class(self) -> bool:
        """Whether anything is said that has no meaning without classes."""
        maps = (isinstance(each, Mapping) for each in (self.diameter, self.threshold))
        return any(maps) or bool(self.weights) or self.metric == "czii"


@dataclass(frozen=True)
class ChallengeReport:
    """The official score of the CZII challenge, and the strict one-to-one scores of the same picks."""

    official: CziiScore
    strict: ClassReport

    @property
    def per_image(self) -> list[Row]:
        """One row a tomogram, by the strict scores, the worst F1 first."""
        return self.strict.per_image

    def as_dict(self) -> Row:
        """Give one flat dictionary for JSON: score and czii_f4_<type>, then what ClassReport gives."""
        return {**self.official.as_dict(), **self.strict.as_dict()}


def score_picks(
    picks_source: str, truth_source: str, options: ScoreOptions | None = None, teller: Teller | None = None
) -> Report | ClassReport | ChallengeReport:
    """Match picks with truth image by image, and class by class where both have several.

    Distances are in pixels, or in A where a file counts in A and for the official metric. Raises PicksError where the
    names do not agree, where a file cannot be read, or where picks or truth seem to be mirrored; ImageError for an
    image without whose size or pixel size there is no score; InputError for a class that is not there.
    """
    options, teller = options or ScoreOptions(), teller or Silent()
    tables = load_tables(
        picks_source,
        truth_source,
        options.images,
        ndim=options.ndim,
        pixel_size=options.pixel_size,
        angstrom=options.metric == "czii",
        teller=teller,
    )
    threshold = own_threshold(picks_source) if options.threshold is None else options.threshold
    if options.check_flips and tables.ndim == 2:
        _check_flips(truth_source, tables.truth, tables.image_of, options, teller)
        _check_flips(picks_source, _above(tables.picks, threshold), tables.image_of, options, teller)
    names = class_names(tables.scored, tables.truth)
    _check_class_options(tables, names, options)
    if not (_have_classes(tables) and (len(names) > 1 or options.by_class)):
        return score(
            tables.picks,
            tables.truth,
            radius={name: _radius(name, tables, options) for name in tables.truth},
            threshold=threshold,
            ignore_rim=options.ignore_rim,
            shapes=_shapes(tables, options),
            beta=options.beta,
            unit=tables.unit,
        )
    _check_common(tables)
    strict = _by_class(tables, names, threshold, options)
    if options.rules is None:
        return strict
    return ChallengeReport(_official(tables, threshold, options.rules, teller), strict)


def _by_class(
    tables: Tables, names: Sequence[str], threshold: Threshold | None, options: ScoreOptions
) -> ClassReport:
    rules = options.rules
    weights = {} if rules is None else {name: each.weight for name, each in rules.particles.items()}
    beta = options.beta if options.beta is not None or rules is None else rules.beta
    return score_by_class(
        tables.picks,
        tables.truth,
        radius={
            image: {name: _class_radius(image, name, tables, options) for name in names}
            for image in tables.truth
        },
        weights={**weights, **options.weights},
        threshold=threshold,
        ignore_rim=options.ignore_rim,
        shapes=_shapes(tables, options),
        beta=beta,
        unit=tables.unit,
    )


def _official(tables: Tables, threshold: Threshold | None, rules: CziiRules, teller: Teller) -> CziiScore:
    empty = [name for name, truth in tables.truth.items() if not len(truth)]
    if empty:
        teller.warn(
            f"the official metric leaves out tomograms without a true particle: {', '.join(empty)}; the strict scores "
            "count what was picked there"
        )
    chosen = _above(tables.scored, threshold)
    return czii_score(
        {name: _points(picks) for name, picks in chosen.items()},
        {name: _points(truth) for name, truth in tables.truth.items()},
        rules,
    )


def _points(picks: Picks) -> dict[str, NDArray[np.float64]]:
    """The centres (n, 3) of each class, in the order in which classes first appear."""
    classes = [] if picks.classes is None else picks.classes.tolist()
    return {name: picks.points[picks.classes == name] for name in dict.fromkeys(classes)}


def _above(tables: Mapping[str, Picks], threshold: Threshold | None) -> dict[str, Picks]:
    return {name: picks if threshold is None else picks.above(threshold) for name, picks in tables.items()}


def _have_classes(tables: Tables) -> bool:
    """Whether picks and truth say what each particle is; an empty table has nothing to say."""
    return not _without_classes(tables.scored.values()) and not _without_classes(tables.truth.values())


def _without_classes(tables: Iterable[Picks]) -> bool:
    return all(picks.classes is None for picks in tables) and any(map(len, tables))


def _check_common(tables: Tables) -> None:
    """Raise PicksError where no pick can be right, because the two sides name their classes otherwise."""
    picked, true = class_names(tables.scored), class_names(tables.truth)
    if picked and true and not set(picked) & set(true):
        raise PicksError(
            f"no class is in both picks ({', '.join(picked)}) and truth ({', '.join(true)}), so no pick can be right; "
            "name the classes alike, or leave out the column `class` on one side to score without classes"
        )


def _check_class_options(tables: Tables, names: Sequence[str], options: ScoreOptions) -> None:
    """Raise InputError for what is said of a class that is not there, or of classes where there are none."""
    if not options.by_class:
        return
    for what, found in (("picks", tables.scored), ("truth", tables.truth)):
        if _without_classes(list(found.values())):
            raise PicksError(
                f"to score by class, each particle needs one, but the {what} carry none; they stand in a column `class`"
            )
    if options.metric == "czii" and tables.ndim != 3:
        raise PicksError("the official metric is for tomograms, but picks and truth have no z")
    known = {*names, *(options.rules.particles if options.rules else ())}
    for option, given in (
        ("diameter", options.diameter),
        ("threshold", options.threshold),
        ("weights", options.weights),
    ):
        for name in given if isinstance(given, Mapping) else ():
            if name not in known:
                raise InputError(f"--{option} {name}=...: there is no such class.{did_you_mean(name, known)}")


def _shapes(tables: Tables, options: ScoreOptions) -> dict[str, tuple[int, ...]] | None:
    if options.ignore_rim <= 0:
        return None
    if tables.angstrom:
        raise InputError("--ignore-rim is in pixels, but these scores are in Angstrom; leave it out")
    return {name: image_info(entry.path, tables.ndim).shape for name, entry in tables.image_of.items()}


def _check_flips(
    source: str,
    picks: Mapping[str, Picks],
    image_of: Mapping[str, ImageEntry],
    options: ScoreOptions,
    teller: Teller,
) -> None:
    """Raise PicksError where picks of a known diameter fit the mirror image of their image much better."""
    labelled = [(entry, picks[name]) for name, entry in image_of.items() if name in picks]
    diameter = options.diameter if isinstance(options.diameter, Length) else None
    found = look_at_set(labelled, diameter, pixel_size=options.pixel_size)
    for name, reason in found.unchecked.items():
        teller.warn(f"{name}: the orientation of its picks was not checked: {reason}")
    found.refuse(source)


def _radius(name: str, tables: Tables, options: ScoreOptions) -> float | NDArray[np.float64]:
    """How near a pick must be in one image; where its truth has classes, to each true particle."""
    classes = tables.truth[name].classes
    if classes is None:
        return _class_radius(name, None, tables, options)
    radii = {each: _class_radius(name, each, tables, options) for each in set(classes.tolist())}
    return np.array([radii[each] for each in classes.tolist()], dtype=np.float64)


def _class_radius(name: str, class_name: str | None, tables: Tables, options: ScoreOptions) -> float:
    """How near a pick of a class must be in one image: the radius given, or half of the diameter given or in the truth.

    In the unit of the tables. The official metric has its own where nothing is given.
    """
    truth = tables.truth[name]
    own = np.ones(len(truth), dtype=bool) if class_name is None else truth.classes == class_name
    if not np.any(own):
        return 1.0  # nothing to match with
    if options.radius is not None:
        return tables.length(name, options.radius)
    if isinstance(options.diameter, Length):
        return tables.length(name, options.diameter) / 2
    if isinstance(options.diameter, Mapping) and class_name is not None and class_name in options.diameter:
        return tables.length(name, options.diameter[class_name]) / 2
    if options.rules is not None and class_name is not None:
        options.rules.check([class_name], "truth")
        return options.rules.radius(class_name)
    if truth.diameters is not None and not np.isnan(truth.diameters[own]).all():
        return float(np.nanmean(truth.diameters[own])) / 2
    which, example = (
        ("a pick", "60px") if class_name is None else (f"picks of {class_name}", f"{class_name}=60px")
    )
    raise UnitError(
        f"how near {which} must be is not known: give --radius 20 (px) or --diameter {example}; the truth carries no "
        "diameters"
    )
