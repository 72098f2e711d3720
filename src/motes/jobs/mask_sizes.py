"""Masks of another size than their image, now or before they were enlarged, in words."""

from collections import Counter
from collections.abc import Iterator, Sequence

from motes.image import sides
from motes.jobs.mask_faults import MaskFault


def faults_of_sizes(sizes: Sequence[tuple[str, tuple[int, ...], tuple[int, ...]]]) -> Iterator[MaskFault]:
    """Masks of another size than their image: name, size of the image, of the mask."""
    if not sizes:
        return
    exchanged = [each for each in sizes if each[1] == each[2][:-2] + each[2][:-3:-1]]
    factors = Counter(
        tuple(round(m / i, 3) for i, m in zip(image, mask, strict=True)) for _, image, mask in sizes
    )
    name, image, mask = sizes[0]
    usual = factors.most_common(1)[0][0]
    advice = "bring the masks to the size of the images by nearest neighbour, or write them again"
    if len(exchanged) == len(sizes):
        advice = "they seem to be turned by 90 degrees; exchange the axes (in Python: mask.T)"
    yield MaskFault(
        "resized",
        f"{len(sizes)} masks are not of the size of their image: {name} is {sides(image)} px and its mask "
        f"{sides(mask)} px; {advice}",
        tuple(each[0] for each in sizes),
        {"image": sides(image), "mask": sides(mask), "times": " x ".join(f"{each:g}" for each in usual)},
        unusable=True,
    )


def fault_of_enlarged(names: Sequence[str], times: float, diameter: float) -> MaskFault:
    """Masks that were enlarged by nearest neighbour; diameter: px, of their objects."""
    coarse = times > diameter / 4
    return MaskFault(
        "resized",
        f"the masks seem to be enlarged {times:.3g} times by nearest neighbour: their rims lie on a grid of "
        f"blocks. Rims are up to {times:.2g} px off, of objects {diameter:.0f} px across; make masks at "
        "the size of the images",
        tuple(names),
        {"times": times, "diameter": diameter},
        unusable=coarse,
    )
