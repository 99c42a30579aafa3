"""jaxnet: small neural networks as pure functions of explicit parameters."""
