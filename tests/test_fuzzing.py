"""Whatever is in a file or on a command line, nothing but a ValueError comes out.

``python tests/fuzzing.py --inputs 10000`` does more of it.
"""

import pytest
from fuzzing import KINDS, fuzz


@pytest.mark.parametrize("name", KINDS)
def test_500_broken_inputs_are_read_or_refused_with_a_message(tmp_path, name):
    found = fuzz(name, 500, tmp_path)
    assert sum(found.values()) == 500
    # A post is any text; of all else some has to be refused, or nothing was checked.
    assert found["refused"] > 20 or name == "post"
