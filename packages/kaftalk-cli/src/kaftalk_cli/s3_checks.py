"""The bucket: there, and read with the credentials that are set."""

from kaftalk_cli.findings import Finding, good, wrong
from kaftalk_cli.media_files import open_store
from kaftalk_cli.settings import CliSettings
from kaftalk_media.errors import StoreAway

_NOTHING = "incoming/doctor"


async def check_s3(settings: CliSettings) -> list[Finding]:
    """Ask for an object that nobody has written: a bucket that answers says so."""
    subject, place = "s3", f"{settings.s3_endpoint or 'AWS'}, bucket {settings.s3_bucket}"
    try:
        async with open_store(settings) as store:
            await store.read(_NOTHING)
    except StoreAway as error:
        fix = "start it, or correct KAFTALK_S3_ENDPOINT, _BUCKET, _ACCESS_KEY, _SECRET_KEY and the clock"
        return [wrong(subject, f"{place}: {error.args[-1]}", fix)]
    return [good(subject, place)]
