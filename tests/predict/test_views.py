import pytest
import torch

from motes.predict.views import seen_in, views


@pytest.mark.parametrize(("ndim", "count"), [(2, 8), (3, 16)])
def test_views_are_all_different_and_lead_back(ndim, count):
    x = (
        torch.arange(3 * 4 * 5.0).reshape(3, 4, 5)[:, :4, :4]
        if ndim == 3
        else torch.arange(16.0).reshape(4, 4)
    )
    several = views(count)
    seen = [view.of(x) for view in several]
    assert len({tuple(each.flatten().tolist()) for each in seen}) == count
    for view, each in zip(several, seen, strict=True):
        assert torch.equal(view.back(each), x)


def test_of_four_views_none_turns_a_quarter():
    x = torch.arange(15.0).reshape(3, 5)
    assert {tuple(view.of(x).shape) for view in views(4)} == {(3, 5)}
    assert torch.equal(views(2)[1].of(x), x.flip(-2, -1))  # half a turn comes first
    assert views(1)[0].of(x) is x


def test_what_is_seen_in_all_views_does_not_depend_on_how_it_lies():
    weights = torch.rand(1, 1, 3, 3, 3)

    def look(x: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(torch.nn.functional.conv3d(x, weights, padding=1))

    x = torch.randn(2, 1, 4, 6, 6)
    seen = seen_in(views(16), look, x)
    for view in views(16):
        torch.testing.assert_close(seen_in(views(16), look, view.of(x)), view.of(seen))
    assert not torch.allclose(look(x), seen)
