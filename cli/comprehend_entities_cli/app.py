"""The command line's entry: all commands by name."""

from __future__ import annotations

from typing import Annotated

import typer

from .command import command, release
from .commands import accept, executions, operate, results, submit

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Find entities in documents with Amazon Comprehend: submit them, follow the job, read what it found.",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"comprehend-entities {release()}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


_DOCUMENTS, _RUNS, _RESULTS, _CARE = "Documents", "Executions", "Results", "Operation"

command(app, _DOCUMENTS)(submit.submit)
command(app, _DOCUMENTS, deployed=False)(submit.cost)
command(app, _RUNS, name="list")(executions.list_)
command(app, _RUNS)(executions.show)
command(app, _RUNS)(executions.watch)
command(app, _RUNS)(executions.stop)
command(app, _RUNS)(executions.resume)
command(app, _RESULTS)(results.results)
command(app, _RESULTS)(results.report)
command(app, _CARE)(operate.doctor)
command(app, _CARE)(operate.backfill)
command(app, _CARE)(operate.redrive)
command(app, _CARE, deployed=False)(operate.purge)
command(app, _CARE, deployed=False)(accept.accept)


def main() -> None:
    """Run the command that the process was started with."""
    app(prog_name="comprehend-entities")


if __name__ == "__main__":
    main()
