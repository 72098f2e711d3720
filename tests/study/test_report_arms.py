"""The arms of a study as its report shows them."""

from motes.study.report_arms import curves_of


def test_curves_span_the_runs_at_every_epoch_that_any_of_them_has() -> None:
    runs = [
        [{"epoch": 1, "loss": 3.0}, {"epoch": 2, "loss": 1.0, "best_f1": 0.5}],
        [{"epoch": 1, "loss": 1.0}, {"epoch": 2, "loss": 2.0, "best_f1": None}, {"epoch": 3, "loss": 0.5}],
    ]
    curves = curves_of(runs)
    assert curves.keys() == {"loss", "best_f1"}
    assert curves["loss"].epochs.tolist() == [1, 2, 3]
    assert curves["loss"].mean.tolist() == [2, 1.5, 0.5]
    assert curves["loss"].low.tolist() == [1, 1, 0.5]
    assert curves["loss"].high.tolist() == [3, 2, 0.5]
    assert curves["best_f1"].epochs.tolist() == [2]
