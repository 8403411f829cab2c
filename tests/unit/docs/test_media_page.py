"""The media page names every setting of the media service that the others do not have, and no other."""

import re

from kaftalk_media.settings import Settings
from kaftalk_runtime.settings import ServiceSettings
from kaftalk_testing.tools import repository

PROXY = {"KAFTALK_S3", "KAFTALK_S3_PORT", "KAFTALK_S3_ORIGIN"}
FUNCTION = {"KAFTALK_MEDIA_BYTES_MAX"}
ELSEWHERE = {"KAFTALK_PORT", "KAFTALK_INTERNAL_KEYS"}


def test_the_page_names_the_settings_that_there_are() -> None:
    page = (repository() / "docs/media.md").read_text()
    named = set(re.findall(r"`(KAFTALK_[A-Z0-9_]+)`", page)) - PROXY - FUNCTION - ELSEWHERE
    own = set(Settings.model_fields) - set(ServiceSettings.model_fields)
    assert named == {f"KAFTALK_{field.upper()}" for field in own}
    caddyfile = (repository() / "deploy/local/Caddyfile").read_text()
    assert all(f"{{${key}" in caddyfile for key in PROXY)
