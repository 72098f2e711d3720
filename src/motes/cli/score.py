"""motes score."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import typer

from motes.cli.options import (
    LeftOver,
    NoOrientationCheck,
    PixelSize,
    Tomogram,
    images_of,
    length,
    refuse_left_over,
    scored_of,
)
from motes.errors import InputError, UnitError
from motes.units import parse_length

if TYPE_CHECKING:
    from motes.jobs.score import ChallengeReport
    from motes.score.classes import ClassReport
    from motes.score.scores import Report, Row

MOST_ROWS = 20

Value = TypeVar("Value")


def score(
    picks: Annotated[
        str, typer.Argument(help="Picks or label images: a file, a folder, or what motes pick wrote.")
    ],
    truth: Annotated[
        str, typer.Argument(help="True centres or label images: a file, a folder or a copick project.")
    ],
    left_over: LeftOver = None,
    diameter: Annotated[
        list[str] | None,
        typer.Option(
            help="Of the particle: 150 (Angstrom), 15nm or 60px; of one class: ribosome=300.", metavar="D"
        ),
    ] = None,
    radius: Annotated[
        str | None,
        typer.Option(help="How near a pick must be, px; by default half the diameter.", metavar="R"),
    ] = None,
    threshold: Annotated[
        list[str] | None,
        typer.Option(help="Leave out picks with a lower score; of one class: ribosome=0.4.", metavar="T"),
    ] = None,
    weights: Annotated[
        list[str] | None,
        typer.Option(help="How much a class counts in weighted means: ribosome=2.", metavar="CLASS=W"),
    ] = None,
    beta: Annotated[
        float | None,
        typer.Option(help="Also F-beta: recall counts so many times as much as precision.", min=0.01),
    ] = None,
    metric: Annotated[
        Literal["strict", "czii"],
        typer.Option(help="czii: also the official metric of the CZII challenge for tomograms."),
    ] = "strict",
    ignore_rim: Annotated[
        str, typer.Option(help="Leave out what lies this near to the edge, px.", metavar="PX")
    ] = "0",
    images: Annotated[
        list[str] | None, typer.Option(help="The images, for their size and pixel size.")
    ] = None,
    tomogram: Tomogram = None,
    chosen: Annotated[
        list[str] | None,
        typer.Option(
            "--picks", help="Of the copick project: ribosome:curation/0, or '*:curation/0'.", metavar="PICKS"
        ),
    ] = None,
    pixel_size: PixelSize = None,
    no_orientation_check: NoOrientationCheck = False,
    objects: Annotated[
        Literal["instances", "binary", "found-binary", "truth-binary"] | None,
        typer.Option(help="What label images hold: a number for each object, or masks, on one side or both."),
    ] = None,
    raters: Annotated[
        bool, typer.Option("--raters", help="Two people's label images, neither of them the truth.")
    ] = False,
    volumes: Annotated[
        bool, typer.Option("--volumes", help="The pages of a label TIFF are the layers of one volume.")
    ] = False,
    pictures: Annotated[
        Path | None,
        typer.Option(help="Draw counts, sizes and IoU of objects into this folder.", file_okay=False),
    ] = None,
    table: Annotated[
        Path | None, typer.Option(help="Write a row for every image, CSV.", dir_okay=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Compare picks, or the objects of label images, with truth, with 95 % intervals."""
    from motes.cli.console import OUT, Terminal
    from motes.jobs.label_pairs import are_objects
    from motes.jobs.score import ScoreOptions, score_picks

    refuse_left_over(left_over)
    picks, truth = scored_of(picks, truth, chosen)
    if are_objects(picks, truth, asked=objects is not None or raters):
        from motes.cli.score_objects import score_labels

        of_picks = {
            "--diameter": diameter,
            "--radius": radius,
            "--weights": weights,
            "--beta": beta,
            "--metric": metric != "strict",
            "--ignore-rim": ignore_rim != "0",
            "--images": images,
            "--tomogram": tomogram,
            "--picks": chosen,
            "--pixel-size": pixel_size,
            "--no-orientation-check": no_orientation_check,
        }
        _refuse(of_picks, "these are label images, whose objects are compared by their outlines")
        score_labels(
            picks,
            truth,
            objects or "instances",
            _confidence(threshold),
            raters=raters,
            volumes=volumes,
            pictures=pictures,
            table=table,
            as_json=as_json,
        )
        return
    _refuse({"--volumes": volumes, "--pictures": pictures}, "these are picks, not label images")
    options = ScoreOptions(
        radius=length(radius, "px"),
        diameter=_one_or_by_class(diameter, "--diameter", parse_length),
        threshold=_one_or_by_class(threshold, "--threshold", float),
        weights=_by_class(weights, "--weights", _weight),
        beta=beta,
        metric=metric,
        ignore_rim=_rim(ignore_rim),
        images=images_of(images, tomogram),
        pixel_size=pixel_size,
        check_flips=not no_orientation_check,
    )
    report = score_picks(picks, truth, options, Terminal())
    if table is not None:
        from motes.jobs.object_files import write_rows

        write_rows(table, report.per_image)
    if as_json:
        OUT.print(json.dumps(report.as_dict()), markup=False)
    else:
        _show(report)


def _refuse(options: Mapping[str, object], reason: str) -> None:
    """Raise InputError that names the options that were given though they have no meaning here."""
    given = [name for name, value in options.items() if value not in (None, False, [])]
    if given:
        raise InputError(f"{reason}; leave out {', '.join(given)}")


def _confidence(words: Sequence[str] | None) -> float | None:
    """The one threshold of objects, which have no classes."""
    threshold = _one_or_by_class(words, "--threshold", float)
    if isinstance(threshold, dict):
        raise InputError(
            f"objects have no classes: give --threshold as one number, found {', '.join(threshold)}"
        )
    return threshold


def _show(report: "Report | ClassReport | ChallengeReport") -> None:
    from motes.cli.console import show_table
    from motes.jobs.score import ChallengeReport
    from motes.score.classes import ClassReport

    values = report.as_dict()
    if isinstance(report, ChallengeReport):
        _show_official(report)
    strict = report.strict if isinstance(report, ChallengeReport) else report
    plain = strict.together if isinstance(strict, ClassReport) else strict
    prefixes = ["", "macro_"]
    if isinstance(strict, ClassReport):
        prefixes = ["weighted_", *prefixes]
        _show_classes(list(strict.classes), list(plain.micro), values)
    rows = [
        [prefix + name, *(values[f"{prefix}{name}{end}"] for end in ("", "_low", "_high"))]
        for prefix in prefixes
        for name in plain.micro
    ]
    show_table("scores (95 % interval over images)", ["", "value", "low", "high"], rows)
    rest = [[key, value] for key, value in plain.as_dict().items() if isinstance(value, int)]
    show_table("counts", ["", "value"], rest)
    columns = ["image", "precision", "recall", "f1", "picks", "truth", "median_distance"]
    shown = [[row[column] for column in columns] for row in report.per_image[:MOST_ROWS]]
    title = f"images, worst first (distance: median, {plain.unit})"
    show_table(title, [*columns[:-1], "distance"], shown)


def _show_official(report: "ChallengeReport") -> None:
    from motes.cli.console import show_table

    official, values = report.official, report.official.as_dict()
    f = f"czii_f{official.rules.beta:g}"
    rows = [["score", *(values[f"score{end}"] for end in ("", "_low", "_high")), *[None] * 6]]
    for name, counts in official.counts.items():
        ends = [values[f"{f}_{name}{end}"] for end in ("", "_low", "_high")]
        found = [counts.true_positives, counts.false_positives, counts.false_negatives]
        weight = official.rules.particles[name].weight
        rows.append([name, *ends, official.precision(name), official.recall(name), *found, weight])
    columns = [
        "",
        f"F{official.rules.beta:g}",
        "low",
        "high",
        "precision",
        "recall",
        "found",
        "wrong",
        "missed",
        "weight",
    ]
    show_table("official metric of the CZII challenge (95 % interval over tomograms)", columns, rows)


def _show_classes(names: Sequence[str], columns: Sequence[str], values: "Row") -> None:
    from motes.cli.console import show_table

    rows = [
        [
            name,
            *(values[f"{column}_{name}"] for column in columns),
            values[f"picks_{name}"],
            values[f"truth_{name}"],
        ]
        for name in names
    ]
    show_table("classes, each pick paired with one particle", ["", *columns, "picks", "truth"], rows)


def _one_or_by_class(
    words: Sequence[str] | None, option: str, read: Callable[[str], Value]
) -> Value | dict[str, Value] | None:
    """The value of an option for all, as 0.4, or of classes, as ribosome=0.4; InputError for both, or several."""
    if not words:
        return None
    if len(words) == 1 and "=" not in words[0]:
        return _read(words[0], words[0], option, read)
    if not all("=" in word for word in words):
        raise InputError(
            f"{option} is given once for all classes, or for each as class=value; found {', '.join(words)}"
        )
    return _by_class(words, option, read)


def _by_class(words: Sequence[str] | None, option: str, read: Callable[[str], Value]) -> dict[str, Value]:
    """Values by class from words such as ribosome=2."""
    found: dict[str, Value] = {}
    for word in words or ():
        name, equals, text = word.rpartition("=")
        if not equals or not name:
            raise InputError(f"{option} is written class=value, as ribosome=2; found {word!r}")
        if name in found:
            raise InputError(f"{option} is given twice for {name}; leave one out")
        found[name] = _read(text, word, option, read)
    return found


def _read(text: str, word: str, option: str, read: Callable[[str], Value]) -> Value:
    try:
        return read(text)
    except ValueError:
        raise InputError(f"{option} is a number; found {word!r}") from None


def _weight(text: str) -> float:
    weight = float(text)
    if not 0 <= weight < float("inf"):
        raise ValueError
    return weight


def _rim(text: str) -> float:
    """Pixels, from 20 or 20px; 0 takes nothing away."""
    try:
        width = float(text.removesuffix("px"))
    except ValueError:
        width = -1.0
    if not 0 <= width < float("inf"):
        raise UnitError(f"--ignore-rim is a number of pixels, such as 20 or 20px; found {text!r}")
    return width
