"""Every setting of the emulator, in one frozen dataclass."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin, get_type_hints

FAILURE_MESSAGES = {
    # NO_READ and NO_WRITE_KMS are recorded from the service; for the others no record is known, so they are guesses.
    "NO_READ": "NO_READ_ACCESS_TO_INPUT: The provided data access role does not have proper access to the input data.",
    "NO_WRITE": "NO_WRITE_ACCESS_TO_OUTPUT: The provided data access role does not have write access to the output "
    "S3 URI.",
    "NO_WRITE_KMS": "NO_WRITE_ACCESS_TO_OUTPUT: The provided data access role does not have write access to the output "
    "S3 URI or it does not have access to the output S3 KMS Key.",
    "NO_VOLUME_KEY": "NO_ACCESS_TO_VOLUME_KMS_KEY: The provided data access role cannot create a grant on the volume "
    "KMS key.",
    "NO_NETWORK": "NO_ACCESS_TO_VPC: The provided data access role lacks rights to create network interfaces.",
    "NO_TEXTRACT": "TEXTRACT_ACCESS_DENIED: The provided data access role has no access to Amazon Textract.",
    "NO_DOCUMENTS": "NO_INPUT_DOCUMENTS: No documents were found at the input S3 URI.",
    "UNDER_MINIMUM": "INPUT_TOO_SMALL: The input is smaller than the minimum total size of 500 bytes.",
    "TOO_LARGE": "INPUT_TOO_LARGE: The input is larger than the maximum total size.",
    "TOO_MANY": "TOO_MANY_DOCUMENTS: The input has more documents than the maximum.",
    "BAD_FORMAT": "UNSUPPORTED_INPUT_FORMAT: PDF, Word and image files need the input format ONE_DOC_PER_FILE.",
    "INTERNAL": "INTERNAL_ERROR: The job failed because of an internal error.",
}
"""Message of a failed job, by cause."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of the emulator's behaviour. Seconds are virtual, sizes are bytes.

    If a choice has two values, the documentation does not say which one the service shows; the first is the default.

    Raises:
        ValueError: a value is not one of those offered.
    """

    account_id: str = "000000000000"
    """Account of callers whose access key id is no account number."""
    region: str = "us-east-1"
    """Region of unsigned requests; a signed request names its own."""
    clock_scale: float = 1.0
    """Real seconds that one virtual second takes: 0.01 runs a job of 6 minutes in 3.7 s."""
    ended_clock: Literal["virtual", "real"] = "virtual"
    """Seconds that pass after a job's end, by Describe's Date header: those of the scaled clock, or real ones. An event
    that tells of the end takes real time on a local AWS, which a clock of 0.01 would count a hundred times.
    """

    job_seconds: tuple[float, ...] = (366.5, 487.2, 608.2)
    """A job takes one of these from SubmitTime to EndTime, chosen at random."""
    seconds_per_document: float = 0.001
    submitted_seconds: float = 5.0
    """Time that a job stays SUBMITTED."""
    failure_seconds: tuple[float, float] = (12.0, 15.0)
    """Least and greatest time after which a job without rights, or without usable input, turns FAILED."""
    stop_seconds: float = 30.0
    """Time that a job stays STOP_REQUESTED."""

    active_jobs: int | None = 10
    """Jobs that may be active at a time; None switches the quota off."""
    active_states: tuple[str, ...] = ("SUBMITTED", "IN_PROGRESS", "STOP_REQUESTED")
    """States in which a job counts as active."""
    eleventh_start: Literal["refused", "queued"] = "refused"
    """A Start over the quota: TooManyRequestsException, or a job that waits in SUBMITTED."""
    starts_per_second: float | None = 1.0
    stops_per_second: float | None = 1.0
    describes_per_second: float | None = 10.0
    lists_per_second: float | None = 10.0
    rate_clock: Literal["virtual", "real"] = "virtual"
    """Seconds in which request rates are counted."""
    rate_error: Literal["ThrottlingException", "TooManyRequestsException"] = "ThrottlingException"

    stop_submitted: Literal["stop_requested", "stopped", "refused"] = "stop_requested"
    """Stop of a job in SUBMITTED."""
    stopped_output: Literal["partial", "none"] = "partial"
    """Output of a stopped job at the output location."""
    output_lead_seconds: float = 0.0
    """Time that the output is there before the job's status tells of its end."""
    token_window_seconds: float | None = 86_400.0
    """Lifetime of a ClientRequestToken; None: for ever."""
    token_answer: Literal["current", "submitted"] = "current"
    """JobStatus in the answer to a repeated token: the job's status now, or that of the first answer."""
    job_ids: Literal["random", "seeded"] = "random"
    """Seeded ones derive from the ClientRequestToken, so that a run that is repeated has the same."""
    token_conflict: Literal["InvalidRequestException", "ResourceInUseException", "same_job"] = "InvalidRequestException"
    """Answer to a known token with another request."""
    equal_names: Literal["accepted", "refused"] = "accepted"
    """A JobName that an active job bears already; refused with ResourceInUseException."""
    record_retention_seconds: float | None = None
    """Time after its end at which a job is forgotten; None: never."""
    constraint_error: Literal["InvalidRequestException", "ValidationException"] = "InvalidRequestException"
    """Code for a broken enum, pattern, length or list size. The API reference has the first; users report both."""

    kms_check: Literal["service", "role", "none"] = "service"
    """The checks of KMS keys at Start: by the service (they exist and are enabled), also by the role, or none."""
    document_reader_rules: Literal["refused", "ignored"] = "refused"
    """DocumentReaderConfig without a custom recognizer, with ONE_DOC_PER_LINE, or with unfitting FeatureTypes."""
    untrained_recognizer: Literal["ResourceUnavailableException", "ResourceNotFoundException"] = (
        "ResourceUnavailableException"
    )
    textract_principal: Literal["role", "caller"] = "role"
    """Whose Textract rights count; those of the caller are not judged here."""
    network_rights: Literal["judged", "ignored"] = "judged"
    """True if the data access role needs its EC2 permissions for a job with VpcConfig."""

    default_input_format: Literal["ONE_DOC_PER_LINE", "ONE_DOC_PER_FILE"] = "ONE_DOC_PER_LINE"
    output_join: Literal["slash", "plain"] = "slash"
    """The rule that joins an output prefix without a final slash with the rest of the URI."""
    file_field: Literal["base_name", "path"] = "base_name"
    """File of an object under a sub-prefix: its base name, or its path below the input prefix."""
    empty_prefix: Literal["failed", "completed"] = "failed"
    under_minimum: Literal["failed", "refused", "accepted"] = "failed"
    """A built-in job on less than minimum_job_bytes: a failed job, InvalidRequestException at Start, or no matter."""
    zero_byte_documents: Literal["empty", "error", "skipped"] = "empty"
    """A document of zero bytes: an empty list of entities, an error of its own, or no record."""
    empty_lines: Literal["empty", "skipped"] = "empty"
    """An empty line: an empty list of entities, or no record (the numbers of later lines stay)."""
    probe_object: bool = False
    """True if a job tests its write access with an object .write_access_check_file.temp, which stays."""
    scanned_output: Literal["object", "array"] = "object"
    """Result file of a scanned document of many pages: one object, or an array with one object a page."""

    minimum_job_bytes: int = 500
    maximum_job_bytes: int = 5 * 1024**3
    maximum_documents: int = 1_000_000
    maximum_document_bytes: int = 1024**2
    maximum_semi_structured_files: int = 500
    failure_messages: Mapping[str, str] = dataclasses.field(default_factory=lambda: dict(FAILURE_MESSAGES))

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self)).items():
            value = getattr(self, name)
            if get_origin(hint) is Literal and value not in get_args(hint):
                raise ValueError(f"{name}: must be one of {', '.join(get_args(hint))}; got {value!r}")
        if self.clock_scale <= 0:
            raise ValueError(f"clock_scale: must be greater than 0; got {self.clock_scale!r}")
        if not self.job_seconds:
            raise ValueError("job_seconds: needs at least one duration")

    def updated(self, changes: Mapping[str, Any]) -> Settings:
        """These settings with changes, as JSON gives them (lists for tuples; failure_messages are merged).

        Raises:
            ValueError: no setting bears that name, or the value is not one of those offered.
        """
        known = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        if unknown := changes.keys() - known.keys():
            raise ValueError(f"no such setting: {', '.join(sorted(unknown))}; settings are {', '.join(known)}")
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in changes.items()
        }
        if "failure_messages" in values:
            values["failure_messages"] = {**self.failure_messages, **values["failure_messages"]}
        return dataclasses.replace(self, **values)
