"""Makes the whole test session strict, before jaxnet is imported."""

import importlib.util
import os

# Nets of tests are tiny, and compiling them is most of the work, here and in the
# processes that tests start. Where bits matter, a test takes the fixture `optimized`.
os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"

import jax
import jaxtyping
import pytest

# Sweeps are tested on as many devices as they ask for, up to this number.
jax.config.update("jax_num_cpu_devices", 8)
# (batch,) - (batch, 1) is an error and not a (batch, batch) array.
jax.config.update("jax_numpy_rank_promotion", "raise")
# A key used twice is an error, and so is an old-style uint32 key.
jax.config.update("jax_debug_key_reuse", True)
jax.config.update("jax_legacy_prng_key", "error")

# Every annotation in jaxnet is checked on every call.
jaxtyping.install_import_hook("jaxnet", "beartype.beartype")

HAS_TORCH = importlib.util.find_spec("torch") is not None
HAS_CUDA = importlib.util.find_spec("jax_cuda13_plugin") is not None
collect_ignore_glob = [
    *([] if HAS_TORCH else ["parity/*"]),
    *([] if HAS_CUDA else ["gpu/*"]),
]

# Tests that may be skipped where CI is set, by node id, each with its reason.
ALLOWED_SKIPS: dict[str, str] = {}


@pytest.fixture
def key():
    return jax.random.key(0)


@pytest.fixture
def optimized():
    """Programs are compiled with all of XLA's optimizations; sweeps have one less."""
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", True)


@pytest.fixture
def as_users_have_it():
    """Without the checks of annotations, which would refuse before we do."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


def pytest_make_parametrize_id(val):
    # Not its address, by which workers that run in parallel would disagree.
    return getattr(val, "__name__", None) if callable(val) else None


def pytest_report_header():
    return [
        f"{what}: {'run' if there else f'left out, {needs} is not installed'}"
        for what, there, needs in (
            ("parity tests", HAS_TORCH, "PyTorch"),
            ("tests of programs for GPUs", HAS_CUDA, "jax-cuda13-plugin"),
        )
    ]


def pytest_sessionfinish(session):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or not os.environ.get("CI"):
        return
    kinds = ("skipped", "xfailed", "xpassed")
    reports = [report for kind in kinds for report in reporter.stats.get(kind, [])]
    left = sorted({report.nodeid for report in reports} - ALLOWED_SKIPS.keys())
    if left:
        reporter.write_line(f"Skipped, which is a failure in CI: {left}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
