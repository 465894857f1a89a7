"""The HTTP side: AWS JSON 1.1 for callers, and the side door, on loopback only."""

from __future__ import annotations

import json
import logging
import uuid
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from .control import NoSuchPath, control
from .errors import ServiceError
from .service import Comprehend, caller

TARGET = "Comprehend_20171127."
LOOPBACK = "127.0.0.1"
_log = logging.getLogger(__name__)


class Server(ThreadingHTTPServer):
    """Serves one emulated service.

    Args:
        service: what is served.
        port: on loopback; 0 for any free one.
    """

    daemon_threads = True
    # Many jobs are started or looked at in the same moment.
    request_queue_size = 128

    def __init__(self, service: Comprehend, port: int = 0) -> None:
        self.service = service
        super().__init__((LOOPBACK, port), _Handler)

    @property
    def url(self) -> str:
        """The address at which it answers."""
        return f"http://{LOOPBACK}:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Status line, headers and body leave as one packet: no delay between them.
    wbufsize = -1
    server: Server
    _CONTENT_TYPES: ClassVar = {True: "application/x-amz-json-1.1", False: "application/json"}

    def do_GET(self) -> None:
        self._control(b"")

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length") or "0"
        content = self.rfile.read(int(length) if length.isdecimal() else 0)
        if self.path.startswith("/_comprehend/"):
            self._control(content)
            return
        target = self.headers.get("X-Amz-Target", "")
        try:
            if not target.startswith(TARGET):
                raise ServiceError("UnknownOperationException", "")
            account, region = caller(self.headers.get("Authorization", ""), self.server.service.settings)
            answer = self.server.service.call(target.removeprefix(TARGET), _parse(content), account, region)
            self._answer(200, answer.body, time=answer.time)
        except ServiceError as error:
            self._answer(error.status, {"__type": error.code, "Message": error.message})
        except RecursionError:
            # Lists or objects in one another: no request of the API has more than a few levels.
            self._answer(400, {"__type": "SerializationException", "Message": "The request body nests too deeply."})
        except Exception:
            _log.exception("%s failed within the emulator", target)
            self._answer(500, {"__type": "InternalServerException", "Message": "See the emulator's log."})

    def _control(self, content: bytes) -> None:
        try:
            body = json.loads(content or b"{}")
            answer, status = control(self.server.service, self.command, self.path, body), 200
        except NoSuchPath as error:
            answer, status = {"Message": str(error)}, 404
        except KeyError as error:
            answer, status = {"Message": f"the body lacks {error}"}, 400
        except (ValueError, TypeError, RecursionError) as error:
            answer, status = {"Message": str(error)}, 400
        self._answer(status, answer, of_api=False)

    def _answer(self, status: int, body: dict[str, Any], *, of_api: bool = True, time: float | None = None) -> None:
        content = json.dumps(body).encode()
        self.send_response_only(status)
        self.send_header("Server", "comprehend-emulator")
        self.send_header("Date", formatdate(self.server.service.clock.now() if time is None else time, usegmt=True))
        self.send_header("Content-Type", self._CONTENT_TYPES[of_api])
        self.send_header("Content-Length", str(len(content)))
        self.send_header("x-amzn-RequestId", str(uuid.uuid4()))
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        _log.debug(format, *args)


def _parse(content: bytes) -> Any:
    try:
        body = json.loads(content.decode() or "{}", parse_constant=_no_number)
        # Half a surrogate pair is no character.
        json.dumps(body, ensure_ascii=False).encode()
    except ValueError as error:
        raise ServiceError("SerializationException", f"The request body is not JSON: {error}") from error
    return body


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")
