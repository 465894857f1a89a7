"""Every command of the AWS CLI that documents name, or that this code prints, run with no network but loopback."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from comprehend_entities_cli.aws import Aws
from comprehend_entities_cli.care.checks import findings
from comprehend_entities_cli.care.purging import Kept, remove
from comprehend_entities_cli.deployment import Deployment, described
from local import demo
from local.processes import OFFLINE, ROOT
from tests.rehearsal.deployed import Deployed

DOCUMENTS = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "examples").rglob("README.md")),
]
SOURCES = [
    path for folder in ("cli", "constructs", "lambdas", "local") for path in sorted((ROOT / folder).rglob("*.py"))
]
COMMAND = re.compile(r"\baws ([a-z0-9]+) ([a-z][a-z-]+)")
FENCED = re.compile(r"^```[a-z]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
ELSEWHERE = "# needs an AWS account"
"""Begins a block that is to be typed on a real account."""

SIGN_IN = {("sso", "login")}
"""Of version 2 alone; who signs in by it has it."""

GUARD = """
import os, sys
from loopback import elsewhere

def guard(event, arguments):
    if name := elsewhere(event, arguments):
        os.write(2, f"left loopback for {name}\\n".encode())
        os._exit(99)

sys.addaudithook(guard)
"""
LEFT = 99


def in_documents() -> Iterator[tuple[str, str]]:
    """The file and the text of each command that a document tells its reader to type."""
    for path in DOCUMENTS:
        text = path.read_text("utf-8")
        for block in FENCED.findall(text):
            if block.startswith(ELSEWHERE):
                continue
            # A line that ends in a backslash or a pipe goes on.
            lines = re.sub(r"\\\n|(?<=\|)\n", " ", block).splitlines()
            yield from ((path.name, line.strip()) for line in lines if COMMAND.search(line))
        spans = re.findall(r"`([^`\n]+)`", FENCED.sub("", text))
        yield from ((path.name, span) for span in spans if COMMAND.match(span))


def in_code() -> set[tuple[str, str]]:
    """Service and operation of each command in a text of the code that is no docstring."""
    found: set[tuple[str, str]] = set()
    for path in SOURCES:
        tree = ast.parse(path.read_text("utf-8"))
        documented = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        texts = (n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and id(n) not in documented)
        found |= {match for text in texts if isinstance(text, str) for match in COMMAND.findall(text)}
    return found


class Shell:
    """A POSIX shell on the local AWS, in a folder with a letter; whatever leaves loopback ends with exit code 99."""

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        (folder / "guard").mkdir()
        shutil.copy(ROOT / "tests" / "loopback.py", folder / "guard")
        (folder / "guard" / "sitecustomize.py").write_text(GUARD)
        (folder / "letter.txt").write_text("Ada Lovelace wrote to Charles Babbage from London. " * 12)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self._environment = {**OFFLINE, **environment, "PATH": path, "PYTHONPATH": str(folder / "guard")}
        self._folder = folder
        self.typed: set[tuple[str, str]] = set()

    def __call__(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command line."""
        self.typed |= set(COMMAND.findall(command))
        return subprocess.run(
            ["sh", "-c", command], cwd=self._folder, env=self._environment, capture_output=True, text=True, check=False
        )

    def succeeds(self, command: str) -> None:
        """Run one that is to succeed."""
        done = self(command)
        assert done.returncode == 0, (command, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def shell(workflow: Deployed, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return Shell(workflow.environment, tmp_path_factory.mktemp("shell"))


@pytest.fixture
def account(workflow: Deployed, monkeypatch: pytest.MonkeyPatch) -> Aws:
    """The command line's own clients."""
    for name, value in workflow.environment.items():
        monkeypatch.setenv(name, value)
    return Aws()


@pytest.fixture(scope="module")
def filled(workflow: Deployed) -> dict[str, str]:
    """What stands for each placeholder of the documents."""
    functions = workflow.rehearsal.client("lambda").get_paginator("list_functions").paginate()
    names = [each["FunctionName"] for page in functions for each in page["Functions"]]
    (dispatcher,) = [name for name in names if name.startswith("Rehearsed") and "DispatchUploads" in name]
    return {
        "../../local/samples": str(ROOT / "local" / "samples"),
        "<DispatchUploads>": dispatcher,
        "<LettersBucketName>": workflow.outputs["InputBucket"],
        "<OutputBucketName>": workflow.outputs["OutputBucket"],
    }


def test_the_guard_stops_the_command_that_leaves_loopback(shell: Shell) -> None:
    # The AWS CLI of PyPI sends calls of SQS to AWS itself, whatever AWS_ENDPOINT_URL says.
    assert shell("aws sts get-caller-identity").returncode == 0
    done = shell("aws sqs list-queues")
    assert (done.returncode, "left loopback for " in done.stderr) == (LEFT, True)


def test_documented_commands(shell: Shell, filled: Mapping[str, str]) -> None:
    commands = list(in_documents())
    assert len(commands) >= 3
    for file, command in commands:
        whole = command
        for name, value in filled.items():
            whole = whole.replace(name, value)
        if "<" not in whole:
            shell.succeeds(whole)
        else:
            # What the examples deploy is not here (tests/rehearsal/test_examples.py): the command stays here, too.
            left = re.sub(r"<\w+>", "unknown", whole)
            assert shell(left).returncode != LEFT, (file, command)


def test_the_backfill_command_of_a_stack(shell: Shell, workflow: Deployed) -> None:
    shell.succeeds(workflow.outputs["BackfillCommand"])


def test_the_commands_that_the_demo_shows(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    demo._what_next()
    commands = [line.strip() for line in capsys.readouterr().out.splitlines() if COMMAND.match(line.strip())]
    assert commands
    for command in commands:
        shell.succeeds(command)


def told_of_key(account: Aws, deployment: Deployment) -> str:
    """What doctor says to do about the key of the documents."""
    (advice,) = [each.advice for each in findings(account, deployment) if "the key of documents" in each.text]
    return advice.removeprefix("Run: ")


def test_the_commands_that_bring_a_key_back(shell: Shell, workflow: Deployed, account: Aws) -> None:
    kms, deployment = account.client("kms"), described(account, workflow.outputs["StateMachineArn"])
    bucket = workflow.outputs["InputBucket"]
    (rule,) = account.client("s3").get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    key = rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"]

    def state() -> Any:
        return kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"]

    kms.disable_key(KeyId=key)
    shell.succeeds(told_of_key(account, deployment))
    assert state() == "Enabled"
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert state() == "PendingDeletion"
    shell.succeeds(told_of_key(account, deployment))
    assert state() == "Enabled"
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    _, _, undo = remove(account, Kept("key", other, "")).partition("this command keeps it: ")
    assert undo
    shell.succeeds(undo)
    assert kms.describe_key(KeyId=other)["KeyMetadata"]["KeyState"] == "Disabled"


def test_every_command_in_a_text_of_the_code_was_run(shell: Shell) -> None:
    """Comes last: the tests above run what the code prints."""
    assert in_code() - SIGN_IN <= shell.typed
