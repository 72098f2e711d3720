from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from motes.data import geometry
from motes.data.augment import NO_AUGMENTATION, Augmentation
from motes.data.crops import IGNORED, PAINTED, CropSource, Labelled, Sampling
from motes.data.paint import Target, paint
from motes.errors import InputError, RecipeError

IMAGE = np.random.default_rng(0).normal(size=(60, 80)).astype(np.float32)
POINTS = np.array([[10.0, 12.0], [30, 40], [55, 70]])
STEADY = Augmentation(contrast=0, brightness=0, noise=0)
EVERYTHING = Augmentation(
    elastic=0.5, blur=2, squares=4, ice=0.5, defocus=0.5, mixup=0.5, cutmix=0.5, on_grid=0.3
)


def source(**changes) -> CropSource:
    values = {
        "images": [Labelled(IMAGE, POINTS), Labelled(IMAGE[::-1].copy(), POINTS)],
        "diameters": (10.0,),
        "sampling": Sampling(size=32),
        "augmentation": Augmentation(),
        "target": Target(radius=1),
        "pixel_size": 5.0,
    }
    return CropSource(**{**values, **changes})


def spot(shape: tuple[int, ...], centre: np.ndarray, sigma: float = 2) -> np.ndarray:
    axes = np.ogrid[tuple(slice(n) for n in shape)]
    return np.exp(-sum((a - c) ** 2 for a, c in zip(axes, centre, strict=True)) / (2 * sigma**2)).astype("f4")


def equal(one, other) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.sampled_from([2, 3]), st.sampled_from([0.0, 1.0]))
def test_points_move_with_the_pixels(seed, ndim, elastic):
    """A spot in the image is found in the crop where the painted target has its centre."""
    centre = np.random.default_rng(seed).uniform(18, 30, ndim)
    one = source(
        images=[Labelled(spot((48,) * ndim, centre), centre[None])],
        augmentation=STEADY.model_copy(update={"elastic": elastic, "elastic_alpha": 20 if ndim == 2 else 60}),
        sampling=Sampling(size=32, around_points=1),
        target=Target(radius=0.8),
    )
    crops, targets = one.batch(seed, 0, [0])
    crop, painted = crops[0, 0].numpy(), (targets[0, 0] == 1).numpy()
    touches_border = any(np.take(painted, [0, -1], axis=axis).any() for axis in range(ndim))
    if painted.any() and not touches_border:
        seen = ndimage.center_of_mass(np.where(painted, crop, 0))
        np.testing.assert_allclose(seen, ndimage.center_of_mass(painted), atol=0.6)


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_point_is_painted_where_the_object_is_to_a_tenth_of_a_pixel(ndim):
    """The image's grey values are coordinates: at the painted place the crop shows those of the point."""
    shape = (64,) * ndim if ndim == 2 else (40, 48, 48)
    centre = np.array(shape) / 2 + np.linspace(-1.3, 1.7, ndim)
    seen, moved = [], []
    for axis in range(ndim):
        ramp = np.broadcast_to(np.indices(shape)[axis], shape).astype("f4")
        one = source(
            images=[Labelled(ramp, centre[None])],
            augmentation=STEADY.model_copy(update={"elastic": 1, "on_grid": 0, "elastic_alpha": 60}),
            sampling=Sampling(size=32, around_points=1),
            target=Target(shape="gaussian", radius=0.6),
        )
        for number in range(0, 24, 2):
            patches = one.cut(3, 0, [number])
            (crop,), (target,) = (values[:, 0].numpy() for values in one.finish(patches))
            painted = ndimage.center_of_mass(np.where(target > 0, target, 0))
            if np.all(np.abs(np.array(painted) - 15.5) < 8):
                shown = ndimage.map_coordinates(crop, np.array(painted)[:, None], order=1)[0]
                seen.append(shown - centre[axis])
                moved.append(np.linalg.norm(patches.marks.points[0].numpy() - painted))
    assert len(seen) >= 12
    assert max(moved) > 0.5
    assert np.abs(seen).max() < 0.1


def test_only_the_points_of_a_deformed_crop_are_sought_in_it(monkeypatch):
    sought = []

    def counted(points, field, find=geometry.displaced_points):
        sought.append(len(points))
        return find(points, field)

    monkeypatch.setattr(geometry, "displaced_points", counted)
    deformed = source(augmentation=STEADY.model_copy(update={"elastic": 1.0, "on_grid": 0.0}))
    patches = deformed.cut(0, 0, range(8))
    deformed.finish(patches)
    assert len(sought) == 8
    assert sum(sought) == len(patches.marks.points) == sum(patches.counts) > 0


def test_a_crop_depends_on_nothing_but_its_seed():
    one, two = source(), source()
    two.batch(1, 0, range(3))
    again, alone = two.batch(5, 2, [7]), one.batch(5, 2, [7])
    assert equal(again, alone)
    for seed, epoch, number in [(6, 2, 7), (5, 3, 7), (5, 2, 8)]:
        assert not torch.equal(one.batch(seed, epoch, [number])[0], alone[0])


@pytest.mark.parametrize("size", [32, (16, 24, 20)])
def test_how_numbers_are_grouped_changes_no_bit(size):
    ndim = 2 if isinstance(size, int) else 3
    shape = (70, 80) if ndim == 2 else (30, 50, 60)
    rng = np.random.default_rng(0)
    images = [
        Labelled(rng.normal(size=shape).astype("f4"), rng.random((40, ndim)) * shape),
        Labelled(rng.normal(size=shape).astype("f4"), rng.random((5, ndim)) * shape),
    ]
    one = source(images=images, sampling=Sampling(size=size), augmentation=EVERYTHING)
    whole = one.batch(1, 1, range(8))
    halves = [one.batch(1, 1, numbers) for numbers in (range(4), range(4, 6), range(6, 8))]
    assert equal(whole, [torch.cat(parts) for parts in zip(*halves, strict=True)])
    unmixed = source(
        images=images,
        sampling=Sampling(size=size),
        augmentation=EVERYTHING.model_copy(update={"mixup": 0, "cutmix": 0}),
    )
    alone = [unmixed.batch(1, 1, [number]) for number in range(8)]
    assert equal(unmixed.batch(1, 1, range(8)), [torch.cat(parts) for parts in zip(*alone, strict=True)])


def test_neither_threads_nor_workers_change_a_bit():
    one = source(augmentation=EVERYTHING)
    batches = [range(4 * n, 4 * n + 4) for n in range(4)]
    expected = [one.batch(0, 0, numbers) for numbers in batches]
    with ThreadPoolExecutor(3) as pool:
        patches = list(pool.map(lambda numbers: one.cut(0, 0, numbers), batches))
    threads = torch.get_num_threads()
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            assert all(equal(one.finish(p), e) for p, e in zip(patches, expected, strict=True))
    finally:
        torch.set_num_threads(threads)


def test_a_batch_has_the_shape_that_a_net_takes():
    crops, targets = source().batch(0, 0, range(4))
    assert crops.shape == targets.shape == (4, 1, 32, 32)
    assert crops.dtype == targets.dtype == torch.float32
    assert set(np.unique(targets)) <= {IGNORED, 0.0, 1.0}


def test_sides_may_differ():
    volume = Labelled(np.zeros((40, 50, 60), "f4"), np.full((1, 3), 20.0))
    crops, targets = source(images=[volume], sampling=Sampling(size=(16, 32, 24))).batch(0, 0, range(3))
    assert crops.shape == targets.shape == (3, 1, 16, 32, 24)


@pytest.mark.parametrize(("around", "expected"), [(1.0, 1.0), (0.0, 0.2)])
def test_as_many_crops_are_around_points_as_asked_for(around, expected):
    chosen = source(sampling=Sampling(size=32, around_points=around))
    near = [
        np.linalg.norm(POINTS - plan.centre, axis=1).min() <= 8 * 2**0.5 + 1
        for plan in chosen.plans(0, 0, range(300))
    ]
    assert np.mean(near) == pytest.approx(expected, abs=0.12)


def test_an_image_without_particles_gives_crops_too():
    empty = source(images=[Labelled(IMAGE, np.zeros((0, 2)))])
    _, targets = empty.batch(0, 0, range(8))
    assert targets.max() == 0


def test_an_image_smaller_than_a_crop_is_surrounded_by_what_is_ignored():
    pixels = IMAGE[:10, :12].copy()
    small = source(images=[Labelled(pixels, np.array([[5.0, 5.0]])), Labelled(IMAGE, POINTS)])
    steady = source(images=small.images[:1], augmentation=NO_AUGMENTATION)
    crops, targets = steady.batch(0, 0, range(4))
    assert (targets == IGNORED).sum(dim=(1, 2, 3)).tolist() == [32 * 32 - 120] * 4
    assert torch.equal(crops[0, 0, 11:21, 10:22], torch.from_numpy(pixels))
    assert float(crops.abs().sum()) == pytest.approx(4 * np.abs(pixels).sum(), rel=1e-5)
    crops, targets = small.batch(0, 0, range(8))
    assert bool(crops.isfinite().all())


def test_the_edge_of_a_small_image_is_not_mixed_with_what_lies_beyond():
    images = [Labelled(np.ones((20, 20), "f4"), np.zeros((0, 2))), Labelled(np.ones((90, 90), "f4"), POINTS)]
    turning = source(images=images, augmentation=STEADY.model_copy(update={"on_grid": 0.0}))
    crops, targets = turning.batch(0, 0, range(16))
    np.testing.assert_allclose(crops[targets != IGNORED], 1, rtol=1e-5)
    assert not crops[targets == IGNORED].any()


@pytest.mark.parametrize("size", [31, 32])
def test_crops_on_the_grid_hold_nothing_but_pixels_of_the_image(size):
    chosen = source(
        augmentation=STEADY.model_copy(update={"on_grid": 1.0}),
        sampling=Sampling(size=size),
        images=[Labelled(IMAGE, POINTS)],
    )
    turned = {tuple(plan.drawn.linear.ravel()) for plan in chosen.plans(0, 0, range(60))}
    assert len(turned) == 8
    crops, targets = chosen.batch(0, 0, range(60))
    assert np.isin(crops[targets != IGNORED].numpy(), IMAGE).all()


def test_crops_as_large_as_the_image_are_the_whole_image():
    square = IMAGE[:48, :48].copy()
    whole = source(
        images=[Labelled(square, POINTS)],
        sampling=Sampling(size=48),
        augmentation=STEADY.model_copy(update={"on_grid": 1.0}),
    )
    crops, targets = whole.batch(0, 0, range(20))
    for crop, target in zip(crops[:, 0].numpy(), targets[:, 0].numpy(), strict=True):
        turns = [np.rot90(flipped, k) for k in range(4) for flipped in (square, square[::-1])]
        assert any(np.array_equal(crop, turned) for turned in turns)
        assert not (target == IGNORED).any()
    still = source(images=whole.images, sampling=whole.sampling, augmentation=NO_AUGMENTATION)
    assert np.array_equal(still.batch(0, 0, [1])[0][0, 0], square)


def test_a_pass_shows_every_image_once():
    images = [Labelled(IMAGE, POINTS, weight=5.0) for _ in range(7)]
    once = source(images=images, sampling=Sampling(size=32, images="pass"))
    orders = [[plan.image for plan in once.plans(0, epoch, range(14))] for epoch in range(2)]
    assert sorted(orders[0][:7]) == list(range(7))
    assert orders[0][:7] == orders[0][7:]
    assert orders[0] != orders[1]
    given_order = source(
        images=images, sampling=once.sampling, order=lambda seed, epoch: (np.arange(7) + epoch) % 7
    )
    assert [plan.image for plan in given_order.plans(0, 2, range(4))] == [2, 3, 4, 5]


@pytest.mark.parametrize("order", [None, lambda seed, epoch: np.roll(np.arange(20), seed + epoch)])
def test_a_pass_shows_images_by_their_weight(order):
    """Ten images of a data set of weight 9, and ten of one of weight 1."""
    images = [Labelled(IMAGE, POINTS, weight=weight) for weight in [0.9] * 10 + [0.1] * 10]
    weighted = source(images=images, sampling=Sampling(size=32, images="pass"), order=order)
    shown = [plan.image for epoch in range(10) for plan in weighted.plans(0, epoch, range(20))]
    assert sum(image < 10 for image in shown) == 180
    assert set(range(10)) <= set(shown[:20])


def test_images_are_drawn_by_their_weight():
    weighted = source(images=[Labelled(IMAGE, POINTS, weight=weight) for weight in (1.0, 0.0, 3.0)])
    shown = [plan.image for plan in weighted.plans(0, 0, range(400))]
    assert shown.count(1) == 0
    assert shown.count(2) / 400 == pytest.approx(0.75, abs=0.06)


def test_hard_places_are_shown_once_they_are_known():
    sampling = Sampling(size=32, around_points=0, hard=0.5)
    place = (1, np.array([45.0, 20.0]))
    near = {
        known: np.mean(
            [
                plan.image == 1 and np.abs(plan.centre - place[1]).max() <= 9
                for plan in source(sampling=sampling).with_hard([place] * known).plans(0, 0, range(200))
            ]
        )
        for known in (0, 1)
    }
    assert near[0] < 0.2
    assert near[1] >= 0.5
    one_pass = source(sampling=sampling.model_copy(update={"images": "pass"})).with_hard([place])
    shown = [plan.image for plan in one_pass.plans(0, 0, range(20))]
    assert shown.count(0) == shown.count(1) == 10


def test_targets_cut_from_labels_are_those_painted():
    """Where both fall on pixels they are the same; labels of one class count as one."""
    points, classes = POINTS, np.array([0, 1, 0])
    labels = paint(points, IMAGE.shape, (10, 14), Target(radius=1), classes).astype(np.int16)
    on_grid = {
        "augmentation": STEADY.model_copy(update={"on_grid": 1.0}),
        "sampling": Sampling(size=32, around_points=0),
    }
    for outputs in (1, 3):
        painted = source(
            images=[Labelled(IMAGE, points, classes)], diameters=(10.0, 14.0), outputs=outputs, **on_grid
        )
        cut = source(
            images=[Labelled(IMAGE, np.zeros((0, 2)), labels=labels)],
            diameters=(),
            outputs=outputs,
            **on_grid,
        )
        assert equal(painted.batch(0, 0, range(12)), cut.batch(0, 0, range(12)))
    assert set(np.unique(cut.batch(0, 0, range(12))[1])) == {-1, 0, 1, 2}


def test_labels_turn_with_the_pixels_and_keep_what_is_ignored():
    labels = np.where(IMAGE > 0.5, 2, np.where(IMAGE < -1, -1, 0)).astype(np.int16)
    one = source(
        images=[Labelled(IMAGE, np.zeros((0, 2)), labels=labels)],
        diameters=(),
        outputs=3,
        augmentation=STEADY,
    )
    patches = one.cut(0, 0, range(12))
    crops, targets = one.finish(patches)
    for row in np.flatnonzero(patches.exact):
        inside = targets[row] != IGNORED
        assert torch.equal(targets[row][inside] == 2, crops[row][inside] > 0.5)
    assert set(np.unique(targets)) == {-1, 0, 2}


def test_images_with_points_and_images_with_labels_share_a_batch():
    labels = np.ones(IMAGE.shape, np.int16)
    mixed = source(
        images=[Labelled(IMAGE, np.zeros((0, 2)), labels=labels), Labelled(IMAGE, np.zeros((0, 2)))],
        sampling=Sampling(size=32, images="pass"),
    )
    shown = [plan.image for plan in mixed.plans(0, 0, range(8))]
    _, targets = mixed.batch(0, 0, range(8))
    assert [float(target.max()) for target in targets] == [1.0 - image for image in shown]


LEFT = np.arange(80) < 40  # columns
UNKNOWN = np.broadcast_to(LEFT, IMAGE.shape).astype(np.uint8)
WHOLE = Sampling(size=(64, 80))


def unclear(unknown: np.ndarray | None = UNKNOWN, **changes) -> CropSource:
    """Crops of the whole image, whose left half may hold particles that are not marked; two are marked there."""
    return source(
        images=[Labelled(IMAGE, POINTS, unknown=unknown)],
        sampling=WHOLE,
        **{"augmentation": NO_AUGMENTATION, **changes},
    )


def test_where_it_is_unknown_what_is_there_only_what_is_painted_counts():
    (targets,) = unclear().batch(0, 0, [0])[1][:, 0].numpy()
    painted = paint(POINTS, IMAGE.shape, 10.0, Target(radius=1))
    inside = targets[2:62]  # the crop is larger than the image by 2 px at each end
    assert np.array_equal(inside, np.where(painted > 0, painted, np.where(UNKNOWN > 0, IGNORED, 0)))
    assert (inside[10, 12], inside[10, 25], inside[55, 70], inside[10, 60]) == (1, IGNORED, 1, 0)


def test_one_loss_for_a_particle_that_is_not_marked_and_for_none():
    """The pixels of an unmarked particle do not count, whatever the net says of them."""
    marked, unmarked = (
        source(
            images=[Labelled(IMAGE, points, unknown=unknown)], sampling=WHOLE, augmentation=NO_AUGMENTATION
        ).batch(0, 0, [0])[1]
        for points, unknown in ((POINTS, None), (POINTS[1:], UNKNOWN))
    )
    disc = paint(POINTS[:1], IMAGE.shape, 10.0, Target(radius=1)) > 0
    assert np.all(marked[0, 0, 2:62].numpy()[disc] == 1)
    assert np.all(unmarked[0, 0, 2:62].numpy()[disc] == IGNORED)


def test_several_classes_and_their_shares_leave_out_what_is_unknown():
    marked = Labelled(IMAGE, POINTS, np.array([0, 1, 0]), unknown=UNKNOWN)
    several = source(
        images=[marked], diameters=(10.0, 10.0), outputs=3, sampling=WHOLE, augmentation=NO_AUGMENTATION
    )
    targets = several.batch(0, 0, [0])[1][0, 0, 2:62]
    assert (targets[10, 12], targets[30, 40], targets[10, 25], targets[10, 60]) == (1, 2, IGNORED, 0)


def test_what_is_unknown_turns_with_the_pixels_and_is_read_where_it_is_needed():
    bright = (IMAGE > 0.5).astype(np.uint8)
    one, lazy = (
        source(images=[Labelled(IMAGE, np.zeros((0, 2)), unknown=each)], augmentation=STEADY)
        for each in (bright, Lazy(bright))
    )
    patches = one.cut(0, 0, range(12))
    crops, targets = one.finish(patches)
    assert any(patches.exact)
    for row in np.flatnonzero(patches.exact):
        inside = ~geometry.outside(
            geometry.sampling_grid(patches.maps[row : row + 1], one.shape), patches.limits[row : row + 1]
        )[0]
        assert torch.equal(targets[row][inside] == IGNORED, crops[row][inside] > 0.5)
    assert set(np.unique(targets)) == {-1, 0}
    assert equal(one.batch(0, 0, range(12)), lazy.batch(0, 0, range(12)))


def test_the_end_of_a_gaussian_is_as_unknown_as_the_rest():
    soft = unclear(np.ones_like(UNKNOWN), target=Target(shape="gaussian", radius=1))
    targets = soft.batch(0, 0, [0])[1]
    assert float(targets[targets != IGNORED].min()) >= PAINTED
    assert float(targets.max()) > 0.9


def test_what_is_known_everywhere_changes_nothing():
    assert equal(unclear(np.zeros_like(UNKNOWN)).batch(0, 0, range(4)), unclear(None).batch(0, 0, range(4)))


class Lazy:
    """Pixels that are read when asked for."""

    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels, self.shape, self.ndim = pixels, pixels.shape, pixels.ndim
        self.largest = 0

    def __getitem__(self, index: tuple[slice, ...]) -> np.ndarray:
        part = self.pixels[index]
        self.largest = max(self.largest, part.size)
        return part


def test_only_what_a_crop_can_reach_is_read():
    pixels = np.random.default_rng(0).normal(size=(300, 300)).astype("f4")
    lazy = Lazy(pixels)
    one, other = (source(images=[Labelled(data, POINTS)]) for data in (pixels, lazy))
    assert equal(one.batch(0, 0, range(8)), other.batch(0, 0, range(8)))
    assert lazy.largest <= (32 * 2**0.5 * 1.1 + 5) ** 2


def test_mixing_gives_shares_of_the_classes():
    mixing = Augmentation(mixup=1, mixup_alpha=5)
    one = source(
        images=[Labelled(IMAGE, POINTS, np.array([0, 1, 0]))],
        diameters=(10.0, 20.0),
        outputs=3,
        augmentation=mixing,
    )
    _, targets = one.batch(0, 0, range(8))
    assert targets.shape == (8, 3, 32, 32)
    ignored = targets[:, :1] == IGNORED
    assert torch.equal(ignored.expand_as(targets), targets < 0)
    total = targets.sum(dim=1, keepdim=True)
    np.testing.assert_allclose(total[~ignored], 1, atol=1e-6)
    assert bool(((targets > 0.05) & (targets < 0.95)).any())


def test_another_seed_of_augmentation_draws_other_changes_for_the_same_crops():
    one, other = (
        source().plans(0, 0, range(8)),
        source(augmentation=Augmentation(seed=1)).plans(0, 0, range(8)),
    )
    for first, second in zip(one, other, strict=True):
        assert first.image == second.image
        assert first.drawn.as_text() != second.drawn.as_text()


def test_what_does_not_fit_is_refused():
    with pytest.raises(RecipeError, match="pixel size is not known"):
        source(augmentation=Augmentation(defocus=1), pixel_size=None)
    with pytest.raises(RecipeError, match="gaussian"):
        source(target=Target(shape="gaussian"), outputs=3)
    with pytest.raises(InputError, match="particles of 2 classes, but the diameter of 1 only; give every"):
        source(images=[Labelled(IMAGE, POINTS, np.array([0, 1, 0]))])
    with pytest.raises(InputError, match="how large they are is not known; give their diameter: 150"):
        source(diameters=())
    with pytest.raises(InputError, match="no image"):
        source(images=[])
    with pytest.raises(InputError, match="weights"):
        source(images=[Labelled(IMAGE, POINTS, weight=0.0)])


def test_drawing_a_crop_reads_no_more_of_a_large_volume_than_the_crop_can_show():
    """Crops are found by their coordinates: no index of labelled voxels is made, whatever the volume's size."""

    class Counted:
        shape, ndim, read = (184, 630, 630), 3, 0

        def __getitem__(self, window):
            part = np.zeros([each.stop - each.start for each in window], dtype=np.float32)
            self.read += part.size
            return part

    volume = Counted()
    points = np.random.default_rng(0).random((60, 3)) * volume.shape
    image = Labelled(volume, points, classes=np.arange(60) % 6)
    source = CropSource(
        [image],
        (12.0,) * 6,
        Sampling(size=(32, 64, 64), around_points=1),
        NO_AUGMENTATION,
        Target(),
        outputs=7,
    )
    for number in range(4):
        _, targets = source.batch(0, 0, [number])
        assert targets.max() > 0
    assert volume.read <= 4 * np.prod(source.patch)


def numbered(shape=(40, 40)) -> np.ndarray:
    """Objects 5 and 9, squares of 8 px that touch, and a corner that does not count."""
    numbers = np.zeros(shape, dtype=np.int32)
    numbers[10:18, 10:18], numbers[10:18, 18:26] = 5, 9
    numbers[:3, :3] = -1
    return numbers


@pytest.mark.parametrize(("separator", "maps"), [("none", 1), ("boundary", 2), ("distance", 2)])
def test_targets_of_numbered_objects_follow_the_crop(separator, maps):
    image = Labelled(numbered().astype(np.float32), np.zeros((0, 2)), labels=numbered())
    source = CropSource(
        [image],
        (),
        Sampling(size=40, images="pass", around_points=0),
        Augmentation(on_grid=1, rotation=0, scale=0, contrast=0, brightness=0, noise=0),
        Target(),
        outputs=maps,
        separator=separator,
    )
    crops, targets = source.batch(0, 0, range(8))
    assert targets.shape == (8, maps, 40, 40)
    ignored = crops[:, 0] == -1
    assert (targets[:, 0][ignored] == -1).all()
    inside = crops[:, 0] > 0
    assert torch.equal(targets[:, 0] > 0, inside)
    if separator == "boundary":
        assert 0.2 < targets[:, 1][inside].mean() < 0.8
    if separator == "distance":
        assert torch.equal(targets[:, 1] > 0, inside)
        assert targets[:, 1].max() == 1


def test_an_object_is_as_deep_at_every_edge_of_its_image_whatever_the_other_images():
    labels = np.zeros((16, 16), dtype=np.int32)
    labels[:, 8:] = 1

    def depths(*images):
        source = CropSource(
            [Labelled(each.astype(np.float32), np.zeros((0, 2)), labels=each) for each in images],
            (),
            Sampling(size=32, images="pass", around_points=0),
            Augmentation(on_grid=1, rotation=0, scale=0, flip=False, contrast=0, brightness=0, noise=0),
            Target(),
            outputs=2,
            separator="distance",
        )
        number = next(number for number in range(4) if source.plan(0, 0, number).image == 0)
        return source.batch(0, 0, [number])[1][0, 1, 8:24, 8:24].numpy()

    larger = np.zeros((64, 64), dtype=np.int32)
    expected = depths(labels)
    assert expected[:, -1].min() == 1
    np.testing.assert_array_equal(depths(labels, larger), expected)
    np.testing.assert_array_equal(depths(labels[:, ::-1].copy(), larger)[:, ::-1], expected)
