"""Writing under a condition: of several that write one object, exactly one hears that it did."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from entities_job.aws import Location
from tests.aws import Aws

PLACE = Location("out", "work/note")


def test_an_object_is_replaced_only_as_it_was_read(aws: Aws) -> None:
    assert PLACE.write_new(b"first")
    assert not PLACE.write_new(b"second")
    _, etag = PLACE.read_marked()
    assert PLACE.write_if(b"third", etag)
    assert not PLACE.write_if(b"fourth", etag)
    assert PLACE.read() == b"third"


def test_an_object_that_was_deleted_meanwhile_is_not_put_again(aws: Aws) -> None:
    PLACE.write(b"first")
    _, etag = PLACE.read_marked()
    PLACE.delete()
    assert not PLACE.write_if(b"second", etag)
    assert not PLACE.exists()


def test_two_writes_at_the_same_moment_are_no_error_of_the_one_that_loses(aws: Aws) -> None:
    """S3 answers it so (Amazon S3 User Guide, conditional-writes); the caller reads what stands there."""
    aws.fail("PutObject", "ConditionalRequestConflict", times=2)
    assert not PLACE.write_new(b"first")
    assert not PLACE.write_if(b"first", "etag")


def test_a_write_that_is_denied_is_an_error(aws: Aws) -> None:
    aws.fail("PutObject", "AccessDenied")
    with pytest.raises(ClientError, match="AccessDenied"):
        PLACE.write_new(b"first")
