"""What must hold whatever fails, checked from outside: S3, SQS, Step Functions, and the emulator's own list of jobs."""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from bench.chaos.drive import Drive
from entities_job.contracts import FAILED
from entities_job.job.active import ACTIVE
from entities_job.uploads.records import Run
from local.waiting import wait_until

FIGURES = (
    "lost",
    "published_twice",
    "outcomes_contradicting",
    "jobs_left_running",
    "paid_results_lost",
    "dead_letters_unexplained",
)
"""What must be 0."""

_STATUSES = ("SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT")
Outcome = Mapping[str, Any]


class Findings:
    """What was found, by figure, in words.

    Attributes:
        wrong: what is wrong, by figure.
        outcomes: the outcomes of executions by their ARNs, as they are kept in S3.
    """

    def __init__(self, drive: Drive) -> None:
        self._drive, self._outputs = drive, drive.outputs
        self._s3, self._sqs = drive.rehearsal.client("s3"), drive.rehearsal.client("sqs")
        self._functions = drive.rehearsal.client("stepfunctions")
        self.wrong: defaultdict[str, set[str]] = defaultdict(set)
        self.outcomes: dict[str, Outcome] = {}
        self._told: defaultdict[str, set[str]] = defaultdict(set)

    def dead_letters(self) -> None:
        """Look at the dead-letter queues, before anything is redriven: only failed batches, with their reason."""
        self._read_outcomes()
        for name in ("English", "Spanish"):
            for message in self._peeked(self._outputs[f"Dead{name}"]):
                body, reason = json.loads(message["Body"]), message.get("MessageAttributes", {}).get("Reason", {})
                run = Run.of(str(body.get("Batch")))
                failed = run and [each for each in self._of_batch(run) if each["Status"] not in ("COMPLETED",)]
                if not (failed and reason):
                    self.wrong["dead_letters_unexplained"].add(f"{name}: {message['Body'][:300]} {reason}")

    def check(self) -> None:
        """Look at everything, once all is at rest."""
        self._read_outcomes()
        self._read_events()
        executions = {
            arn: self._functions.describe_execution(executionArn=arn)
            for status in _STATUSES
            for arn in self._drive.executions("Machine", status)
        }
        for machine in ("Machine", "JSONPATHParent", "JSONATAParent"):
            for arn in self._drive.executions(machine):
                self.wrong["lost"].add(f"{arn} runs on")
        for arn, execution in executions.items():
            self._check_outcome(arn, execution)
        summaries, records = self._summaries(), list(self._lines("results/documents/"))
        self._check_summaries(summaries)
        self._check_jobs(summaries)
        self._check_documents(records)
        self._check_uploads(records)
        for name in ("DeadEnglish", "DeadSpanish"):
            for message in self._peeked(self._outputs[name]):
                self.wrong["dead_letters_unexplained"].add(f"still there after a redrive: {message['Body'][:300]}")
        for message in self._peeked(self._drive.unreported):
            self.wrong["dead_letters_unexplained"].add(f"an end was not reported: {message['Body'][:300]}")

    def _check_outcome(self, arn: str, execution: Mapping[str, Any]) -> None:
        kept, told = self.outcomes.get(arn), [json.loads(text) for text in self._told[arn]]
        if kept is None or not told:
            self.wrong["lost"].add(f"{arn} ended as {execution['status']}: outcome {kept}, {len(told)} events")
            return
        different = {json.dumps(each, sort_keys=True) for each in (kept, *told)}
        if execution["status"] == "SUCCEEDED":
            different.add(json.dumps(json.loads(execution["output"]), sort_keys=True))
        if len(different) > 1:
            self.wrong["outcomes_contradicting"].add(f"{arn}: {different}")
        if execution["status"] == "SUCCEEDED" and kept["Status"] in FAILED:
            self.wrong["outcomes_contradicting"].add(f"{arn} succeeded, and its outcome is {kept['Status']}")

    def _check_summaries(self, summaries: Mapping[str, Any]) -> None:
        for arn, outcome in self.outcomes.items():
            if "Result" not in outcome:
                continue
            summary = summaries.get(outcome["Job"]["JobId"])
            if summary is None or any(summary[field] != outcome[field] for field in ("Counts", "Result", "Status")):
                self.wrong["outcomes_contradicting"].add(f"{arn}: {outcome}, but the summary says {summary}")

    def _check_jobs(self, summaries: Mapping[str, Any]) -> None:
        named = {outcome["Job"].get("JobId") for outcome in self.outcomes.values()}
        jobs = {job["JobId"]: job for job in self._drive.rehearsal.comprehend.jobs()}
        # Those of people by hand are theirs, until an execution takes them up.
        own = {job_id: job for job_id, job in jobs.items() if job_id not in self._drive.by_hand or job_id in named}

        def running() -> set[str]:
            found = self._drive.rehearsal.comprehend.jobs()
            return {job["JobId"] for job in found if job["JobStatus"] in ACTIVE} & (own.keys() - named)

        try:
            wait_until(running, lambda ids: not ids, awaited="jobs to stop", seconds=60)
        except TimeoutError:
            for job_id in running():
                self.wrong["jobs_left_running"].add(f"{jobs[job_id].get('JobName')} {job_id}")
        for job_id, job in own.items():
            if job["JobStatus"] != "COMPLETED" or job_id in summaries:
                continue
            if job_id not in named:
                self.wrong["paid_results_lost"].add(f"no outcome names {job.get('JobName')} {job_id}")
                continue
            again = self._functions.describe_execution(executionArn=self._drive.take_up(job_id))
            if "Result" not in json.loads(again.get("output") or "{}"):
                self.wrong["paid_results_lost"].add(f"{job_id} was taken up in vain: {again.get('cause')}")

    def _check_documents(self, records: list[dict[str, Any]]) -> None:
        """Every document of an execution with a result has one record of its job, or of each of its lines."""
        found: defaultdict[str, Counter[tuple[str, int | None]]] = defaultdict(Counter)
        for record in records:
            # A job taken up whose input can't be listed is published without sources.
            found[record["JobId"]][record["Source"] or record["File"], record.get("Line")] += 1
        for job_id, counts in found.items():
            for document, number in counts.items():
                if number > 1:
                    self.wrong["published_twice"].add(f"{document} in {job_id}, {number} times")
        names = {arn.rpartition(":")[2]: outcome for arn, outcome in self.outcomes.items()}
        for name, documents in self._drive.documents.items():
            outcome = names.get(name)
            if outcome and "Result" in outcome:
                published = {source for source, _ in found[outcome["Job"]["JobId"]]}
                for missing in documents - published:
                    self.wrong["lost"].add(f"{missing} of {name}, whose outcome is {outcome['Status']}")

    def _check_uploads(self, records: list[dict[str, Any]]) -> None:
        put = set()
        bucket = self._outputs["Input"]
        for prefix in ("english/", "spanish/"):
            pages = self._s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
            for item in (item for page in pages for item in page.get("Versions", [])):
                put.add((f"s3://{bucket}/{item['Key']}", item["VersionId"]))
        jobs = {job["JobId"]: job["JobStatus"] for job in self._drive.rehearsal.comprehend.jobs()}
        times = Counter(
            (record["Source"], record["SourceVersionId"])
            for record in records
            # What a stopped job had published stays (docs/uploads.md, Batches that fail).
            if jobs.get(record["JobId"]) != "STOPPED"
        )
        everywhere = {(each["Source"], each.get("SourceVersionId")) for each in records}
        everywhere |= {(each["Source"], each.get("SourceVersionId")) for each in self._lines("results/refused/")}
        self.wrong["lost"] |= {f"upload {source} {version}" for source, version in put - everywhere}
        self.wrong["published_twice"] |= {f"upload {each}" for each in put if times[each] > 1}

    def _of_batch(self, run: Run) -> list[Outcome]:
        names = ((Run.of(arn.rpartition(":")[2]), outcome) for arn, outcome in self.outcomes.items())
        return [outcome for found, outcome in names if found and found.batch == run.batch]

    def _summaries(self) -> dict[str, Any]:
        found = (json.loads(body) for body in self._objects("results/summaries/"))
        return {summary["Job"]["JobId"]: summary for summary in found}

    def _read_outcomes(self) -> None:
        for body in self._objects("work/outcomes/"):
            outcome = json.loads(body)
            self.outcomes[outcome["ExecutionArn"]] = outcome

    def _read_events(self) -> None:
        queue = self._outputs["Observed"]
        while messages := self._sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                detail = json.loads(message["Body"])["detail"]
                self._told[detail["ExecutionArn"]].add(json.dumps(detail, sort_keys=True))
                self._sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])

    def _peeked(self, queue: str) -> list[dict[str, Any]]:
        """Return all messages of a queue, which are visible again after a moment."""
        given = {"QueueUrl": queue, "MaxNumberOfMessages": 10, "VisibilityTimeout": 3, "WaitTimeSeconds": 0}
        found: dict[str, dict[str, Any]] = {}
        while messages := self._sqs.receive_message(**given, MessageAttributeNames=["All"]).get("Messages"):
            if all(message["MessageId"] in found for message in messages):
                break
            found |= {message["MessageId"]: message for message in messages}
        return list(found.values())

    def _lines(self, prefix: str) -> Iterator[dict[str, Any]]:
        for body in self._objects(prefix):
            yield from map(json.loads, gzip.decompress(body).splitlines())

    def _objects(self, prefix: str) -> Iterator[bytes]:
        bucket = self._outputs["Output"]
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        for item in (item for page in pages for item in page.get("Contents", [])):
            yield self._s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
