"""The benchmark of functions' starts runs, and says what it promises."""

from __future__ import annotations

import json

import pytest

from bench import cold_start


@pytest.mark.long
def test_the_last_line_has_the_ratio(capsys: pytest.CaptureFixture[str]) -> None:
    cold_start.main(runs=1)
    *_, last = capsys.readouterr().out.splitlines()
    assert json.loads(last)["ratio_to_boto3"] > 1
