"""What is compared with PyTorch is compiled with all of XLA's optimizations."""

import pytest


@pytest.fixture(autouse=True)
def with_optimizations(optimized):
    """See `optimized`."""
