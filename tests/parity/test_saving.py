"""Weights in files that PyTorch reads, and files of PyTorch's that jaxnet reads."""

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from jaxnet.saving.weights import load_arrays, save_params

DTYPES = ["float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "int32"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_pytorch_reads_the_same_numbers(tmp_path, dtype):
    kernel = jnp.asarray(np.arange(-6, 6).reshape(3, 4) / 2, dtype)
    path = save_params(tmp_path / "w.safetensors", {"dense_1": {"kernel": kernel}})
    loaded = load_file(path)["dense_1/kernel"]
    assert loaded.dtype is getattr(torch, dtype)
    np.testing.assert_array_equal(
        loaded.to(torch.float32).numpy(), kernel.astype(jnp.float32)
    )


@pytest.mark.parametrize("dtype", [*DTYPES, "float64", "bool", "int64", "uint8"])
def test_jaxnet_reads_the_same_numbers(tmp_path, dtype):
    weight = (torch.arange(-6, 6).reshape(3, 4) / 2).to(getattr(torch, dtype))
    save_file({"0.weight": weight}, tmp_path / "w.safetensors", {"format": "pt"})
    loaded = load_arrays(tmp_path / "w.safetensors")["0.weight"]
    assert loaded.dtype.name == dtype
    np.testing.assert_array_equal(
        np.asarray(loaded).astype(np.float64), weight.to(torch.float64).numpy()
    )


def test_a_linear_layer_of_pytorch_becomes_a_dense_one(tmp_path):
    module = torch.nn.Linear(3, 2)
    save_file(module.state_dict(), tmp_path / "w.safetensors")
    arrays = load_arrays(tmp_path / "w.safetensors")
    params = {"kernel": arrays["weight"].T, "bias": arrays["bias"]}
    x = np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)
    due = module(torch.from_numpy(x)).detach().numpy()
    # A float32 matmul over three terms.
    np.testing.assert_allclose(
        jnp.asarray(x) @ params["kernel"] + jnp.broadcast_to(params["bias"], (4, 2)),
        due,
        rtol=1e-5,
        atol=1e-6,
    )
