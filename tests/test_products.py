"""jaxnet.layers.products: the product of a batch and a kernel, however it is taken."""

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnet.layers.products import SMALL, product


def draw(shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def close(a, b):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-5)


@hypothesis.settings(deadline=None, max_examples=15)
@hypothesis.given(
    batch=st.lists(st.integers(1, 5), max_size=3),
    inputs=st.integers(1, 6),
    features=st.integers(1, 6),
)
def test_values_and_derivatives_are_those_of_the_plain_product(batch, inputs, features):
    x, kernel = draw((*batch, inputs)), draw((inputs, features), 1)
    upstream = draw((*batch, features), 2)
    tangents = draw(x.shape, 3), draw(kernel.shape, 4)
    plain = jnp.matmul
    y, back = jax.vjp(product, x, kernel)
    due, back_due = jax.vjp(plain, x, kernel)
    close(y, due)
    close(back(upstream), back_due(upstream))
    close(
        jax.jvp(product, (x, kernel), tangents), jax.jvp(plain, (x, kernel), tangents)
    )


def test_one_of_both_may_be_constant_and_both_may_be_vmapped():
    x, kernels = draw((7, 5)), draw((3, 5, 2), 1)

    def loss(fn, x, kernel):
        return jnp.sin(fn(x, kernel)).sum()

    for argument in (0, 1, (0, 1)):
        found, due = (
            jax.vmap(
                lambda kernel, fn=fn, argument=argument: jax.grad(
                    lambda *args: loss(fn, *args), argument
                )(x, kernel)
            )(kernels)
            for fn in (product, jnp.matmul)
        )
        close(found, due)


def test_second_derivatives_are_those_of_the_plain_product():
    x, kernel = draw((4, 3)), draw((3, 2), 1)

    def loss(fn, kernel):
        return (jnp.tanh(fn(x, kernel)) ** 2).sum()

    for second in (jax.hessian, lambda f: jax.jacrev(jax.jacfwd(f))):
        found, due = (
            second(lambda kernel, fn=fn: loss(fn, kernel))(kernel)
            for fn in (product, jnp.matmul)
        )
        close(found, due)


@pytest.mark.parametrize(
    ("platform", "rows", "written"),
    [
        ("cpu", 32, True),
        ("cpu", 2 * SMALL // 8, False),
        ("cuda", 32, False),
        ("tpu", 32, False),
    ],
)
def test_inputs_are_written_down_where_that_is_faster(platform, rows, written):
    gradient = jax.jit(jax.grad(lambda kernel, x: product(x, kernel).sum()))
    shapes = (jax.ShapeDtypeStruct(s, jnp.float32) for s in ((8, 4), (rows, 8)))
    lowered = gradient.trace(*shapes).lower(lowering_platforms=(platform,))
    assert ("optimization_barrier" in lowered.as_text()) == written


def test_the_product_itself_reads_inputs_as_they_are():
    def forwards(kernel, x):
        return jax.vjp(lambda kernel: product(x, kernel), kernel)[0]

    shapes = (jax.ShapeDtypeStruct(s, jnp.float32) for s in ((8, 4), (32, 8)))
    text = jax.jit(forwards).lower(*shapes).compile().as_text()
    assert "dot" in text
    assert "transpose" not in text
