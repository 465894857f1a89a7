"""The command line starts without what takes long to load; that a service is called with it is loaded then."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("aws_cdk", "constructs", "jsii", "boto3", "botocore", "duckdb", "aws_lambda_powertools")


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['comprehend-entities', 'submit', '--help']\n"
        "from comprehend_entities_cli.app import main\n"
        "try:\n    main()\nexcept SystemExit as ended:\n    assert not ended.code\n"
        f"print(sorted(set({HEAVY!r}) & sys.modules.keys()), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"


def test_no_command_needs_the_cdk() -> None:
    code = (
        "import sys\n"
        "sys.modules |= dict.fromkeys(('aws_cdk', 'constructs', 'jsii', 'aws_lambda_powertools'))\n"
        "from comprehend_entities_cli import documents, executions, following, published\n"
        "from comprehend_entities_cli.care import checks, purging, uploads\n"
        "from comprehend_entities_cli.report import write_report\n"
        "from comprehend_entities_cli.tables import VIEWS, view_sql\n"
        "from entities_job.request.limits import Tally\n"
        "from entities_job.errors import hint\n"
        "from entities_job import operation\n"
        "assert all(map(view_sql, VIEWS))\n"
    )
    subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
