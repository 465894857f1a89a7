"""``submit`` and ``cost``: documents on this machine, what they cost, and the job over them."""

from __future__ import annotations

import re
import secrets
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from ..aws import CommandError
from ..care.uploads import chosen
from ..command import Use
from ..console import count, size, usd
from ..deployment import Trigger
from ..documents import Documents, collect, upload
from ..executions import look, named, runs, start
from ..tables import found_entities
from .executions import ended_of

_SHOWN = 10
_ASKED_FROM_USD = 1.0
_BATCHED_SECONDS = 120

_Custom = Annotated[
    bool, typer.Option("--custom", help="A custom recognizer reads the documents, including PDF and images.")
]
_ByLine = Annotated[bool, typer.Option("--one-doc-per-line", help="Each line is a document.")]


def cost(
    use: Use,
    *,
    paths: Annotated[list[Path], typer.Argument(help="Files and folders.", metavar="PATH...")],
    one_doc_per_line: _ByLine = False,
    custom: _Custom = False,
) -> int:
    """Estimate the cost of analysing documents, before anything is deployed or uploaded."""
    documents = collect(paths, custom=custom, by_line=one_doc_per_line)
    use.screen.answer(documents.as_json())
    _describe(use, documents)
    use.screen.say("No job is started. Prices are first-tier list prices; check them for your Region.", style="dim")
    return 1 if documents.broken_rules or not documents.taken else 0


def submit(
    use: Use,
    *,
    paths: Annotated[
        list[str],
        typer.Argument(help="Files and folders, or one s3:// URI under the input prefix.", metavar="PATH..."),
    ],
    language: Annotated[
        str | None, typer.Option(help="Language of the documents, such as en (default: the deployment's).")
    ] = None,
    one_doc_per_line: _ByLine = False,
    name: Annotated[
        str | None, typer.Option(help="Name of the execution, and of the folder that the documents are put into.")
    ] = None,
    trigger: Annotated[
        str | None,
        typer.Option(help="Only put the documents under the prefix of this upload trigger, which starts the job."),
    ] = None,
    wait: Annotated[bool, typer.Option(help="Follow the job to its end.")] = True,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask for confirmation, whatever it costs.")] = False,
) -> int:
    """Put documents into the input bucket, start a job over them and follow it; the exit code is its outcome."""
    request: dict[str, Any] = {"LanguageCode": language} if language else {}
    data = {"InputFormat": "ONE_DOC_PER_LINE"} if one_doc_per_line else {}
    if name and named(use.aws, use.deployment, _checked(name)):
        raise CommandError(f"There is an execution named {name} already.", "Nothing was uploaded. Give another --name.")
    name = name or f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"
    if any(path.startswith("s3://") for path in paths):
        if len(paths) > 1 or trigger:
            raise CommandError("An s3:// URI is submitted alone, and not to an upload trigger.")
        uri = paths[0]
    else:
        if trigger and (request or data):
            raise CommandError("Documents of an upload trigger have the trigger's own language and format.")
        to = chosen(use.deployment, trigger) if trigger else None
        given = use.deployment.request(use.aws)
        custom = "EntityRecognizerArn" in given or "FlywheelArn" in given
        documents = collect([Path(path) for path in paths], custom=custom, by_line=one_doc_per_line)
        _agree(use, documents, yes=yes, by_upload=to is not None)
        uri = f"{to.uri if to else use.deployment.input_uri}{name}/"
        known = {each["executionArn"] for each in runs(use.aws, use.deployment, most=100)} if to else set()
        _put(use, documents, uri)
        if to:
            return _uploaded(use, to, known, documents, wait=wait)
    arn = start(use.aws, use.deployment, {**request, "InputDataConfig": {"S3Uri": uri, **data}}, name)
    use.screen.note(f"Started {name}")
    return _ended(use, arn, wait=wait)


def _ended(use: Use, arn: str, *, wait: bool) -> int:
    code = ended_of(use, arn, wait=wait)
    if wait and not use.screen.as_json:
        outcome = look(use.aws, arn).outcome
        if outcome and "Result" in outcome:
            found_entities(use, str(outcome["Job"]["JobId"]))
    return code


def _checked(name: str) -> str:
    if not re.fullmatch(r"[\w.-]{1,80}", name, re.ASCII):
        raise CommandError(f"--name is 1 to 80 letters, digits, dots, dashes and underscores; got {name!r}.")
    return name


def _agree(use: Use, documents: Documents, *, yes: bool, by_upload: bool) -> None:
    """Show what is to be submitted; ask if it is dear.

    Raises:
        CommandError: the service would reject it, or the user did not agree.
    """
    _describe(use, documents, to_err=True)
    if not documents.taken:
        raise CommandError("There is no document to submit.")
    # Uploads are padded and batched with others.
    if documents.broken_rules and not by_upload:
        raise CommandError(f"The documents {'; '.join(documents.broken_rules)}.", "Nothing was uploaded.")
    if documents.usd >= _ASKED_FROM_USD and not yes:
        if not use.screen.interactive:
            raise CommandError(f"It may cost {usd(documents.usd)}.", "Nothing was uploaded. Give --yes to agree.")
        typer.confirm(f"It may cost {usd(documents.usd)}. Continue?", abort=True, err=True)


def _describe(use: Use, documents: Documents, *, to_err: bool = False) -> None:
    say = use.screen.note if to_err else use.screen.say
    price = f"{documents.units:,} units, at most {usd(documents.usd)}"
    say(f"{count(len(documents.taken), 'document')}, {size(documents.size)}: {price}")
    for path, reason in documents.left_out[:_SHOWN]:
        say(f"  left out: {path}: {reason}", style="yellow")
    if len(documents.left_out) > _SHOWN:
        say(f"  left out: {len(documents.left_out) - _SHOWN:,} more; --json lists all (cost)", style="yellow")
    if not to_err:
        for rule in documents.broken_rules:
            say(f"  the service would reject them: together they {rule}", style="red")


def _put(use: Use, documents: Documents, uri: str) -> None:
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("Uploading"), BarColumn(24), DownloadColumn(), TimeRemainingColumn())
    use.go_on = f"Some documents are under {uri}; nothing was started."
    with use.screen.progress(*columns) as progress:
        row = progress.add_task("", total=documents.size)
        for document in upload(use.aws, documents.taken, uri):
            progress.advance(row, document.size)
    use.go_on = ""
    use.screen.note(f"Put {count(len(documents.taken), 'document')} under {uri}")


def _uploaded(use: Use, trigger: Trigger, known: set[str], documents: Documents, *, wait: bool) -> int:
    if not wait:
        use.screen.answer({"Uploaded": len(documents.taken), "Trigger": trigger.name})
        use.screen.say(f"{trigger.name} starts their job automatically. Follow it with: comprehend-entities watch")
        return 0
    use.go_on = "The uploads are analysed anyway. List their executions with: comprehend-entities list"
    with use.screen.err.status("Waiting for the uploads to be batched ..."):
        arn = _batch(use, trigger, known)
    # The display of the wait has ended: the next one shows the execution.
    return _ended(use, arn, wait=True)


def _batch(use: Use, trigger: Trigger, known: set[str]) -> str:
    """Wait for the next execution of a trigger; return its ARN.

    Raises:
        CommandError: none began in time.
    """
    until = time.monotonic() + _BATCHED_SECONDS
    while time.monotonic() < until:
        for each in runs(use.aws, use.deployment, most=100):
            if each["executionArn"] not in known and each["name"].startswith(f"{trigger.name}-"):
                return str(each["executionArn"])
        time.sleep(1)
    raise CommandError(
        f"No execution of {trigger.name} started within {_BATCHED_SECONDS} s.",
        "It waits for a free slot, or the bucket sends no events yet: run comprehend-entities doctor.",
    )
