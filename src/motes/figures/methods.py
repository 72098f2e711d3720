"""The method in words, ready for a paper, with a run's own values and the sources to cite."""

from collections.abc import Mapping, Sequence
from typing import Literal

from motes.figures.net_words import net_in_short, net_in_words
from motes.figures.pages import counted, listed, shown
from motes.figures.references import REFERENCES, cited
from motes.figures.training_words import Course, training_in_words
from motes.nets.model_file import ModelDescription, TrainedOn
from motes.picking.instances import Keeping
from motes.picking.thresholds import FittedThreshold, Goal
from motes.recipe import Recipe
from motes.train.validate import ENOUGH_TO_FIT

__all__ = ["REFERENCES", "Course", "cited", "method_paragraphs", "net_in_short", "net_in_words"]

SHAPE_NAMES = {
    ("disc", 2): "a disc",
    ("disc", 3): "a ball",
    ("gaussian", 2): "a Gaussian",
    ("gaussian", 3): "a Gaussian",
}
Things = Literal["picks", "pixels", "objects"]  # what precision and recall of a training count
SEPARATORS = {
    "none": "the shape of the interior",
    "boundary": "the interior probability, lowered where a boundary is likely",
    "distance": "the map of how deep a pixel lies in its object",
}
MASK_KINDS = {
    "binary": "the masks, in which 1 is a particle",
    "classes": "the masks, which give the class of each pixel",
    "instances": "the masks, in which every numbered object is a particle",
}


def method_paragraphs(
    recipe: Recipe, description: ModelDescription, fitted: Mapping[str, FittedThreshold], course: Course
) -> list[str]:
    """Net, data, training and picking, a paragraph each; citations are keys of REFERENCES.

    fitted: the threshold of each class.
    """
    return [
        net_in_words(recipe.net, course.parameters, recipe.encoder_weights, recipe.start),
        data_in_words(recipe, description),
        training_in_words(recipe, course),
        thresholds_in_words(recipe, description, fitted),
    ]


def is_masked(description: ModelDescription) -> bool:
    """Whether masks, not picks, said where particles are."""
    return bool(description.trained_on) and all(image.particles is None for image in description.trained_on)


def things_counted(recipe: Recipe, description: ModelDescription) -> Things:
    """Picks where the truth is picks, else objects where they are outlined, or pixels."""
    if not is_masked(description):
        return "picks"
    return "pixels" if recipe.outlining is None else "objects"


def images_in_words(images: Sequence[TrainedOn]) -> str:
    """'3 images with 1,200 particles', '3 images with masks'."""
    if any(image.particles is None for image in images):
        return f"{counted(len(images), 'image')} with masks"
    particles = sum(image.particles or 0 for image in images)
    return f"{counted(len(images), 'image')} with {counted(particles, 'particle')}"


def data_in_words(recipe: Recipe, description: ModelDescription) -> str:
    """The images, their scale and their grey values, and the targets."""
    train, validation = (
        [image for image in description.trained_on if image.part == part] for part in ("train", "validation")
    )
    held_out = "none was kept for validation"
    if validation:
        held_out = (
            f"{images_in_words(validation)} {'was' if len(validation) == 1 else 'were'} kept for validation"
        )
    return (
        f"The net was trained on {images_in_words(train)}; {held_out}. {_scale_in_words(description)} "
        f"{_grey_values_in_words(recipe)} {_target_in_words(recipe, is_masked(description))}"
    )


def _scale_in_words(description: ModelDescription) -> str:
    if description.working_pixel_size is not None:
        scale = f"Each image was resampled to {description.working_pixel_size:g} Å per pixel."
    elif description.working_diameter is not None:
        scale = f"Each image was resampled so that a particle measures {description.working_diameter:g} px across."
    else:
        scale = "Images were not resampled."
    unit = "Å" if description.diameter_unit == "A" else "px"
    sizes = [f"{diameter:g} {unit}" for diameter in description.diameters]
    if len(sizes) > 1:
        sizes = [f"{size} ({name})" for size, name in zip(sizes, description.classes, strict=True)]
    return f"{scale} The particle's diameter was taken to be {listed(sizes)}." if sizes else scale


def _grey_values_in_words(recipe: Recipe) -> str:
    if recipe.normalisation.kind == "none":
        return "Grey values, between 0 and 1, were left as they are."
    clip = recipe.normalisation.clip_percent
    clipped = (
        f"The darkest and the brightest {clip:g} % of its pixels were clipped, and its" if clip else "Its"
    )
    return f"{clipped} grey values were brought to mean 0 and standard deviation 1, image by image."


def _target_in_words(recipe: Recipe, masked: bool) -> str:
    if masked:
        return f"The targets are {MASK_KINDS[recipe.masks.kind]}."
    overlap = (
        " Where particles of several classes overlap, the nearest centre in units of its radius wins."
        if len(recipe.classes) > 1
        else ""
    )
    if recipe.target.shape == "voxel":
        what = "pixel" if recipe.net.ndim == 2 else "voxel"
        return f"The target is the one {what} at each particle's centre.{overlap}"
    shape = SHAPE_NAMES[recipe.target.shape, recipe.net.ndim]
    radius = "radius" if recipe.target.shape == "disc" else "twice the standard deviation"
    return (
        f"The target is {shape} around each particle's centre, {'its ' if radius == 'radius' else ''}{radius} "
        f"{recipe.target.radius:g} times the particle's radius.{overlap}"
    )


def thresholds_in_words(
    recipe: Recipe, description: ModelDescription, fitted: Mapping[str, FittedThreshold]
) -> str:
    """How particles are found in a map, which of them count, and what that gives."""
    things = things_counted(recipe, description)
    held_out = any(image.part == "validation" for image in description.trained_on)
    where = f"on the {'validation' if held_out else 'training'} images"
    both = fitted_on_both(recipe, description)
    if both:
        where += f" and, since these are fewer than {ENOUGH_TO_FIT}, on training images beside them"
    goal = _goal(recipe.threshold_goal, "" if things == "picks" else f" of {things}")
    thresholds = [
        _threshold_in_words(each, "" if len(fitted) == 1 else f" for {name}", goal, both)
        for name, each in fitted.items()
    ]
    versions = description.versions
    return (
        f"{_finding_in_words(recipe, description, things)} Thresholds were fitted {where}: {'; '.join(thresholds)}."
        f"{_matching_in_words(recipe, things)} All was computed with motes {versions.get('motes', '')} on "
        f"PyTorch {versions.get('torch', '')}."
    )


def fitted_on_both(recipe: Recipe, description: ModelDescription) -> bool:
    """Whether thresholds were fitted on training images too, since there are few for validation."""
    validated = sum(image.part == "validation" for image in description.trained_on)
    return things_counted(recipe, description) == "objects" and 0 < validated < ENOUGH_TO_FIT


def _finding_in_words(recipe: Recipe, description: ModelDescription, things: Things) -> str:
    if things == "objects":
        return _outlining_in_words(recipe, description)
    return _pixels_in_words() if things == "pixels" else _picking_in_words(recipe)


def _matching_in_words(recipe: Recipe, things: Things) -> str:
    if things == "picks":
        near = distance_in_words(recipe.match_distance)
        return f" Picks and particles were matched one to one within {near}."
    if things == "objects":
        return (
            " An object found and a true one are the same where they overlap by at least half of what they cover "
            "together (IoU of 0.5)."
        )
    return ""


def _outlining_in_words(recipe: Recipe, description: ModelDescription) -> str:
    """How objects come from the maps, with the depth of splitting that the model has."""
    splitting = description.splitting or recipe.splitting
    smoothed = f", smoothed by a Gaussian of {splitting.smoothing:g} px" if splitting.smoothing else ""
    chosen = ", chosen after training for the F1 of objects" if splitting.fit else ""
    return (
        f"Pixels with an interior probability of at least {splitting.threshold:g} were divided into objects by a "
        f"watershed (Vincent & Soille 1991) from the summits of {SEPARATORS[splitting.separator]}{smoothed}; two "
        f"summits are of one object where the way between them goes down by less than {splitting.depth:g} of the lower"
        f"{chosen}. The confidence of an object is the mean of its interior probability, and one that reaches the "
        f"threshold counts.{_left_out_in_words(description.keeping or recipe.keeping)}"
    )


def _left_out_in_words(keeping: Keeping) -> str:
    """Which objects are left out, whatever their confidence; empty where none is."""
    limits = [f"smaller than a disc or ball of {keeping.smallest:g} px across"] if keeping.smallest else []
    limits += (
        [f"larger than a disc or ball of {keeping.largest:g} px across"]
        if keeping.largest is not None
        else []
    )
    limits += [f"with a circularity below {keeping.circularity:g}"] if keeping.circularity else []
    limits += [f"with a confidence below {keeping.confidence:g}"] if keeping.confidence else []
    limits += [] if keeping.edge else ["cut by the edge of the image"]
    return f" Objects {', or '.join(limits)} were left out." if limits else ""


def _pixels_in_words() -> str:
    return "A pixel is taken for part of a particle where its probability reaches the threshold."


def _picking_in_words(recipe: Recipe) -> str:
    picking = recipe.picking
    if picking.method == "peaks":
        where = "the local maxima of the probability map; the score is the probability there"
    else:
        size = "area" if recipe.net.ndim == 2 else "volume"
        where = (
            f"the connected regions of the probability map above {picking.component_threshold:g} and larger than "
            f"{picking.minimum_area:g} times the particle's {size}; the score is the highest probability in them"
        )
    of_class = " of one class" if len(recipe.classes) > 1 else ""
    return (
        f"Picks are {where}. Of picks{of_class} closer than {picking.minimum_distance:g} diameters the one with the "
        "higher score was kept."
    )


def _threshold_in_words(fitted: FittedThreshold, of_class: str, goal: str, both: bool) -> str:
    """both: it was fitted on training images too, and its figures are of the validation images alone."""
    threshold = f"{fitted.threshold:.3f}{of_class}"
    if fitted.kept or fitted.recall is None or (fitted.precision is None and not both):
        return f"{threshold}, unfitted ({fitted.note})"
    figures = (
        f"precision {shown(fitted.precision)}, recall {shown(fitted.recall)}, F1 {shown(fitted.f1)}"
        if fitted.precision is not None
        else fitted.note
    )
    if both:
        return f"{threshold} gives {goal} there; of the validation images alone: {figures}"
    return f"{threshold} gives {goal} ({figures})"


def _goal(goal: Goal, what: str) -> str:
    """What is highest, of what, and at what cost."""
    if goal.name == "f":
        return f"the highest F{goal.value:g}{what}"
    other = "recall" if goal.name == "precision" else "precision"
    return f"the highest {other}{what} at a {goal.name} of at least {goal.value:g}"


def distance_in_words(share: float) -> str:
    """A share of the diameter as people say it."""
    return {0.5: "half a diameter", 0.25: "a quarter of a diameter"}.get(share, f"{share:g} of a diameter")
