"""The Lambda asset: what is in it, and that the same bytes make the same asset."""

from __future__ import annotations

import importlib
import os
import shutil
import stat
import subprocess
import sys
from importlib.metadata import PackagePath
from pathlib import Path
from types import SimpleNamespace

import aws_cdk as cdk
import pytest

from cdk_comprehend_entities import EntitiesDetectionWorkflow, _functions

SOURCE = Path(__file__).parents[2] / "lambdas" / "entities_job"


def sources(package: Path) -> dict[Path, bytes]:
    return {path.relative_to(package): path.read_bytes() for path in package.rglob("*.py")}


def synthesized_asset(outdir: Path) -> Path:
    app = cdk.App(outdir=str(outdir))
    EntitiesDetectionWorkflow(cdk.Stack(app, "Stack"), "Entities")
    app.synth()
    (asset,) = outdir.glob("asset.*")
    return asset


@pytest.fixture(scope="module")
def asset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthesized_asset(tmp_path_factory.mktemp("cdk"))


def test_the_functions_code_is_in_it_to_the_byte(asset: Path) -> None:
    assert sources(asset / "entities_job") == sources(SOURCE)


def test_only_what_the_runtime_lacks_is_shipped(asset: Path) -> None:
    shipped = {path.name for path in asset.iterdir() if not path.name.endswith((".dist-info", "LICENSES"))}
    assert shipped == {"entities_job", "aws_lambda_powertools", "jmespath", "typing_extensions.py"}
    assert {path.name.partition("-")[0] for path in asset.glob("*.dist-info")} == {
        "aws_lambda_powertools",
        "jmespath",
        "typing_extensions",
    }


def test_nothing_in_it_depends_on_the_machine_that_made_it(asset: Path) -> None:
    files = [path for path in asset.rglob("*") if path.is_file()]
    assert len(files) > 100
    assert not [path for path in files if path.suffix in {".so", ".pyd", ".pyc"} or "__pycache__" in path.parts]
    assert not [path for path in files if path.name in {"RECORD", "INSTALLER", "direct_url.json", "REQUESTED"}]


def test_it_is_small(asset: Path, tmp_path: Path) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / "asset"), "zip", asset))
    assert archive.stat().st_size < 1_500_000


@pytest.mark.parametrize("files", [None, [], [PackagePath("powertools.pth")]])
def test_fails_with_a_distribution_that_does_not_list_its_modules(
    files: list[PackagePath] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = SimpleNamespace(files=files, version="3")
    monkeypatch.setattr(_functions, "distribution", lambda name: listed)
    with pytest.raises(RuntimeError, match="aws-lambda-powertools 3 is installed without a list of its modules"):
        _functions._copy("aws-lambda-powertools", tmp_path)


def test_the_same_bytes_make_the_same_asset_whatever_the_umask(asset: Path, tmp_path: Path) -> None:
    # Another process, after Python has written byte code beside the sources.
    importlib.import_module("entities_job.request.rules")
    script = (
        "import sys, aws_cdk as cdk; from cdk_comprehend_entities import EntitiesDetectionWorkflow;"
        "app = cdk.App(outdir=sys.argv[1]);"
        "EntitiesDetectionWorkflow(cdk.Stack(app, 'Other'), 'Workflow'); app.synth()"
    )
    path = os.pathsep.join(str(Path(__file__).parents[2] / folder) for folder in ("constructs", "lambdas"))
    subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        check=True,
        env={"PYTHONPATH": path, "PATH": str(Path("/usr/bin")), "CDK_VALIDATION": "false"},
        capture_output=True,
        umask=0o077,
    )
    (made,) = tmp_path.glob("asset.*")
    assert made.name == asset.name
    for files in (asset, made):
        assert {stat.filemode(path.stat().st_mode) for path in files.rglob("*") if path.is_file()} == {"-rw-r--r--"}
