"""One list each of all layers, losses and optimizers, for the contract tests.

A new layer, loss or optimizer is added to its list here, and gets for free the
tests of ``test_contract_*.py``: vmapped equals looped, jit equals no jit, no
second compilation, finite gradients.
"""
