"""A net that was trained in PyTorch is trained on by jaxnet, as PyTorch would."""

import jax
import numpy as np
import optax
import torch
from safetensors.torch import save_file

import jaxnet
from jaxnet.saving.weights import load_arrays

STEPS, RATE, MOMENTUM = 20, 0.05, 0.9


def build(h):
    return jaxnet.Task(
        model=jaxnet.sequential(
            jaxnet.dense(8, bias=False),
            jaxnet.batch_norm(),
            jaxnet.tanh,
            jaxnet.dense(1),
        ),
        loss=jaxnet.mean_squared_error,
        optimizer=optax.sgd(h["rate"], momentum=MOMENTUM),
        batch_size=None,
    )


def train(net, x, y):
    """The losses of full-batch steps, each before it is taken."""
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE, momentum=MOMENTUM)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(net(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_training_goes_on_from_the_weights_in_pytorchs_file(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (64, 2)).astype(np.float32)
    y = np.sin(3 * x[:, :1])
    tensors = torch.from_numpy(x), torch.from_numpy(y)
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Linear(2, 8, bias=False),
        torch.nn.BatchNorm1d(8),
        torch.nn.Tanh(),
        torch.nn.Linear(8, 1),
    )
    with torch.no_grad():
        net(tensors[0])  # Statistics that are not those of a new layer.
    save_file(net.state_dict(), tmp_path / "net.safetensors")
    theirs = train(net, *tensors)

    arrays = load_arrays(tmp_path / "net.safetensors")
    run = jaxnet.fit(
        build,
        {"rate": RATE},
        (x, y),
        key=jax.random.key(1),
        epochs=STEPS,
        params={
            "dense_1": {"kernel": arrays["0.weight"].T},
            "batch_norm_1": {"scale": arrays["1.weight"], "bias": arrays["1.bias"]},
            "dense_2": {"kernel": arrays["3.weight"].T, "bias": arrays["3.bias"]},
        },
        model_state={
            "batch_norm_1": {
                "mean": arrays["1.running_mean"],
                "var": arrays["1.running_var"],
            }
        },
    )
    assert theirs[-1] < theirs[0] / 2
    np.testing.assert_allclose(run.history["train_loss"], theirs, rtol=1e-4)
    with torch.no_grad():
        due = net.eval()(tensors[0]).numpy()
    np.testing.assert_allclose(run.predict(x), due, rtol=1e-4, atol=1e-5)
