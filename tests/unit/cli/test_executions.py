"""Executions on the command line: listed, shown with what to do, followed to their end, stopped and taken up."""

from __future__ import annotations

import json
from typing import Any

import pytest

from comprehend_entities_cli.executions import EXIT_CODES
from tests.account import WAITING, Account
from tests.aws import EXECUTION, MACHINE
from tests.command_line import typed

JOB = {"JobId": "5dfc", "JobStatus": "COMPLETED"}


def outcome(status: str = "COMPLETED", **more: Any) -> dict[str, Any]:
    counts = {
        **{"ExpectedDocuments": 3, "Documents": 2, "DocumentErrors": 1, "MissingDocuments": 0},
        **{"UnexpectedDocuments": 0, "UnparsedRecords": 0, "Entities": 9, "EntitiesByType": {"PERSON": 9}},
    }
    common = {"SchemaVersion": "1.0", "Status": status, "ExecutionArn": f"{EXECUTION}:a", "StateMachineArn": MACHINE}
    return {**common, "Job": JOB, "Counts": counts, **more}


def refused(account: Account) -> dict[str, Any]:
    """An execution that refused its input."""
    error = {"Code": "RequestRefused", "Message": "too small", "Hint": "put more documents"}
    arn = account.run("small", status="FAILED")
    account.executions[arn] |= {"error": "RequestRefused", "cause": "too small", "stopDate": account.now}
    told = {**outcome("REFUSED", Error=error), "Job": {}}
    del told["Counts"]
    account.history[arn] = [("JobFailed", told), ("InspectInput", {})]
    return told


def test_every_status_has_an_exit_code_of_its_own() -> None:
    assert len(set(EXIT_CODES.values())) == len(EXIT_CODES)
    assert EXIT_CODES["COMPLETED"] == 0
    # 1 and 2 are errors of the command itself and of its use.
    assert not {1, 2} & set(EXIT_CODES.values())


def test_show_says_why_an_execution_was_refused_and_what_to_do(account: Account) -> None:
    told = refused(account)
    shown = typed("show")
    assert shown.code == 0
    assert "small  REFUSED" in shown.out
    assert "RequestRefused: too small" in shown.out
    assert "What to do: put more documents" in shown.out
    assert typed("show", "small", "--json").json["Outcome"] == told


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [("ABORTED", 8, "ExecutionAborted"), ("TIMED_OUT", 7, "JobTimedOut"), ("FAILED", 6, "ExecutionFailed")],
)
def test_an_execution_that_left_no_outcome_is_told_by_step_functions(
    account: Account, status: str, code: int, error: str
) -> None:
    arn = account.run("gone", status=status)
    account.executions[arn]["stopDate"] = account.now
    account.history[arn] = [("PollJob", {"Payload": {"Job": {"JobId": "77", "JobStatus": "IN_PROGRESS"}}})]
    found = typed("watch", "gone", "--json")
    assert found.code == code
    assert found.json["Outcome"]["Status"] == status
    # The same code as the event of this end has.
    assert found.json["Outcome"]["Error"]["Code"] == error
    assert found.json["Job"]["JobId"] == "77"


def test_show_names_documents_with_errors(account: Account) -> None:
    note = {
        "Source": "s3://in/input/a%20b.txt",
        "File": "a%20b.txt",
        "Line": 4,
        "ErrorCode": "X",
        "ErrorMessage": "bad",
    }
    summary = {**outcome(), "Failed": [note] * 12, "Missing": [], "Warnings": [{"Warning": "names repeat"}]}
    account.put("s3://out/results/summaries/x.json", json.dumps(summary).encode())
    places = {"DocumentsUri": "s3://out/results/documents/x-", "SummaryUri": "s3://out/results/summaries/x.json"}
    account.ended("a", outcome("COMPLETED_WITH_ERRORS", Result={**places, "Parts": 1, "Bytes": 1}))
    shown = typed("show", "a").out
    assert "2 of 3 documents with a result, 1 failed, 9 entities" in shown
    assert "s3://in/input/a%20b.txt, line 5" in shown
    assert "and 2 more: comprehend-entities results errors" in shown
    assert "Note: names repeat" in shown
    assert typed("watch", "a").code == 3


def test_show_without_the_right_to_read_results_shows_the_rest(account: Account) -> None:
    places = {"DocumentsUri": "s3://out/d-", "SummaryUri": "s3://out/s.json", "Parts": 1, "Bytes": 1}
    account.ended("a", outcome(Result=places))
    account.fail("GetObject", "AccessDenied")
    assert typed("show", "a").code == 0


def test_watch_follows_all_that_run_until_they_end(account: Account) -> None:
    first, second = account.run("first"), account.run("second")

    def end(arn: str, status: str) -> None:
        output = json.dumps(outcome(status))
        account.executions[arn] |= {"status": "SUCCEEDED", "stopDate": account.now, "output": output}

    account.after_look = [lambda: None, lambda: end(second, "STOPPED"), lambda: end(first, "COMPLETED")]
    told = typed("watch", "--json")
    assert [each["Outcome"]["Status"] for each in told.json] == ["COMPLETED", "STOPPED"]
    assert told.code == 4
    assert typed("watch").out == "No execution is running.\n"
    account.send(WAITING, "{}")
    assert typed("watch").out == "No execution is running; 1 upload waiting for a batch.\n"
    account.fail("GetQueueAttributes", "AccessDenied")
    assert typed("watch").code == 0


def test_after_ctrl_c_it_says_how_to_go_on(account: Account) -> None:
    account.run("long")
    account.fail("GetExecutionHistory", KeyboardInterrupt())
    told = typed("watch", "long")
    assert told.code == 130
    assert "Continue with: comprehend-entities watch long" in told.err


def test_stop_stops_what_runs(account: Account) -> None:
    account.run("one")
    account.ended("two", outcome())
    told = typed("stop", "one", "two")
    assert "one is stopped, and its job with it.\ntwo had ended already.\n" in told.out
    assert account.executions[f"{EXECUTION}:one"]["status"] == "ABORTED"
    assert account.executions[f"{EXECUTION}:two"]["status"] == "SUCCEEDED"


def test_resume_takes_a_job_up(account: Account) -> None:
    told = typed("resume", "5dfc", "--no-wait", "--json")
    started = account.executions[told.json["ExecutionArn"]]
    assert started["name"].startswith("resume-5dfc-")
    assert json.loads(started["input"]) == {"JobId": "5dfc"}


def test_an_execution_is_found_by_the_beginning_of_its_name(account: Account) -> None:
    account.ended("monday-1", outcome())
    account.ended("monday-2", outcome())
    assert typed("show", "monday-2", "--json").json["Name"] == "monday-2"
    assert "2 executions begin with 'monday'" in typed("show", "monday").err
    assert "no execution whose name begins with 'tuesday'" in typed("show", "tuesday").err
    assert "There is no execution" in typed("show", f"{EXECUTION}:never").err


def test_list_limits_and_filters(account: Account) -> None:
    account.ended("a", outcome())
    account.run("b")
    assert "b" in typed("list", "--status", "running").out
    assert "a " not in typed("list", "--status", "running").out
    assert typed("list", "--status", "nope").code == 1
    account.executions.clear()
    assert "has no execution yet" in typed("list").out


def test_names_with_control_characters_reach_no_terminal(account: Account) -> None:
    account.ended("a", outcome(Error={"Code": "X", "Message": "\x1b[2J gone"}, Status="COMPLETED_WITH_ERRORS"))
    assert "\x1b" not in typed("show", "a").out
