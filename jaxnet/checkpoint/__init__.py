"""Checkpoints: what a run needs to go on, in a folder, checked before it is read."""

from jaxnet.checkpoint.fingerprints import fingerprint_data, fingerprint_program
from jaxnet.checkpoint.folders import best, latest, steps
from jaxnet.checkpoint.identity import check_identity, identity
from jaxnet.checkpoint.keeping import CheckpointError, Checkpoints
from jaxnet.checkpoint.reading import load, load_meta
from jaxnet.checkpoint.saving import Writer, writing

__all__ = [
    "CheckpointError",
    "Checkpoints",
    "Writer",
    "best",
    "check_identity",
    "fingerprint_data",
    "fingerprint_program",
    "identity",
    "latest",
    "load",
    "load_meta",
    "steps",
    "writing",
]
