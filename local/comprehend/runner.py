"""The run of one job: rights, input, entities and result, all under the job's data access role."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePosixPath
from typing import IO, Any, Protocol
from urllib.parse import urlsplit

from .archive import files_archive, lines_archive
from .aws import AccessDenied, StoredObject
from .documents import Document, read_file, read_lines
from .entities import finder
from .jobs import Job
from .semi_structured import is_semi_structured, needs_textract, read_paper, result_file, result_name
from .settings import Settings

NETWORK_ACTIONS = [
    f"ec2:{name}"
    for name in (
        "CreateNetworkInterface",
        "CreateNetworkInterfacePermission",
        "DeleteNetworkInterface",
        "DeleteNetworkInterfacePermission",
        "DescribeNetworkInterfaces",
        "DescribeVpcs",
        "DescribeDhcpOptions",
        "DescribeSubnets",
        "DescribeSecurityGroups",
    )
]
TEXTRACT_ACTIONS = ["textract:DetectDocumentText", "textract:AnalyzeDocument"]
_BATCH = 64


class Access(Protocol):
    """The calls of a job, made with credentials of its data access role: see :class:`.aws.RoleAccess`."""

    def list_objects(self, bucket: str, prefix: str) -> list[StoredObject]: ...
    def get_object(self, bucket: str, key: str) -> tuple[bytes, dict[str, str]]: ...
    def check_write(self, bucket: str, key: str) -> None: ...
    def put_object(self, bucket: str, key: str, content: IO[bytes] | bytes, kms_key_id: str | None = None) -> None: ...
    def use_output_key(self, key_id: str) -> None: ...
    def grant_volume_key(self, key_id: str) -> None: ...
    def check_actions(self, actions: list[str]) -> None: ...


class JobFailure(Exception):
    """The job fails. Its text names the cause in ``failure_messages``."""


@dataclass(frozen=True)
class Result:
    """Findings of a job: a record a document, or a name and a file a document for semi-structured input."""

    records: Sequence[dict[str, Any]]
    files: Sequence[tuple[str, object]] = ()

    @property
    def documents(self) -> int:
        """Number of documents."""
        return len(self.records) + len(self.files)


def check_rights(job: Job, access: Access, settings: Settings) -> None:
    """Use the keys, the network and the output location as the job will.

    Raises:
        JobFailure: the role lacks a right.
    """
    output = job.request["OutputDataConfig"]
    no_write = "NO_WRITE_KMS" if "KmsKeyId" in output else "NO_WRITE"
    if "VolumeKmsKeyId" in job.request:
        with _failing("NO_VOLUME_KEY"):
            access.grant_volume_key(job.request["VolumeKmsKeyId"])
    if "VpcConfig" in job.request and settings.network_rights == "judged":
        with _failing("NO_NETWORK"):
            access.check_actions(NETWORK_ACTIONS)
    bucket, key = _location(job.output_uri)
    with _failing(no_write):
        if "KmsKeyId" in output:
            access.use_output_key(output["KmsKeyId"])
        access.check_write(bucket, key)
        if settings.probe_object:
            _, prefix = _location(output["S3Uri"])
            access.put_object(bucket, f"{prefix}.write_access_check_file.temp", b"")


def list_input(job: Job, access: Access, settings: Settings) -> list[StoredObject]:
    """The objects under the input prefix, within the service's limits.

    Raises:
        JobFailure: the role may not list them, or they are none, too few, too many or too large.
    """
    bucket, prefix = _location(job.request["InputDataConfig"]["S3Uri"])
    with _failing("NO_READ"):
        objects = [item for item in access.list_objects(bucket, prefix) if not item.key.endswith("/")]
    if not objects:
        if settings.empty_prefix == "failed":
            raise JobFailure("NO_DOCUMENTS")
        return []
    total = sum(item.size for item in objects)
    if job.recognizer is None and total < settings.minimum_job_bytes and settings.under_minimum != "accepted":
        raise JobFailure("UNDER_MINIMUM")
    if total > settings.maximum_job_bytes:
        raise JobFailure("TOO_LARGE")
    semi = _is_semi_structured(job, objects)
    if semi and _input_format(job) != "ONE_DOC_PER_FILE":
        raise JobFailure("BAD_FORMAT")
    if len(objects) > (settings.maximum_semi_structured_files if semi else settings.maximum_documents):
        raise JobFailure("TOO_MANY")
    return objects


def analyze(job: Job, access: Access, objects: Sequence[StoredObject], settings: Settings) -> Result:
    """Read the objects and find their entities.

    Raises:
        JobFailure: the role may not read an object, or there are too many lines.
    """
    with _failing("NO_READ"):
        contents = _contents(job, access, objects, settings)
        if _is_semi_structured(job, objects):
            return Result([], list(_files(job, access, contents, settings)))
        read = read_file if _input_format(job) == "ONE_DOC_PER_FILE" else read_lines
        documents = (document for file, content, _ in contents for document in read(file, content, settings))
        records = list(islice(_records(job, documents), settings.maximum_documents + 1))
    if len(records) > settings.maximum_documents:
        raise JobFailure("TOO_MANY")
    return Result(records)


def write_result(job: Job, access: Access, result: Result, documents: int) -> None:
    """Write output.tar.gz.

    Args:
        job: the job.
        access: its data access role's.
        result: what was found.
        documents: so many documents from the start are written.

    Raises:
        JobFailure: the role may not write it.
    """
    bucket, key = _location(job.output_uri)
    kms_key_id = job.request["OutputDataConfig"].get("KmsKeyId")
    if result.files:
        content = files_archive(result.files[:documents])
    else:
        content = lines_archive(result.records[:documents], job.fault.garbled_records)
    with content, _failing("NO_WRITE_KMS" if kms_key_id else "NO_WRITE"):
        access.put_object(bucket, key, content, kms_key_id)


def _contents(
    job: Job, access: Access, objects: Sequence[StoredObject], settings: Settings
) -> Iterator[tuple[str, bytes, dict[str, str]]]:
    """File, content and metadata of each object that the result is to have, in the order of the list."""
    bucket, prefix = _location(job.request["InputDataConfig"]["S3Uri"])
    folder = prefix[: prefix.rfind("/") + 1]
    with ThreadPoolExecutor(8) as pool:
        for start in range(0, len(objects), _BATCH):
            batch = objects[start : start + _BATCH]
            keys = [item.key for item in batch]
            for key, (content, metadata) in zip(
                keys, pool.map(lambda key: access.get_object(bucket, key), keys), strict=True
            ):
                file = PurePosixPath(key).name if settings.file_field == "base_name" else key.removeprefix(folder)
                if file not in job.fault.missing_documents:
                    yield file, content, metadata


def _records(job: Job, documents: Iterator[Document]) -> Iterator[dict[str, Any]]:
    find = finder(job.request["LanguageCode"], job.recognizer)
    while batch := list(islice(documents, _BATCH)):
        errors = [job.fault.document_errors.get(document.name, document.error) for document in batch]
        found = iter(find([document.text for document, error in zip(batch, errors, strict=True) if not error]))
        for document, error in zip(batch, errors, strict=True):
            line = {} if document.line is None else {"Line": document.line}
            record: dict[str, Any] = {"File": document.file, **line}
            if error:
                yield {**record, "ErrorCode": error[0], "ErrorMessage": error[1]}
            else:
                yield {**record, "Entities": [each.as_entity() for each in next(found)]}


def _files(
    job: Job, access: Access, contents: Iterable[tuple[str, bytes, dict[str, str]]], settings: Settings
) -> Iterator[tuple[str, object]]:
    papers = [read_paper(*content) for content in contents]
    read_config = job.request["InputDataConfig"].get("DocumentReaderConfig", {})
    if settings.textract_principal == "role" and needs_textract(papers, read_config):
        with _failing("NO_TEXTRACT"):
            access.check_actions(TEXTRACT_ACTIONS)
    find = finder(job.request["LanguageCode"], job.recognizer)
    for paper in papers:
        errors = job.fault.page_errors.get(paper.file, [])
        yield (
            result_name(paper),
            result_file(paper, find(paper.pages), errors, array=settings.scanned_output == "array"),
        )


def _is_semi_structured(job: Job, objects: Sequence[StoredObject]) -> bool:
    return job.recognizer is not None and any(is_semi_structured(item.key) for item in objects)


def _input_format(job: Job) -> str:
    return str(job.input_data_config["InputFormat"])


def _location(uri: str) -> tuple[str, str]:
    # Keys may hold ? and #, which urlsplit would take for parts of their own.
    parts = urlsplit(uri, allow_fragments=False)
    return parts.netloc, uri.removeprefix(f"s3://{parts.netloc}").removeprefix("/")


@contextmanager
def _failing(cause: str) -> Iterator[None]:
    try:
        yield
    except AccessDenied as error:
        raise JobFailure(cause) from error
