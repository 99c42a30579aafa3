"""A permutation without sorting, for the order of the examples in every epoch.

``jax.random.permutation`` sorts random numbers, and in an epoch of a small network
sorting takes longer than training: on a CPU 150 µs for 1,024 rows, 3.6 ms for
11,264. Here every row finds its own place, in 20 and 64 µs, also under ``vmap``.
"""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, UInt32

from jaxnet.types import PRNGKey

ROUNDS = 24
"""Rounds of swaps: the tests of uniformity tell twelve from chance, and not these."""


def permutation(key: PRNGKey, n: int) -> Int[Array, " n"]:
    """A random order of ``0 .. n - 1``: the swap-or-not shuffle.

    In each round every x has a partner, ``(k - x) mod n`` with a random k, which is
    partner to x in turn; a random bit of the pair says whether the two change places.

    Args:
      key: the order is a function of it.
      n: how many, from 1 to 2**31 - 1.

    Returns:
      Each of ``0 .. n - 1`` once, int32.

    References:
      Hoang, Morris & Rogaway, *An Enciphering Scheme Based on a Card Shuffle*, 2012.
    """
    words = jax.random.bits(key, (ROUNDS, 2), jnp.uint32)
    partners, salts = words[:, 0] % n, words[:, 1]

    def swap_or_not(i: Array, x: UInt32[Array, " n"]) -> UInt32[Array, " n"]:
        partner = partners[i] + jnp.uint32(n) - x
        partner = jnp.where(partner >= n, partner - jnp.uint32(n), partner)
        # Both of a pair see the same bit.
        bit = _mixed(jnp.maximum(x, partner) ^ salts[i]) & 1
        return jnp.where(bit == 1, partner, x)

    rounds = functools.partial(jax.lax.fori_loop, 0, ROUNDS, swap_or_not)
    # All rounds are one kernel of an accelerator, which takes long to start one.
    at_once = functools.partial(rounds, unroll=True)
    start = jnp.arange(n, dtype=jnp.uint32)
    order = jax.lax.platform_dependent(start, cpu=rounds, default=at_once)
    return order.astype(jnp.int32)


def _mixed(x: UInt32[Array, "..."]) -> UInt32[Array, "..."]:
    """A hash of 32 bits: each bit of ``x`` changes about half of the result's.

    The multipliers are those of Wellons, *Prospecting for Hash Functions*, 2018.
    """
    x = (x ^ (x >> 16)) * jnp.uint32(0x7FEB352D)
    x = (x ^ (x >> 15)) * jnp.uint32(0x846CA68B)
    return x ^ (x >> 16)
