"""Parts of files that a killed upload left in a store: no list shows them, and they cost like any object."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from botocore.client import BaseClient

IN_PARTS: Final = 8 * 2**20  # from this size on boto3 sends a file in parts


def forget_parts(client: "BaseClient", bucket: str, key: str) -> str:
    """
    Take away the parts of *key* that were never put together; to be done once the object is there whole.

    Gives what the store said against it, for a key may hold no right to that; empty where it is done.
    """
    from botocore.exceptions import ClientError

    try:
        for upload in tuple(_unfinished(client, bucket, key)):
            client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)
    except ClientError as error:
        return str(error)
    return ""


def _unfinished(client: "BaseClient", bucket: str, key: str) -> Iterator[str]:
    pages = client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=key)
    yield from (one["UploadId"] for page in pages for one in page.get("Uploads", ()) if one["Key"] == key)
