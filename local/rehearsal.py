"""A rehearsal of AWS on loopback: MiniStack with our Comprehend emulator beside it, started, deployed to and ended."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
from botocore.config import Config

from local import processes
from local.comprehend.admin import Admin
from local.processes import ROOT, end_rehearsal
from local.stacks import Stacks
from local.waiting import wait_until

ACCOUNT, REGION = "000000000000", "us-east-1"
_MINISTACK = ROOT / ".rehearsal" / "ministack" / "bin" / "python"
_PYTHON = Path(sys.executable)
_PATIENCE_SECONDS = 60
# With these in its own environment, MiniStack's Lambda workers would not trust its certificate.
_CERTIFICATES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")


class RehearsalError(Exception):
    """The rehearsal can't start or deploy; the message says why and what to do."""


class Rehearsal:
    """AWS on loopback, for as long as the context lasts (or until :meth:`stop`).

    Attributes:
        environment: variables by which any AWS client, the CDK and the AWS command line reach this rehearsal only.
        comprehend: the emulator's settings, faults and job records.
        stacks: what is deployed, and how to deploy without the command line.
    """

    def __init__(
        self,
        folder: Path,
        *,
        clock_scale: float = 0.01,
        authorization: bool = False,
        port: int | None = None,
        outlives: bool = False,
    ) -> None:
        """Prepare a rehearsal.

        Args:
            folder: where it keeps its state, logs and process ids; a rehearsal left there by a crash is ended first.
            clock_scale: real seconds that one second of the service's and Step Functions' time takes.
            authorization: judge IAM at each call (over TLS, as bucket policies ask for).
            port: of the AWS endpoint (default: a free one).
            outlives: go on when this process ends; otherwise the servers end with it, even if a signal kills it.
        """
        self._folder = folder
        self._clock_scale = clock_scale
        self._authorization = authorization
        self._outlives = outlives
        self._port = port or processes.free_port()
        self._comprehend_port = processes.free_port()
        scheme, host = ("https", "localhost") if authorization else ("http", processes.LOOPBACK)
        self._certificate = folder / "tmp" / "ministack-tls" / "server.crt"
        trust = {"AWS_CA_BUNDLE": str(self._certificate), "NODE_EXTRA_CA_CERTS": str(self._certificate)}
        self.environment: dict[str, str] = {
            "AWS_ENDPOINT_URL": f"{scheme}://{host}:{self._port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            **(trust if authorization else {}),
        }
        self._processes: list[subprocess.Popen[bytes]] = []
        self.stacks = Stacks(self.client, folder / "tmp", f"cdk-hnb659fds-assets-{ACCOUNT}-{REGION}")
        self.comprehend = Admin(f"http://{processes.LOOPBACK}:{self._comprehend_port}")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start both servers and wait until they answer.

        Raises:
            RehearsalError: MiniStack is not installed, the port is in use, or a server ended at once.
        """
        if not _MINISTACK.exists():
            raise RehearsalError(f"MiniStack is not installed: {_MINISTACK} is missing; run `make setup`")
        processes.forget_account()
        end_rehearsal(self._folder)
        if processes.answers(self._port):
            raise RehearsalError(
                f"port {self._port} is in use by another program; stop it, or choose another port: "
                f"make demo PORT={self._port + 1}"
            )
        for name in ("state", "s3", "tmp"):
            shutil.rmtree(self._folder / name, ignore_errors=True)
            (self._folder / name).mkdir(parents=True)
        self._processes = [self._start_comprehend(), self._start_ministack()]
        pids = {"comprehend.log": self._processes[0].pid, "ministack.log": self._processes[1].pid}
        record = {"processes": pids, "environment": self.environment}
        (self._folder / "rehearsal.json").write_text(json.dumps(record))
        try:
            self._wait_for(self._processes[0], f"{self.comprehend.url}/_comprehend/health", "comprehend.log")
            self._wait_for(
                self._processes[1], f"{self.environment['AWS_ENDPOINT_URL']}/_ministack/health", "ministack.log"
            )
        except RehearsalError:
            self.stop()
            raise

    def stop(self) -> None:
        """End everything that was started."""
        end_rehearsal(self._folder)
        for process in self._processes:
            process.communicate()
        self._processes = []

    def client(self, service: str, *, role_arn: str | None = None, patience_seconds: float = 60) -> Any:
        """A boto3 client of this rehearsal, which may do everything, or what a role may.

        ``patience_seconds`` is how long it waits for an answer: an invoked function may take minutes.
        """
        _check_loopback(self.environment["AWS_ENDPOINT_URL"])
        keys = {"AccessKeyId": "test", "SecretAccessKey": "test", "SessionToken": None}
        if role_arn:
            keys = self.client("sts").assume_role(RoleArn=role_arn, RoleSessionName="rehearsal")["Credentials"]
        return boto3.client(
            service,  # type: ignore[call-overload]  # any service
            endpoint_url=self.environment["AWS_ENDPOINT_URL"],
            region_name=REGION,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
            verify=str(self._certificate) if self._authorization else None,
            # MiniStack serves synchronous executions under the plain host name.
            config=Config(inject_host_prefix=False, retries={"mode": "standard"}, read_timeout=patience_seconds),
        )

    def cdk(self, *arguments: str, folder: Path = ROOT, python: Path = _PYTHON) -> str:
        """Run the CDK command line of package.json against this rehearsal, and return what it printed.

        Args:
            arguments: the command's own.
            folder: holds the app.
            python: whose virtual environment the app runs in.

        Raises:
            RehearsalError: it failed, and the message ends with what it printed; or it is not installed.
        """
        tool = ROOT / "node_modules" / ".bin" / "cdk"
        if not tool.exists():
            raise RehearsalError(f"the CDK command line is not installed: {tool} is missing; run `make setup`")
        # An output folder of its own: rehearsals may run side by side.
        command = [str(tool), *arguments, "--ci", "--no-notices", "--output", str(self._folder / "cdk.out")]
        own, out = self._subprocess_environment(python), subprocess.PIPE
        done = subprocess.run(
            command, cwd=folder, env=own, stdout=out, stderr=subprocess.STDOUT, text=True, check=False
        )
        if done.returncode:
            raise RehearsalError(f"`cdk {' '.join(arguments)}` failed:\n{done.stdout[-4000:]}")
        return done.stdout

    def bootstrap(self) -> None:
        """Run the real ``cdk bootstrap``."""
        self.cdk("bootstrap", f"aws://{ACCOUNT}/{REGION}")

    def deploy(
        self, stack: str, *, folder: Path = ROOT, python: Path = _PYTHON, context: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        """Run the real ``cdk deploy`` of one stack of the app in ``folder``, and return the stack's outputs."""
        settings = [part for name, value in (context or {}).items() for part in ("-c", f"{name}={value}")]
        self.cdk("deploy", stack, "--require-approval", "never", *settings, folder=folder, python=python)
        return self.stacks.outputs(stack)

    def ended_execution(self, arn: str, *, patience_seconds: float = 120) -> dict[str, Any]:
        """Wait for an execution's end and return its description.

        Raises:
            TimeoutError: it still runs after that long.
        """
        functions = self.client("stepfunctions")
        execution: dict[str, Any] = wait_until(
            lambda: functions.describe_execution(executionArn=arn),
            lambda execution: execution["status"] != "RUNNING",
            awaited=f"the end of {arn}",
            seconds=patience_seconds,
        )
        return execution

    def _start_comprehend(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "local.comprehend", "--port", str(self._comprehend_port)]
        settings = json.dumps({"clock_scale": self._clock_scale})
        command += ["--aws-endpoint", self.environment["AWS_ENDPOINT_URL"], "--settings", settings]
        log = self._folder / "comprehend.log"
        return processes.spawn(command, self._subprocess_environment(), log, outlives=self._outlives)

    def _start_ministack(self) -> subprocess.Popen[bytes]:
        own = {
            "BIND_HOST": processes.LOOPBACK,
            "IOT_MTLS_ENABLED": "0",
            "GATEWAY_PORT": str(self._port),
            "STATE_DIR": str(self._folder / "state"),
            "S3_DATA_DIR": str(self._folder / "s3"),
            "TMPDIR": str(self._folder / "tmp"),
            "SFN_WAIT_SCALE": str(self._clock_scale),
            "COMPREHEND_EMULATOR_URL": self.comprehend.url,
            "AWS_DEFAULT_REGION": REGION,
            # Two cores bear no more; what is over it is throttled, as AWS would.
            "LAMBDA_ACCOUNT_CONCURRENCY": "20",
        }
        if self._authorization:
            own |= {"AUTH": "true", "USE_SSL": "1"}
        kept = {name: value for name, value in processes.own_environment().items() if name not in _CERTIFICATES}
        command, log = [str(_MINISTACK), "-m", "local.launcher"], self._folder / "ministack.log"
        return processes.spawn(command, kept | own, log, outlives=self._outlives)

    def _subprocess_environment(self, python: Path = _PYTHON) -> dict[str, str]:
        # Node stands beside our own Python; an app's own environment goes before it.
        path = os.pathsep.join([str(python.parent), str(_PYTHON.parent), os.environ.get("PATH", "")])
        return {**processes.own_environment(), **self.environment, "PATH": path, "CDK_VALIDATION": "false"}

    def _wait_for(self, process: subprocess.Popen[bytes], url: str, log: str) -> None:
        def state() -> str:
            with suppress(OSError):
                self._call(url)
                return "answers"
            return "" if process.poll() is None else "ended"

        with suppress(TimeoutError):
            if wait_until(state, awaited=url, seconds=_PATIENCE_SECONDS) == "answers":
                return
        text = (self._folder / log).read_text(errors="replace")[-2000:]
        raise RehearsalError(f"no answer from {url}; the log {self._folder / log} ends with:\n{text}")

    def _call(self, url: str) -> None:
        _check_loopback(url)
        context = None
        if url.startswith("https"):
            if not self._certificate.exists():
                raise OSError("no certificate yet")
            context = ssl.create_default_context(cafile=str(self._certificate))
        urllib.request.urlopen(url, timeout=30, context=context).close()


def _check_loopback(url: str) -> None:
    if not url.startswith(("http://127.0.0.1:", "http://localhost:", "https://localhost:", "https://127.0.0.1:")):
        raise RehearsalError(f"the local AWS is reached on 127.0.0.1 only; got {url}")
