"""Loss, optimiser and schedule in words. Citations are keys of REFERENCES."""

from dataclasses import dataclass

from motes.figures.augmentation_words import augmentation_in_words, sampling_in_words
from motes.figures.pages import METRIC_NAMES, counted, listed
from motes.recipe import Recipe
from motes.train.losses import LossDescription
from motes.train.schedules import ONE_CYCLE_START
from motes.train.settings import Training

LOSS_SOURCES = {
    "focal": "Lin et al. 2017",
    "dice": "Milletari et al. 2016",
    "tversky": "Salehi et al. 2017",
    "focal_tversky": "Abraham & Khan 2019",
}
BY_CLASS = {"bce": "cross-entropy", "focal": "the focal loss"}  # what class weights and smoothing are for


@dataclass(frozen=True)
class Course:
    """How a training went. epochs: done. images: trained on. model_epoch: whose weights are the model.

    parameters: of the net.
    """

    epochs: int
    images: int
    model_epoch: int
    parameters: int


def training_in_words(recipe: Recipe, course: Course) -> str:
    """Crops, loss, optimiser, schedule, augmentation and which weights were kept."""
    training = recipe.training
    steps = training.steps_for(course.images)
    early = f"; it ended early, {training.epochs} were planned" if course.epochs < training.epochs else ""
    parts = (
        f", worked through in {training.accumulate} parts whose gradients were added"
        if training.accumulate > 1
        else ""
    )
    sentences = [
        f"Training took {counted(course.epochs, 'epoch')} of {counted(steps, 'step')} with "
        f"{counted(training.batch, 'crop')} each{parts}{early}.",
        sampling_in_words(recipe.sampling, recipe.net.ndim, len(recipe.classes)),
        augmentation_in_words(recipe.augmentation, recipe.net.ndim, recipe.normalisation),
        loss_in_words(recipe.loss, 1 if recipe.net.independent else recipe.net.outputs),
        _separator_in_words(recipe),
        optimiser_in_words(training),
        schedule_in_words(training),
        _weights_kept(training, course),
        f"The seed was {recipe.seed}.",
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def loss_in_words(loss: LossDescription, outputs: int) -> str:
    """The weighted sum, what each term is, and how the classes count."""
    terms = [
        _loss_term(name, loss, outputs)
        if weight == 1
        else f"{weight:g} times {_loss_term(name, loss, outputs)}"
        for name, weight in loss.terms.items()
    ]
    weighed = [BY_CLASS[name] for name in loss.terms if name in BY_CLASS]
    details = []
    if weighed and loss.class_weights == "balanced":
        details.append(f"in {listed(weighed)} a class counted by the inverse of its number of pixels")
    elif weighed and isinstance(loss.class_weights, list):
        numbers = listed([f"{weight:g}" for weight in loss.class_weights])
        details.append(f"in {listed(weighed)} background and classes counted with the weights {numbers}")
    if weighed and loss.label_smoothing:
        details.append(f"there labels were smoothed by {loss.label_smoothing:g} (Szegedy et al. 2016)")
    return (
        f"What was minimised is {'; '.join([' plus '.join(terms), *details])}. Pixels outside of an image, or marked "
        "as unknown, did not count."
    )


def _separator_in_words(recipe: Recipe) -> str:
    """What else a net learns that tells neighbouring objects apart; nothing where it learns interiors alone."""
    if not recipe.net.independent:
        return ""
    learnt = {
        "boundary": "where the rims of objects are",
        "distance": "how deep a pixel lies in its object, as a share of the deepest",
    }[recipe.splitting.separator]
    return f"That is the loss of the interior; to it was added the binary cross-entropy of a second map, {learnt}."


def _loss_term(name: str, loss: LossDescription, outputs: int) -> str:
    if name == "bce":
        return "the binary cross-entropy" if outputs == 1 else "the cross-entropy"
    wrong, missed = f"{loss.tversky_false_positives:g}", f"{loss.tversky_false_negatives:g}"
    weights = f"{wrong} for false positives, {missed} for false negatives"
    alpha = "" if loss.focal_alpha is None else f", α = {loss.focal_alpha:g}"
    kind, settings = {
        "focal": ("focal", f"γ = {loss.focal_gamma:g}{alpha}"),
        "dice": ("Dice", f"ε = {loss.epsilon:g}"),
        "tversky": ("Tversky", f"{weights}, ε = {loss.epsilon:g}"),
        "focal_tversky": (
            "focal Tversky",
            f"{weights}, power {loss.focal_tversky_gamma:g}, ε = {loss.epsilon:g}",
        ),
    }[name]
    return f"the {kind} loss ({LOSS_SOURCES[name]}; {settings})"


def optimiser_in_words(training: Training) -> str:
    """The optimiser with its decay and clipping, and the number format."""
    decay = f"{training.weight_decay:g}" if training.weight_decay else ""
    penalty = f"; L2 penalty {decay}" if decay else ""
    optimiser = {
        "adamw": f"AdamW (Loshchilov & Hutter 2019; weight decay {decay or 0})",
        "adam": f"Adam (Kingma & Ba 2015{penalty})",
        "sgd": f"gradient descent with Nesterov momentum 0.9 (Sutskever et al. 2013{penalty})",
    }[training.optimiser]
    precision = {
        "auto": "bfloat16 where the processor computes in it, else float32",
        "float32": "float32",
        "bfloat16": "bfloat16",
    }[training.precision]
    return (
        f"The optimiser was {optimiser}; gradients were clipped to norm {training.clip:g}, and the net computed in "
        f"{precision}."
    )


def schedule_in_words(training: Training) -> str:
    """How the learning rate rose and fell."""
    highest, lowest = f"{training.learning_rate:g}", f"{100 * training.lowest_rate:g} %"
    along = "linearly"
    if training.schedule == "one_cycle":
        along = f"along half a cosine from 1/{ONE_CYCLE_START} of its highest value"
    rise = f"rose {along} to {highest} in the first {100 * training.warmup:g} % of the steps"
    if not training.warmup:
        rise = f"started at {highest}"
    fall = {
        "cosine": f"fell along half a cosine (Loshchilov & Hutter 2017) to {lowest} of that",
        "cosine_restarts": f"fell along half a cosine to {lowest} of that {_again(training)}",
        "one_cycle": f"fell along half a cosine to {lowest} of that (one cycle, Smith & Topin 2018)",
        "plateau": f"was multiplied by {training.plateau_factor:g} whenever {training.plateau_patience} "
        f"validations in a row had not improved the {_watched(training)}, down to {lowest} of that at most",
        "constant": "stayed there",
    }[training.schedule]
    return f"The learning rate {rise} and {fall}."


def _again(training: Training) -> str:
    """The periods of warm restarts."""
    factor = training.restart_factor
    later = "as many each time" if factor == 1 else f"{factor} times as many as the time before"
    return (
        f"again and again (warm restarts, Loshchilov & Hutter 2017): first within "
        f"{counted(training.restart_epochs, 'epoch')}, then within {later}"
    )


def _watched(training: Training) -> str:
    return METRIC_NAMES.get(training.watch, "watched validation metric")


def _weights_kept(training: Training, course: Course) -> str:
    """Which weights became the model, and what could have ended the training."""
    watched = _watched(training)
    average = (
        f"a running average of the weights (decay {training.average:g} a step)"
        if training.average
        else "the weights"
    )
    why = f", the one with the highest {watched}" if training.keep == "best" else ""
    words = f"The model has {average} after epoch {course.model_epoch}{why}."
    every = (
        f" every {training.validate_every} epochs and after the last"
        if training.validate_every > 1
        else " after every epoch"
    )
    patience = (
        f", and training was to end once {training.patience} validations had not improved the {watched}"
        if training.patience
        else ""
    )
    return f"{words} It was validated{every}{patience}."
