"""Values and gradients against PyTorch, which has to be installed for these."""
