"""The objects of an image by a net that outlines: tables, doubts and maps."""

from pathlib import Path

import numpy as np
import pytest
import torch

from motes.formats import mrc
from motes.jobs import outliner
from motes.jobs.outliner import Outlined, Seen, outline
from motes.nets.description import NetDescription
from motes.picking.instances import Keeping, Splitting
from motes.picking.outlining import Outlining
from motes.predict.stream import Seer
from motes.predict.windows import Windows

NET = NetDescription(width=1, depth=1, outputs=2, independent=True)
OUTLINING = Outlining(Splitting(separator="boundary", smoothing=0), Keeping())


class Lit(torch.nn.Module):
    """A net whose interior is the image as a logit, a little less and a little more by turns; nothing separates."""

    def __init__(self, moody: float = 0.0) -> None:
        super().__init__()
        self.more = torch.nn.Parameter(torch.tensor(moody), requires_grad=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.more.neg_()
        return torch.cat([x + self.more, torch.full_like(x, -9.0)], dim=1)


def squares(*logits: float) -> np.ndarray:
    """An image (16, 16 n) with a square of 8 x 8 px of each logit, on ground of -9."""
    image = np.full((16, 16 * len(logits)), -9.0, np.float32)
    for number, logit in enumerate(logits):
        image[4:12, 16 * number + 4 : 16 * number + 12] = logit
    return image


def outlined(
    working: np.ndarray,
    out: Path,
    *,
    moody: float = 0.0,
    views: int = 1,
    **how: bool,
) -> Outlined:
    seer = Seer(Lit(moody), NET, torch.float32, spread=views > 1)
    seen = Seen("a.tif", working, working, None)
    return outline(seer, seen, seer.plan(working.shape, Windows(views=views)), OUTLINING, out, **how)


def test_one_view_gives_doubts_but_no_spread(tmp_path):
    found = outlined(squares(9, np.log(3)), tmp_path)
    table = found.objects.table
    assert table.spreads is None
    np.testing.assert_allclose(table.confidences, [1, 0.75], atol=1e-3)
    np.testing.assert_allclose(table.doubts, [0, 0.25], atol=1e-3)
    assert found.doubt == pytest.approx(1 - 2 * 112 / (112 + 128), abs=1e-3)
    assert not list(tmp_path.iterdir())


def test_views_that_differ_give_a_spread(tmp_path):
    table = outlined(squares(2, 0.5), tmp_path, moody=1.0, views=4).objects.table
    less, more = 1 / (1 + np.exp([-1.0, 0.5])), 1 / (1 + np.exp([-3.0, -1.5]))
    np.testing.assert_allclose(table.confidences, (less + more) / 2, atol=1e-5)
    np.testing.assert_allclose(table.spreads, (more - less) / 2, atol=1e-5)
    np.testing.assert_allclose(table.doubts, 1 - (less + more) / 2, atol=1e-5)
    assert set(table.to_picks().extra) >= {"spread", "doubt"}


def test_views_that_agree_leave_the_doubt(tmp_path):
    one, several = (outlined(squares(2, 1), tmp_path, views=views).objects.table for views in (1, 4))
    np.testing.assert_allclose(several.spreads, 0, atol=1e-6)
    np.testing.assert_allclose(several.doubts, one.doubts, atol=1e-6)


def test_maps_are_written_with_the_spread(tmp_path):
    found = outlined(squares(2, 1), tmp_path, moody=1.0, views=2, save_maps=True)
    names = sorted(file.name for file in (tmp_path / "maps").iterdir())
    assert names == ["a.tif.boundary.mrc", "a.tif.interior.mrc", "a.tif.spread.mrc"]
    spread = mrc.read(tmp_path / "maps/a.tif.spread.mrc", 2, 0)[:]
    means = [spread[found.objects.labels == label].mean() for label in (1, 2)]
    np.testing.assert_allclose(found.objects.table.spreads, means, rtol=1e-4)


def test_in_files_it_is_the_same(tmp_path, monkeypatch):
    image = squares(2, 1)
    usual = outlined(image, tmp_path, moody=1.0, views=2)
    monkeypatch.setattr(outliner, "IN_MEMORY", 10)
    found = outlined(image, tmp_path, moody=1.0, views=2)
    assert isinstance(found.objects.labels, np.memmap)
    assert not list(tmp_path.iterdir())  # nothing to be left by a process that is killed
    np.testing.assert_array_equal(found.objects.labels, usual.objects.labels)
    np.testing.assert_array_equal(found.objects.table.doubts, usual.objects.table.doubts)
    assert found.doubt == usual.doubt
