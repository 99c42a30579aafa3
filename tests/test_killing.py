"""Runs that are killed are the runs that they would have been: a few kills of many.

``python tests/killing.py --kills 50`` does more of them.
"""

import pytest
from killing import KINDS, kill_and_compare


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_killed_five_times_is_the_same_to_the_bit(tmp_path, kind):
    found = kill_and_compare(kind, 5, tmp_path, seed=1)
    assert found["killed"] >= 2
