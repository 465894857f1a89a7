"""Client of the emulator's side door, for tests and demos."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any


class Admin:
    """Looks into an emulator and steers it.

    Args:
        url: of the emulator, for example ``http://127.0.0.1:4570``.

    Every method raises ValueError, with the emulator's own words, if the emulator refuses what it was given.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def health(self) -> dict[str, Any]:
        """``Status`` and ``VirtualTime`` (seconds since the epoch)."""
        return self._call("GET", "health")

    def jobs(self) -> list[dict[str, Any]]:
        """Every job: its properties, ``Tags``, ``Request``, ``Refusal`` (what AWS refused to its data access role, or
        None), and ``History``, pairs of JobStatus and virtual time.
        """
        jobs: list[dict[str, Any]] = self._call("GET", "jobs")["Jobs"]
        return jobs

    def settings(self) -> dict[str, Any]:
        """The settings, see :class:`.settings.Settings`."""
        return self._call("GET", "settings")

    def configure(self, **changes: Any) -> None:
        """Change settings."""
        self._call("POST", "settings", changes)

    def recognizers(self) -> dict[str, str]:
        """The ARNs of recognizers and flywheels, with their states."""
        arns: dict[str, str] = self._call("GET", "recognizers")["Arns"]
        return arns

    def add_recognizer(self, arn: str, entity_list: str, status: str = "TRAINED") -> None:
        """Register a custom recognizer.

        Args:
            arn: its EntityRecognizerArn, or the FlywheelArn whose active model it is.
            entity_list: a CSV with the columns Text and Type.
            status: TRAINED, or another state in which it can run no job.
        """
        self._call("POST", "recognizers", {"Arn": arn, "EntityList": entity_list, "Status": status})

    def inject(self, operation: str, code: str, *, times: int = 1, **details: Any) -> None:
        """Let the next calls of an operation fail; the details are those of :class:`.faults.OperationFault`."""
        self._call("POST", "faults", {"operation": operation, "code": code, "times": times, **details})

    def spoil_jobs(self, times: int = 1, **details: Any) -> None:
        """Let the next jobs go wrong; the details are those of :class:`.faults.JobFault`."""
        self._call("POST", "faults", {"times": times, **details})

    def clear_faults(self) -> None:
        """Forget the faults that wait for calls and jobs."""
        self._call("POST", "faults/clear")

    def advance(self, seconds: float) -> None:
        """Let virtual seconds pass at once."""
        self._call("POST", "clock", {"Seconds": seconds})

    def restart(self, seconds: float) -> None:
        """Let the service be away for virtual seconds; jobs that run lose what was done, and begin again."""
        self._call("POST", "restart", {"Seconds": seconds})

    def reset(self) -> None:
        """Forget jobs, recognizers, faults and changes of settings."""
        self._call("POST", "reset")

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        data = json.dumps(body or {}).encode() if method == "POST" else None
        request = urllib.request.Request(f"{self.url}/_comprehend/{path}", data=data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                result: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise ValueError(json.load(error)["Message"]) from error
        return result
