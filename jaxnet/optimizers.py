"""Optimizers by name: an update rule with decay, clipping and freezing around it.

    optimizer("adam", 1e-3)
    optimizer("momentum", cosine(0.1, 1000), momentum=0.95, l2=1e-4)
    optimizer("adamw", h["learning_rate"], clip_norm=1.0, freeze="encoder/*")

An optimizer is an ``optax.GradientTransformation``, and whatever optax has can be
used in its place. Here optax's parts are chained in the one right order. With g
the gradient and w the weights, a step is

    g <- g * min(1, clip_norm / |g|)          clipping, |g| over all leaves together
    g <- g + l2 * w                           L2 penalty: the rule sees it
    d  = rule(g)
    d <- d + weight_decay * w                 decoupled decay: the rule does not
    w <- w - learning_rate * d

so both kinds of decay shrink the weights, and are the same thing for plain SGD
only. Every number may be traced: a new learning rate or momentum never compiles
again. A part whose number is known to be 0 is left out; a traced 0 gives the same
weights.
"""

import inspect
import operator
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from jaxnet.checks import check_choice, check_names, check_number
from jaxnet.paths import Pattern, check_pattern, map_with_path, matches, path_mask
from jaxnet.types import Params

Number: TypeAlias = float | Float[Array, ""]


def optimizer(
    name: str,
    learning_rate: Number | optax.Schedule,
    *,
    l2: Number = 0.0,
    weight_decay: Number | None = None,
    no_decay: Pattern = ("*bias", "*scale"),
    clip_norm: Number | None = None,
    freeze: Pattern = (),
    **hypers: Number,
) -> optax.GradientTransformationExtraArgs:
    """An update rule by name.

    With m, r, s, v zero at first, ``b1``, ``b2``, ``eps`` as named, u the momentum
    and a the ``decay`` of a running mean, the rules are

    ============ ================================================== ================
    name         rule                                               hypers
    ============ ================================================== ================
    ``sgd``      d = g
    ``momentum`` v <- u v + g;  d = v                               momentum=0.9
    ``nesterov`` v <- u v + g;  d = g + u v                         momentum=0.9
    ``adagrad``  r <- r + g^2;  d = g / sqrt(r + eps^2)             eps=1e-10,
                                                                    accumulator=0.0
    ``rmsprop``  r <- a r + (1-a) g^2;  d = g / (sqrt(r) + eps);    decay=0.99,
                 with momentum v <- u v + d;  d = v                 eps=1e-8,
                                                                    momentum=0.0
    ``adadelta`` r <- a r + (1-a) g^2;                              decay=0.9,
                 d = g sqrt(s + eps) / sqrt(r + eps);               eps=1e-6
                 s <- a s + (1-a) d^2
    ``adam``     m <- b1 m + (1-b1) g;  r <- b2 r + (1-b2) g^2;     b1=0.9,
                 d = m' / (sqrt(r') + eps) with m' = m / (1-b1^t)   b2=0.999,
                 and r' = r / (1-b2^t) in step t = 1, 2, ...        eps=1e-8
    ``amsgrad``  as adam with the largest r so far in r'            as adam
    ``adamw``    as adam, and weight_decay=0.01 unless given        as adam
    ============ ================================================== ================

    The rules and their defaults are PyTorch's: from the same weights, 50 steps of a
    small net in float64 agree to 1e-14. What differs:

    * ``momentum`` and ``nesterov`` have 0.9 where ``torch.optim.SGD`` has 0, which
      would make them ``sgd``. As there, v is in units of the gradient, so a new
      rate acts at once; with a constant rate it is v <- u v - learning_rate g.
    * ``adagrad``: PyTorch divides by sqrt(r) + eps. The two part by a factor of
      1.41 at most, where sqrt(r) = eps, and by 1e-4 at sqrt(r) = 1e4 eps. (optax's
      own default puts ``eps`` itself in the root and starts r at 0.1.)
    * ``amsgrad`` is PyTorch's, and not ``optax.amsgrad``, which takes the largest of
      the r' so far: there the first gradients brake for ever. On that net the two
      part by a fifth of the way gone.
    * ``clip_norm``: ``clip_grad_norm_`` divides by |g| + 1e-6.
    * In float32, 1-b2^t is rounded here, by up to 6e-5, and is a double there: 50
      steps of Adam agree to 3e-6 for weights of order one, those of SGD to 2e-7.

    Args:
      name: one of the names above.
      learning_rate: a number of at least 0, or a function ``step -> rate`` such as
        those of `jaxnet.schedules`, with steps counted from 0.
      l2: adds ``l2 * w`` to the gradient, the gradient of ``l2 / 2 * |w|^2``: what
        ``weight_decay`` means in ``torch.optim.SGD`` and ``Adam``.
      weight_decay: decoupled decay, per unit of learning rate: each step shrinks
        the weights by ``learning_rate * weight_decay``, as ``torch.optim.AdamW``
        does. 0.01 for adamw and 0 for all others by default. Every rule takes
        both kinds.
      no_decay: which parameters neither decay touches: biases and the scales of
        normalization by default; ``()`` for none, as in PyTorch.
      clip_norm: the largest norm of the gradient, above 0; None, or a traced
        infinity, for no limit.
      freeze: which parameters keep their values to the bit; see `jaxnet.paths`.
        They have no moments, and their gradients do not count for ``clip_norm``.
      **hypers: numbers of the rule. ``momentum``, ``b1``, ``b2`` and ``decay`` are
        in [0, 1), ``eps`` is above 0.

    Returns:
      An optax transformation. ``update`` needs the params if there is decay.

    Raises:
      ValueError: for an unknown name or number, one out of its range, and, by
        ``init``, if a pattern in ``freeze`` fits no parameter.

    References:
      sgd: Robbins & Monro, 1951. momentum: Polyak, 1964. nesterov: Sutskever et al.,
      2013, eq. 3-4, with w at the point looked ahead to. adagrad: Duchi et al., 2011.
      rmsprop: Tieleman & Hinton, *Neural Networks for Machine Learning*, lecture
      6.5, 2012. adadelta: Zeiler, 2012, algorithm 1. adam: Kingma & Ba, 2015,
      algorithm 1. amsgrad: Reddi et al., 2018, algorithm 2, which has no 1-b^t.
      adamw: Loshchilov & Hutter, 2019, algorithm 2. clip_norm: Pascanu et al., 2013.

    >>> import jax.numpy as jnp
    >>> sgd = optimizer("sgd", 0.1, weight_decay=0.5)
    >>> params, no_gradient = {"kernel": jnp.ones(1)}, {"kernel": jnp.zeros(1)}
    >>> updates, _ = sgd.update(no_gradient, sgd.init(params), params)
    >>> print(updates["kernel"])
    [-0.05]
    """
    check_choice("optimizer", name, _RULES)
    make_rule = _RULES[name]
    known = inspect.signature(make_rule).parameters
    check_names(f"hyperparameter of {name}", hypers, known)
    for hyper, value in hypers.items():
        check_number(f"{name}: {hyper}", value, **_RANGES[hyper])
    if weight_decay is None:
        weight_decay = 0.01 if name == "adamw" else 0.0
    if not callable(learning_rate):
        check_number("learning_rate", learning_rate, at_least=0.0)
    check_number("l2", l2, at_least=0.0)
    check_number("weight_decay", weight_decay, at_least=0.0)

    parts = []
    if clip_norm is not None:
        check_number("clip_norm", clip_norm, above=0.0, hint="None is no limit.")
        parts.append(optax.clip_by_global_norm(clip_norm))
    parts += _decay(l2, no_decay)
    parts.append(make_rule(**hypers))
    parts += _decay(weight_decay, no_decay)
    # Last, and it flips the sign: decay added after it would make weights grow.
    parts.append(optax.scale_by_learning_rate(learning_rate))
    chain = optax.chain(*parts)
    return _freeze(chain, freeze) if freeze else chain


def _decay(rate: Number, no_decay: Pattern) -> list[optax.GradientTransformation]:
    if isinstance(rate, int | float) and rate == 0:
        return []

    def mask(params: Params) -> Params:
        return jax.tree.map(operator.not_, path_mask(params, no_decay))

    return [optax.add_decayed_weights(rate, mask)]


def _freeze(
    inner: optax.GradientTransformation, pattern: Pattern
) -> optax.GradientTransformationExtraArgs:
    def labels(params: Params) -> Params:
        check_pattern("freeze", params, pattern)
        return map_with_path(
            lambda path, _: "frozen" if matches(path, pattern) else "trained", params
        )

    return optax.partition({"trained": inner, "frozen": optax.set_to_zero()}, labels)


def _momentum(*, momentum: Number = 0.9) -> optax.GradientTransformation:
    return optax.trace(momentum)


def _nesterov(*, momentum: Number = 0.9) -> optax.GradientTransformation:
    return optax.trace(momentum, nesterov=True)


def _adagrad(
    *, eps: Number = 1e-10, accumulator: Number = 0.0
) -> optax.GradientTransformation:
    return optax.scale_by_rss(accumulator, eps**2)


def _rmsprop(
    *, decay: Number = 0.99, eps: Number = 1e-8, momentum: Number = 0.0
) -> optax.GradientTransformation:
    rms = optax.scale_by_rms(decay, eps, eps_in_sqrt=False)
    if isinstance(momentum, int | float) and momentum == 0:
        return rms
    return optax.chain(rms, optax.trace(momentum))


def _adadelta(
    *, decay: Number = 0.9, eps: Number = 1e-6
) -> optax.GradientTransformation:
    return optax.scale_by_adadelta(decay, eps)


def _adam(
    *, b1: Number = 0.9, b2: Number = 0.999, eps: Number = 1e-8
) -> optax.GradientTransformation:
    return optax.scale_by_adam(b1, b2, eps)


def _amsgrad(
    *, b1: Number = 0.9, b2: Number = 0.999, eps: Number = 1e-8
) -> optax.GradientTransformation:
    # optax divides by sqrt(r) + eps. PyTorch's sqrt(r / correction) + eps is that
    # with the root of the correction in both places.
    def rule(root: Any) -> optax.GradientTransformation:
        return optax.scale_by_amsgrad(b1, b2, eps * root, bias_correction_nu=False)

    def update(updates: Params, state: Any, params: Any = None) -> tuple[Params, Any]:
        root = jnp.sqrt(1 - b2 ** (state.count + 1))
        updates, state = rule(root).update(updates, state, params)
        return optax.tree.scale(root, updates), state

    return optax.GradientTransformation(rule(1.0).init, update)


_RULES: Mapping[str, Callable[..., optax.GradientTransformation]] = {
    "sgd": optax.identity,
    "momentum": _momentum,
    "nesterov": _nesterov,
    "adagrad": _adagrad,
    "rmsprop": _rmsprop,
    "adadelta": _adadelta,
    "adam": _adam,
    "amsgrad": _amsgrad,
    "adamw": _adam,
}

_RANGES: Mapping[str, Mapping[str, Any]] = {
    "momentum": {"at_least": 0.0, "below": 1.0},
    "decay": {"at_least": 0.0, "below": 1.0},
    "b1": {"at_least": 0.0, "below": 1.0},
    "b2": {"at_least": 0.0, "below": 1.0},
    "eps": {"above": 0.0},
    "accumulator": {"at_least": 0.0},
}
