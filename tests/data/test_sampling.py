import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from motes.data.sampling import Labelled, Sampling, Search, find_place, van_der_corput, weighted_pass
from motes.errors import RecipeError

POINTS = np.array([[20.0, 20.0], [70, 75], [40, 60]])
EMPTY = np.zeros((0, 2))


def places(kind: str, image: Labelled, count: int = 200, **changes) -> np.ndarray:
    search = Search(image, Sampling(size=32, **changes), (10.0, 16.0))
    return np.array([find_place(kind, search, np.random.default_rng(seed)) for seed in range(count)])


def image(points=POINTS, **changes) -> Labelled:
    return Labelled(np.zeros((90, 100), np.float32), points, **changes)


def distances(found: np.ndarray) -> np.ndarray:
    return np.linalg.norm(found[:, None] - POINTS, axis=2)


class Store:
    """Labels that are read when asked for, and count how often."""

    def __init__(self, labels: np.ndarray) -> None:
        self.labels, self.reads, self.largest = labels, 0, 0

    shape = property(lambda self: self.labels.shape)
    ndim = property(lambda self: self.labels.ndim)

    def __getitem__(self, index: tuple[slice, ...]) -> np.ndarray:
        part = self.labels[index]
        self.reads, self.largest = self.reads + 1, max(self.largest, part.size)
        return part


def test_the_sequence_of_van_der_corput():
    assert [van_der_corput(n) for n in range(8)] == [0, 0.5, 0.25, 0.75, 0.125, 0.625, 0.375, 0.875]


@pytest.mark.parametrize("first", [0, 6, 1234])
def test_every_even_batch_is_half_particles_half_anywhere(first):
    for batch in (2, 6, 8):
        kinds = [Sampling().kind(first + n) for n in range(batch)]
        assert kinds.count("around_points") == kinds.count("anywhere") == batch // 2


def test_each_kind_gets_its_share():
    shares = {
        "around_points": 0.25,
        "background": 0.25,
        "boundaries": 0.125,
        "informative": 0.125,
        "hard": 0.125,
    }
    kinds = [Sampling(**shares).kind(number) for number in range(64)]
    assert {kind: kinds.count(kind) / 64 for kind in kinds} == {**shares, "anywhere": 0.125}


def test_shares_above_one_are_refused():
    with pytest.raises(ValidationError, match=r"more than 1, found around_points 0.6, background 0.5"):
        Sampling(around_points=0.6, background=0.5)


def test_sizes_are_one_number_or_one_an_axis():
    assert Sampling(size=64).shape(3) == (64, 64, 64)
    assert Sampling(size=[32, 128, 96]).shape(3) == Sampling(size="32x128x96").shape(3) == (32, 128, 96)
    assert Sampling(size="64").shape(2) == (64, 64)
    with pytest.raises(RecipeError, match="32x128x128, 3 sides for images of 2 dimensions"):
        Sampling(size=(32, 128, 128)).shape(2)
    for wrong in (8, (32, 8), "32xa", []):
        with pytest.raises(ValidationError, match="size"):
            Sampling(size=wrong)


def test_a_resolved_recipe_reads_back():
    for sampling in (Sampling(), Sampling(size=(32, 128, 128), hard=0.1)):
        assert Sampling.model_validate(sampling.model_dump(mode="json")) == sampling


def test_around_points_shows_a_point_in_the_middle_half():
    offsets = places("around_points", image())[:, None] - POINTS
    nearest = np.abs(offsets).max(axis=2).min(axis=1)
    assert nearest.max() <= 8
    assert nearest.max() > 7


def test_classes_are_shown_equally_often_or_as_they_are():
    crowded = image(
        np.concatenate([np.tile(POINTS[:1], (9, 1)), POINTS[1:2]]), classes=np.array([0] * 9 + [1])
    )
    for by_class, share in (("equal", 0.5), ("natural", 0.1)):
        found = places("around_points", crowded, by_class=by_class)
        assert np.mean(distances(found)[:, 1] < 12) == pytest.approx(share, abs=0.1)


def test_background_is_away_from_every_particle():
    assert (distances(places("background", image())) > 10).all()
    crowd = np.stack(np.meshgrid(np.arange(0, 90, 6.0), np.arange(0, 100, 6.0), indexing="ij"), -1).reshape(
        -1, 2
    )
    assert np.isfinite(places("background", image(crowd))).all()


def test_boundaries_are_rims():
    nearest = distances(places("boundaries", image())).min(axis=1)
    np.testing.assert_allclose(nearest, 5, atol=1e-9)
    second = places("boundaries", image(POINTS[:1], classes=np.array([1])))
    np.testing.assert_allclose(distances(second)[:, 0], 8, atol=1e-9)


def test_informative_places_are_where_the_contrast_is():
    pixels = np.zeros((90, 100), np.float32)
    pixels[:30, :30] = np.random.default_rng(0).normal(size=(30, 30))
    flat, busy = image(), Labelled(pixels, EMPTY)
    inside = [np.mean((places("informative", one) < 38).all(axis=1)) for one in (flat, busy)]
    assert inside[0] < 0.3
    assert inside[1] > 0.6


@pytest.mark.parametrize("kind", ["around_points", "boundaries"])
def test_an_image_without_particles_is_shown_anywhere(kind):
    for empty in (image(EMPTY), image(EMPTY, labels=np.zeros((90, 100), np.int16))):
        found = places(kind, empty)
        assert (found >= -0.5).all()
        assert (found <= [89.5, 99.5]).all()
        assert found.std(axis=0).min() > 20


def discs() -> np.ndarray:
    rows, columns = np.mgrid[:90, :100]
    labels = np.zeros((90, 100), np.int16)
    for number, (y, x) in enumerate(POINTS):
        labels[(rows - y) ** 2 + (columns - x) ** 2 <= 25] = min(number + 1, 2)
    labels[:, 95:] = -1
    return labels


def test_labels_take_the_place_of_points():
    labelled = image(EMPTY, labels=discs())
    around = np.abs(places("around_points", labelled)[:, None] - POINTS).max(axis=2).min(axis=1)
    assert around.max() <= 8 + 5
    empty = places("background", labelled).astype(int)
    assert (discs()[tuple(empty.T)] == 0).all()
    edges = places("boundaries", labelled).astype(int)
    values = discs()
    assert (values[tuple(edges.T)] > 0).all()
    neighbourhood = [values[y - 1 : y + 2, x - 1 : x + 2].min() for y, x in edges]
    assert max(neighbourhood) <= 0


def test_a_store_is_read_once_for_a_place_and_a_large_one_in_part(monkeypatch):
    store = Store(discs())
    places("around_points", image(EMPTY, labels=store), count=10)
    assert store.reads == 10
    monkeypatch.setattr("motes.data.sampling.MOST_READ", 1000)
    places("around_points", image(EMPTY, labels=(part := Store(discs()))), count=10)
    assert part.reads == 10
    assert part.largest == 64 * 64


@given(st.lists(st.floats(0, 100), min_size=1, max_size=40).filter(any), st.integers(0, 1000))
def test_a_pass_shows_each_image_in_proportion_to_its_weight(weights, seed):
    rng = np.random.default_rng(seed)
    order, shares = rng.permutation(len(weights)), np.array(weights) / np.sum(weights) * len(weights)
    shown = weighted_pass(order, np.array(weights), rng)
    assert len(shown) == len(order)
    assert np.all(np.abs(np.bincount(shown, minlength=len(order)) - shares) < 1 + 1e-9)
    places = np.argsort(order)[shown]
    assert np.all(np.diff(places) >= 0)  # in the order given


@given(st.integers(1, 50), st.floats(0.01, 100), st.integers(0, 1000))
def test_a_pass_of_equal_weights_is_the_order_itself(count, weight, seed):
    rng = np.random.default_rng(seed)
    order = rng.permutation(count)
    assert np.array_equal(weighted_pass(order, np.full(count, weight), rng), order)
