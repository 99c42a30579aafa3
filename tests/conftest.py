"""Makes the whole test session strict, before jaxnet is imported."""

import jax
import pytest
from jaxtyping import install_import_hook

# (batch,) - (batch, 1) is an error and not a (batch, batch) array.
jax.config.update("jax_numpy_rank_promotion", "raise")
# A key used twice is an error, and so is an old-style uint32 key.
jax.config.update("jax_debug_key_reuse", True)
jax.config.update("jax_legacy_prng_key", "error")

# Every annotation in jaxnet is checked on every call.
install_import_hook("jaxnet", "beartype.beartype")


@pytest.fixture
def key():
    return jax.random.key(0)
