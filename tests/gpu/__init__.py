"""What needs JAX's plugin for GPUs to compile, and no GPU."""
