import numpy as np
import pytest
import torch

from motes.data.augment import NO_AUGMENTATION, Augmentation, draw
from motes.data.grey import (
    change_grey_values,
    defocus_transfer,
    filtered_slices,
    ice_map,
    squares,
)
from motes.physics.ctf import Defocus, Lens, contrast_transfer
from motes.physics.fourier import frequency_axes


def crops(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def changed(augmentation: Augmentation, images: torch.Tensor, seed: int = 0) -> torch.Tensor:
    nothing = [None] * len(images)
    draws = [
        draw(augmentation, images.ndim - 2, np.random.default_rng([seed, row])) for row in range(len(images))
    ]
    return change_grey_values(images.clone(), draws, augmentation, nothing, nothing)


def only(**changes) -> Augmentation:
    return NO_AUGMENTATION.model_copy(update=changes)


def test_what_is_switched_off_changes_nothing():
    images = crops(3, 1, 20, 24)
    assert torch.equal(changed(NO_AUGMENTATION, images), images)


@pytest.mark.parametrize("shape", [(20, 24), (8, 12, 10)])
def test_contrast_and_brightness_are_linear(shape):
    images = crops(2, 1, *shape)
    result = changed(only(contrast=0.5, brightness=0.5), images)
    for one, other in zip(images, result, strict=True):
        slope, offset = np.polyfit(one.ravel().numpy(), other.ravel().numpy(), 1)
        np.testing.assert_allclose(other, one * slope + offset, atol=1e-4)
        assert slope != pytest.approx(1, abs=1e-3)
        assert offset != pytest.approx(0, abs=1e-3)


def test_noise_has_the_sigma_that_was_drawn_and_is_white():
    drawn = draw(only(noise=2), 2, np.random.default_rng([0, 0]))
    noise = changed(only(noise=2), torch.zeros(1, 1, 128, 128))[0, 0]
    assert float(noise.std()) == pytest.approx(drawn.noise, rel=0.03)
    neighbours = float((noise[1:] * noise[:-1]).mean()) / drawn.noise**2
    assert abs(neighbours) < 0.03


@pytest.mark.parametrize("shape", [(13, 17), (5, 7, 9)])
def test_a_batch_is_changed_as_its_crops_alone(shape):
    images = crops(5, 1, *shape)
    how = only(contrast=0.5, brightness=0.5, noise=2, noise_share=0.6, blur=1, squares=2, squares_size=3)
    draws = [draw(how, len(shape), np.random.default_rng(row)) for row in range(5)]
    assert {one.noise > 0 for one in draws} == {True, False}
    together = change_grey_values(images.clone(), draws, how, [None] * 5, [None] * 5)
    for row, drawn in enumerate(draws):
        alone = change_grey_values(images[row : row + 1].clone(), [drawn], how, [None], [None])
        assert torch.equal(together[row], alone[0])


def test_blur_keeps_the_mean_and_takes_the_noise():
    images = crops(1, 1, 64, 64) + 3
    result = changed(only(blur=3), images)
    assert float(result.mean()) == pytest.approx(float(images.mean()), abs=0.05)
    assert float(result.std()) < 0.5 * float(images.std())


@pytest.mark.parametrize("shape", [(64, 64), (16, 32, 32)])
def test_squares_are_dropped_out(shape):
    boxes = squares(shape, 8, 6, np.random.default_rng(0))
    assert len(boxes) == 8
    sides = [part.stop - part.start for box in boxes for part in box]
    assert min(sides) >= 1
    assert max(sides) <= 6
    images = crops(1, 1, *shape)
    result = changed(only(squares=8, squares_size=6, squares_share=1), images)
    lost = result == 0
    assert 0 < int(lost.sum()) <= 8 * 6 ** len(shape)
    assert torch.equal(result[~lost], images[~lost])


@pytest.mark.parametrize("shape", [(128, 128), (32, 64, 64)])
def test_ice_is_dark_with_a_bright_rim_and_far_from_filling_the_crop(shape):
    pieces = [ice_map(shape, np.random.default_rng(seed)) for seed in range(20)]
    covered = [np.mean(piece != 0) for piece in pieces]
    assert 0 < np.median(covered) < 0.3
    assert np.median([piece.min() for piece in pieces]) < -0.8
    assert np.median([piece.max() for piece in pieces]) > 0.1
    assert np.mean([piece[piece != 0].mean() for piece in pieces if piece.any()]) < -0.2
    assert pieces[0].shape == shape
    assert pieces[0].dtype == np.float32


def test_ice_and_defocus_are_added_before_all_else():
    images = crops(2, 1, 16, 16)
    piece = torch.ones(16, 16)
    draws = [draw(NO_AUGMENTATION, 2, np.random.default_rng(0))] * 2
    result = change_grey_values(
        images.clone(), draws, NO_AUGMENTATION, [piece, None], [None, torch.zeros(16, 9)]
    )
    assert torch.equal(result[0], images[0] + 1)
    assert not result[1].any()


def test_the_same_defocus_changes_nothing():
    transfer = defocus_transfer((32, 40), 4.0, 1.5, 1.5)
    np.testing.assert_allclose(transfer, 1, rtol=1e-6)
    image = crops(1, 32, 40)
    np.testing.assert_allclose(filtered_slices(image, torch.from_numpy(transfer)), image, atol=1e-5)


def test_an_image_at_one_defocus_comes_nearer_to_the_same_at_another():
    rng = np.random.default_rng(0)
    specimen = np.fft.rfft2(rng.normal(size=(96, 96)))
    axes = frequency_axes((96, 96), 5.0)
    at = {
        defocus: np.fft.irfft2(
            specimen * contrast_transfer(Lens(), Defocus(defocus * 1e4, defocus * 1e4), axes)
        )
        for defocus in (1.5, 1.8)
    }
    transfer = torch.from_numpy(defocus_transfer((96, 96), 5.0, 1.5, 1.8))
    made = filtered_slices(torch.from_numpy(at[1.5]).float(), transfer).numpy()
    before = np.corrcoef(at[1.5].ravel(), at[1.8].ravel())[0, 1]
    after = np.corrcoef(made.ravel(), at[1.8].ravel())[0, 1]
    assert after > before + 0.1
    assert after > 0.9


def test_slices_of_a_volume_are_filtered_each_on_its_own():
    volume, transfer = crops(1, 4, 16, 16), torch.from_numpy(defocus_transfer((4, 16, 16), 5.0, 1, 2))
    together = filtered_slices(volume, transfer)
    np.testing.assert_allclose(together[0, 2], filtered_slices(volume[0, 2], transfer), atol=1e-6)
