"""A process that trains for one step: lecture 003's net, written for each library.

    python -P first_steps.py jaxnet | flax | pytorch

It prints the loss, and how many programs were compiled that JAX's persistent cache
did not have. No other module of the project is imported but jaxnet for its own part.
"""

import itertools
import math
import os
import sys

INPUTS, SIZES, BATCH, RATE = 300, (2048, 256, 20), 512, 1e-3


def jaxnet() -> float:
    """`jaxnet.fit` for an epoch of one batch."""
    import jax

    from jaxnet import Task, fit, mlp, optimizer, softmax_cross_entropy

    def build(h):
        return Task(
            model=mlp(*SIZES),
            loss=softmax_cross_entropy,
            optimizer=optimizer("adam", h["learning_rate"]),
            batch_size=BATCH,
        )

    hypers = {"learning_rate": RATE}
    run = fit(build, hypers, _data(), key=jax.random.key(0), epochs=1)
    return run.history["train_loss"][0]


def flax() -> float:
    """flax.linen with a train state and a jitted step."""
    import jax
    import optax
    from flax import linen as nn
    from flax.training.train_state import TrainState

    class Net(nn.Module):
        @nn.compact
        def __call__(self, x: jax.Array) -> jax.Array:
            *hidden, classes = SIZES
            for width in hidden:
                x = nn.relu(nn.Dense(width)(x))
            return nn.Dense(classes)(x)

    @jax.jit
    def train_step(state, x, y):
        def loss_fn(params):
            logits = state.apply_fn({"params": params}, x)
            return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

        loss, grads = jax.value_and_grad(loss_fn)(state.params)
        return state.apply_gradients(grads=grads), loss

    model, (x, y) = Net(), _data()
    params = model.init(jax.random.key(0), x[:1])["params"]
    state = TrainState.create(apply_fn=model.apply, params=params, tx=optax.adam(RATE))
    return float(train_step(state, x, y)[1])


def pytorch() -> float:
    """A loop as a tutorial has it."""
    import torch
    from torch import nn

    layers = []
    for fan_in, fan_out in itertools.pairwise((INPUTS, *SIZES)):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    wanted = os.environ.get("JAX_PLATFORMS") == "gpu"
    device = "cuda" if wanted and torch.cuda.is_available() else "cpu"
    model = nn.Sequential(*layers[:-1]).to(device)
    x, y = (torch.from_numpy(a).to(device) for a in _data())
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    loss = nn.CrossEntropyLoss()(model(x), y.long())
    loss.backward()
    optimizer.step()
    return loss.item()


def _data():
    import numpy as np

    rng = np.random.default_rng(0)
    x = rng.normal(size=(BATCH, INPUTS)).astype(np.float32)
    return x, rng.integers(0, SIZES[-1], BATCH).astype(np.int32)


def main(library: str) -> None:
    """Trains and prints."""
    misses = 0
    if library != "pytorch":
        import jax

        def listen(event: str, **_) -> None:
            nonlocal misses
            misses += event == "/jax/compilation_cache/cache_misses"

        jax.monitoring.register_event_listener(listen)
    loss = {"jaxnet": jaxnet, "flax": flax, "pytorch": pytorch}[library]()
    assert math.isfinite(loss), loss
    print(loss, misses)


if __name__ == "__main__":
    main(*sys.argv[1:])
