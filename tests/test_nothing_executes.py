"""Nothing that jaxnet or an experiment reads can run as code: seen in the source."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

FILES = [
    path
    for folder in ("jaxnet", "experiments")
    for path in sorted(ROOT.glob(f"{folder}/**/*.py"))
]

# Modules that turn bytes into objects by running what the bytes say.
MODULES = {
    *("pickle", "_pickle", "pickletools", "cPickle", "marshal", "shelve", "dbm"),
    *("dill", "cloudpickle", "joblib", "jsonpickle", "hickle", "copyreg"),
    *("code", "codeop", "runpy", "imp"),
}

# Functions that run text.
BUILTINS = {"eval", "exec", "compile", "__import__"}

# Methods of any object that read or write a pickle, whatever they are called on.
METHODS = {"read_pickle", "to_pickle", "save_pickle", "load_pickle", "unsafe_load"}

# Functions that read or write what can run, unless this argument has this value.
GUARDED = {
    "numpy.load": ("allow_pickle", False),
    "numpy.save": ("allow_pickle", False),
    "torch.load": ("weights_only", True),
}


def problems(source: str) -> Iterator[str]:
    """What in a source could run code that is not in it."""
    tree = ast.parse(source)
    known = names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            imported = [] if node.level else [node.module or "", *inner]
        else:
            imported = []
        for name in imported:
            if MODULES & set(name.split(".")):
                yield f"line {node.lineno}: imports {name}"
        if isinstance(node, ast.Name | ast.Attribute):
            name = dotted(node, known)
            if name in BUILTINS or name.removeprefix("builtins.") in BUILTINS:
                yield f"line {node.lineno}: uses {name}"
            if name.split(".")[-1] in METHODS:
                yield f"line {node.lineno}: uses {name}"
        if isinstance(node, ast.Call):
            yield from called(node, dotted(node.func, known))


def called(node: ast.Call, name: str) -> Iterator[str]:
    """What is wrong with a call of the function with this name."""
    given = {one.arg: one.value for one in node.keywords}
    allowed = given.get("allow_pickle", ast.Constant(False))
    if not (isinstance(allowed, ast.Constant) and allowed.value is False):
        yield f"line {node.lineno}: passes allow_pickle"
    if name in GUARDED:
        argument, due = GUARDED[name]
        value = given.get(argument)
        if not (isinstance(value, ast.Constant) and value.value is due):
            yield f"line {node.lineno}: {name} without {argument}={due}"
    if name.split(".")[-1] == "import_module":
        first = node.args[0] if node.args else given.get("name")
        if not isinstance(first, ast.Constant):
            return
        if MODULES & set(str(first.value).split(".")):
            yield f"line {node.lineno}: imports {first.value}"


def names(tree: ast.AST) -> dict[str, str]:
    """What the names that are imported stand for: np for numpy."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {a.asname: a.name for a in node.names if a.asname}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
    return found


def dotted(node: ast.AST, known: dict[str, str]) -> str:
    """The full name of what is read: numpy.load for np.load."""
    if isinstance(node, ast.Name):
        return known.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value, known)}.{node.attr}"
    return ""


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_runs_nothing_that_it_reads(path):
    assert not list(problems(path.read_text(encoding="utf-8")))


def test_all_modules_are_looked_at():
    seen = {str(path.relative_to(ROOT)) for path in FILES}
    assert {
        "jaxnet/__init__.py",
        "jaxnet/saving/weights.py",
        "experiments/newsgroups/arrays.py",
    } <= seen


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "import pickle as p",
        "import numpy, marshal",
        "from pickle import loads",
        "from sklearn.externals import joblib",
        "def f():\n    import dill",
        "if x:\n    from shelve import open",
        "import importlib\nimportlib.import_module('pickle')",
        "from importlib import import_module\nimport_module(name='_pickle')",
        "__import__('os')",
        "eval('1')",
        "run = exec",
        "import builtins\nbuiltins.eval('1')",
        "from builtins import eval as e\ne('1')",
        "compile('1', '', 'eval')",
        "import numpy as np\nnp.load('x')",
        "import numpy as np\nnp.load('x', allow_pickle=True)",
        "import numpy as np\nnp.load('x', None, allow_pickle=flag)",
        "import numpy\nnumpy.load('x')",
        "from numpy import load\nload('x')",
        "from numpy import load as read\nread('x', mmap_mode='r')",
        "np.lib.format.read_array(file, allow_pickle=True)",
        "np.save(path, array, allow_pickle=1)",
        "import numpy as np\nnp.save(path, array)",
        "import pandas\npandas.read_pickle('x')",
        "frame.to_pickle('x')",
        "import torch\ntorch.load('x')",
        "import torch\ntorch.load('x', weights_only=False)",
    ],
)
def test_what_runs_something_is_found(source):
    assert list(problems(source))


@pytest.mark.parametrize(
    "source",
    [
        "import re\nre.compile('a')",
        "jax.jit(f).lower(x).compile()",
        "import numpy as np\nnp.load('x', allow_pickle=False)",
        "import json\njson.load(file)",
        "import torch\ntorch.load('x', weights_only=True)",
        "np.save(path, array, allow_pickle=False)",
        "def evaluate(x): ...",
        "model.eval()",
    ],
)
def test_what_runs_nothing_is_not(source):
    assert not list(problems(source))
