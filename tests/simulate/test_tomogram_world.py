import pytest
from pydantic import ValidationError

from motes.errors import RecipeError
from motes.simulate.tomogram_world import CHALLENGE_CLASSES, TomogramWorld


def test_the_classes_are_those_of_the_challenge() -> None:
    stated = {each.name: (each.diameter, each.weight, each.usual) for each in CHALLENGE_CLASSES}
    assert stated == {
        "apo-ferritin": (120, 1, 47),
        "beta-amylase": (130, 0, 5),
        "beta-galactosidase": (180, 2, 6),
        "ribosome": (300, 1, 80),
        "thyroglobulin": (260, 2, 13),
        "virus-like-particle": (270, 1, 6),
    }
    assert TomogramWorld().share == 1
    assert TomogramWorld(size=(92, 315, 315)).share == pytest.approx(1 / 8)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"size": (8, 64, 64)}, "expected at least 16 along each axis"),
        ({"size": (32, 64, 64)}, "a ribosome of 300 A does not fit into 272 A of ice"),
        ({"voxel_size": 50.0}, "smaller than 3 voxels of 50 A"),
        ({"counts": {"ribosom": 3}}, "Did you mean 'ribosome'"),
        ({"counts": {"ribosome": (5, 3)}}, r"counts of ribosome is \(5, 3\)"),
        ({"tilt_step": 70.0}, "expected several tilts"),
        ({"defocus": (3e4, 2e4)}, "the least, then the most"),
        ({"classes": CHALLENGE_CLASSES[:1] * 2}, "names of their own"),
    ],
)
def test_worlds_that_cannot_be(fields: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        TomogramWorld.model_validate(fields)


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValidationError):
        TomogramWorld.model_validate({"thickness": 3})
