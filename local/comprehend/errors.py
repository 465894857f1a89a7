"""Errors as the service answers them."""

from __future__ import annotations

STATUSES = {
    "AccessDeniedException": 403,
    "InternalServerException": 500,
    "InternalFailure": 500,
    "ServiceUnavailableException": 503,
}
"""HTTP status of the codes that are not answered with 400."""

MESSAGES = {
    "AccessDeniedException": "User is not authorized to perform this action",
    "ExpiredTokenException": "The security token included in the request is expired",
    "InternalServerException": "An internal server error occurred. Retry your request.",
    "JobNotFoundException": "The specified job was not found. Check the job ID and try again.",
    "KmsKeyValidationException": "The KMS customer managed key (CMK) entered cannot be validated. "
    "Verify the key and re-enter it.",
    "ResourceInUseException": "The specified resource name is already in use. Use a different name and try again.",
    "ResourceNotFoundException": "The specified resource ARN was not found. Check the ARN and try your request again.",
    "ResourceUnavailableException": "The specified resource is not available. Check the resource and try again.",
    "ServiceUnavailableException": "The service is temporarily unavailable. Retry your request.",
    "ThrottlingException": "Rate exceeded",
    "TooManyRequestsException": "The number of requests exceeds the limit. Resubmit your request later.",
    "TooManyTagKeysException": "The request contains more tag keys than can be associated with a resource "
    "(50 tag keys per resource).",
    "TooManyTagsException": "The request contains more tags than can be associated with a resource "
    "(50 tags per resource).",
}
"""Usual message of a code."""


class ServiceError(Exception):
    """An error answer.

    Args:
        code: the exception's name in the API, for example ``InvalidRequestException``.
        message: text for the caller.
        status: HTTP status; by default the documented one of the code.
    """

    def __init__(self, code: str, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status or STATUSES.get(code, 400)


def usual(code: str) -> ServiceError:
    """The error of a code with its usual message."""
    return ServiceError(code, MESSAGES.get(code, code))
