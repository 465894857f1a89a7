"""The rehearsal itself: like AWS where MiniStack alone is not, nothing left running, and nobody asked elsewhere."""

from __future__ import annotations

import base64
import fcntl
import io
import json
import socket
import subprocess
import sys
import zipfile
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.processes import ROOT, end_rehearsal
from local.rehearsal import Rehearsal, RehearsalError
from local.waiting import wait_until
from tests.conftest import LeavesLoopback

HANDLER = """
cups = 1

class OutOfTea(Exception):
    pass

def handler(event, context):
    global cups
    cups -= 1
    raise OutOfTea(f"{cups} cups of tea")
"""


def archive(code: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("tea.py", code)
    return content.getvalue()


def test_lambda_reports_an_exception_by_its_class_and_goes_on_in_its_environment(rehearsal: Rehearsal) -> None:
    functions = rehearsal.client("lambda")
    functions.create_function(
        FunctionName="Tea",
        Runtime="python3.13",
        Handler="tea.handler",
        Role="arn:aws:iam::000000000000:role/any",
        Code={"ZipFile": archive(HANDLER)},
    )
    for cups in (0, -1):
        answer = functions.invoke(FunctionName="Tea", LogType="Tail")
        error = json.loads(answer["Payload"].read())
        assert (answer["FunctionError"], error["errorType"]) == ("Unhandled", "OutOfTea")
        assert error["errorMessage"] == f"{cups} cups of tea"
        assert "raise OutOfTea" in base64.b64decode(answer["LogResult"]).decode()


def test_comprehend_answers_with_its_own_clock_status_and_error(rehearsal: Rehearsal) -> None:
    comprehend = rehearsal.client("comprehend")

    def moment() -> datetime:
        headers = comprehend.list_entities_detection_jobs()["ResponseMetadata"]["HTTPHeaders"]
        return parsedate_to_datetime(headers["date"])

    before = moment()
    rehearsal.comprehend.advance(10 * 86_400)
    assert (moment() - before).days == 10
    with pytest.raises(ClientError) as caught:
        comprehend.describe_entities_detection_job(JobId="0" * 32)
    answer: Any = caught.value.response
    assert answer["Error"]["Code"] == "JobNotFoundException"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_a_rehearsal_takes_over_from_one_that_was_left_behind(tmp_path: Path) -> None:
    left = Rehearsal(tmp_path)
    left.start()
    with Rehearsal(tmp_path) as running:
        assert left.client("s3").meta.endpoint_url != running.environment["AWS_ENDPOINT_URL"]
        assert running.client("s3").list_buckets()["Buckets"] == []
        left_port = int(left.environment["AWS_ENDPOINT_URL"].rpartition(":")[2])
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", left_port)) != 0
    left.stop()
    assert not end_rehearsal(tmp_path)


def is_held(log: Path) -> bool:
    """Whether the server that writes a log lives: see spawn."""
    with log.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_servers_end_with_the_process_that_started_them_though_a_signal_kills_it(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from local.rehearsal import Rehearsal\n"
    code += (
        "for name in ('ends', 'outlives'): Rehearsal(Path(sys.argv[1], name), outlives=name == 'outlives').start()\n"
    )
    code += "print('started', flush=True); input()"
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"started\n"
        logs = sorted(tmp_path.rglob("*.log"))
        assert [is_held(log) for log in logs] == [True] * 4
        parent.kill()
    wait_until(
        lambda: [log.parent.name for log in logs if is_held(log)],
        lambda left: left == ["outlives"] * 2,
        awaited="two of them to end",
    )
    assert end_rehearsal(tmp_path / "outlives")
    assert not end_rehearsal(tmp_path / "ends")


def test_a_process_that_got_the_number_of_an_ended_one_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True) as stranger:
        (tmp_path / "ministack.log").touch()
        record = {"processes": {"ministack.log": stranger.pid}, "environment": {}}
        (tmp_path / "rehearsal.json").write_text(json.dumps(record))
        assert not end_rehearsal(tmp_path)
        assert stranger.poll() is None
        stranger.communicate(b"\n")
    assert stranger.returncode == 0


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(RehearsalError, match=f"port {port} is in use"):
            Rehearsal(tmp_path, port=port).start()


def test_another_version_of_ministack_is_refused_with_what_to_do() -> None:
    pretend = (
        "import importlib.metadata as m, runpy; m.version = lambda name: '9.9'; runpy.run_path('local/launcher.py')"
    )
    python = ROOT / ".rehearsal" / "ministack" / "bin" / "python"
    done = subprocess.run([python, "-c", pretend], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "9.9 is installed: install ministack==" in done.stderr


@pytest.mark.parametrize("address", ["192.0.2.1", "comprehend.us-east-1.amazonaws.com"])
def test_no_test_reaches_beyond_loopback(address: str) -> None:
    with pytest.raises(LeavesLoopback, match=address):
        socket.create_connection((address, 443), timeout=1)
