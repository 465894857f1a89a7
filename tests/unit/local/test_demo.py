"""The demo's own safety: one at a time, nothing overwritten, and a shell that reaches the local AWS only."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from local import demo, port
from local.processes import ROOT, forget_account, own_environment
from local.rehearsal import Rehearsal

MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:It's"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the demo's own, in a path with spaces."""
    made = tmp_path / "my demo"
    monkeypatch.setattr(demo, "FOLDER", made)
    return made


def test_a_second_demo_says_who_runs(folder: Path) -> None:
    folder.mkdir()
    with (folder / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        held.write("4711")
        held.flush()
        told = CliRunner().invoke(demo.app, ["run"])
    assert told.exit_code == 1
    assert "process 4711" in told.output


def test_a_report_of_somebody_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine.html").write_text("mine")
    told = CliRunner().invoke(demo.app, ["run", "--output", str(tmp_path / "mine.html")])
    assert (told.exit_code, (tmp_path / "mine.html").read_text()) == (1, "mine")
    assert "exists already" in told.output
    assert CliRunner().invoke(demo.app, ["run", "--documents", str(tmp_path / "no")]).exit_code == 1


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), TimeoutError("too late"), OSError("No space left on device"), KeyError("Outputs")]
)
def test_what_was_started_is_stopped_when_it_fails(
    error: BaseException, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    ended: list[Path] = []

    def fails(*_: object) -> int:
        raise error

    monkeypatch.setattr(demo, "_run", fails)
    monkeypatch.setattr(demo, "end_rehearsal", ended.append)
    told = CliRunner().invoke(demo.app, ["run"])
    assert (told.exit_code, ended) == (1, [folder])
    assert "stopped" in told.output
    assert "Traceback" not in told.output


def test_what_can_not_be_submitted_is_known_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "short.txt").write_text("Dear Ada")
    monkeypatch.setattr(Rehearsal, "start", lambda _: pytest.fail("started"))
    told = CliRunner().invoke(demo.app, ["run", "--documents", str(tmp_path)])
    assert told.exit_code == 1
    assert "failed: see above" in " ".join(told.output.replace("│", " ").split())


def test_what_a_shell_exports_misleads_no_client_of_the_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exported = {
        "AWS_PROFILE": "production",
        "AWS_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL_S3": "https://s3.example.com",
        "AWS_CA_BUNDLE": "/nowhere",
    }
    monkeypatch.setattr(os, "environ", {**os.environ, **exported})
    assert not exported.items() & own_environment().items()
    forget_account()
    assert not exported.keys() & os.environ.keys()
    client = Rehearsal(tmp_path, port=4567).client("s3")
    assert (client.meta.endpoint_url, client.meta.region_name) == ("http://127.0.0.1:4567", "us-east-1")


def test_a_shell_that_sources_the_file_reaches_the_local_aws_whatever_is_exported(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.mkdir()
    tool = tmp_path / "it's my clone" / "cli" / "comprehend-entities"
    tool.parent.mkdir(parents=True)
    tool.touch(mode=0o755)
    monkeypatch.setattr(demo, "TOOL", tool)
    demo._write_environment(Rehearsal(folder, port=4567), MACHINE)
    misleading = {
        "AWS_PROFILE": "production",
        "AWS_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL_S3": "https://s3.example.com",
        "AWS_SESSION_TOKEN": "x",
        "PATH": os.environ["PATH"],
    }
    done = subprocess.run(
        ["sh", "-c", f"{demo._sourced()}; env; command -v comprehend-entities"],
        env=misleading,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    found = dict(line.split("=", 1) for line in lines if "=" in line)
    aws = {name: value for name, value in found.items() if name.startswith("AWS_")}
    assert aws == {
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4567",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
    }
    assert found["COMPREHEND_ENTITIES_STATE_MACHINE"] == MACHINE
    assert lines[-1] == str(tool)


def test_a_port_in_use_is_seen_before_anything_is_installed() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        number = server.getsockname()[1]
        command = [sys.executable, "-S", "-m", "local.port", str(number)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"make demo PORT={number + 1}" in done.stderr


def test_only_the_demos_own_servers_are_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(port, "DEMO", tmp_path)
    with (tmp_path / "ministack.log").open("w") as log, socket.socket() as server:
        fcntl.flock(log, fcntl.LOCK_EX)
        server.bind(("127.0.0.1", 0))
        server.listen()
        number = server.getsockname()[1]
        for served in (number, number + 1):
            environment = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{served}"}
            record = {"processes": {"ministack.log": 1}, "environment": environment}
            (tmp_path / "rehearsal.json").write_text(json.dumps(record))
            if served == number:
                port.main(number)
            else:
                with pytest.raises(SystemExit, match="in use by another program"):
                    port.main(number)


def test_what_a_shell_exports_is_not_what_make_is_given() -> None:
    environment = {**os.environ, "PORT": "1", "DOCS": "/somewhere", "OUT": "x.html"}
    given = ["make", "--dry-run", "--always-make", "-o", "setup", "demo"]
    done = subprocess.run(given, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    [line] = [line for line in done.stdout.splitlines() if "local.demo" in line]
    assert line.split("local.demo ")[1].split() == ["run", "--port", "4566"]
