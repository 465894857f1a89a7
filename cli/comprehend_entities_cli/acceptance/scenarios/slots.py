"""All slots of active jobs filled: what the next start is answered, and an execution that has to wait."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from entities_job import operation

from ...aws import error_code
from ...executions import Run, look
from ..terms import BUSY, NotHere, Observed
from ..trial import Trial
from .documents import PAIR

SLOTS = 10
"""The quota of active jobs in an account and Region (Service Quotas, L-2B8ECCAB)."""


def quota(trial: Trial) -> Observed:
    """Fill all slots, start one job more, and an execution, which has to wait for a slot.

    Raises:
        NotHere: it was not asked for.
    """
    if not trial.options.fill_quota:
        raise NotHere("needs --fill-quota: for some minutes no other job can start in the account and Region")
    from botocore.config import Config

    uri = trial.put("input/quota/", PAIR)
    # A client that tries again would wait until a slot is free.
    client = trial.aws.client_of("comprehend", config=Config(retries={"total_max_attempts": 1}))
    started: list[str] = []
    answer, active = "", 0

    def start(number: int) -> tuple[str, str]:
        try:
            return operation.start(client, trial.request(f"quota-{number}", uri))["JobId"], ""
        except Exception as error:
            return "", error_code(error) or str(error)

    # On AWS one a second; jobs of a local AWS end within seconds.
    together = SLOTS + 1 if trial.aws.is_local else 1
    try:
        for first in range(0, 6 * SLOTS, together):
            # Some may end meanwhile.
            if answer or active > SLOTS or len(started) >= 2 * SLOTS:
                break
            with ThreadPoolExecutor(together) as pool:
                found = list(pool.map(start, range(first, first + together)))
            started += [job_id for job_id, _ in found if job_id]
            trial.pause(0.05 if trial.aws.is_local else 1)
            active = len(set(started) - {job for job, seen in trial.watch.jobs().items() if seen.ended})
            # A start that comes too soon after another is refused as well.
            refused = [code for _, code in found if code and (active >= SLOTS or code not in BUSY)]
            answer = BUSY[0] if BUSY[0] in refused else refused[0] if refused else ""
        arn = trial.execute("waits-for-slot", {"InputDataConfig": {"S3Uri": uri}})
        waited = bool(answer) and _waits(trial, arn)
    finally:
        for job_id in started:
            _stop(trial, job_id)
    run = trial.ended(arn)
    return Observed(run, str(run.job.get("JobId", "")), {"Active": active, "Answer": answer, "Waited": waited})


def _waits(trial: Trial, arn: str) -> bool:
    """Return whether an execution waits for a slot before it has a job."""

    def seen() -> Run | None:
        run = look(trial.aws, arn)
        return run if run.job or run.outcome or run.state == "waiting for a free slot" else None

    found = trial.wait(seen, f"{arn.rpartition(':')[2]} to wait for a free slot")
    return found is not None and not found.job and not found.outcome


def _stop(trial: Trial, job_id: str) -> None:
    try:
        operation.stop(trial.aws.client("comprehend"), job_id)
    except Exception as error:
        if error_code(error) != "InvalidRequestException":
            raise
