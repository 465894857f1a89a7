"""Which files are documents, what they cost, and how they are submitted."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from comprehend_entities_cli.documents import collect
from tests.account import ROLE, Account
from tests.aws import MACHINE
from tests.command_line import typed

TEXT = b"Ada Lovelace wrote to Charles Babbage from London. " * 12


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two documents among what is none."""
    made = tmp_path / "my letters"
    for name, body in {
        "one.txt": TEXT,
        "deep/two é.txt": TEXT,
        ".git/config": b"token = secret",
        ".env": b"PASSWORD=secret",
        "node_modules/x/readme.txt": TEXT,
        "env/pyvenv.cfg": b"home = /usr",
        "env/lib.txt": TEXT,
        "paper.pdf": b"%PDF-1.7 ...",
        "latin.txt": "Zürich".encode("latin-1"),
        "empty.txt": b"",
        "large.txt": b"a" * (1024 * 1024 + 1),
    }.items():
        path = made / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return made


def test_what_is_no_document_is_left_out_and_named(folder: Path) -> None:
    found = collect([folder])
    assert [each.key for each in found.taken] == ["one.txt", "deep/two é.txt"]
    reasons = {Path(path).name: reason for path, reason in found.left_out}
    assert reasons == {
        ".git": "is hidden",
        ".env": "is hidden",
        "node_modules": "holds dependencies of a program",
        "env": "holds dependencies of a program",
        "paper.pdf": "is a PDF document, which only a custom recognizer reads (--custom)",
        "latin.txt": "is not UTF-8 text",
        "empty.txt": "is empty",
        "large.txt": "has 1,048,577 bytes; the service accepts at most 1,048,576 in such a document",
    }


def test_a_custom_recognizer_reads_papers_and_costs_more(folder: Path) -> None:
    plain, custom = collect([folder / "one.txt"]), collect([folder / "one.txt", folder / "paper.pdf"], custom=True)
    assert [each.key for each in custom.taken] == ["one.txt", "paper.pdf"]
    assert custom.usd == pytest.approx(0.0005 * (plain.units + 3))


def test_names_that_are_not_utf8_and_files_that_are_none_are_left_out(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_bytes(TEXT)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "nowhere.txt").symlink_to(tmp_path / "gone")
    (tmp_path / ("a" * 100)).mkdir()
    reasons = {reason for _, reason in collect([tmp_path]).left_out}
    assert reasons == {
        "has a name that is not UTF-8",
        "is not a regular file",
        "can't be read: No such file or directory",
    }


def test_what_may_not_be_read_is_left_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, listed, denied = Path.open, os.scandir, PermissionError(13, "Permission denied")

    def opens(path: Path, *arguments: Any, **options: Any) -> Any:
        if path.name == "one.txt":
            raise denied
        return opened(path, *arguments, **options)

    def lists(path: str) -> Any:
        if Path(path).name == "deep":
            raise PermissionError(13, "Permission denied", path)
        return listed(path)

    monkeypatch.setattr(Path, "open", opens)
    monkeypatch.setattr(os, "scandir", lists)
    found = collect([folder])
    assert found.taken == []
    reasons = {Path(path).name: reason for path, reason in found.left_out}
    assert reasons["one.txt"] == reasons["deep"] == "can't be read: Permission denied"


def test_lines_are_counted_as_the_service_reads_them(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one\r\ntwo\rthree\n" + b"x" * 450)
    assert collect([tmp_path], by_line=True).units == 3 + 3 + 3 + 5


def test_two_files_of_one_name_are_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_bytes(TEXT)
    assert "would get the same name, one.txt" in typed("cost", str(folder), str(tmp_path / "one.txt")).err


def test_cost_needs_no_account(folder: Path) -> None:
    told = typed("cost", str(folder), "--json", environment={"AWS_ENDPOINT_URL": "http://127.0.0.1:9"})
    assert told.code == 0
    assert (told.json["Documents"], told.json["Units"], told.json["EstimatedCostUsd"]) == (2, 14, 0.0014)
    assert len(told.json["LeftOut"]) == 8


def test_three_short_letters_are_refused_before_they_are_uploaded(account: Account, tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).write_text("Dear Ada")
    rule = "contain at least 500 bytes in all"
    cost, submitted = typed("cost", str(tmp_path)), typed("submit", str(tmp_path))
    assert (cost.code, submitted.code) == (1, 1)
    assert rule in cost.out
    assert rule in submitted.err
    assert account.calls["PutObject"] == 0
    # Uploads are padded.
    assert typed("submit", str(tmp_path), "--trigger", "Mail", "--no-wait").code == 0


def test_submit_puts_documents_and_starts_a_job_over_them(account: Account, folder: Path) -> None:
    told = typed(
        "submit",
        str(folder),
        "--name",
        "monday",
        "--language",
        "es",
        "--one-doc-per-line",
        "--yes",
        "--no-wait",
        "--json",
    )
    assert told.code == 0
    uris = account.uris("s3://in/")
    assert {"s3://in/input/monday/one.txt", "s3://in/input/monday/deep/two é.txt"} <= set(uris)
    assert not [uri for uri in uris if "secret" in account.get(uri).decode("latin-1")]
    started = account.executions[told.json["ExecutionArn"]]
    assert (started["name"], started["stateMachineArn"]) == ("monday", MACHINE)
    data = {"S3Uri": "s3://in/input/monday/", "InputFormat": "ONE_DOC_PER_LINE"}
    assert json.loads(started["input"]) == {"LanguageCode": "es", "InputDataConfig": data}


def test_submit_starts_a_job_over_what_lies_there(account: Account) -> None:
    told = typed("submit", "s3://in/input/old/", "--no-wait", "--json")
    given = json.loads(account.executions[told.json["ExecutionArn"]]["input"])
    assert given == {"InputDataConfig": {"S3Uri": "s3://in/input/old/"}}
    assert account.calls["PutObject"] == 0


def test_uploads_start_nothing_themselves(account: Account, folder: Path) -> None:
    told = typed("submit", str(folder), "--trigger", "Mail", "--name", "x", "--no-wait", "--json")
    assert told.json == {"Uploaded": 2, "Trigger": "Mail"}
    assert "s3://in/uploads/x/one.txt" in account.uris()
    assert not account.executions
    assert "There is no upload trigger 'Post'" in typed("submit", str(folder), "--trigger", "Post").err


def test_what_is_dear_is_agreed_to_first(account: Account, tmp_path: Path) -> None:
    for number in range(2):
        (tmp_path / f"{number}.txt").write_bytes(b"word " * 200_000)
    told = typed("submit", str(tmp_path), "--no-wait")
    assert "It may cost 2.00 USD." in told.err
    assert "Nothing was uploaded. Give --yes to agree." in told.err
    assert account.calls["PutObject"] == 0
    assert typed("submit", str(tmp_path), "--no-wait", "--yes").code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.txt"], "nowhere.txt does not exist"),
        (["s3://in/input/a/", "s3://in/input/b/"], "is submitted alone"),
        (["s3://in/input/a/", "--name", "a b"], "--name is 1 to 80 letters"),
        ([__file__, "--trigger", "Mail", "--language", "es"], "have the trigger's own language"),
        ([str(Path(__file__).parents[2] / "unit" / "cli" / "__pycache__" / "nothing")], "does not exist"),
    ],
)
def test_wrong_use_is_one_message(account: Account, arguments: list[str], message: str) -> None:
    told = typed("submit", *arguments)
    assert told.code == 1
    assert message in told.err
    assert not account.executions


def test_a_name_that_is_taken_puts_nothing_into_the_folder_of_another_job(account: Account, folder: Path) -> None:
    account.run("monday")
    told = typed("submit", str(folder), "--name", "monday", "--no-wait")
    assert told.code == 1
    assert "There is an execution named monday already." in told.err
    assert account.calls["PutObject"] == 0


def test_an_empty_folder_is_told(account: Account, tmp_path: Path) -> None:
    assert "There is no document to submit" in typed("submit", str(tmp_path)).err
    assert typed("cost", str(tmp_path)).code == 1


def test_the_model_of_the_deployment_decides_what_is_read(
    account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "paper.pdf").write_bytes(b"%PDF-1.7" + b"x" * 600)
    assert typed("submit", str(tmp_path), "--no-wait").code == 1
    definition = json.dumps({"Request": {"DataAccessRoleArn": ROLE, "EntityRecognizerArn": "arn:model"}})
    monkeypatch.setattr(account, "_DescribeStateMachine", lambda given: {"status": "ACTIVE", "definition": definition})
    assert typed("submit", str(tmp_path), "--no-wait").code == 0
