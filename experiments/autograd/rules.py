"""Derivative rules of one's own: lecture 004's MyExp, and how to check one."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from experiments.common.claims import Claim, exact, measured
from experiments.common.results import Check, check
from jaxnet.autograd import GradientReport, check_gradients


def with_backward(backward: Callable[..., Any]) -> Callable[[Array], Array]:
    """An exponential function whose backward pass is ``backward(result, gradient)``."""

    @jax.custom_vjp
    def my_exp(x: Array) -> Array:
        return jnp.exp(x)

    def forward(x: Array) -> tuple[Array, Array]:
        result = jnp.exp(x)
        return result, result  # What PyTorch's ctx.save_for_backward keeps.

    my_exp.defvjp(forward, backward)
    return my_exp


my_exp = with_backward(lambda result, gradient: (gradient * result,))
"""The slide's function: it knows how to go backward, and only that."""


@jax.custom_jvp
def my_exp_forward(x: Array) -> Array:
    """The same with a forward rule, which JAX transposes: it goes both ways."""
    return jnp.exp(x)


@my_exp_forward.defjvp
def _forward_rule(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (x,), (tangent,) = primals, tangents
    result = my_exp_forward(x)
    return result, result * tangent


WRONG = {
    "factor 2": lambda result, gradient: (2 * gradient * result,),
    "sign": lambda result, gradient: (-gradient * result,),
    "no result": lambda result, gradient: (gradient,),
    "no gradient": lambda result, gradient: (result,),
    "right at 0 only": lambda result, gradient: (gradient * (2 * result - 1),),
}
"""Backward rules with a mistake each."""


def refuses_forward_mode() -> bool:
    """Whether `my_exp` refuses ``jax.jvp``."""
    try:
        jax.jvp(my_exp, (0.5,), (1.0,))
    except TypeError:
        return True
    return False


def reports() -> dict[str, GradientReport]:
    """A gradient check of the right rule and of all wrong ones.

    The function is used in one of two leaves, and the report names it.
    """
    params = {"through_exp": jnp.array([-1.0, 0.5, 0.8]), "other": jnp.array([0.3])}
    found = {}
    for name, rule in {"right": my_exp, **_all_wrong()}.items():

        def loss(params: Any, rule: Any = rule) -> Array:
            return jnp.sum(rule(params["through_exp"])) + jnp.sum(params["other"] ** 2)

        found[name] = check_gradients(loss, params)
    return found


def claims(found: dict[str, GradientReport]) -> list[Claim]:
    """What lecture 004 says of custom functions and gradient checks."""
    rule = _all_wrong()["right at 0 only"]
    at_zero = check_gradients(rule, 0.0).ok
    elsewhere = [check_gradients(rule, x).ok for x in (-1.0, 0.5)]
    names = [name for name in WRONG if found[name].wrong == ["params/through_exp"]]
    caught = f"{len(names)} of {len(WRONG)}"
    return [
        exact("004", "MyExp: its gradient at 0.5", 1.6487, jax.grad(my_exp)(0.5)),
        exact("004", "the same as custom_jvp", 1.6487, jax.grad(my_exp_forward)(0.5)),
        measured(
            "004",
            "differences find wrong backward rules",
            "yes",
            caught,
            len(names) == len(WRONG) and found["right"].ok,
        ),
        measured(
            "004",
            "a rule may be right at one x only",
            "test several x",
            f"at 0: {at_zero}, else: {any(elsewhere)}",
            at_zero and not any(elsewhere),
        ),
    ]


def checks(found: dict[str, GradientReport]) -> list[Check]:
    """What must be true of these rules."""
    _, tangent = jax.jvp(my_exp_forward, (0.5,), (1.0,))
    off = float(tangent) - math.exp(0.5)
    return [
        check(
            "custom_vjp refuses forward mode", float(refuses_forward_mode()), "==", 1
        ),
        check("custom_jvp in forward mode is off by", abs(off), "<", 1e-6),
        check(
            "leaves of the right rule that are wrong",
            len(found["right"].wrong),
            "==",
            0,
        ),
    ]


def _all_wrong() -> dict[str, Callable[[Array], Array]]:
    return {name: with_backward(rule) for name, rule in WRONG.items()}
