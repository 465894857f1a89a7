"""One rehearsal of AWS a session, and in it a workflow that every end can be seen of."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.rehearsal import Rehearsal
from tests.rehearsal.comprehend_fake import Emulator, running_emulator
from tests.rehearsal.deployed import Deployed, synthesize

CLOCK_SCALE = 0.004
"""Real seconds of one second of the service: a job of six minutes takes a second and a half."""


@pytest.fixture(scope="session")
def rehearsal() -> Iterator[Rehearsal]:
    """AWS on loopback."""
    with tempfile.TemporaryDirectory() as folder, Rehearsal(Path(folder), clock_scale=CLOCK_SCALE) as running:
        yield running


@pytest.fixture(scope="session")
def workflow(rehearsal: Rehearsal, tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    """A workflow that lets its callers override everything and stops jobs after half an hour."""
    assembly = synthesize(tmp_path_factory.mktemp("assembly"))
    return Deployed(rehearsal, rehearsal.stacks.deploy(assembly, "Rehearsed"))


@pytest.fixture(scope="module")
def running_comprehend() -> Iterator[Emulator]:
    """The Comprehend emulator alone, in this process."""
    with running_emulator() as running:
        yield running


@pytest.fixture
def emulator(running_comprehend: Emulator) -> Emulator:
    """The same without jobs, settings and faults of other tests."""
    return running_comprehend.fresh()


@pytest.fixture(autouse=True)
def without_faults(request: pytest.FixtureRequest) -> None:
    """Each test begins with an emulator that nobody has told to fail."""
    if "rehearsal" in request.fixturenames:
        request.getfixturevalue("rehearsal").comprehend.reset()
