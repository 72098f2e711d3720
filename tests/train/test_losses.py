import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from motes.errors import RecipeError, TrainingError
from motes.train.losses import LOSSES, LossDescription, check_class_weights, find_loss, with_separator
from motes.train.losses_description import USED_BY, parse_formula

FORMULAS = (*LOSSES, "0.7 focal + 0.3 dice", "0.3 focal + 0.7 dice", "bce + dice + focal")
LOGIT_2 = math.log(2)  # the logit of 2/3
FOUR = torch.tensor([[[LOGIT_2, LOGIT_2, -LOGIT_2, -LOGIT_2]]])  # p = 2/3, 2/3, 1/3, 1/3
TRUTH = torch.tensor([[[1.0, 0.0, 1.0, 0.0]]])


def alone(sums):
    return sums


def value(description, logits, target, total=alone):
    return find_loss(LossDescription.model_validate(description))(logits, target, total)


def described(formula, **wanted):
    """A loss with those of the wanted settings that its terms use."""
    used = {name: value for name, value in wanted.items() if {*USED_BY[name]} & {*parse_formula(formula)}}
    return {"formula": formula, **used}


def random_batch(seed, outputs, kind, size=(3, 6, 5)):
    """Logits and a target in which some pixels are ignored; kind: numbers of classes or shares."""
    draw = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(size[0], outputs, *size[1:], generator=draw)
    ignored = torch.rand(size[0], 1, *size[1:], generator=draw) < 0.3
    if outputs == 1:
        target = torch.rand(size[0], 1, *size[1:], generator=draw)
        target = target if kind == "shares" else target.round()
    elif kind == "shares":
        target = torch.rand(size[0], outputs, *size[1:], generator=draw).softmax(1)
    else:
        target = torch.randint(0, outputs, (size[0], 1, *size[1:]), generator=draw).float()
    return logits, torch.where(ignored, -1, target), ignored


class TestByHand:
    def test_bce(self):
        expected = -(2 * math.log(2 / 3) + 2 * math.log(1 / 3)) / 4
        assert value("bce", FOUR, TRUTH).item() == pytest.approx(expected)

    def test_focal(self):
        right, wrong = (1 / 3) ** 2 * math.log(2 / 3), (2 / 3) ** 2 * math.log(1 / 3)
        expected = -(0.25 * (right + wrong) + 0.75 * (right + wrong)) / 4
        assert value("focal", FOUR, TRUTH).item() == pytest.approx(expected)
        unweighted = value({"formula": "focal", "focal_alpha": None}, FOUR, TRUTH)
        assert unweighted.item() == pytest.approx(2 * expected)

    def test_focal_alpha_is_the_weight_of_particles(self):
        particle = value("focal", torch.zeros(1, 1, 1), torch.ones(1, 1, 1)).item()
        background = value("focal", torch.zeros(1, 1, 1), torch.zeros(1, 1, 1)).item()
        assert particle == pytest.approx(0.25 * 0.25 * math.log(2))
        assert background == pytest.approx(0.75 * 0.25 * math.log(2))

    def test_focal_without_gamma_and_alpha_is_bce(self):
        plain = {"formula": "focal", "focal_alpha": None, "focal_gamma": 0}
        assert value(plain, FOUR, TRUTH).item() == pytest.approx(value("bce", FOUR, TRUTH).item())

    def test_dice(self):  # TP = 1, P = T = 2
        assert value("dice", FOUR, TRUTH).item() == pytest.approx(0.5, abs=1e-6)
        softened = value({"formula": "dice", "epsilon": 2.0}, FOUR, TRUTH)
        assert softened.item() == pytest.approx(1 - (2 + 2) / (4 + 2))

    def test_tversky_weighs_what_is_missed_more(self):
        missing = torch.where(TRUTH > 0, torch.full_like(FOUR, LOGIT_2), torch.full_like(FOUR, -50))
        inventing = torch.where(TRUTH > 0, torch.full_like(FOUR, 50), torch.full_like(FOUR, -LOGIT_2))
        right, missed = 4 / 3, 2 / 3
        assert value("tversky", missing, TRUTH).item() == pytest.approx(
            1 - right / (right + 0.7 * missed), abs=1e-6
        )
        right, wrong = 2, 2 / 3
        assert value("tversky", inventing, TRUTH).item() == pytest.approx(
            1 - right / (right + 0.3 * wrong), abs=1e-6
        )

    def test_tversky_of_halves_is_dice(self):
        halves = {
            "formula": "tversky",
            "tversky_false_positives": 0.5,
            "tversky_false_negatives": 0.5,
            "epsilon": 1e-9,
        }
        logits, target, _ = random_batch(0, 1, "shares")
        assert value(halves, logits, target).item() == pytest.approx(value("dice", logits, target).item())

    def test_focal_tversky_is_a_power_of_tversky(self):
        expected = value("tversky", FOUR, TRUTH).item() ** 0.75
        assert value("focal_tversky", FOUR, TRUTH).item() == pytest.approx(expected)

    def test_a_sum_weighs_its_terms(self):
        expected = 0.7 * value("focal", FOUR, TRUTH) + 0.3 * value("dice", FOUR, TRUTH)
        assert value("0.7 focal + 0.3 dice", FOUR, TRUTH).item() == pytest.approx(expected.item())

    def test_cross_entropy_of_equal_logits_is_the_logarithm_of_the_number_of_classes(self):
        target = torch.tensor([[[0.0, 1.0, 4.0]]])
        assert value("bce", torch.zeros(1, 5, 3), target).item() == pytest.approx(math.log(5))

    def test_focal_of_classes_gives_background_the_rest_of_alpha(self):
        target = torch.tensor([[[0.0, 1.0, 2.0, 2.0]]])
        each = (2 / 3) ** 2 * math.log(3)
        expected = (0.75 + 3 * 0.25) * each / 4
        assert value("focal", torch.zeros(1, 3, 4), target).item() == pytest.approx(expected)

    def test_dice_of_classes_is_the_mean_over_those_that_occur(self):
        target = torch.tensor([[[0.0, 0.0, 1.0]]])  # each p = 1/3: TP = 2/3 and 1/3, P = 1
        expected = 1 - (2 * 2 / 3 / 3 + 2 * 1 / 3 / 2) / 2
        assert value("dice", torch.zeros(1, 3, 3), target).item() == pytest.approx(expected, abs=1e-6)

    def test_smoothed_labels(self):
        smooth = {"formula": "bce", "label_smoothing": 0.1}
        expected = -(0.95 * math.log(2 / 3) + 0.05 * math.log(1 / 3))
        assert value(smooth, FOUR[..., :1], TRUTH[..., :1]).item() == pytest.approx(expected)
        assert value(smooth, FOUR[..., :1], torch.full((1, 1, 1), 0.95)).item() > expected

    def test_smoothing_leaves_the_overlap_alone(self):
        both, cross = ({"formula": formula, "label_smoothing": 0.1} for formula in ("bce + dice", "bce"))
        overlap = value(both, FOUR, TRUTH) - value(cross, FOUR, TRUTH)
        assert overlap.item() == pytest.approx(value("dice", FOUR, TRUTH).item())


class TestClassWeights:
    def test_balanced_is_the_mean_of_the_means_of_the_classes(self):
        logits = torch.tensor([[[LOGIT_2, -LOGIT_2, -LOGIT_2, -LOGIT_2, LOGIT_2]]])
        target = torch.tensor([[[1.0, 0.0, 0.0, 0.0, -1.0]]])
        logits = logits.clone()
        logits[..., 3] = 0
        expected = -(math.log(2 / 3) + (2 * math.log(2 / 3) + math.log(1 / 2)) / 3) / 2
        balanced = {"formula": "bce", "class_weights": "balanced"}
        assert value(balanced, logits, target).item() == pytest.approx(expected)

    def test_balanced_classes_leave_what_is_balanced_alone(self):
        balanced = {"formula": "bce", "class_weights": "balanced"}
        assert value(balanced, FOUR, TRUTH).item() == pytest.approx(value("bce", FOUR, TRUTH).item())

    def test_given_weights_count_by_their_ratio(self):
        logits, target, _ = random_batch(1, 3, "numbers")
        expected = torch.nn.functional.cross_entropy(
            logits, target[:, 0].long(), weight=torch.tensor([1.0, 2.0, 5.0]), ignore_index=-1
        )
        for weights in ([1, 2, 5], [10, 20, 50]):
            found = value({"formula": "bce", "class_weights": weights}, logits, target)
            assert found.item() == pytest.approx(expected.item(), rel=1e-5)

    def test_two_weights_for_one_class(self):
        weighted = {"formula": "bce", "class_weights": [1, 3]}
        target = torch.tensor([[[1.0, 0.0, 0.0, 0.0]]])
        sums = 3 * math.log(2 / 3) + math.log(1 / 3) + 2 * math.log(2 / 3)
        assert value(weighted, FOUR, target).item() == pytest.approx(-sums / 6)

    def test_a_wrong_number_of_weights_is_refused(self):
        description = LossDescription(class_weights=[1, 3])
        check_class_weights(description, 1)
        with pytest.raises(RecipeError, match="2 weights, but there are 3 classes"):
            check_class_weights(description, 3)
        with pytest.raises(RecipeError, match="give one for each"):
            find_loss(description)(torch.zeros(1, 3, 4), torch.zeros(1, 1, 4), alone)


class TestAbsentClasses:
    """A mean over seven classes of which five are absent has been seen to give 0.714 when all is right."""

    @pytest.mark.parametrize("formula", FORMULAS)
    def test_a_perfect_prediction_has_no_loss_whatever_is_absent(self, formula):
        target = torch.zeros(2, 1, 8, 8)
        target[0, :, 2:4, 2:4] = 3
        logits = 30 * torch.nn.functional.one_hot(target[:, 0].long(), 7).movedim(-1, 1).float()
        assert value(formula, logits, target).item() < 1e-4

    @pytest.mark.parametrize("formula", ["dice", "tversky", "focal_tversky"])
    def test_what_is_found_of_an_absent_class_costs_through_the_background(self, formula):
        logits = torch.zeros(1, 3, 4, 4)
        logits[:, 0] = 5
        worse = logits.clone()
        worse[:, 2, 0, 0] = 10
        worse.requires_grad_()
        target = torch.zeros(1, 1, 4, 4)
        loss = value(formula, worse, target)
        assert loss.item() > value(formula, logits, target).item() + 0.01
        loss.backward()
        assert worse.grad[0, 2, 0, 0] > 0

    @pytest.mark.parametrize("formula", FORMULAS)
    def test_no_particle_in_the_batch_and_none_found_is_no_loss(self, formula):
        logits = torch.full((2, 1, 64, 64), -9.0, requires_grad=True)
        loss = value(formula, logits, torch.zeros(2, 1, 64, 64))
        assert 0 <= loss.item() < 2e-3
        loss.backward()
        assert logits.grad.isfinite().all()

    @pytest.mark.parametrize("formula", FORMULAS)
    def test_no_particle_in_the_batch_but_some_found_is_one(self, formula):
        logits = torch.full((1, 1, 4, 4), -9.0)
        logits[..., 0] = 3
        logits.requires_grad_()
        loss = value(formula, logits, torch.zeros(1, 1, 4, 4))
        assert loss.item() > 0.05
        loss.backward()
        assert (logits.grad[..., 0] > 0).all()


@pytest.mark.parametrize("formula", FORMULAS)
class TestEveryLoss:
    @pytest.mark.parametrize("outputs", [1, 3])
    @pytest.mark.parametrize("kind", ["numbers", "shares"])
    @given(seed=st.integers(0, 10**6), wild=st.sampled_from([50.0, -50.0, math.inf, -math.inf, math.nan]))
    @settings(max_examples=5, deadline=None)
    def test_what_is_ignored_changes_neither_value_nor_gradient(self, formula, outputs, kind, seed, wild):
        logits, target, ignored = random_batch(seed, outputs, kind)
        other = torch.where(ignored, wild, logits).requires_grad_()
        logits.requires_grad_()
        loss = value(formula, logits, target)
        assert value(formula, other, target).item() == loss.item()
        loss.backward()
        value(formula, other, target).backward()
        assert torch.equal(logits.grad, other.grad)
        assert not logits.grad[ignored.expand_as(logits)].any()
        assert logits.grad.any()

    @pytest.mark.parametrize(
        ("outputs", "weights"), [(1, "none"), (1, "balanced"), (3, "balanced"), (3, [1, 2, 3])]
    )
    @given(seed=st.integers(0, 10**6))
    @settings(max_examples=5, deadline=None)
    def test_two_processes_have_the_value_and_the_gradient_of_one(self, formula, outputs, weights, seed):
        logits, target, _ = random_batch(seed, outputs, "numbers", (4, 5, 4))
        target[:1] = target[:1].clamp(max=outputs - 2)  # the first process lacks a class, or all
        description = described(formula, class_weights=weights)
        whole = logits.clone().requires_grad_()
        expected = value(description, whole, target)
        expected.backward()
        halves = (slice(0, 1), slice(1, 4))
        for own, other in (halves, halves[::-1]):
            sums = []
            value(
                description,
                logits[other],
                target[other],
                lambda local, sums=sums: sums.append(local) or local,
            )
            part = logits[own].clone().requires_grad_()
            loss = value(description, part, target[own], lambda local, sums=sums: local + sums.pop(0))
            assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
            loss.backward()
            torch.testing.assert_close(part.grad, whole.grad[own], rtol=1e-4, atol=1e-7)

    @pytest.mark.parametrize("outputs", [1, 3])
    def test_nothing_that_counts_is_no_loss_and_no_gradient(self, formula, outputs):
        logits = torch.randn(1, outputs, 4, 4, requires_grad=True)
        loss = value(formula, logits, torch.full((1, 1, 4, 4), -1.0))
        assert loss.item() == pytest.approx(0, abs=1e-4)
        loss.backward()
        assert not logits.grad.any()

    def test_right_is_better_than_wrong(self, formula):
        target = (torch.arange(16) % 3 == 0).float().view(1, 1, 4, 4)
        logits = (2 * target - 1) * 3
        zeros = value(formula, torch.zeros_like(logits), target)
        assert value(formula, logits, target) < zeros < value(formula, -logits, target)

    @pytest.mark.parametrize("scale", [30, 300, 3000])
    def test_sure_logits_have_a_finite_gradient(self, formula, scale):
        target = (torch.arange(16) % 3 == 0).float().view(1, 1, 4, 4)
        for sign in (1, -1):
            for settings_ in ({}, {"focal_gamma": 0.5}, {"label_smoothing": 0.1}):
                logits = (sign * (2 * target - 1) * scale).requires_grad_()
                value(described(formula, **settings_), logits, target).backward()
                assert logits.grad.isfinite().all()

    def test_bfloat16_logits_are_computed_in_float32(self, formula):
        logits, target, _ = random_batch(3, 1, "numbers")
        short = logits.bfloat16().requires_grad_()
        loss = value(formula, short, target)
        assert loss.dtype == torch.float32
        assert loss.item() == value(formula, short.detach().float(), target).item()
        loss.backward()
        assert short.grad.dtype == torch.bfloat16

    def test_class_numbers_are_shares_of_one(self, formula):
        logits, target, ignored = random_batch(6, 3, "numbers")
        shares = torch.nn.functional.one_hot(target.clamp(min=0)[:, 0].long(), 3).movedim(-1, 1).float()
        shares = torch.where(ignored, -1, shares)
        assert value(formula, logits, shares).item() == pytest.approx(value(formula, logits, target).item())


@pytest.mark.parametrize("formula", ["bce", "focal"])
def test_one_logit_is_two_classes_of_which_background_has_the_logit_zero(formula):
    logits, target, _ = random_batch(5, 1, "numbers")
    twice = torch.cat([torch.zeros_like(logits), logits], dim=1)
    assert value(formula, twice, target).item() == pytest.approx(value(formula, logits, target).item())


def test_a_target_that_does_not_fit_names_both_shapes():
    with pytest.raises(TrainingError, match=r"\(1, 2, 4\) does not fit logits of shape \(1, 3, 4\)"):
        value("bce", torch.zeros(1, 3, 4), torch.zeros(1, 2, 4))
    with pytest.raises(TrainingError, match="does not fit"):
        value("bce", torch.zeros(1, 1, 4), torch.zeros(1, 1, 8))


def test_a_separator_adds_its_cross_entropy_to_the_loss_of_the_interior():
    logits, target = torch.randn(2, 2, 8, 8), torch.rand(2, 2, 8, 8)
    target[0, :, :2] = -1
    interior = find_loss(LossDescription.model_validate("dice"))
    both = with_separator(interior)(logits, target, alone)
    between = find_loss(LossDescription.model_validate("bce"))(logits[:, 1:], target[:, 1:], alone)
    torch.testing.assert_close(both, interior(logits[:, :1], target[:, :1], alone) + between)


def test_a_separator_is_learnt_on_coarser_levels_too():
    logits = [torch.zeros(1, 2, 8, 8), torch.zeros(1, 2, 4, 4, requires_grad=True)]
    loss = with_separator(find_loss(LossDescription.model_validate("bce")))
    loss(logits, torch.ones(1, 2, 8, 8), alone).backward()
    assert (logits[1].grad < 0).all()
