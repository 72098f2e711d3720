"""Masks that do not lie on what they mark: moved, turned, of another image or of another channel."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

import numpy as np

from motes.data.mask_fit import Fit, FitPool, Turn
from motes.data.mask_shift import ShiftPool
from motes.jobs.mask_faults import MaskFault, some_names

CLEAR = 7.0  # times chance; the best of all shifts and turns of a mask that fits nowhere stays below
BETTER = 0.6  # as it is a mask must fit less than this share of how it fits best, for that to be told
ONE_SIDED = 0.8  # and the contrary shift less than this
CHANCE = 3.0  # below this a mask fits no better than any other; then less has to be clear
CLEAR_ENOUGH = {"shifted": 6.0, "mirrored": 5.0, "other_image": 5.0}
ENOUGH = 5  # images that agree on something small
AGREE = 0.7  # share of the images
SMALL = 2  # px from where a common shift counts
TWICE = 2.0  # times better must another channel fit
DRAWN = 0.7  # share of the pixels at rims of one grey value


@dataclass(frozen=True)
class Colours:
    """How an image in colours fits its mask: its luminance, each channel; overlaid: objects are painted on it."""

    luminance: float
    channels: tuple[float, ...]
    overlaid: bool

    @property
    def better(self) -> int | None:
        """The channel, from 0, that fits when the luminance does not."""
        best = int(np.argmax(self.channels))
        clear = self.channels[best] >= CLEAR and self.channels[best] > TWICE * self.luminance
        return best if clear else None


@dataclass
class Misfits:
    """What is gathered of a set for it. drawn: share of the pixels at rims of one value; colours: of such images."""

    shifts: ShiftPool
    fits: FitPool = field(default_factory=FitPool)
    drawn: dict[str, float] = field(default_factory=dict)
    colours: dict[str, Colours] = field(default_factory=dict)

    def faults(self) -> Iterator[MaskFault]:
        """All of it, each image in one fault at most."""
        explained: set[str] = set()
        for early in (self._overlaid, self._channels):
            for fault in early(explained):
                explained.update(fault.images)
                yield fault
        fits = [each for each in self.fits.fits if each.name not in explained]
        owners = self.fits.owners()
        best = {each.name: _explanation(each, owners) for each in fits}
        for make in (self._shifted, self._turned, self._strangers, self._nowhere):
            for fault in make([each for each in fits if each.name not in explained], best):
                explained.update(fault.images)
                yield fault

    def _overlaid(self, _explained: set[str]) -> Iterator[MaskFault]:
        found = {name: share for name, share in self.drawn.items() if share > DRAWN}
        found |= {name: 1.0 for name, colours in self.colours.items() if colours.overlaid}
        if found:
            yield MaskFault(
                "overlay",
                f"outlines or areas of the masks are drawn into the images ({some_names(list(found))}), so a net would "
                "learn to find the drawing; give the images as they were recorded",
                tuple(found),
                {"share_of_rim_drawn": median(found.values())},
                unusable=True,
            )

    def _channels(self, explained: set[str]) -> Iterator[MaskFault]:
        found = {
            name: colours
            for name, colours in self.colours.items()
            if colours.better is not None and name not in explained
        }
        if len(found) > len(self.colours) / 2:  # then it is so where nothing is clear, too
            found |= {n: c for n, c in self.colours.items() if n not in explained and c.luminance < CLEAR}
        if found:
            channel = Counter(colours.better for colours in found.values()).most_common(1)[0][0] or 0
            fits = median(colours.channels[channel] for colours in found.values())
            grey = median(colours.luminance for colours in found.values())
            names = ("red", "green", "blue")
            yield MaskFault(
                "wrong_channel",
                f"{some_names(list(found))}: images in colours are read by their luminance, in which the objects "
                f"of the masks hardly show (fit {grey:.1f}, chance is about 1); in {names[channel]} they do "
                f"({fits:.1f}). Save the {names[channel]} channel as a grey image and use that",
                tuple(found),
                {"channel": names[channel], "fit_of_channel": fits, "fit_of_luminance": grey},
                unusable=True,
            )

    def _shifted(self, fits: Sequence[Fit], best: Mapping[str, "Explanation"]) -> Iterator[MaskFault]:
        found = [each for each in fits if best[each.name].kind == "shifted"]
        common = self.shifts.suspect
        if found or (common is not None and fits):
            if common is not None and not found:
                found = list(fits)
            shift = (
                _usual([each.shift for each in found])
                if common is None or len(found) < len(fits) / 2
                else common
            )
            alike = [each for each in found if _apart(each.shift, shift) <= 2 * self.fits.factor]
            one = len(alike) >= AGREE * len(found) or common is not None
            how = f"by {_towards(shift)}" if one else "each by another way"
            if one and len(found) > _clear(fits) / 2:
                found = [each for each in fits if each in found or each.own < CLEAR]
            yield MaskFault(
                "shifted",
                f"{len(found)} of {len(self.fits.fits)} masks, beginning with {found[0].name}, lie beside their "
                f"objects, {how}; move them back and write them again. Cropping or padding one of both does that",
                _names(found),
                {
                    "shift": ", ".join(f"{step:+d}" for step in shift) if one else "different",
                    "fit_as_it_is": median(each.own for each in found),
                    "fit_moved_back": median(each.moved for each in found),
                },
                unusable=True,
            )
        else:
            yield from self._a_little([each for each in fits if best[each.name].kind == "own"])

    def _a_little(self, fits: Sequence[Fit]) -> Iterator[MaskFault]:
        """A shift that all masks have in common and that is too small to be sure of in one image."""
        clear = [each for each in fits if each.moved >= CLEAR]
        if len(clear) < ENOUGH:
            return
        shift = tuple(round(float(step)) for step in np.median([each.shift for each in clear], axis=0))
        alike = [each for each in clear if _apart(each.shift, shift) <= max(1, self.fits.factor)]
        surely = [each for each in alike if each.moved > 1.02 * each.opposite]
        if max(map(abs, shift)) >= max(SMALL, self.fits.factor) and len(surely) >= AGREE * len(clear):
            yield MaskFault(
                "shifted",
                f"the masks lie a little beside their objects, by {_towards(shift)} in {len(surely)} of {len(fits)} "
                "images; rims that are learnt will be off by as much. Look at some, and move the masks back if so",
                _names(surely),
                {
                    "shift": ", ".join(f"{step:+d}" for step in shift),
                    "fit_as_it_is": median(each.own for each in surely),
                    "fit_moved_back": median(each.moved for each in surely),
                },
                unusable=False,
            )

    def _turned(self, fits: Sequence[Fit], best: Mapping[str, "Explanation"]) -> Iterator[MaskFault]:
        found = [each for each in fits if best[each.name].kind == "mirrored"]
        if not found:
            return
        turn = Counter(best[each.name].turn for each in found).most_common(1)[0][0]
        alike = [each for each in found if best[each.name].turn == turn]
        clear = [each for each in fits if max(each.own, each.moved, each.turned[each.best_turn]) >= CLEAR]
        if (
            len(alike) > len(clear) / 2 and turn is not None
        ):  # then those that are unclear by themselves are, too
            found = [each for each in fits if each in found or each.turned.get(turn, 0) > each.own]
        one = len(alike) >= AGREE * len(found)
        how = turn_words(turn) if one and turn is not None else "mirrored or turned in different ways"
        yield MaskFault(
            "mirrored",
            f"{len(found)} of {len(self.fits.fits)} masks, beginning with {found[0].name}, are {how} against their "
            "images: they fit when that is undone, and not as they are. Undo it and write them again; programs differ "
            "in where the first row and the first axis of an image are",
            _names(found),
            {
                "turn": how,
                "fit_as_it_is": median(each.own for each in found),
                "fit_turned_back": median(each.turned[each.best_turn] for each in found),
            },
            unusable=True,
        )

    def _strangers(self, fits: Sequence[Fit], best: Mapping[str, "Explanation"]) -> Iterator[MaskFault]:
        found = [each for each in fits if best[each.name].kind == "other_image"]
        if found:
            first, known = best[found[0].name], found
            if len(found) > _clear(fits) / 2:
                found = [each for each in fits if each in known or each.own < CHANCE]
            yield MaskFault(
                "other_image",
                f"{len(found)} of {len(self.fits.fits)} masks belong to another image: that of {first.owner} fits "
                f"{known[0].name}, and its own does not; were files renamed or sorted in two ways? See that images and "
                "masks of one name belong together",
                _names(found),
                {
                    "belongs_to": ", ".join(f"{each.name}: {best[each.name].owner}" for each in known[:10]),
                    "fit_of_own": median(best[each.name].own for each in known),
                    "fit_of_other": median(best[each.name].fit for each in known),
                },
                unusable=True,
            )

    def _nowhere(self, fits: Sequence[Fit], best: Mapping[str, "Explanation"]) -> Iterator[MaskFault]:
        """Masks that fit no better than by chance: nothing shows in all images, or in some."""
        own = [each for each in fits if best[each.name].kind == "own"]
        if not own:
            return
        lost = [each for each in own if each.own < CHANCE]
        chance = [float(np.median(list(each.turned.values()))) for each in own]
        gain = np.array([each.own for each in own]) - np.array(chance)
        most = len(own) > len(self.fits.fits) / 2
        nothing = most and median(each.own for each in own) < CHANCE and gain.mean() < 1
        evidence = {"fit": median(each.own for each in lost or own), "fit_by_chance": median(chance)}
        if nothing:
            yield MaskFault(
                "wrong_channel",
                "the objects of the masks do not show in the images: inside and around them grey values and edges are "
                "alike, and no shift or turn helps. Is this another channel, or are these masks of other images?",
                _names(own),
                evidence,
                unusable=True,
            )
        elif lost:
            yield MaskFault(
                "other_image",
                f"the masks of {some_names(_names(lost))} fit their images no better than any other mask would, while "
                "those of the other images fit; are they of images that are not here, or of another channel, or are "
                "the objects out of sight? Look at them",
                _names(lost),
                evidence | {"fit_of_others": median(each.own for each in own)},
                unusable=False,
            )


@dataclass(frozen=True)
class Explanation:
    """What explains best how a mask fits: own, shifted, mirrored or other_image; fit: then, own: as it is."""

    kind: str
    fit: float
    own: float
    turn: Turn | None = None
    owner: str = ""


def _explanation(fit: Fit, owners: Mapping[str, tuple[str, float, float]]) -> Explanation:
    turn = fit.best_turn
    offered = [
        Explanation("shifted", fit.moved if fit.opposite < ONE_SIDED * fit.moved else 0.0, fit.own),
        Explanation("mirrored", fit.turned[turn], fit.own, turn),
    ]
    if fit.name in owners:
        owner, best, own = owners[fit.name]
        offered.append(Explanation("other_image", best, own, owner=owner))
    found = max(offered, key=lambda each: each.fit)
    clear = CLEAR_ENOUGH[found.kind] if max(fit.own, found.own) < CHANCE else CLEAR
    if found.fit >= clear and found.own < BETTER * found.fit:
        return found
    return Explanation("own", fit.own, fit.own)


def _clear(fits: Sequence[Fit]) -> int:
    """How many masks fit clearly in one way or another."""
    return sum(max(each.own, each.moved, *each.turned.values()) >= CLEAR for each in fits)


def turn_words(turn: Turn) -> str:
    """A turn in words; axes are reversed after y and x have changed places."""
    *reversed_, exchanged = turn
    y, x = reversed_[-2:]
    flat = {
        (False, False, False): "",
        (True, False, False): "upside down",
        (False, True, False): "mirrored left to right",
        (True, True, False): "turned by 180 degrees",
        (False, False, True): "transposed (x and y exchanged)",
        (True, True, True): "transposed and turned by 180 degrees",
        (True, False, True): "turned by 90 degrees",
        (False, True, True): "turned by 90 degrees",
    }[y, x, exchanged]
    deep = "reversed in z" if len(reversed_) == 3 and reversed_[0] else ""
    return " and ".join(word for word in (flat, deep) if word)


def _usual(shifts: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """The shift that most others are near to."""
    return max(shifts, key=lambda shift: sum(_apart(shift, other) <= 2 for other in shifts))


def _apart(first: Sequence[int], second: Sequence[int]) -> int:
    return max(abs(a - b) for a, b in zip(first, second, strict=True))


def _towards(shift: Sequence[int]) -> str:
    """+3 px in y, -2 px in x."""
    steps = [
        f"{step:+d} px in {axis}" for axis, step in zip("zyx"[-len(shift) :], shift, strict=True) if step
    ]
    return ", ".join(steps) or "less than a pixel"


def _names(fits: Sequence[Fit]) -> tuple[str, ...]:
    return tuple(each.name for each in fits)
