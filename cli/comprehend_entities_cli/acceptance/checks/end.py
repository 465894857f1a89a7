"""Checks at the end: no call was denied, and dead-letter queues are empty."""

from __future__ import annotations

import re

from ...care.checks import findings
from ...care.uploads import messages
from ..terms import expect
from ..trial import Trial
from .catalog import Evidence, check

_DENIED = '?"not authorized to perform" ?AccessDenied ?"(403) when calling"'
_WHAT = re.compile(r"not authorized to perform:? ([\w:]+)|\((AccessDenied\w*|403)\) when calling the (\w+)")


@check("No call of a function was denied", last=True)
def nothing_is_denied(trial: Trial) -> Evidence:
    logs, denied = trial.aws.client("logs"), set()
    since = int(trial.began.timestamp() * 1000)
    groups = trial.physical("AWS::Logs::LogGroup") + trial.physical("AWS::Logs::LogGroup", of="Narrow")
    for group in groups:
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=group, startTime=since, **({} if trial.aws.is_local else {"filterPattern": _DENIED})
        )
        for event in (event for page in pages for event in page["events"]):
            for action, code, call in _WHAT.findall(event["message"]):
                denied.add(f"{group.rpartition('/')[2]}: {action or f'{code} at {call}'}")
    expect(not denied, f"missing permissions: {'; '.join(sorted(denied))}")
    return {"LogGroups": len(groups)}


@check("Dead-letter queues are empty, and the end of every execution was reported", last=True)
def dead_letter_queues_are_empty(trial: Trial) -> Evidence:
    queues = {"unreported ends": trial.deployment.unreported} | {
        f"uploads of {each.name}": each.dead_letters for each in trial.deployment.triggers.values()
    }
    found = {name: messages(trial.aws, url) for name, url in queues.items()}
    expect(not any(found.values()), f"messages: {found}")
    return {"Queues": sorted(found)}


@check("`comprehend-entities doctor` finds no problem", last=True)
def doctor_finds_no_problem(trial: Trial) -> Evidence:
    found = list(findings(trial.aws, trial.deployment))
    problems = [f"{each.check}: {each.text}" for each in found if each.level == "problem"]
    expect(not problems, "; ".join(problems))
    return {"Findings": len(found)}
