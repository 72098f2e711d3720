from motes.train.alarms import COLLAPSED, UNIMPROVED, alarm
from motes.train.settings import Training

TRAINING = Training(watch="best_f1")


def rows(count, **values):
    return [{"loss": 1.0 - 0.01 * n, "best_f1": 0.1, "pixel_auc": 0.5, **values} for n in range(count)]


def test_all_negative_and_all_positive_collapse_raise_the_alarm():
    assert "no pixel" in alarm(rows(COLLAPSED, pixels_called=0.0), TRAINING)
    assert "every pixel" in alarm(rows(COLLAPSED, pixels_called=1.0), TRAINING)


def test_a_careful_net_that_ranks_well_is_not_collapsed():
    assert alarm(rows(COLLAPSED, pixels_called=0.0, pixel_auc=0.95), TRAINING) is None


def test_a_few_validations_are_no_reason():
    assert alarm(rows(COLLAPSED - 1, pixels_called=0.0), TRAINING) is None
    mixed = rows(COLLAPSED, pixels_called=0.0)
    mixed[-1]["pixels_called"] = 0.01
    assert alarm(mixed, TRAINING) is None


def test_neither_loss_nor_metric_improving_raises_the_alarm():
    stuck = rows(UNIMPROVED, pixels_called=0.2, loss=1.0)
    assert "neither the loss nor best_f1 has improved" in alarm(stuck, TRAINING)
    assert alarm(rows(UNIMPROVED, pixels_called=0.2), TRAINING) is None  # the loss falls
    stuck[3]["best_f1"] = 0.2
    assert alarm(stuck, TRAINING) is None


def test_what_cannot_be_judged_or_was_good_from_the_start_raises_none():
    assert alarm(rows(COLLAPSED, pixels_called=0.0, pixel_auc=None), TRAINING) is None
    assert alarm(rows(UNIMPROVED, pixels_called=0.2, loss=1.0, best_f1=0.95), TRAINING) is None
