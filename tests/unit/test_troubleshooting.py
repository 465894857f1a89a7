"""docs/troubleshooting.md has an entry for every code and id that a user can meet."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from bench.conformance import ALL
from entities_job import errors
from entities_job.contracts import StopCode
from entities_job.publish import ending, outcome
from entities_job.request.model import model
from entities_job.uploads import staging

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
CONSTRUCTS, LAMBDAS = ROOT / "constructs" / "cdk_comprehend_entities", ROOT / "lambdas" / "entities_job"
UPLOADS_OWN = {"SOURCE_UNREADABLE", "ONE_DOC_PER_LINE", "COMPLETED_WITH_ERRORS", "STOP_REQUESTED", "NOT_STARTED"}


def subclasses(kind: type[errors.JobError]) -> Iterator[type[errors.JobError]]:
    for found in kind.__subclasses__():
        yield found
        yield from subclasses(found)


def errors_of_executions() -> set[str]:
    """Codes that an outcome can have."""
    own = {kind.__name__ for kind in subclasses(errors.JobError) if kind.__module__ == errors.__name__}
    service = {name.partition(".")[2] for name in ALL["errors"]}
    reported = {*ending._CODES.values(), *outcome.NOTHING, *get_args(StopCode), *errors.HINTS, "JobFailed"}
    return (own | service | reported) - {"ServiceError"}


def texts(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def refusals_of_uploads() -> set[str]:
    """Codes that an upload is refused with: texts of capital letters in the modules that refuse."""
    found = {text for name in ("batch", "staging") for text in texts(LAMBDAS / "uploads" / f"{name}.py")}
    codes = {text for text in found if re.fullmatch(r"[A-Z]+(_[A-Z]+)+", text)} - UPLOADS_OWN
    return {*codes, staging._UNREADABLE}


def errors_of_documents() -> set[str]:
    """Codes of the service's model, and what its guide and this library add."""
    names = ("PageBasedErrorCode", "InvalidRequestDetailReason", "InvalidRequestReason")
    modelled = {code for name in names for code in model()["shapes"][name]["enum"]}
    return modelled | {"UNSUPPORTED_ENCODING", "NOT_RECEIVED"}


def warnings() -> set[str]:
    """Ids of the construct's warnings."""
    sources = [path.read_text("utf-8") for path in CONSTRUCTS.rglob("*.py")]
    written = {found for text in sources for found in re.findall(r'"cdk-comprehend-entities:([\w-]+)"', text)}
    imported = re.findall(r'_warn\(\s*[\w.]+,\s*"([\w-]+)"', (CONSTRUCTS / "rights" / "imported.py").read_text("utf-8"))
    assert len(imported) == 7
    return {f"cdk-comprehend-entities:{name}" for name in {*written, *imported, "LanguageCode"}}


@pytest.mark.parametrize("code", sorted(errors_of_executions()))
def test_every_error_of_an_execution_has_an_entry(code: str) -> None:
    assert re.search(rf"^### {code}$", PAGE, re.MULTILINE) or f"`{code}`" in PAGE


@pytest.mark.parametrize("code", sorted(errors.HINTS))
def test_every_hint_is_on_the_page(code: str) -> None:
    assert f"<!-- hint: {code} -->" in PAGE


@pytest.mark.parametrize("code", sorted(refusals_of_uploads() | errors_of_documents() | warnings()))
def test_every_other_code_has_an_entry(code: str) -> None:
    assert f"`{code}`" in PAGE


def test_codes_are_found_where_they_are_written() -> None:
    assert {"NoFreeSlot", "ThrottlingException", "JobTimedOut", "NothingNew"} <= errors_of_executions()
    assert {"EMPTY_DOCUMENT", "SOURCE_DELETED", "BATCH_LIMIT_EXCEEDED"} <= refusals_of_uploads()
    assert {"cdk-comprehend-entities:query", "cdk-comprehend-entities:input-key"} <= warnings()
