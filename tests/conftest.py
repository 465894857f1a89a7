"""Nothing that a test starts may reach beyond this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from local.processes import HOME
from tests.loopback import elsewhere

# Slow machines fail no test, and a test that fails does so everywhere.
settings.register_profile(
    "everywhere",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.load_profile("everywhere")


class LeavesLoopback(BaseException):
    """A test asked for an address elsewhere; no exception handler of the tested code may swallow it."""


def _keep_on_loopback(event: str, arguments: tuple[object, ...]) -> None:
    if name := elsewhere(event, arguments):
        raise LeavesLoopback(f"tests talk to loopback only; this one asked for {name}: give the client an endpoint_url")


def pytest_configure() -> None:
    """Guard this process, and take away what would lead any other to an account."""
    sys.addaudithook(_keep_on_loopback)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    # A client without an endpoint of its own finds nobody, at once.
    os.environ.update(AWS_ENDPOINT_URL="http://127.0.0.1:9", AWS_EC2_METADATA_DISABLED="true")
    os.environ["POWERTOOLS_METRICS_NAMESPACE"] = "Tests"
    # Nothing is left in the home folder; pip still finds its settings there.
    os.environ.setdefault("XDG_CONFIG_HOME", str(Path.home() / ".config"))
    os.environ["HOME"] = str(HOME)


@pytest.fixture(scope="session", autouse=True)
def without_template_linter() -> Iterator[None]:
    """CDK's own template validation takes a second a synthesis; test_checkers.py looks at what it finds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CDK_VALIDATION", "false")
        yield
