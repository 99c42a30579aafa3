"""The slips that are about PyTorch, against PyTorch itself."""

import re

import pytest
import torch

from experiments.lecture import formulas, programs


def number(text):
    return float(re.findall(r"-?\d+\.?\d*", text)[0])


def test_cross_entropy_loss_is_that_of_a_softmax():
    logits = torch.tensor([[2.0, 1.0, 0.0]])
    due = torch.nn.CrossEntropyLoss()(logits, torch.tensor([0])).item()
    assert number(formulas.cross_entropy_class().gives_right) == pytest.approx(
        due, rel=1e-3
    )


def test_mse_loss_has_no_half():
    y = torch.tensor([3.0], requires_grad=True)
    torch.nn.MSELoss()(y, torch.tensor([1.0])).backward()
    assert number(formulas.squared_error_half().gives_right) == y.grad.item()


def test_linear_starts_with_a_third():
    torch.manual_seed(0)
    due = torch.nn.Linear(300, 2048).weight.var().item() * 300
    assert number(programs.default_initializer().gives_right) == pytest.approx(
        due, rel=0.01
    )


def test_momentum_is_that_of_sgd():
    theta = torch.tensor([-1.0], requires_grad=True)
    rule = torch.optim.SGD([theta], lr=0.05, momentum=0.9)
    for _ in range(40):
        rule.zero_grad()
        ((theta - 1) ** 2).sum().backward()
        rule.step()
    text = formulas.momentum_velocity().gives_right
    assert number(text) == pytest.approx(theta.item(), rel=1e-3)
