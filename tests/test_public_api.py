"""The public names: sorted, few, documented; and what an import costs."""

import inspect
import json
import subprocess
import sys
import types

import pytest

import jaxnet

PACKAGES = [
    jaxnet,
    jaxnet.autograd,
    jaxnet.checkpoint,
    jaxnet.data,
    jaxnet.layers,
    jaxnet.losses,
    jaxnet.search,
]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_all_is_sorted_and_complete(package):
    assert package.__all__ == sorted(package.__all__)
    assert all(hasattr(package, name) for name in package.__all__)


def test_the_top_level_is_short():
    functions = [
        name
        for name in jaxnet.__all__
        if not isinstance(getattr(jaxnet, name), types.ModuleType)
    ]
    assert len(functions) <= 40


@pytest.mark.parametrize("name", jaxnet.__all__)
def test_every_public_name_says_what_it_is(name):
    thing = getattr(jaxnet, name)
    doc = inspect.getdoc(thing) or ""
    assert doc.splitlines()[0].endswith((".", ":")), name


@pytest.mark.parametrize("name", jaxnet.__all__)
def test_every_parameter_of_a_public_function_is_described(name):
    thing = getattr(jaxnet, name)
    if not inspect.isfunction(thing):
        return
    doc = inspect.getdoc(thing) or ""
    for parameter in inspect.signature(thing).parameters.values():
        assert f"{parameter.name}:" in doc, f"{name}: {parameter.name}"


def test_no_module_has_the_name_of_a_function():
    for name in jaxnet.__all__:
        thing = getattr(jaxnet, name)
        if not isinstance(thing, types.ModuleType):
            assert f"jaxnet.{name}" not in sys.modules


def test_an_import_computes_nothing_and_brings_nothing_heavy():
    code = """
import json, sys
import jax, optax
before = set(sys.modules)
import jaxnet
from jax._src import xla_bridge
print(json.dumps([sorted(set(sys.modules) - before), len(xla_bridge._backends)]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    modules, backends = json.loads(done.stdout)
    # Any computation, an array or a key, would have started a backend.
    assert backends == 0
    heavy = {"flax", "rich", "pandas", "sklearn", "torch", "orbax", "matplotlib"}
    assert not heavy & {name.split(".")[0] for name in modules}
