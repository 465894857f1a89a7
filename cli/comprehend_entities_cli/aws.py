"""The account: clients made when they are first used, and services' errors in words."""

from __future__ import annotations

import os
from functools import cached_property
from threading import Lock
from typing import Any


class CommandError(Exception):
    """A command failed; ``advice`` says what to do about it."""

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.advice = advice


class Aws:
    """Clients of one account and Region.

    Args:
        profile: of the AWS configuration (default: the environment's).
        region: the Region (default: ``AWS_REGION``, ``AWS_DEFAULT_REGION`` or the profile's).
        endpoint_url: of another AWS than the real one.
    """

    def __init__(self, profile: str | None = None, region: str | None = None, endpoint_url: str | None = None) -> None:
        self._profile, self._region, self._endpoint_url = profile, region, endpoint_url
        self._clients: dict[str, Any] = {}
        self._lock = Lock()

    @cached_property
    def _session(self) -> Any:
        import boto3

        # boto3 reads AWS_DEFAULT_REGION only; the AWS CLI and the CDK read AWS_REGION, too.
        region = self._region or os.environ.get("AWS_REGION") or None
        return boto3.Session(profile_name=self._profile, region_name=region)

    def client(self, service: str) -> Any:
        """Return the boto3 client of a service; threads may share it."""
        from botocore.config import Config

        with self._lock:
            if service not in self._clients:
                # boto3's default retry mode never retries Comprehend's TooManyRequestsException; standard mode does.
                config = Config(
                    retries={"mode": "standard", "total_max_attempts": 5}, connect_timeout=5, max_pool_connections=32
                )
                try:
                    made = self._session.client(service, config=config, endpoint_url=self._endpoint_url)
                except ValueError as error:
                    if "Invalid endpoint" not in str(error):
                        raise
                    advice = (
                        "Give the whole address in --endpoint-url or AWS_ENDPOINT_URL, such as http://127.0.0.1:4566."
                    )
                    raise CommandError(f"{error}.", advice) from error
                self._clients[service] = made
            return self._clients[service]

    def client_of(self, service: str, **options: Any) -> Any:
        """Return a new client with options of its own, of AWS's own endpoint unless one was given."""
        return self._session.client(service, **{"endpoint_url": self._endpoint_url, **options})

    @property
    def region(self) -> str:
        """The Region of all clients."""
        return str(self.client("stepfunctions").meta.region_name)

    @property
    def is_local(self) -> bool:
        """True if the endpoint is on this machine."""
        url = str(self.client("stepfunctions").meta.endpoint_url)
        return url.split("/")[2].rpartition(":")[0] in ("127.0.0.1", "localhost", "[::1]")


def error_code(error: Exception) -> str:
    """Return the service's own code of an error, or an empty text if it is none of a service."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


_ADVICE = {
    "NoCredentialsError": "Set credentials (aws configure, or AWS_PROFILE), or give --profile.",
    "PartialCredentialsError": "Set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give --profile.",
    "ProfileNotFound": "Give a profile of your AWS configuration (~/.aws/config).",
    "NoRegionError": "Give --region, or set AWS_REGION.",
    "EndpointConnectionError": "Check the Region, the endpoint and the network; is the local AWS running (make demo)?",
    "ConnectTimeoutError": "Check the Region, the endpoint and the network.",
    "ExpiredToken": "Sign in again, or set new credentials.",
    "ExpiredTokenException": "Sign in again, or set new credentials.",
    "UnauthorizedSSOTokenError": "Sign in again: aws sso login.",
    "SSOTokenLoadError": "Sign in: aws sso login.",
    "TokenRetrievalError": "Sign in again: aws sso login.",
    "InvalidClientTokenId": "The credentials are not valid in this account or Region.",
    "UnrecognizedClientException": "The credentials are not valid in this account or Region.",
    "ModuleNotFoundError": "Install the command line with its packages: pip install 'cdk-comprehend-entities[cli]'.",
}
_KNOWN = ("botocore", "boto3", "s3transfer", "duckdb", "_duckdb")
_DENIED = "Ask for this permission; docs/command-line.md lists what each command needs."


def explain(error: Exception) -> tuple[str, str]:
    """Return the message for an error, and advice."""
    name, code = type(error).__name__, error_code(error)
    message = " ".join(str(error).split()) or name
    if code:
        detail = getattr(error, "response", {}).get("Error", {}).get("Message", "")
        operation = getattr(error, "operation_name", "a call")
        message = f"{operation} failed: {code}: {detail}" if detail else f"{operation} failed: {code}"
    if code.startswith(("AccessDenied", "AuthorizationError", "UnauthorizedOperation", "KMSAccessDenied")):
        return message, _DENIED
    if type(error).__module__.split(".")[0] not in _KNOWN and not isinstance(error, OSError) and name not in _ADVICE:
        return f"{name}: {message}", "This is a bug in the command line: please report it with the command."
    return message, _ADVICE.get(code) or _ADVICE.get(name, "")
