"""Errors of the functions. Their class names are the error names that Step Functions sees, so they are API.

JobError
+-- RequestRefused      the request breaks a rule or a limit: nothing was started
+-- ServiceError        what an AWS service answered; its subclasses bear the service's own code
"""

from __future__ import annotations

from botocore.exceptions import ClientError


class JobError(Exception):
    """Base of all errors that the functions raise on purpose."""


class RequestRefused(JobError):
    """The request breaks a rule or a limit; nothing was started."""


class ServiceError(JobError):
    """A service's own error; the class that is raised bears the service's error code as its name."""


def named(error: ClientError) -> ServiceError:
    """The same error under a class named by its code.

    A Lambda function reports the Python class name to Step Functions, and boto3 raises many codes
    (ThrottlingException, AccessDeniedException) as plain ClientError, which no Retry could match.
    """
    code = str(error.response.get("Error", {}).get("Code", "ServiceError"))
    name = "".join(c for c in code if c.isalnum()) or "ServiceError"
    kind: type[ServiceError] = type(name, (ServiceError,), {"__doc__": ServiceError.__doc__})
    return kind(str(error))
