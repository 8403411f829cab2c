"""Records in memory, small: an owner holds all of its shards', and they are much alike."""

import zlib

# What most records have in common, the most frequent last (zlib's advice).
_COMMON = (
    b'"animated":true,"duration_ms":"peaks":[0,1,2,3,"voice","file","upload_id":"part_bytes":16777216,"rejected",'
    b'"reason":"unreadable""content_type":"application/pdf"audio/mp4image/pngimage/webpvoice.m4aoriginal.png'
    b'{"v":1,"id":"","room":"","by":"","kind":"image","name":".jpg","content_type":"image/jpeg","size":,"sha256":"=",'
    b'"created_ms":17,"state":"ready","width":,"height":,"blur":"UklGR","variants":{'
    b'"original":{"key":"media///original.jpg","content_type":"image/jpeg","size":,"width":,"height":},'
    b'"preview":{"key":"media///preview.webp","content_type":"image/webp","size":,"width":1280,"height":960},'
    b'"thumb":{"key":"media///thumb.webp","content_type":"image/webp","size":,"width":320,"height":240}}}'
    b'"seq":,"message":":","removed":false,"told":"ready"}'
)


# Made once: most of the time would go into reading what is common.
_PACKER = zlib.compressobj(level=3, wbits=-12, memLevel=4, zdict=_COMMON)


def pack(value: bytes) -> bytes:
    """Make a record small; equal ones become equal."""
    packer = _PACKER.copy()
    return packer.compress(value) + packer.flush()


def unpack(packed: bytes) -> bytes:
    """Give the record back."""
    return zlib.decompressobj(wbits=-12, zdict=_COMMON).decompress(packed)
