"""Diameters that the model that ships estimates, and those that are looked up for it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from motes.data.image_list import ImageEntry, find_images
from motes.errors import ModelError
from motes.formats.images import write_image
from motes.image import Image
from motes.jobs import diameter
from motes.jobs.diameter import SeenDiameter, checks_diameters, estimate, look_at, middle, misfit
from motes.nets.model_file import Model, load_model, model_path
from motes.picking.diameter import ACCURACY, TOO_LARGE, Rung
from motes.simulate import MicrographWorld, simulate_micrograph
from motes.units import Length

TRUE = 25.0  # px
SIZE = 6.0  # A/px
PLAIN = {
    "contamination": (0, 0),
    "carbon_probability": 0,
    "aggregates": (0, 0),
    "size": 384,
    "pixel_size": SIZE,
}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small images, beside whatever else the machine does."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def written(folder: Path, count: int, **world: object) -> list[ImageEntry]:
    values = {**PLAIN, "structures": ("proteasome_like",), "particles": (36, 36), "snr": 1.0, **world}
    for index in range(count):
        made = simulate_micrograph(MicrographWorld.model_validate(values), 1, index)
        write_image(folder / f"{index}.mrc", made.image.data, SIZE)
    return find_images([str(folder)])


@pytest.fixture(scope="module")
def particles(tmp_path_factory: pytest.TempPathFactory) -> list[ImageEntry]:
    return written(tmp_path_factory.mktemp("particles"), 1)


@pytest.fixture(scope="module")
def shipped() -> Model:
    return load_model(model_path("default"))


def test_the_diameter_of_simulated_particles(particles: list[ImageEntry]) -> None:
    found = estimate(particles)
    assert found is not None
    assert 1 / ACCURACY < found.px / TRUE < ACCURACY
    assert found.px_low < found.px < found.px_high
    assert found.angstrom == pytest.approx(SIZE * found.px, abs=SIZE / 10)
    assert found.images == 1


def test_too_few_particles_give_no_estimate(tmp_path: Path) -> None:
    assert estimate(written(tmp_path, 1, particles=(3, 3))) is None


def test_a_diameter_that_fits_is_not_doubted(particles: list[ImageEntry], shipped: Model) -> None:
    assert misfit(shipped, torch.bfloat16, particles, Length(1.15 * TRUE * SIZE, "A")) is None


@pytest.mark.parametrize("times", [0.1, 0.3, 0.45, 2.2])
def test_a_diameter_that_does_not_fit_is_told_with_the_one_that_would(
    particles: list[ImageEntry], shipped: Model, times: float
) -> None:
    found = misfit(shipped, torch.bfloat16, particles, Length(times * TRUE, "px"))
    assert found is not None
    assert 1 / ACCURACY < found.px / TRUE < ACCURACY


def test_what_cannot_be_told_is_not(particles: list[ImageEntry], shipped: Model, tmp_path: Path) -> None:
    (tmp_path / "no.mrc").write_text("no image")
    unreadable = ImageEntry("no.mrc", tmp_path / "no.mrc")
    assert misfit(shipped, torch.float32, [unreadable], Length(60, "px")) is None
    assert misfit(shipped, torch.float32, [], Length(60, "px")) is None
    assert estimate([unreadable]) is None
    write_image(tmp_path / "unit.mrc", np.random.default_rng(0).normal(size=(99, 99)).astype("f4"), None)
    without_pixel_size = find_images([str(tmp_path / "unit.mrc")])
    assert misfit(shipped, torch.float32, without_pixel_size, Length(60, "A")) is None


def test_only_a_model_that_saw_misjudged_sizes_judges_them(shipped: Model, tiny: object) -> None:
    assert checks_diameters(shipped.description)
    assert not checks_diameters(load_model(tiny.model).description)  # type: ignore[attr-defined]


def test_an_even_image_holds_nothing(shipped: Model) -> None:
    found = look_at(shipped, torch.float32, Image(np.ones((100, 100), np.float32), None, "even"), 20)
    assert found == Rung(20, 0, 0, 10_000)


def test_the_middle_of_an_image() -> None:
    pixels = np.arange(63).reshape(7, 9)
    assert middle(Image(pixels, None, ""), 3).tolist() == pixels[2:5, 3:6].tolist()
    assert middle(Image(pixels, None, ""), 8).shape == (7, 9)


def blank(folder: Path, name: str, pixel_size: float | None = SIZE) -> ImageEntry:
    write_image(folder / name, np.zeros((300, 300), np.float32), pixel_size)
    return ImageEntry(name, folder / name)


def pretend(monkeypatch: pytest.MonkeyPatch, true: float) -> list[tuple[str, float]]:
    """Let the model see particles of that size, px; what it was asked comes back."""
    asked = []

    def seen(_model: Model, _precision: torch.dtype, image: Image, px: float) -> Rung:
        asked.append((image.name, px))
        return Rung(px, 100 * float(np.exp(-8 * np.log(px / true) ** 2)), 5.0, 90_000)

    monkeypatch.setattr(diameter, "look_at", seen)
    return asked


def test_a_second_look_only_where_the_first_image_speaks_against_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shipped: Model
) -> None:
    entries = [blank(tmp_path, f"{n}.mrc") for n in range(5)]
    asked = pretend(monkeypatch, 30)
    assert misfit(shipped, torch.float32, entries, Length(30, "px")) is None
    assert {name for name, _ in asked} == {"0.mrc"}
    found = misfit(shipped, torch.float32, entries, Length(13, "px"))
    assert {name for name, _ in asked} == {"0.mrc", "1.mrc", "2.mrc"}
    assert found is not None
    assert found.px * TOO_LARGE == pytest.approx(30, rel=0.15)
    assert found.images == 3


def test_images_of_another_pixel_size_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = {"a.mrc": SIZE, "b.mrc": 2 * SIZE, "c.mrc": SIZE}
    asked = pretend(monkeypatch, 30)
    found = estimate([blank(tmp_path, name, size) for name, size in sizes.items()])
    assert found is not None
    assert found.images == 2
    assert {name for name, _ in asked} == {"a.mrc", "c.mrc"}


def test_how_it_is_said() -> None:
    known = SeenDiameter(60.04, 45, 80, 150.1, 112.5, 200.0, 3)
    assert str(known) == "150 A (112 to 200 A; 60 px)"
    assert known.option == "--diameter 150"
    unknown = SeenDiameter(60.04, 45, 80, None, None, None, 3)
    assert str(unknown) == "60 px (45 to 80 px)"
    assert unknown.option == "--diameter 60px"


def test_without_the_model_that_ships_there_is_no_estimate(
    particles: list[ImageEntry], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(word: str) -> Path:
        raise ModelError(f"no {word}")

    monkeypatch.setattr(diameter, "model_path", missing)
    with pytest.raises(ModelError, match="no default"):
        estimate(particles)
