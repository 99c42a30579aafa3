"""Numbers of the slides: sample variances, equal units, and the lecture net's start."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import jaxnet
from experiments.initialization.kinds import (
    INITIALIZERS,
    VARIANCES,
    of_formula,
    variance,
)
from jaxnet.programs import ONCE
from jaxnet.types import Hypers, PRNGKey

SHAPE = (300, 256)
"""Of the kernels whose variance is taken."""

INPUTS = 300
"""Of the lecture net."""

LENGTH = 1.36
"""Of the lecture net's inputs, for which plain randn gives logits of 612.

Means of word vectors are about as long: 0.86 for the posts of the newsgroups with
word2vec's vectors of news."""

LOGITS = ("randn", "He")

EXAMPLES = 64


def variance_ratios(key: PRNGKey, seeds: int) -> dict[str, Float[np.ndarray, " seeds"]]:
    """The sample variance of each initializer, over that of its formula."""
    keys = jax.random.split(key, seeds)

    @functools.partial(jax.jit, compiler_options=ONCE)
    def all_of_seed(key: PRNGKey) -> dict[str, Array]:
        return {
            name: INITIALIZERS[name](
                jax.random.fold_in(key, i), SHAPE, jnp.float32
            ).var()
            for i, name in enumerate(VARIANCES)
        }

    rows = [all_of_seed(key) for key in keys]
    return {
        name: np.array([row[name] for row in rows]) / variance(name, *SHAPE)
        for name in VARIANCES
    }


def first_losses(key: PRNGKey, seeds: int) -> dict[str, dict[str, np.ndarray]]:
    """The standard deviation of the logits and the loss before the first step.

    Of the lecture's net, 300-2048-256-20 with relu. With ``randn`` biases are drawn as
    well, as on its slide; otherwise they are zero. Inputs have `LENGTH` and random
    directions, labels are drawn.

    Returns:
      By initializer "logits" and "loss", each (seeds,).
    """

    def of_seed(formula: Array, bias: Array, key: PRNGKey) -> tuple[Array, Array]:
        init_key, x_key, label_key = jax.random.split(key, 3)
        x = jax.random.normal(x_key, (EXAMPLES, INPUTS))
        lengths = jnp.linalg.norm(x, axis=1, keepdims=True)
        x = LENGTH * x / jnp.broadcast_to(lengths, x.shape)
        labels = jax.random.randint(label_key, (EXAMPLES,), 0, 20)
        draw = of_formula(*formula)
        scaled = jaxnet.initializers.normal(bias)
        net = jaxnet.mlp(2048, 256, 20, kernel_init=draw, bias_init=scaled)
        params, state = net.init(init_key, x)
        logits, _ = net.apply(params, state, x)
        loss = jaxnet.softmax_cross_entropy(logits, labels)
        return jnp.sqrt(jnp.mean(logits**2)), loss

    keys = jax.random.split(key, seeds)
    one = jax.jit(of_seed, compiler_options=ONCE)
    found = {}
    for name in LOGITS:
        formula, bias = jnp.array(VARIANCES[name]), jnp.array(float(name == "randn"))
        logits, losses = np.transpose([one(formula, bias, key) for key in keys])
        found[name] = {"logits": logits, "loss": losses}
    return found


def expected_logits(length: float) -> float:
    """The standard deviation of the lecture net's logits with plain randn.

    >>> round(expected_logits(1.36))
    611
    """
    variance = length**2 + 1
    for n in (2048, 256):
        variance = n * variance / 2 + 1  # A relu keeps half of the mean square.
    return variance**0.5


def build_equal(h: Hypers) -> jaxnet.Task:
    """A net whose weights are all the same number.

    Args:
      h: "value", of all weights; "tanh", 1.0 for tanh and 0.0 for sigmoid.
    """
    value, tanh = h["value"], h["tanh"]
    curve = jaxnet.activation(
        lambda x: jnp.where(tanh > 0.5, jnp.tanh(x), jax.nn.sigmoid(x)), "curve"
    )
    return jaxnet.Task(
        model=jaxnet.mlp(
            8, 8, 10, activation=curve, kernel_init=jaxnet.initializers.constant(value)
        ),
        loss=jaxnet.softmax_cross_entropy,
        optimizer=jaxnet.optimizer("momentum", 0.1),
    )


def differences(h: Hypers, data: tuple[Array, Array], key: PRNGKey) -> dict[str, float]:
    """Trains a net with equal weights.

    Returns:
      "between units", the largest difference between the weights of two units of
      the hidden layers after training, and "from the start", the largest distance
      that a weight has gone.
    """
    run = jaxnet.fit(build_equal, h, data, key=key, epochs=3, every=3, progress=False)
    kernels = [run.params[f"dense_{i}"]["kernel"] for i in (1, 2, 3)]
    # What goes into the units of a hidden layer, and what comes out of them.
    units = [kernels[0].T, kernels[1].T, kernels[1], kernels[2]]
    return {
        "between units": max(float(jnp.ptp(a, axis=0).max()) for a in units),
        "from the start": max(float(jnp.abs(a - h["value"]).max()) for a in kernels),
    }
