"""``make acceptance`` reaches a local AWS and nothing else, unless a profile is given to make itself."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from local import acceptance
from local.processes import ROOT, AlreadyRunning, only_one
from local.rehearsal import Rehearsal


def test_the_command_gets_nothing_that_leads_to_an_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "secret")
    rehearsal = Rehearsal(tmp_path, authorization=True)
    called, environment = acceptance.command(rehearsal, tmp_path, "--yes")
    assert called[1:] == ["-m", "comprehend_entities_cli", "accept", "--yes"]
    assert environment["AWS_ENDPOINT_URL"].startswith("https://localhost:")
    assert environment["AWS_ACCESS_KEY_ID"] == "test"
    assert not environment.keys() & {"AWS_PROFILE", "AWS_SESSION_TOKEN"}
    assert environment["XDG_STATE_HOME"] == str(tmp_path)


@pytest.mark.parametrize(
    ("given", "called"),
    [
        ([], "-m local.acceptance"),
        (["PROFILE=mine"], 'accept --profile "mine"'),
        (["PROFILE=mine", "REGION=eu-west-1"], 'accept --profile "mine" --region "eu-west-1"'),
    ],
)
def test_a_profile_counts_only_if_make_is_given_it(given: list[str], called: str) -> None:
    environment = {**os.environ, "PROFILE": "production", "AWS_PROFILE": "production", "REGION": "us-west-2"}
    command = ["make", "--dry-run", "--no-print-directory", "acceptance", *given]
    told = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    assert called in told
    assert "production" not in told


def test_a_second_run_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(acceptance, "FOLDER", tmp_path)
    with only_one(tmp_path, "run"), pytest.raises(AlreadyRunning, match="another `make acceptance`"):
        acceptance.main([])
