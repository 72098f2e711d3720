"""Where crops were taken and what was changed about them, in words. Citations are keys of REFERENCES."""

from motes.data.augment import ASSUMED_DEFOCUS, Augmentation
from motes.data.crops import Sampling
from motes.data.normalise import Normalisation
from motes.data.sampling import SHARES
from motes.figures.pages import counted, listed

WHERE = {
    "around_points": "near a particle",
    "background": "away from every particle",
    "boundaries": "at the rim of a particle",
    "informative": "where the grey values vary, the best of several places",
    "hard": "where the net had fired wrongly, as far as such places were known",
    "anywhere": "anywhere",
}


def sampling_in_words(sampling: Sampling, ndim: int, classes: int) -> str:
    """Size and places of crops, in two or three sentences."""
    crop = " × ".join(map(str, sampling.shape(ndim)))
    shares = {kind: float(getattr(sampling, kind)) for kind in SHARES}
    shares["anywhere"] = max(1 - sum(shares.values()), 0)
    places = [(share, WHERE[kind]) for kind, share in shares.items() if share > 1e-9]
    if len(places) == 1:
        put = f"and were taken {places[0][1]}"
    else:
        put = f"and were centred {listed([f'{where} ({_percent(share)})' for share, where in places])}"
    order = (
        "drawn at random by their weight for each crop"
        if sampling.images == "random"
        else "taken in turn in random order"
    )
    words = f"Crops measured {crop} px {put}. Images were {order}."
    if classes > 1 and (sampling.around_points or sampling.boundaries):
        words += {
            "equal": " Of the classes in an image each was chosen equally often.",
            "natural": " Of the classes in an image each was chosen as often as it is there.",
        }[sampling.by_class]
    return words


def augmentation_in_words(how: Augmentation, ndim: int, normalisation: Normalisation) -> str:
    """Every change of a crop that was switched on."""
    unit = "standard deviations" if normalisation.kind == "zscore" else "of the range of grey values"
    sentences = [*_geometry(how), *_grey_values(how, ndim, unit), *_mixing(how)]
    return " ".join(sentences) if sentences else "Crops were not augmented."


def _geometry(how: Augmentation) -> list[str]:
    """Turning, mirroring, scaling and deforming."""
    resampled = how.on_grid < 1
    quarters = not resampled and how.rotation >= 90
    changes = [
        (resampled and how.rotation, f"rotated in the plane by up to ±{how.rotation:g}°"),
        (quarters, "turned by multiples of 90°"),
        (how.flip, "mirrored along each axis"),
        (resampled and how.scale, f"enlarged or reduced by up to {_percent(how.scale)}"),
    ]
    used = [words for amount, words in changes if amount]
    sentences = [f"Crops were at random {listed(used)}."] if used else []
    deformed = resampled and how.elastic and how.elastic_alpha
    if resampled and how.on_grid and (how.rotation or how.scale):
        sentences.append(
            f"{_percent(how.on_grid)} of them kept the pixels of the image as they are: these were turned by "
            f"multiples of 90° at most, and {'neither scaled nor deformed' if deformed else 'not scaled'}."
        )
    if deformed:
        rest = " of the others" if how.on_grid else " of them"
        sentences.append(
            f"{_percent(how.elastic)}{rest} were deformed elastically (Simard et al. 2003; α = {how.elastic_alpha:g} "
            f"px, σ = {how.elastic_sigma:g} px)."
        )
    return sentences


def _grey_values(how: Augmentation, ndim: int, unit: str) -> list[str]:
    low, high = ASSUMED_DEFOCUS
    square = "square" if ndim == 2 else "cube"
    changes = [
        (
            how.ice,
            1.0,
            f"given a simulated piece of contamination ice with a probability of {_percent(how.ice)}",
        ),
        (
            how.defocus,
            how.defocus_share,
            f"changed in defocus by up to {how.defocus:g} µm through the contrast transfer function, taking "
            f"{low:g} to {high:g} µm for their own",
        ),
        (how.blur, how.blur_share, f"blurred by a Gaussian of up to {how.blur:g} px"),
        (how.contrast, how.contrast_share, f"changed in contrast by up to {_percent(how.contrast)}"),
        (
            how.brightness,
            how.brightness_share,
            f"shifted in brightness by up to {how.brightness:g} {unit}",
        ),
        (how.noise, how.noise_share, f"given noise of up to {how.noise:g} {unit}"),
        (
            how.squares,
            how.squares_share,
            f"set to zero in {counted(how.squares, square)} of up to {how.squares_size} px a side (cut-out, DeVries & "
            "Taylor 2017)",
        ),
    ]
    used = [words + _of_some(share) for amount, share, words in changes if amount and share]
    return [f"Their grey values were {listed(used)}."] if used else []


def _of_some(share: float) -> str:
    return "" if share == 1 else f" ({_percent(share)} of the crops)"


def _mixing(how: Augmentation) -> list[str]:
    sentences = []
    if how.mixup:
        sentences.append(
            f"{_percent(how.mixup)} of the pairs of neighbouring crops in a batch were blended with their targets, "
            f"their shares drawn from Beta({how.mixup_alpha:g}, {how.mixup_alpha:g}) (MixUp, Zhang et al. 2018)."
        )
    if how.cutmix:
        sentences.append(
            f"{_percent(how.cutmix)} of the pairs exchanged a box with its target, its share of the crop drawn from "
            f"Beta({how.cutmix_alpha:g}, {how.cutmix_alpha:g}) (CutMix, Yun et al. 2019)."
        )
    return sentences


def _percent(share: float) -> str:
    return f"{100 * share:.4g} %"
