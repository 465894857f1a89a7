"""Without an account, a Region or an endpoint that answers, a command says what is missing; and its advice helps."""

from __future__ import annotations

import pytest

from comprehend_entities_cli.aws import Aws
from tests.command_line import Typed, typed

NOBODY = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A machine without any configuration of AWS; whatever it calls is on loopback, where nobody answers."""
    folder = tmp_path_factory.mktemp("home")
    settings = {
        "AWS_CONFIG_FILE": str(folder / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": NOBODY,
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    # Its retries follow each other at once.
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)


KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


def failed(done: Typed) -> list[str]:
    """The lines of an error: what happened, and what to do."""
    assert (done.code, done.out) == (1, "")
    return done.err.splitlines()


def test_no_region() -> None:
    message, advice = failed(typed("list", environment=KEYS))
    assert message == "You must specify a region."
    assert advice == "Give --region, or set AWS_REGION."


@pytest.mark.parametrize(
    ("options", "environment"),
    [
        (("--region", "eu-west-1"), {}),
        ((), {"AWS_REGION": "eu-west-1"}),
        ((), {"AWS_DEFAULT_REGION": "eu-west-1"}),
        # As the AWS CLI has it.
        ((), {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "us-east-1"}),
        (("--region", "eu-west-1"), {"AWS_REGION": "us-east-1"}),
    ],
)
def test_the_region_is_what_the_advice_says(
    monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], environment: dict[str, str]
) -> None:
    message, advice = failed(typed("list", *options, environment={**KEYS, **environment}))
    assert message.startswith("Could not connect to the endpoint URL:")
    assert advice.startswith("Check the Region, the endpoint and the network")
    for name, value in (KEYS | environment).items():
        monkeypatch.setenv(name, value)
    assert Aws(region=options[1] if options else None).region == "eu-west-1"


def test_no_credentials() -> None:
    message, advice = failed(typed("list", environment={"AWS_REGION": "us-east-1"}))
    assert message == "Unable to locate credentials."
    assert advice.startswith("Set credentials")


@pytest.mark.parametrize("options", [("--endpoint-url", "nonsense"), ()])
def test_an_endpoint_that_is_no_address(options: tuple[str, ...]) -> None:
    environment = {**KEYS, "AWS_REGION": "us-east-1", **({} if options else {"AWS_ENDPOINT_URL": "nonsense"})}
    message, advice = failed(typed("list", *options, environment=environment))
    assert message == "Invalid endpoint: nonsense."
    assert "http://127.0.0.1:4566" in advice
