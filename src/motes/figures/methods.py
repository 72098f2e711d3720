"""The method in words, ready for a paper, with a run's own values and the sources to cite."""

import torch

from motes.figures.pages import counted, shown
from motes.nets.build import NETS, parameter_count
from motes.nets.model_file import ModelDescription
from motes.nets.unet import NetDescription
from motes.picking.thresholds import FittedThreshold, Goal
from motes.recipe import Recipe

REFERENCES = {
    "Ronneberger et al. 2015": "Ronneberger O, Fischer P, Brox T (2015). U-Net: convolutional networks for "
    "biomedical image segmentation. MICCAI 2015, LNCS 9351, 234–241. doi:10.1007/978-3-319-24574-4_28",
    "Long et al. 2015": "Long J, Shelhamer E, Darrell T (2015). Fully convolutional networks for semantic "
    "segmentation. CVPR 2015, 3431–3440. doi:10.1109/CVPR.2015.7298965",
    "He et al. 2015": "He K, Zhang X, Ren S, Sun J (2015). Delving deep into rectifiers: surpassing "
    "human-level performance on ImageNet classification. ICCV 2015, 1026–1034. doi:10.1109/ICCV.2015.123",
    "Ioffe & Szegedy 2015": "Ioffe S, Szegedy C (2015). Batch normalization: accelerating deep network "
    "training by reducing internal covariate shift. ICML 2015, PMLR 37, 448–456. arXiv:1502.03167",
    "Loshchilov & Hutter 2017": "Loshchilov I, Hutter F (2017). SGDR: stochastic gradient descent with warm "
    "restarts. ICLR 2017. arXiv:1608.03983",
    "Loshchilov & Hutter 2019": "Loshchilov I, Hutter F (2019). Decoupled weight decay regularization. "
    "ICLR 2019. arXiv:1711.05101",
}

LOSS_NAMES = {"bce": "binary cross-entropy"}
SHAPE_NAMES = {
    ("disc", 2): "a disc",
    ("disc", 3): "a ball",
    ("gaussian", 2): "a Gaussian",
    ("gaussian", 3): "a Gaussian",
}


def method_paragraphs(recipe: Recipe, description: ModelDescription, fitted: FittedThreshold) -> list[str]:
    """Net, data, training and picking, a paragraph each; citations are keys of REFERENCES in brackets."""
    return [
        net_in_words(recipe.net),
        data_in_words(recipe, description),
        training_in_words(recipe),
        picking_in_words(recipe, description, fitted),
    ]


def cited(paragraphs: list[str]) -> list[str]:
    """The entries of REFERENCES that the paragraphs cite."""
    text = " ".join(paragraphs)
    return [entry for key, entry in REFERENCES.items() if key in text]


def net_parameters(net: NetDescription) -> int:
    """How many numbers are trained, counted on a net without memory for its weights."""
    with torch.device("meta"):
        return parameter_count(NETS[net.name].build(net))


def net_in_words(net: NetDescription) -> str:
    """The architecture with its parameter count."""
    kernel = " × ".join("3" * net.ndim)
    pooling = " × ".join("2" * net.ndim)
    channels = ", ".join(map(str, net.channels))
    upsampling = {
        "transposed": f"{pooling} transposed convolutions",
        "linear": "linear interpolation and a convolution of size 1",
    }[net.upsampling]
    return (
        f"Particles were found with a fully convolutional net (Long et al. 2015), a {net.ndim}D U-Net "
        f"(Ronneberger et al. 2015) of {counted(net.depth, 'level')} with {channels} channels and "
        f"{net_parameters(net):,} trainable parameters. Every level holds two {kernel} convolutions, each "
        "followed by batch normalisation (Ioffe & Szegedy 2015) and a rectified linear unit. Levels are joined by "
        f"{pooling} max pooling on the way down and by {upsampling} on the way up, where the map of the same level "
        "is concatenated; a convolution of size 1 and a logistic function give a probability for every "
        f"{'pixel' if net.ndim == 2 else 'voxel'}. Convolution weights were initialised as proposed by "
        "He et al. 2015."
    )


def data_in_words(recipe: Recipe, description: ModelDescription) -> str:
    """The images, their scale and their grey values."""
    parts = {
        part: [image for image in description.trained_on if image.part == part]
        for part in ("train", "validation")
    }
    numbers = {
        part: f"{counted(len(images), 'image')} with {counted(sum(i.particles for i in images), 'particle')}"
        for part, images in parts.items()
    }
    held_out = numbers["validation"] if parts["validation"] else "none"
    clip = recipe.normalisation.clip_percent
    return (
        f"It was trained on {numbers['train']}; kept for validation: {held_out}. Each image was resampled so that "
        f"the particle's diameter ({_length(description)}) measures {recipe.working_diameter:g} px, the darkest and "
        f"the brightest {clip:g} % of its pixels were clipped, and its grey values were brought to mean 0 and "
        f"standard deviation 1. {_target_in_words(recipe)}"
    )


def _length(description: ModelDescription) -> str:
    return f"{description.diameter:g} {'Å' if description.diameter_unit == 'A' else 'px'}"


def _target_in_words(recipe: Recipe) -> str:
    if recipe.target.shape == "voxel":
        return "The target is the one pixel at each particle's centre."
    shape = SHAPE_NAMES[recipe.target.shape, recipe.net.ndim]
    radius = "radius" if recipe.target.shape == "disc" else "twice the standard deviation"
    return (
        f"The target is {shape} around each particle's centre, its {radius} {recipe.target.radius:g} times "
        "the particle's radius."
    )


def training_in_words(recipe: Recipe) -> str:
    """Crops, loss, optimiser, schedule and augmentation."""
    training, sampling = recipe.training, recipe.sampling
    crop = " × ".join([str(sampling.size)] * recipe.net.ndim)
    return (
        f"Training took {counted(training.epochs, 'epoch')} of {counted(training.steps, 'step')} with "
        f"{counted(training.batch, 'crop')} of {crop} px, {100 * sampling.around_points:g} % of them near a "
        f"particle, and minimised the {LOSS_NAMES.get(training.loss, training.loss)} with AdamW (Loshchilov & Hutter "
        f"2019; weight decay {training.weight_decay:g}, gradients clipped to norm {training.clip:g}). The learning "
        f"rate rose linearly to {training.learning_rate:g} in the first {100 * training.warmup:g} % of the steps and "
        "fell along half a cosine (Loshchilov & Hutter 2017) to a hundredth of that. "
        f"{_augmentation_in_words(recipe)} The seed was {recipe.seed}."
    )


def _augmentation_in_words(recipe: Recipe) -> str:
    how = recipe.augmentation
    changes = [
        (how.rotation, f"rotated by up to ±{how.rotation:g}°"),
        (how.flip, "mirrored"),
        (how.scale, f"scaled by up to {100 * how.scale:g} %"),
        (how.contrast, f"changed in contrast by up to {100 * how.contrast:g} %"),
        (how.brightness, f"shifted in brightness by up to {how.brightness:g} standard deviations"),
        (how.noise, f"given noise of up to {how.noise:g} standard deviations"),
    ]
    used = [words for amount, words in changes if amount]
    if not used:
        return "Crops were not augmented."
    words = f"Crops were at random {_listed(used)}."
    if how.on_grid and (how.rotation or how.scale):
        words += (
            f" A share of {how.on_grid:g} of them kept the pixels of the image as they are: these were turned by "
            "multiples of 90° at most, and not scaled."
        )
    return words


def picking_in_words(recipe: Recipe, description: ModelDescription, fitted: FittedThreshold) -> str:
    """How picks are found in a map and which of them count."""
    picking = recipe.picking
    if picking.method == "peaks":
        where = "the local maxima of the probability map; the score is the probability there"
    else:
        where = (
            f"the connected regions of the probability map above {picking.component_threshold:g} and larger than "
            f"{picking.minimum_area:g} times the particle's area; the score is the highest probability in them"
        )
    held_out = any(image.part == "validation" for image in description.trained_on)
    fitted_on = "validation" if held_out else "training"
    return (
        f"Picks are {where}. Of picks closer than {picking.minimum_distance:g} diameters the one with the higher "
        f"score was kept. The threshold {fitted.threshold:.3f} on the score gives {_goal(recipe.threshold_goal)} on "
        f"the {fitted_on} images (precision {shown(fitted.precision)}, recall {shown(fitted.recall)}, F1 "
        f"{shown(fitted.f1)}; picks and particles matched one to one within half a diameter). All was "
        f"computed with motes {description.versions.get('motes', '')} on PyTorch "
        f"{description.versions.get('torch', '')}."
    )


def _goal(goal: Goal) -> str:
    if goal.name == "f":
        return f"the highest F{goal.value:g}"
    other = "recall" if goal.name == "precision" else "precision"
    return f"the highest {other} at a {goal.name} of at least {goal.value:g}"


def _listed(words: list[str]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
