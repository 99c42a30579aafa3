"""Initializers: functions ``(key, shape, dtype) -> array``."""

import jax

he_normal = jax.nn.initializers.he_normal()
zeros = jax.nn.initializers.zeros
