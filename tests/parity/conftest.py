"""What is compared with PyTorch is compiled as users have it."""

import pytest


@pytest.fixture(autouse=True)
def as_users_compile(optimized):
    """See `optimized`."""
