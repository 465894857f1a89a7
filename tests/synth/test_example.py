"""The example is somebody else's application: it must work with what the wheel holds, and nothing of the checkout."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "your_stack"
LAMBDAS = ROOT / "lambdas" / "entities_job"
VIEWS = ROOT / "constructs" / "cdk_comprehend_entities" / "queries" / "views"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(ROOT)], check=True)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_the_functions_code_the_views_and_types(wheel: Path) -> None:
    names = set(ZipFile(wheel).namelist())
    assert "cdk_comprehend_entities/py.typed" in names
    handlers = {str(path.relative_to(LAMBDAS.parent)) for path in LAMBDAS.rglob("*.py")}
    views = {f"cdk_comprehend_entities/queries/views/{path.name}" for path in VIEWS.glob("*.sql")}
    report = {f"comprehend_entities_cli/report/page.{suffix}" for suffix in ("html", "css", "js")}
    assert handlers | views | report <= names
    assert not [name for name in names if "__pycache__" in name]
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {
        "cdk_comprehend_entities",
        "comprehend_entities_cli",
        "entities_job",
    }


def test_the_wheel_says_what_it_depends_on(wheel: Path) -> None:
    archive = ZipFile(wheel)
    (name,) = [name for name in archive.namelist() if ".dist-info/sboms/" in name]
    parts = {part["name"]: part for part in json.loads(archive.read(name))["components"]}
    assert {"aws-cdk-lib", "aws-lambda-powertools", "botocore", "constructs"} <= parts.keys()
    assert all("SHA-256" in json.dumps(part) for part in parts.values())


def test_the_example_synthesizes_with_the_installed_wheel(wheel: Path, tmp_path: Path) -> None:
    site, out = tmp_path / "site", tmp_path / "out"
    with ZipFile(wheel) as archive:
        archive.extractall(site)
    environment = {**os.environ, "PYTHONPATH": str(site), "CDK_OUTDIR": str(out), "CDK_VALIDATION": "false"}
    subprocess.run([sys.executable, "app.py"], check=True, capture_output=True, cwd=EXAMPLE, env=environment)
    template = json.loads((out / "YourStack.template.json").read_text())
    kinds = [resource["Type"] for resource in template["Resources"].values()]
    # The example's own bucket, and the workflow's for results; the example's key, and those of volumes and queues.
    assert kinds.count("AWS::S3::Bucket") == 2
    assert kinds.count("AWS::KMS::Key") == 3
    (asset,) = [folder for folder in out.glob("asset.*") if (folder / "entities_job").is_dir()]
    shipped = {str(path.relative_to(asset)): path.read_bytes() for path in (asset / "entities_job").rglob("*.py")}
    assert shipped == {str(path.relative_to(LAMBDAS.parent)): path.read_bytes() for path in LAMBDAS.rglob("*.py")}


USER = """
from typing import reveal_type

import aws_cdk as cdk
from cdk_comprehend_entities import EntitiesDetectionWorkflow, ExecutionLimits, PollSchedule

workflow = EntitiesDetectionWorkflow(cdk.Stack(), "Entities", poll_schedule=PollSchedule.fixed(30))
reveal_type(PollSchedule.fixed(30))
reveal_type(PollSchedule.fixed(30).step_seconds)
reveal_type(ExecutionLimits(documents=1).documents)
reveal_type(workflow.functions.start_job.function_name)
reveal_type(workflow.start_on_upload())
reveal_type(workflow.results_prefix)
PollSchedule.fixed("30")
EntitiesDetectionWorkflow(cdk.Stack(), "Entities", maximum_documents=1)
"""


@pytest.mark.long
def test_users_of_the_wheel_have_its_types(wheel: Path, tmp_path: Path) -> None:
    site, program = tmp_path / "site", tmp_path / "program.py"
    with ZipFile(wheel) as archive:
        archive.extractall(site)
    program.write_text(USER)
    environment = {**os.environ, "MYPYPATH": str(site)}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", str(tmp_path / "cache"), program],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
    )
    assert re.findall(r'Revealed type is "(.+)"', done.stdout) == [
        "entities_job.job.schedule.PollSchedule",
        "float",
        "int | None",
        "str",
        "cdk_comprehend_entities.uploads.trigger.UploadTrigger",
        "str",
    ]
    # The last two lines are wrong, and nothing else is.
    assert re.findall(r"error: .+\[([\w-]+)\]", done.stdout) == ["arg-type", "call-arg"], done.stdout
