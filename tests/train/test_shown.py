"""What a net was shown, as hashes."""

from pathlib import Path

import pytest
import torch

from easy_training import NET, KilledError, easy_image, plan, source, stopping_after
from motes.data.augment import Augmentation
from motes.data.crops import CropSource, Sampling
from motes.data.paint import Target
from motes.nets.build import build_net
from motes.train.loop import train_net
from motes.train.settings import Training
from motes.train.shown import Shown

PARTS = ("order", "places", "draws")
SETTINGS = Training(epochs=2, steps=3, batch=4, precision="float32", checkpoint_minutes=1e-6)


def shown(source_: CropSource, *batches: range, seed: int = 0) -> Shown:
    found = Shown()
    for numbers in batches:
        found.add(source_.cut(seed, 0, numbers))
    return found


def augmented(**changes: object) -> CropSource:
    return CropSource(
        [easy_image(0), easy_image(1)],
        (12.0,),
        Sampling(size=48),
        Augmentation.model_validate(changes),
        Target(),
    )


def test_the_same_crops_in_the_same_order_have_the_same_hashes_however_they_are_divided():
    assert shown(source(), range(8)) == shown(source(), range(3), range(3, 8)) == shown(source(), range(8))


@pytest.mark.parametrize(
    ("other", "changed"),
    [
        ({"seed": 1}, {"places", "draws"}),  # which crops keep to the grid is drawn too
        ({"noise": 0.5}, {"draws"}),
        ({"cutmix": 1}, {"draws"}),
    ],
)
def test_a_change_of_augmentation_leaves_the_order_of_images_alone(
    other: dict[str, object], changed: set[str]
):
    one, two = shown(augmented(), range(8)), shown(augmented(**other), range(8))
    assert {part for part in PARTS if getattr(one, part) != getattr(two, part)} == changed


def test_other_places_in_the_same_images_change_the_places_alone():
    one, two = shown(source(), range(8)), shown(source(around_points=1), range(8))
    assert {part for part in PARTS if getattr(one, part) != getattr(two, part)} == {"places"}


def test_the_order_of_crops_counts():
    assert shown(source(), range(4), range(4, 8)) != shown(source(), range(4, 8), range(4))
    assert shown(source(), range(8), seed=1).order != shown(source(), range(8)).order


def test_shares_of_several_processes_are_joined_in_order():
    one, two = shown(source(), range(4)), shown(source(), range(4, 8))
    assert Shown.joined([one]) == one
    assert Shown.joined([one, two]) != Shown.joined([two, one])


def lines_of_a_run(run: Path, *, killed_after: int | None = None) -> dict[int, tuple[int, Shown]]:
    """What the loop reports, by epoch; a killed run is started again."""
    found: dict[int, tuple[int, Shown]] = {}

    def keep(epoch: int, steps: int, each: Shown) -> None:
        found[epoch] = (steps, each)

    if killed_after is not None:
        with pytest.raises(KilledError):
            train_net(
                build_net(NET, 0), plan(run, SETTINGS, on_shown=keep, on_step=stopping_after(killed_after))
            )
    torch.manual_seed(5)
    train_net(build_net(NET, 0), plan(run, SETTINGS, on_shown=keep))
    return found


def test_the_loop_reports_what_it_trained_on_and_a_resumed_run_reports_the_same(tmp_path: Path):
    whole = lines_of_a_run(tmp_path / "whole")
    made = source()
    for epoch in (0, 1):
        expected = Shown()
        for step in range(3):
            expected.add(made.cut(0, epoch, range(4 * step, 4 * step + 4)))
        assert whole[epoch + 1] == (3, expected)
    assert lines_of_a_run(tmp_path / "killed", killed_after=5) == whole
