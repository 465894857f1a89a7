"""More executions at once than the account has slots for jobs: all wait, and all complete."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from local.rehearsal import Rehearsal
from tests.rehearsal.deployed import DOCUMENTS, Deployed, synthesize

CLOCK_SCALE = 0.04
"""Ten times slower than elsewhere: two cores run the functions of 200 executions within the pauses between looks."""


@pytest.mark.long
@pytest.mark.timeout(1700)
def test_two_hundred_executions_at_once_all_complete(tmp_path: Path) -> None:
    """What ``make bench-quota`` simulates, under the emulator's quota of 10 jobs."""
    assembly = synthesize(tmp_path / "assembly")
    with Rehearsal(tmp_path / "aws", clock_scale=CLOCK_SCALE) as rehearsal:
        workflow = Deployed(rehearsal, rehearsal.stacks.deploy(assembly, "Rehearsed"))
        rehearsal.comprehend.configure(job_seconds=[150.0])
        uri = workflow.put(DOCUMENTS)
        arns = [workflow.start({"InputDataConfig": {"S3Uri": uri}}) for _ in range(200)]
        ended = [rehearsal.ended_execution(arn, patience_seconds=1500) for arn in arns]
        refused = [job for job in rehearsal.comprehend.jobs() if job["Refusal"]]
    ends = Counter(json.loads(each.get("output") or "{}").get("Status", each.get("error")) for each in ended)
    assert ends == {"COMPLETED": 200}
    assert refused == []
