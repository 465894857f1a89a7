"""``make demo``: documents go through the real workflow on loopback, three ways, by the project's own command line."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel

from local.example import EXAMPLE, clean_environment
from local.processes import OFFLINE, ROOT, AlreadyRunning, end_rehearsal, only_one, own_environment
from local.rehearsal import Rehearsal, RehearsalError

FOLDER = ROOT / ".rehearsal" / "demo"
REPORT = ROOT / "report.html"
SAMPLES = ROOT / "local" / "samples"
TOOL = ROOT / "cli" / "comprehend-entities"
CLOCK_SCALE = 0.01
_NOTE = (
    f"Made on the local AWS, whose clock runs {1 / CLOCK_SCALE:.0f} times as fast, except for “Seen after”; "
    "its entities and scores are made up."
)

console = Console(highlight=False)
app = typer.Typer(add_completion=False, help=__doc__, no_args_is_help=True, pretty_exceptions_enable=False)


@app.command()
def run(
    documents: Annotated[
        Path | None, typer.Option(help="A folder with text files of your own, instead of the samples.")
    ] = None,
    port: Annotated[int, typer.Option(help="Port of the AWS endpoint on 127.0.0.1.")] = 4566,
    output: Annotated[Path | None, typer.Option(help="Where to write the report (default: report.html).")] = None,
) -> None:
    """Start AWS on loopback, deploy, run documents three ways, and write the report."""
    if output and output.exists():
        _fail(f"{output} exists already; give another OUT")
    if documents and not documents.expanduser().exists():
        _fail(f"{documents} does not exist; give a folder with text files, like make demo DOCS=path/to/folder")
    try:
        with only_one(FOLDER, "demo"):
            code = _guarded(documents, port, output or REPORT)
    except AlreadyRunning as error:
        _fail(str(error))
    raise typer.Exit(code)


@app.command()
def down() -> None:
    """Stop everything that the demo started."""
    console.print("The local AWS has been stopped." if end_rehearsal(FOLDER) else "Nothing was running.")


def _guarded(documents: Path | None, port: int, report: Path) -> int:
    """Run, and leave nothing running if that does not come to its end."""
    try:
        return _run(documents, port, report)
    except KeyboardInterrupt:
        end_rehearsal(FOLDER)
        _fail("Interrupted. Everything that was started has been stopped.")
    except Exception as error:
        end_rehearsal(FOLDER)
        message = str(error) if isinstance(error, RehearsalError | TimeoutError) else repr(error)
        _fail(f"{message}\n\nEverything that was started has been stopped; the logs are in {FOLDER}.")


def _run(documents: Path | None, port: int, report: Path) -> int:
    rehearsal = Rehearsal(FOLDER, clock_scale=CLOCK_SCALE, port=port, outlives=True)
    meanwhile = ThreadPoolExecutor(1)
    try:
        if documents:
            # Whatever can't be submitted is known before anything is started.
            _Tool(rehearsal)("cost", str(documents.expanduser()))
            tool = _deployed(rehearsal)
            code = tool("submit", str(documents.expanduser()), "--name", "yours", "--yes")
        else:
            wheel = meanwhile.submit(clean_environment)
            tool, code = _deployed(rehearsal), 0
            example = meanwhile.submit(lambda: rehearsal.deploy("YourStack", folder=EXAMPLE, python=wheel.result()))
            _samples(tool, example)
    finally:
        # After Ctrl-C or an error, what has not begun yet is not done any more.
        meanwhile.shutdown(cancel_futures=True)
    if code in (0, 3):
        old = report == REPORT and report.exists()
        again = ["--force"] if old else []
        tool("report", "--output", os.path.relpath(report), "--note", _NOTE, *again)
        if old:
            console.print("  [dim]It replaces the report of an earlier demo.[/]")
    _what_next()
    return code


def _deployed(rehearsal: Rehearsal) -> _Tool:
    """Start AWS and deploy this repository's own app; return the command line that finds it."""
    with _step("Starting AWS on 127.0.0.1: MiniStack, and a Comprehend emulator beside it"):
        rehearsal.start()
        # The events that tell of a job's end come no sooner on a scaled clock.
        rehearsal.comprehend.configure(ended_clock="real")
    with _step("cdk bootstrap"):
        rehearsal.bootstrap()
    with _step("cdk deploy EntitiesDetection, this repository's own app"):
        machine = rehearsal.deploy("EntitiesDetection")["StateMachineArn"]
    _write_environment(rehearsal, machine)
    return _Tool(rehearsal, machine)


def _samples(tool: _Tool, example: Future[dict[str, str]]) -> None:
    """The three ways: this repository's app, a stack that imports the wheel, and uploads alone."""
    samples = os.path.relpath(SAMPLES)
    tool("cost", f"{samples}/en")
    tool("submit", f"{samples}/uploads", "--trigger", "Uploads", "--no-wait")
    tool("submit", f"{samples}/lines", "--one-doc-per-line", "--name", "lines", "--no-wait")
    tool("submit", f"{samples}/es", "--language", "es", "--name", "spanish", "--no-wait")
    tool("submit", f"{samples}/en", "--name", "english")
    tool("watch")
    tool("list")
    with _step("Meanwhile, the wheel in another team's stack: cdk deploy YourStack (examples/your_stack)"):
        machine = example.result()["StateMachineArn"]
    tool("submit", f"{samples}/uploads", "--trigger", "Uploads", "--state-machine", machine)
    tool("results", "--limit", "10")
    tool("doctor")


class _Tool:
    """The project's command line, as somebody types it."""

    def __init__(self, rehearsal: Rehearsal, machine: str = "") -> None:
        self._environment = {**own_environment(), **rehearsal.environment, _MACHINE: machine}

    def __call__(self, *arguments: str) -> int:
        """Run a command in the terminal; return its exit code.

        Raises:
            RehearsalError: it failed by itself; an outcome of a job is no failure of it.
        """
        console.print(f"\n[bold]$ comprehend-entities {escape(shlex.join(arguments))}[/]", soft_wrap=True)
        code = subprocess.run([TOOL, *arguments], env=self._environment, check=False).returncode
        if code in (1, 2, 130):
            raise RehearsalError(f"`comprehend-entities {shlex.join(arguments)}` failed: see above")
        return code


_MACHINE = "COMPREHEND_ENTITIES_STATE_MACHINE"


def _write_environment(rehearsal: Rehearsal, machine: str) -> None:
    """Write what a shell sources to use the local AWS, whatever else is exported there."""
    own = {_MACHINE: machine, "COMPREHEND_EMULATOR_URL": rehearsal.comprehend.url}
    variables = {**OFFLINE, **rehearsal.environment, **own}
    lines = [
        f"# Source it: {_sourced()}",
        "unset AWS_PROFILE $(env | sed -n 's/^\\(AWS_[A-Z0-9_]*\\)=.*/\\1/p')",
        *(f"export {name}={shlex.quote(value)}" for name, value in variables.items()),
        f'export PATH={shlex.quote(str(TOOL.parent))}:{shlex.quote(str(ROOT / ".venv" / "bin"))}:"$PATH"',
    ]
    (FOLDER / "env.sh").write_text("\n".join(lines) + "\n")


def _sourced() -> str:
    return f". {shlex.quote(os.path.relpath(FOLDER / 'env.sh'))}"


@contextmanager
def _step(text: str) -> Iterator[None]:
    """Say what is done now, and how long it took."""
    begun, mark = time.monotonic(), "[red]✗[/]"
    try:
        with console.status(f"{text} ..."):
            yield
        mark = "[green]✓[/]"
    finally:
        console.print(f"  {mark} {text} [dim]({time.monotonic() - begun:.0f} s)[/]")


def _what_next() -> None:
    console.print("\n[bold]Try it yourself[/], in this folder:")
    console.print(f"  {_sourced()}", soft_wrap=True)
    console.print("  comprehend-entities submit README.md")
    console.print("  comprehend-entities results entities --format csv")
    console.print("  aws comprehend list-entities-detection-jobs")
    console.print("[bold]Stop it[/]: make down")
    console.print("[bold]With a real account[/] (a job costs money there, and takes six minutes or more):")
    console.print("  set credentials, npx cdk bootstrap && npx cdk deploy, and the same commands", soft_wrap=True)


def _fail(text: str) -> NoReturn:
    console.print(Panel(escape(text), title="The demo can't continue", border_style="red"))
    raise typer.Exit(1)


if __name__ == "__main__":
    app()
