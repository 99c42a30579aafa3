"""Imports run downward only, and files stay short."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# From the ground up: a module may import those in the rows above its own, and those
# in its own row that come before it.
ROOMS = [
    ["types", "checks", "paths", "jaxprs"],
    ["hypers", "initializers"],
    ["losses.common", "losses.regression", "losses.classification", "losses.margin"],
    ["losses", "metrics", "regularization", "schedules", "optimizers"],
    ["layers.core", "layers.combining", "layers.activations"],
    [
        "layers.products",
        "layers.dense",
        "layers.dropout",
        "layers.mlp",
        "layers.convolution",
        "layers.pooling",
    ],
    ["layers.normalization", "layers.embedding", "layers.recurrent"],
    ["layers.nnx_state", "layers.adapters", "layers"],
    [
        "data.shuffling",
        "data.batching",
        "data.checking",
        "data.splitting",
        "data.standardizing",
    ],
    ["data.streaming", "data"],
    ["batch_sizes", "devices", "epochs", "starting"],
    ["training", "programs", "diagnosis"],
    ["checkpoint.differences", "checkpoint.packing", "checkpoint.files"],
    ["checkpoint.arrays", "checkpoint.folders", "checkpoint.reading"],
    ["checkpoint.saving", "checkpoint.fingerprints", "checkpoint.identity"],
    ["checkpoint.keeping", "checkpoint"],
    ["stopping", "loading", "progress", "callbacks"],
    ["fitted", "course", "preparing", "fitting"],
    ["saving.files", "saving.headers", "saving.leaves", "saving.structures"],
    ["saving.sections", "saving.weights", "saving.runs"],
    ["saving.calls", "saving.containers", "saving.exported", "saving.exporting"],
    ["saving"],
    ["statistics", "figures"],
    ["autograd.naming", "autograd.nodes", "autograd.spelling", "autograd.steps"],
    ["autograd.derivatives", "autograd.layout", "autograd.dot", "autograd.boxes"],
    ["autograd.drawing", "autograd.graphs", "autograd.tracing"],
    ["autograd.refusing", "autograd.differences", "autograd.reports"],
    ["autograd.checking", "autograd"],
    ["search.dimensions", "search.showing", "search.space"],
    ["search.samplers", "search.refining"],
    ["search.members", "search.watching", "search.engine"],
    ["search.grouping", "search.memory"],
    ["search.folding", "search.layouts", "search.planning", "search.running"],
    ["search.halving", "search.ranking", "search.tables", "search.logging"],
    ["search.resuming"],
    ["search.reporting.trials", "search.reporting.explaining"],
    ["search.reporting.diagnosing", "search.reporting.spelling"],
    ["search.reporting.wording", "search.reporting.styling"],
    ["search.reporting.scales", "search.reporting.relating"],
    ["search.reporting.drawing", "search.reporting.report", "search.reporting"],
    ["search.results", "search.course", "search.sweeping", "search.asking", "search"],
]
ORDER = [f"jaxnet.{name}" for room in ROOMS for name in room]

FILES = {
    ".".join(path.with_suffix("").relative_to(ROOT).parts).removesuffix(
        ".__init__"
    ): path
    for path in sorted(ROOT.glob("jaxnet/**/*.py"))
}


def imported(path: Path) -> set[str]:
    """All names that a file imports, dotted, with the modules that they are in."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            # What is a module is imported itself, and not its package for it.
            found |= (inner & FILES.keys()) or {node.module}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def test_every_module_has_its_place():
    assert sorted([*ORDER, "jaxnet"]) == sorted(FILES)


@pytest.mark.parametrize("module", ORDER)
def test_a_module_knows_nothing_of_those_above_it(module):
    below = set(ORDER[: ORDER.index(module)])
    assert imported(FILES[module]) & FILES.keys() <= below


def test_the_library_knows_nothing_of_the_experiments():
    for path in FILES.values():
        assert not any(name.startswith("experiments") for name in imported(path))


def test_a_file_is_one_concept():
    for folder in ("jaxnet", "experiments"):
        for path in ROOT.glob(f"{folder}/**/*.py"):
            lines = len(path.read_text().splitlines())
            assert lines <= 300, f"{path.relative_to(ROOT)} has {lines} lines"
