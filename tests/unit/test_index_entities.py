"""The function of examples/upload_pipeline: an item for each entity of a document, whose key is always the same."""

from __future__ import annotations

import importlib
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The function's module, in the environment that the stack gives it."""
    for name, value in {"TABLE_NAME": "Index", "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    return importlib.import_module("examples.upload_pipeline.index_entities.index")


def record(*entities: tuple[str, str, str], **changes: Any) -> dict[str, Any]:
    found = [{"Type": kind, "Text": text, "Score": Decimal(score)} for kind, text, score in entities]
    return {"JobId": "5dfc", "Source": "s3://documents/ada.txt", "File": "ada.txt", "Entities": found, **changes}


def test_an_entity_that_is_mentioned_often_is_one_item(index: ModuleType) -> None:
    [ada, london] = index.items(
        record(("PERSON", "Ada", "0.7"), ("LOCATION", "London", "0.8"), ("PERSON", "Ada", "0.9"))
    )
    assert (ada["Entity"], ada["Mentions"], ada["BestScore"]) == ("PERSON#Ada", 2, Decimal("0.9"))
    assert (london["Entity"], london["Document"]) == ("LOCATION#London", "s3://documents/ada.txt")


def test_the_same_record_makes_the_same_keys_and_another_job_or_line_others(index: ModuleType) -> None:
    def key(**changes: Any) -> str:
        [item] = index.items(record(("PERSON", "Ada", "0.9"), **changes))
        return str(item["Mention"])

    assert key() == key()
    assert len({key(), key(JobId="6e0d"), key(Line=0), key(Line=1)}) == 4


def test_a_document_that_failed_has_no_items(index: ModuleType) -> None:
    failed = {"JobId": "5dfc", "Source": None, "File": "ada.txt", "ErrorCode": "INTERNAL_ERROR"}
    assert index.items(failed) == []


def test_keys_stay_within_dynamodbs_limits(index: ModuleType) -> None:
    [item] = index.items(record(("PERSON", "é" * 3000, "0.9"), Source=f"s3://documents/{'x' * 1024}"))
    assert len(item["Entity"].encode()) <= 2048
    assert len(item["Mention"].encode()) <= 1024
    assert item["Entity"] == "PERSON#" + "é" * 750


def test_an_outcome_without_a_result_writes_nothing(index: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "table", None)
    done = index.handler({"detail": {"ExecutionArn": "arn:x", "Job": {}}}, None)
    assert done == {"ExecutionArn": "arn:x", "JobId": None, "ItemsWritten": 0}
