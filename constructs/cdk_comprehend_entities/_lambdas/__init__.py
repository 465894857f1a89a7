"""Where the code that runs in AWS Lambda lies, and the modules of it that the construct shares.

A wheel holds that code beside this file; in a checkout it is the folder ``lambdas/``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

_CANDIDATES = (Path(__file__).parent, Path(__file__).parents[3] / "lambdas")


def _root() -> Path:
    for folder in _CANDIDATES:
        if (folder / "entities_job").is_dir():
            return folder
    looked = " and ".join(str(folder / "entities_job") for folder in _CANDIDATES)
    raise ImportError(f"the Lambda code is missing; looked for {looked}; reinstall cdk-comprehend-entities")


ROOT = _root()
"""The folder that holds ``entities_job``: the Lambda asset's own code."""

if TYPE_CHECKING:
    from entities_job import EVENT_DETAIL_TYPE, EVENT_SOURCE, FAILED, limits, rules
    from entities_job.schedule import PollSchedule
else:
    __path__.append(str(ROOT))
    from .entities_job import EVENT_DETAIL_TYPE, EVENT_SOURCE, FAILED, limits, rules
    from .entities_job.schedule import PollSchedule

__all__ = ["EVENT_DETAIL_TYPE", "EVENT_SOURCE", "FAILED", "ROOT", "PollSchedule", "limits", "rules"]
