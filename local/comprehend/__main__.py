"""Runs the emulator: ``python -m local.comprehend --port 4570 --aws-endpoint http://127.0.0.1:4566``."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from urllib.parse import urlsplit

from local.processes import end_with_parent

from .settings import Settings


def main() -> None:
    """Serve until the process is ended."""
    end_with_parent()
    parser = argparse.ArgumentParser(prog="python -m local.comprehend", description=__doc__)
    parser.add_argument("--port", type=int, default=4570, help="on 127.0.0.1; 0 for any free one (default: 4570)")
    parser.add_argument("--aws-endpoint", required=True, help="URL that answers for STS, IAM, S3 and KMS")
    parser.add_argument("--settings", type=json.loads, default={}, help="JSON object, see local/comprehend/settings.py")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    if urlsplit(arguments.aws_endpoint).hostname not in ("127.0.0.1", "localhost"):
        parser.error(f"--aws-endpoint: must be on loopback, nothing here may reach AWS; got {arguments.aws_endpoint}")
    try:
        settings = Settings().updated(arguments.settings)
    except (ValueError, TypeError) as error:
        parser.error(str(error))
    from .aws import Aws
    from .server import Server
    from .service import Comprehend

    try:
        server = Server(Comprehend(settings, Aws(arguments.aws_endpoint)), arguments.port)
    except OSError as error:
        sys.exit(
            f"port {arguments.port} cannot be used ({error.strerror}); "
            "stop the program that uses it, or choose another port"
        )
    logging.getLogger(__name__).info("Comprehend answers at %s", server.url)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()
