"""Common parts of all commands: options for the account and the deployment, JSON, errors of one message."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, wraps
from typing import Annotated, Any

import typer

from .aws import Aws, CommandError, explain
from .console import Screen
from .deployment import Deployment, deployments, described, the_one

_PANEL = "Account and deployment"
_HELP = {
    "state_machine": "The deployment: its name, or the name or ARN of its state machine (default: the only one).",
    "profile": "A profile of your AWS configuration.",
    "region": "The AWS Region.",
    "endpoint_url": "An endpoint other than AWS's own, such as that of a local AWS.",
}
_VARIABLES = {"state_machine": "COMPREHEND_ENTITIES_STATE_MACHINE"}
_INTERRUPTED = 130


def release() -> str:
    """Return the version of the package, or ``unreleased`` in a checkout."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("cdk-comprehend-entities")
    except PackageNotFoundError:
        return "unreleased"


@dataclass
class Use:
    """One use of the command line.

    Attributes:
        aws: the account's clients.
        screen: where a command's answer goes.
        go_on: what to type to go on after Ctrl-C, if anything goes on.
    """

    aws: Aws
    screen: Screen
    wanted: str | None = None
    go_on: str = field(default="", init=False)

    @cached_property
    def deployment(self) -> Deployment:
        """The deployment that the command is about.

        Raises:
            CommandError: there is none, or more than one.
        """
        return described(self.aws, self.wanted) if self.wanted else the_one(deployments(self.aws))


def command(
    app: typer.Typer, panel: str, *, name: str | None = None, deployed: bool = True
) -> Callable[[Callable[..., int | None]], None]:
    """Return a decorator that makes a function a command; ``deployed``: it needs to know which deployment.

    The function's first parameter is its :class:`Use`, the others are the command's own; it returns its exit code.
    """

    def decorate(function: Callable[..., int | None]) -> None:
        @wraps(function)
        def run(*, as_json: bool, **given: Any) -> None:
            shared = {each: given.pop(each, None) for each in _HELP}
            wanted = shared.pop("state_machine")
            use = Use(Aws(**shared), Screen(as_json=as_json), wanted)
            raise typer.Exit(_code(function, use, given))

        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        parameters = [*own, *(_shared(each) for each in _HELP if deployed or each != "state_machine"), _json()]
        keywords = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in parameters]
        run.__signature__ = inspect.Signature(keywords)  # type: ignore[attr-defined]  # Typer reads it
        run.__annotations__ = {each.name: each.annotation for each in keywords}
        app.command(name, rich_help_panel=panel)(run)

    return decorate


def _shared(name: str) -> inspect.Parameter:
    option = typer.Option(
        help=_HELP[name], envvar=_VARIABLES.get(name), show_envvar=True, rich_help_panel=_PANEL, show_default=False
    )
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[str | None, option]
    )


def _json() -> inspect.Parameter:
    option = typer.Option("--json", help="Print the answer as one JSON value.")
    return inspect.Parameter(
        "as_json", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Annotated[bool, option]
    )


def _code(function: Callable[..., int | None], use: Use, given: dict[str, Any]) -> int:
    try:
        return function(use, **given) or 0
    except CommandError as error:
        use.screen.error(str(error), error.advice)
        return 1
    except KeyboardInterrupt:
        use.screen.error("Interrupted.", use.go_on)
        return _INTERRUPTED
    except BrokenPipeError:
        use.screen.silence()
        return 0
    except (typer.Exit, typer.Abort):
        raise
    except Exception as error:
        use.screen.error(*explain(error))
        return 1
