"""Which messages of a stream were taken: the highest n and a 64-bit window that ends at it (RFC 4303 3.4.3)."""

WINDOW_BITS = 64
_MASK = (1 << WINDOW_BITS) - 1


class StreamWindow:
    """The anti-replay window of one `(user, stream)`; bit i of `bits` says that `high - i` was taken.

    `last_ms` is the log time of the last message taken.
    """

    __slots__ = ("bits", "high", "last_ms")

    def __init__(self, high: int = 0, bits: int = 0, last_ms: int = 0) -> None:
        self.high = high
        self.bits = bits
        self.last_ms = last_ms

    def knows(self, n: int) -> bool:
        """Tell whether `n` was taken, or lies below the window, where it counts as taken."""
        behind = self.high - n
        return behind >= 0 and (behind >= WINDOW_BITS or bool(self.bits >> behind & 1))

    def take(self, n: int, now_ms: int) -> None:
        """Note `n`, which the window must not know yet."""
        ahead = n - self.high
        if ahead > 0:
            self.bits = (self.bits << ahead | 1) & _MASK if ahead < WINDOW_BITS else 1
            self.high = n
        else:
            self.bits |= 1 << -ahead
        self.last_ms = now_ms

    def copy(self) -> "StreamWindow":
        """Give an independent window of the same content."""
        return StreamWindow(self.high, self.bits, self.last_ms)

    def encode(self) -> str:
        """Spell the window as it lies in Redis: `<highest n>:<window in hex>:<last ms>`."""
        return f"{self.high}:{self.bits:x}:{self.last_ms}"

    @classmethod
    def decode(cls, text: str) -> "StreamWindow":
        """Read what `encode` wrote.

        Raises ValueError.
        """
        high, bits, last_ms = text.split(":")
        return cls(int(high), int(bits, 16), int(last_ms))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StreamWindow) and self.encode() == other.encode()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"StreamWindow({self.encode()})"
