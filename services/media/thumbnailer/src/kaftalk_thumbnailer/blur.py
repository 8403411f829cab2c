"""What a client shows before it has the picture: a WebP of 16 px, which browsers enlarge and blur by themselves.

ThumbHash and BlurHash are 20-80 bytes smaller and need a decoder in every client; this one needs an `<img>`.
"""

from base64 import b64encode
from io import BytesIO

from PIL import Image

from kaftalk_thumbnailer.fitting import fitting_size

SIDE_MAX = 16


def blur(picture: Image.Image) -> str:
    """Return base64 of the placeholder, about 150 characters, at most 1,000."""
    buffer = BytesIO()
    small = picture.resize(fitting_size(picture.size, SIDE_MAX), Image.Resampling.BOX)
    small.save(buffer, "WEBP", quality=30, method=4)
    return b64encode(buffer.getvalue()).decode()
