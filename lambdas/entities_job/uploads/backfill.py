"""Uploads without an S3 event: objects from before the trigger, or from before S3 sent events."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..aws import Location
from ..contracts import BackfillRequest, Claim
from .batch import Upload
from .queue import UploadQueue
from .records import Records

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ObjectVersionTypeDef

_THREADS = 32


def backfill(
    request: BackfillRequest, place: Location, claims: Location, queue: UploadQueue, more: Callable[[], bool]
) -> BackfillRequest:
    """List the objects at a location, and queue those that no batch has analysed or is analysing.

    Args:
        request: what is asked for; its counts grow.
        place: the prefix to list.
        claims: where the claims of all triggers lie.
        queue: the trigger's queue.
        more: whether there is time for one more page.

    Returns:
        The request with its counts, and with where to go on if it is not at the end.

    Raises:
        ValueError: ``Since`` is no date or time of ISO 8601.
    """
    since = datetime.fromisoformat(request.get("Since", "1970-01-01"))
    since = since if since.tzinfo else since.replace(tzinfo=UTC)
    records, versions = Records(claims), request.get("Versions", False)
    after = (request.get("KeyMarker", ""), request.get("VersionIdMarker", ""))

    def is_wanted(upload: Upload) -> bool:
        body, _ = (claims / request["Trigger"] / upload.identity).read_marked()
        claim: Claim | None = json.loads(body) if body else None
        return claim is None or records.is_free(claim)

    with ThreadPoolExecutor(_THREADS) as pool:
        for page, following in place.versions(after):
            asked = [each for each in page if each["LastModified"] >= since and (each["IsLatest"] or versions)]
            uploads = [upload for each in asked if not (upload := _upload(place, each)).is_folder]
            wanted = [upload for upload, kept in zip(uploads, pool.map(is_wanted, uploads), strict=True) if kept]
            queue.send([upload.announcement() for upload in wanted])
            listed, queued = request.get("Listed", 0) + len(uploads), request.get("Queued", 0) + len(wanted)
            request = {**request, "Listed": listed, "Queued": queued}
            request.pop("KeyMarker", None)
            if following and not more():
                return {**request, "KeyMarker": following[0], "VersionIdMarker": following[1]}
    return request


def _upload(place: Location, listed: ObjectVersionTypeDef) -> Upload:
    version = "" if listed["VersionId"] == "null" else listed["VersionId"]
    return Upload(place.bucket, listed["Key"], version, listed["ETag"].strip('"'), listed["Size"], 0.0)
