"""Where browsers find the bucket: the address that the template puts out, and the page's policy names."""

import pytest

from kaftalk_media.object_store import ObjectStore, Place


@pytest.mark.parametrize("region", ["us-east-1", "ap-northeast-2"])
async def test_the_bucket_at_aws_has_the_address_of_its_region(region: str) -> None:
    store = ObjectStore(Place("kaftalk-media", region, access_key="AKIA", secret_key="secret"))
    await store.start()
    put = await store.presign_put("incoming/image/r/m", content_type="image/png", size=3, sha256="x", for_s=300)
    get = await store.presign_get("media/r/m/thumb.webp", content_type="image/webp", disposition="inline", for_s=60)
    await store.stop()
    origin = f"https://kaftalk-media.s3.{region}.amazonaws.com"
    assert put.url.startswith(f"{origin}/incoming/image/r/m?")
    assert get.startswith(f"{origin}/media/r/m/thumb.webp?")
