"""
Where recordings lie: a folder, or an S3-compatible bucket, behind the port `callscope.ports.Storage`.

Whatever a store answers comes out as one of our errors: the object is gone, its body isn't what was announced, the
store is unavailable, or the surroundings are configured wrongly.
"""

from __future__ import annotations

from callscope.ports import Storage
from callscope.settings import Settings
from callscope.storage.folder import FolderStorage

__all__ = ["FolderStorage", "open_storage"]


def open_storage(settings: Settings) -> Storage:
    """Return the store that the settings name; nothing is contacted yet."""
    match settings.store:
        case "folder":
            return FolderStorage(settings.store_folder)
        case "s3":
            # boto3 costs a quarter of a second and 30 MB: only who uses it pays.
            from callscope.storage.s3 import S3Storage  # noqa: PLC0415

            return S3Storage(
                endpoint=settings.s3_endpoint,
                region=settings.s3_region,
                access_key=settings.s3_access_key,
                secret_key=settings.s3_secret_key.get_secret_value() if settings.s3_secret_key else None,
            )
