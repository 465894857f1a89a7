"""``make demo``: documents go through the real workflow on loopback, three ways, and come out as a report."""

from __future__ import annotations

import errno
import json
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from local.example import EXAMPLE, clean_environment
from local.executions import ExecutionView, records_of
from local.processes import ROOT, end_rehearsal
from local.rehearsal import Rehearsal, RehearsalError
from local.report import Run, write_report
from local.waiting import wait_until

FOLDER = ROOT / ".rehearsal" / "demo"
REPORT = ROOT / "report.html"
SAMPLES = ROOT / "local" / "samples"
CLOCK_SCALE = 0.01
_USUAL_SECONDS = 487
_PATIENCE_SECONDS = 300
_NAMED = 10

console = Console(highlight=False)
app = typer.Typer(add_completion=False, help=__doc__, no_args_is_help=True)


@app.command()
def run(
    documents: Annotated[
        Path | None, typer.Option(help="A folder with text files of your own, instead of the samples.")
    ] = None,
    port: Annotated[int, typer.Option(help="Port of the AWS endpoint on 127.0.0.1.")] = 4566,
) -> None:
    """Start AWS on loopback, deploy, run documents three ways, and write the report."""
    try:
        _run(documents, port)
    except (RehearsalError, TimeoutError) as error:
        console.print(Panel(escape(str(error)), title="The demo can't go on", border_style="red"))
        raise typer.Exit(1) from error


@app.command()
def down() -> None:
    """End everything that the demo started."""
    console.print("The rehearsal has ended." if end_rehearsal(FOLDER) else "Nothing was running.")


def _run(documents: Path | None, port: int) -> None:
    given = _read(documents.expanduser()) if documents else {}
    FOLDER.mkdir(parents=True, exist_ok=True)
    rehearsal = Rehearsal(FOLDER, clock_scale=CLOCK_SCALE, port=port, outlives=True)
    with _step("Starting AWS on 127.0.0.1: MiniStack, and a Comprehend emulator beside it"):
        rehearsal.start()
    with _step("cdk bootstrap"):
        rehearsal.bootstrap()
    with _step("cdk deploy EntitiesDetection, this repository's own app"):
        outputs = rehearsal.deploy("EntitiesDetection")
    demo = _Demo(rehearsal, outputs)
    if given:
        demo.start("Your documents", "yours/", given)
        demo.follow()
    else:
        demo.upload("Uploads", _read(SAMPLES / "uploads"))
        demo.start("English documents", "samples/", _read(SAMPLES / "en"))
        demo.start("One document a line", "lines/", _read(SAMPLES / "lines"), InputFormat="ONE_DOC_PER_LINE")
        demo.start("Spanish document", "es/", _read(SAMPLES / "es"), LanguageCode="es")
        with ThreadPoolExecutor(1) as meanwhile:
            theirs = meanwhile.submit(lambda: rehearsal.deploy("YourStack", folder=EXAMPLE, python=clean_environment()))
            demo.follow()
            with _step("Meanwhile, the wheel in a stack of somebody else: cdk deploy YourStack (examples/your_stack)"):
                example = theirs.result()
        demo.upload(
            "A stack that imports the wheel",
            _read(SAMPLES / "uploads"),
            bucket=example["LettersBucketName"],
            prefix="letters/",
            state_machine=example["StateMachineArn"],
        )
        demo.follow()
    write_report(REPORT, demo.runs)
    _summarise(demo.runs)
    _what_next(rehearsal, outputs)
    if not all(run.outcome["Status"].startswith("COMPLETED") for run in demo.runs):
        raise typer.Exit(1)


class _Demo:
    """Executions that the demo started, and how they went."""

    def __init__(self, rehearsal: Rehearsal, outputs: dict[str, str]) -> None:
        self._rehearsal, self._outputs = rehearsal, outputs
        self._s3, self._functions = rehearsal.client("s3"), rehearsal.client("stepfunctions")
        self._views: list[ExecutionView] = []
        self.runs: list[Run] = []

    def start(self, title: str, folder: str, documents: dict[str, bytes], **request: str) -> None:
        """Put documents under the input prefix and start an execution over them."""
        bucket, prefix = self._outputs["InputBucketName"], f"{self._outputs['InputPrefix']}{folder}"
        self._put(bucket, prefix, documents)
        data = {"S3Uri": f"s3://{bucket}/{prefix}", **_chosen(request, "InputFormat")}
        body = {"InputDataConfig": data, **_chosen(request, "LanguageCode")}
        arn = self._functions.start_execution(stateMachineArn=self._outputs["StateMachineArn"], input=json.dumps(body))
        self._views.append(ExecutionView(self._rehearsal, title, arn["executionArn"]))

    def upload(
        self,
        title: str,
        documents: dict[str, bytes],
        *,
        bucket: str | None = None,
        prefix: str | None = None,
        state_machine: str | None = None,
    ) -> None:
        """Only put documents where uploads go: they start an execution by themselves."""
        self._put(bucket or self._outputs["InputBucketName"], prefix or self._outputs["UploadPrefix"], documents)
        machine = state_machine or self._outputs["StateMachineArn"]
        self._views.append(ExecutionView(self._rehearsal, title, None, state_machine=machine))

    def _put(self, bucket: str, prefix: str, documents: dict[str, bytes]) -> None:
        for name, body in documents.items():
            self._s3.put_object(Bucket=bucket, Key=f"{prefix}{name}", Body=body)
        number = "1 document" if len(documents) == 1 else f"{len(documents)} documents"
        console.print(f"  [green]✓[/] {number} put under s3://{bucket}/{prefix}", soft_wrap=True)

    def follow(self) -> None:
        """Show every execution that is not over yet, live, until all have ended."""
        views = [view for view in self._views if not view.ended]
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(24), TextColumn("{task.fields[state]}"))
        with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
            rows = {
                view: progress.add_task(view.title, total=_USUAL_SECONDS, state="waiting for the uploads to be batched")
                for view in views
            }

            def running() -> list[str]:
                for view, row in rows.items():
                    view.look()
                    completed = _USUAL_SECONDS if view.ended else min(view.job_seconds, _USUAL_SECONDS - 1)
                    progress.update(row, completed=completed, state=view.state)
                return [f"{view.title} ({view.state})" for view in views if not view.ended]

            awaited = f"executions to end; their logs are in {FOLDER}"
            wait_until(running, lambda left: not left, awaited=awaited, seconds=_PATIENCE_SECONDS, pause=0.2)
        self.runs += [self._run_of(view) for view in views]

    def _run_of(self, view: ExecutionView) -> Run:
        outcome = view.outcome()
        records = list(records_of(self._s3, outcome))
        sources = {record["Source"] for record in records if record.get("Source")}
        return Run(view.title, outcome, records, {uri: self._text(uri) for uri in sources}, view.history(outcome))

    def _text(self, uri: str) -> str:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        body: bytes = self._s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return body.decode("utf-8", "replace")


def _read(folder: Path) -> dict[str, bytes]:
    """The files of a folder and below it, by their path in it; what can't be read is named and left out."""
    if not folder.is_dir():
        raise RehearsalError(f"{folder} is no folder; give one with text files, like make demo DOCS=path/to/folder")
    found: dict[str, bytes] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_dir() or path.name.startswith("."):
            continue
        try:
            if path.exists() and not path.is_file():
                raise OSError(errno.EINVAL, "not an ordinary file")
            found[path.relative_to(folder).as_posix()] = path.read_bytes()
        except OSError as error:
            console.print(f"  [yellow]![/] left out, because it can't be read: {escape(str(path))}: {error.strerror}")
    if not found:
        raise RehearsalError(f"{folder} holds no file that can be read; put text files into it")
    return found


def _chosen(request: dict[str, str], name: str) -> dict[str, str]:
    return {name: request[name]} if name in request else {}


class _step:
    """Says what is done now, and how long it took."""

    def __init__(self, text: str) -> None:
        self._text, self._begun = text, time.monotonic()
        self._status = console.status(f"{text} ...")

    def __enter__(self) -> None:
        self._status.start()

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        self._status.stop()
        mark = "[red]✗[/]" if kind else "[green]✓[/]"
        console.print(f"  {mark} {self._text} [dim]({time.monotonic() - self._begun:.0f} s)[/]")


def _summarise(runs: Iterable[Run]) -> None:
    types: Counter[str] = Counter()
    whole = [Column(name, no_wrap=True) for name in ("Status", "Docs", "Errors", "Entities", "USD")]
    documents = Table("Execution", *whole, box=SIMPLE_HEAD, pad_edge=False)
    for run in runs:
        counts = run.outcome.get("Counts", {})
        types.update(counts.get("EntitiesByType", {}))
        documents.add_row(
            run.title,
            run.outcome["Status"],
            str(counts.get("Documents", 0)),
            str(counts.get("DocumentErrors", 0) + counts.get("MissingDocuments", 0)),
            str(counts.get("Entities", 0)),
            f"{run.outcome.get('EstimatedCostUsd', 0):.4f}",
        )
        if "Error" in run.outcome:
            console.print(f"  [red]{run.title}[/]: {escape(run.outcome['Error']['Message'])}")
        failed = [record for record in run.records if "ErrorCode" in record]
        for record in failed[:_NAMED]:
            console.print(f"  [yellow]![/] {escape(record['File'])}: {record['ErrorCode']}, {record['ErrorMessage']}")
        if len(failed) > _NAMED:
            console.print(f"  [yellow]![/] and {len(failed) - _NAMED} more, all in the report")
    console.print(documents)
    if not types:
        return
    kinds = Table("Entity type", "Found", box=SIMPLE_HEAD, pad_edge=False)
    for kind, number in types.most_common():
        kinds.add_row(kind, str(number))
    console.print(kinds)


def _what_next(rehearsal: Rehearsal, outputs: dict[str, str]) -> None:
    reach = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION")
    console.print("\n[bold]The report[/]: report.html. Open it in a browser:")
    console.print(f"  {REPORT.as_uri()}", soft_wrap=True)
    console.print("[bold]Try it yourself[/] with the AWS command line:")
    console.print(f"  export PATH={ROOT / '.venv' / 'bin'}:$PATH", soft_wrap=True)
    console.print(f"  export {' '.join(f'{name}={rehearsal.environment[name]}' for name in reach)}", soft_wrap=True)
    console.print("  aws comprehend list-entities-detection-jobs")
    console.print(f"  aws s3 cp README.md s3://{outputs['InputBucketName']}/{outputs['UploadPrefix']}", soft_wrap=True)
    console.print("[bold]End it[/]: make down")
    console.print("[bold]With a real account[/] (a job costs money there, and takes six minutes or more):")
    console.print(
        "  this repository    set credentials and PATH, then npx cdk bootstrap && npx cdk deploy", soft_wrap=True
    )
    console.print("  your own stack     make wheel, pip install dist/*.whl, then cdk deploy your app", soft_wrap=True)
    console.print("  by upload          aws s3 cp letter.txt s3://<InputBucketName>/uploads/")


if __name__ == "__main__":
    app()
