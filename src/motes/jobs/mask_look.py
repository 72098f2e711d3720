"""Look at images with masks before anything is trained on them: what is marked, and what is wrong."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motes.data.look_alikes import SmallPicture, look_alikes, small_picture
from motes.data.mask_evidence import Steps, overlaid, rim_of_one_value
from motes.data.mask_fit import fit_of
from motes.data.mask_pairs import collect_masks
from motes.data.mask_shift import ShiftPool
from motes.data.masks import FilePixels, MaskedImage, MaskKind, whole
from motes.data.normalise import Normalisation, fill_bad_pixels, grey_scale
from motes.data.sources import DataSource
from motes.errors import ImageError, MotesError
from motes.formats.colour import NOTE as COLOUR
from motes.formats.stores import ChunkCache
from motes.jobs.mask_copies import faults_of_pairs
from motes.jobs.mask_facts import MaskFacts, channel_on_grey_scale, colours_of, facts_of, looked_at
from motes.jobs.mask_faults import Looked, MaskFault, Trouble, faults_of_files
from motes.jobs.mask_misfits import Colours, Misfits
from motes.jobs.mask_sizes import fault_of_enlarged, faults_of_sizes
from motes.jobs.telling import Silent, Teller

Sizes = tuple[str, tuple[int, ...], tuple[int, ...]]
COLOURED = (
    "a mask in colours or with a palette, where numbers are expected; save it as a grey PNG or TIFF, with a number for "
    "each object"
)


def look_at_masks(
    sources: Sequence[DataSource], kind: MaskKind, ndim: int = 2, teller: Teller | None = None
) -> tuple[list[MaskFacts], list[MaskFault]]:
    """Facts of every image with a mask, and the faults of the set, the worst first; one image in memory at a time.

    kind: how masks are read; of binary ones and of classes each connected region is an object. Bad images and
    masks are among facts and faults. Raises InputError where there are no images, or none of the masks belongs to
    one of them.
    """
    teller = teller or Silent()
    images, faults = _collected(sources, kind, ndim)
    look = _Look(kind, Misfits(ShiftPool(len(images))))
    with teller.progress("looking at masks", len(images), "images") as done:
        for number, (image, source) in enumerate(images):
            look.add(image, source)
            done(number + 1)
    teller.say("comparing images and masks with each other")
    faults += look.faults()
    return look.facts, sorted(faults, key=lambda fault: not fault.unusable)


def _collected(
    sources: Sequence[DataSource], kind: MaskKind, ndim: int
) -> tuple[list[tuple[MaskedImage, DataSource]], list[MaskFault]]:
    """The images with masks of all sources, and what keeps others from being looked at."""
    found: list[tuple[MaskedImage, DataSource]] = []
    faults = []
    cache = ChunkCache()
    for source in sources:
        try:
            masks = collect_masks(source.images, source.masks or "", kind, Normalisation(), ndim, cache)
        except ImageError as error:
            faults.append(
                MaskFault("resized" if " px" in str(error) else "unreadable", str(error), (), {}, True)
            )
            continue
        faults += [MaskFault("unpaired", note, (), {}, False) for note in masks.notes]
        found += [(image, source) for image in masks.images]
    names = [image.name for image, _ in found]
    if len(set(names)) < len(names):
        number = {id(source): place for place, source in enumerate(sources, start=1)}
        found = [(replace(each, name=f"{number[id(source)]}/{each.name}"), source) for each, source in found]
    return found, faults


@dataclass
class _Look:
    """What is gathered, image by image."""

    kind: MaskKind
    misfits: Misfits
    facts: list[MaskFacts] = field(default_factory=list)
    looked: list[Looked] = field(default_factory=list)
    pictures: list[SmallPicture] = field(default_factory=list)
    steps: dict[tuple[int, ...], Steps] = field(default_factory=dict)
    sizes: list[Sizes] = field(default_factory=list)
    troubles: dict[str, Trouble] = field(default_factory=dict)

    def add(self, each: MaskedImage, source: DataSource) -> None:
        """Look at one image; whatever is wrong with it is kept."""
        try:
            shape, mask_shape = each.shape, tuple(each.mask.shape)
            if shape != mask_shape:
                self.sizes.append((each.name, shape, mask_shape))
                self.facts.append(
                    MaskFacts(
                        each.name,
                        shape,
                        kind=self.kind,
                        part=source.part,
                        problem=_other_size(shape, mask_shape),
                    )
                )
                return
            if isinstance(each.mask, FilePixels) and each.mask.info.note == COLOUR:
                raise _Unusable("coloured_mask", f"{each.mask_name}: {COLOURED}")
            self._look(each, source, whole(each.image), whole(each.mask))
        except (MotesError, OSError) as error:
            trouble = error.trouble if isinstance(error, _Unusable) else Trouble("unreadable", str(error))
            self.troubles[each.name] = trouble
            self.facts.append(MaskFacts(each.name, kind=self.kind, part=source.part, problem=trouble.message))

    def _look(self, each: MaskedImage, source: DataSource, image: NDArray[Any], mask: NDArray[Any]) -> None:
        values, _ = fill_bad_pixels(image, each.name)
        if mask.dtype.kind == "f" and not np.isfinite(mask).all():
            raise _Unusable(
                "values", f"{each.mask_name}: the mask holds NaN or infinite values; write it again"
            )
        try:
            each.learn(image, mask)
            flat = None
        except ImageError as error:
            flat = str(error)
        looked = looked_at(each, source, image, mask)
        self.facts.append(facts_of(each, source, values, mask, looked, flat))
        if flat is not None:
            self.troubles[each.name] = Trouble("flat", flat)
            return
        self.looked.append(looked)
        normalised = grey_scale(values, each.normalisation, each.name).apply(values)
        self.pictures.append(small_picture(normalised))
        if not looked.swapped:
            self._compare(each, looked, normalised, image, mask)

    def _compare(
        self,
        each: MaskedImage,
        looked: Looked,
        normalised: NDArray[np.float32],
        image: NDArray[Any],
        mask: NDArray[Any],
    ) -> None:
        """Keep how the mask lies on the image."""
        objects = mask > (looked.highest / 2 if looked.in_between and self.kind != "instances" else 0)
        if not objects.any() or objects.all():
            return
        self.misfits.shifts.add(normalised, objects, each.mask_name)
        self.misfits.fits.add(normalised, objects, each.name)
        self.misfits.drawn[each.name] = rim_of_one_value(image, objects)
        if not looked.in_between:
            self.steps.setdefault(each.shape, Steps()).add(mask, each.name)
        colours = colours_of(each)
        if colours is not None:
            fits = [
                fit_of(channel_on_grey_scale(colours[..., c]), objects, self.misfits.fits.factor)
                for c in range(3)
            ]
            own = fit_of(normalised, objects, self.misfits.fits.factor)
            self.misfits.colours[each.name] = Colours(own, tuple(fits), overlaid(colours, objects))

    def faults(self) -> list[MaskFault]:
        """All faults of what has been looked at."""
        kinds = dict.fromkeys(trouble.kind for trouble in self.troubles.values())
        found = []
        for kind in kinds:
            names = [name for name, trouble in self.troubles.items() if trouble.kind == kind]
            message = self.troubles[names[0]].message
            found.append(MaskFault(kind, message, tuple(names), {"images": len(names)}, unusable=True))
        found += faults_of_sizes(self.sizes)
        found += faults_of_files(self.looked, self.kind)
        found += self._enlarged()
        found += self.misfits.faults()
        found += faults_of_pairs(self.looked, look_alikes(self.pictures))
        return found

    def _enlarged(self) -> Iterator[MaskFault]:
        for shape, steps in self.steps.items():
            times = steps.enlarged
            if times is not None:
                sizes = [f.diameters for f in self.facts if f.shape == shape and len(f.diameters)]
                diameter = float(np.median(np.concatenate(sizes))) if sizes else 0.0
                yield fault_of_enlarged(steps.names, times, diameter)


class _Unusable(ImageError):
    """One image that cannot be used, with the key of its fault."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.trouble = Trouble(kind, message)


def _other_size(shape: Sequence[int], mask_shape: Sequence[int]) -> str:
    image, mask = (" x ".join(map(str, each)) for each in (shape, mask_shape))
    return f"the image is {image} px and its mask {mask} px; both must be of one size"
