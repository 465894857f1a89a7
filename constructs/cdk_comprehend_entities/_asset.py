"""The Lambda asset: this library's own handlers and the pure-Python packages they need, as installed here.

It is assembled at synth time with no pip, no Docker and no network. boto3 comes with the Lambda runtime.
"""

from __future__ import annotations

import shutil
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from tempfile import TemporaryDirectory

from aws_cdk import aws_lambda as lambda_

import entities_job

_DISTRIBUTIONS = ("aws-lambda-powertools", "jmespath", "typing-extensions")
_NATIVE = {".so", ".pyd", ".dylib"}

# Lives as long as the process: CDK copies the folder into the cloud assembly as soon as a function names it.
_folder = TemporaryDirectory(prefix="entities-job-")


def code() -> lambda_.AssetCode:
    """The code that all functions share. The same installed bytes give the same asset hash."""
    return lambda_.Code.from_asset(str(_assembled()))


@cache
def _assembled() -> Path:
    target = Path(_folder.name)
    shutil.copytree(
        Path(entities_job.__file__).parent, target / "entities_job", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in _DISTRIBUTIONS:
        _copy(name, target)
    return target


def _copy(name: str, target: Path) -> None:
    """Copy a distribution's modules and licences; what installers write beside them differs from machine to machine."""
    installed = distribution(name)
    for file in installed.files or []:
        records = ".dist-info" in file.parts[0] and "LICENSE" not in file.name.upper()
        if records or ".." in file.parts or "__pycache__" in file.parts:
            continue
        if file.suffix in _NATIVE:
            raise RuntimeError(f"{name} {installed.version} has the native file {file}, which the asset can't carry")
        destination = target / file
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(str(file.locate()), destination)
