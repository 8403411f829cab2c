"""Every Redis key and the shape behind it: written by one service, read by another.

Redis is a view. A missing room key is "unknown", never "empty". Times in values are Unix milliseconds.
"""

from kaftalk_protocol.ids import MediaId, RoomId, UserId

# --- the view of a room: written only by the compare-and-set of kaftalk_views ---


def room(room: RoomId) -> str:
    """Hash: epoch, base, applied_seq, shown_seq, meta, member_count, notes_from, last_item, activity_ms."""
    return f"room:{room}"


def room_members(room: RoomId) -> str:
    """Hash: user id → `<role>:<joined_seq>`."""
    return f"room:{room}:members"


def room_bans(room: RoomId) -> str:
    """Set of user ids."""
    return f"room:{room}:bans"


def room_invites(room: RoomId) -> str:
    """Hash: hash of the code → JSON {by, expires_at, max_uses, uses, off}."""
    return f"room:{room}:invites"


def room_streams(room: RoomId) -> str:
    """Hash: `<user>:<stream>` → `<highest n>:<window in hex>:<last ts>`."""
    return f"room:{room}:streams"


def room_voids(room: RoomId) -> str:
    """Hash: seq → reason, for every record that nobody sees."""
    return f"room:{room}:voids"


def room_notes(room: RoomId) -> str:
    """Hash: seq of a message → JSON {at, edited?, deleted?}: annotations, `at` is the seq they are of."""
    return f"room:{room}:notes"


def room_reactions(room: RoomId, seq: int) -> str:
    """Hash: `<emoji> <user>` → seq of the reaction, for one message."""
    return f"room:{room}:reactions:{seq}"


def room_index(room: RoomId) -> str:
    """Sorted set of the newest messages that are not deleted, score and member are the seq (for unread counts)."""
    return f"room:{room}:index"


def room_mentions(room: RoomId) -> str:
    """Sorted set `<seq>:<user or *>` by seq, of messages in the index."""
    return f"room:{room}:mentions"


def room_cursors(room: RoomId) -> str:
    """Hash: user id → read_seq; never falls."""
    return f"room:{room}:cursors"


def room_mutes(room: RoomId) -> str:
    """Hash: user id → muted until (ms), or `forever`."""
    return f"room:{room}:mutes"


def user_rooms(user: UserId) -> str:
    """Set of the ids of the rooms that a user is a member of."""
    return f"user:{user}:rooms"


DIRECTORY = "directory"
"""Hash: id of a public, live room → JSON {name, topic}."""

GENERATION = "view:generation"
"""String: changes when the views were lost; read every second by owners, who then rebuild."""

VIEW_SHARDS = "view:shards"
"""Hash: shard → the generation for which all its views are made; until then a user's set of rooms may lack some."""

VIEW_ACCOUNTS = "view:accounts"
"""String: the generation for which all accounts are written; until then a user who is missing proves nothing."""

ROOM_POOL = "room-pool"
"""List of ids of rooms whose topics are ready; a hint only, the log decides."""


def dirty_cursors(shard: int) -> str:
    """Set of `<room> <user>` whose cursor or mute is not yet in Kafka."""
    return f"dirty-cursors:{shard}"


def notes_lock(room: RoomId) -> str:
    """String with expiry: somebody makes a room's annotations again."""
    return f"lock:notes:{room}"


# --- delivery and gateways ---


def shard_positions(shard: int) -> str:
    """Hash: room id → seq that every subscribed gateway has acknowledged; only grows."""
    return f"shard:{shard}:positions"


DELIVERIES = "deliveries"
"""Sorted set `<instance>|<link url>` by the ms of its last heartbeat (every 2 s, dead after 10 s)."""

GATEWAYS = "gateways"
"""Sorted set `<instance>|<internal url>` by the ms of its last heartbeat."""


def online(user: UserId) -> str:
    """Sorted set of gateway ids by the ms at which the entry ends (refreshed every 20 s, 60 s ahead)."""
    return f"online:{user}"


def presence(user: UserId) -> str:
    """Hash: gateway id → `<online|away>:<ms at which it ends>`."""
    return f"presence:{user}"


def gateway_channel(gateway: str) -> str:
    """Pub/sub channel: JSON {kind: "stream"|"session"|"oldest", …} for one gateway."""
    return f"gateway:{gateway}"


def stream_owner(user: UserId, stream: str) -> str:
    """String `<gateway>|<connection>`: the socket that has a stream; kept 24 h, or 15 min after it closed."""
    return f"stream:{user}:{stream}"


def connections(user: UserId) -> str:
    """Sorted set `<gateway>|<connection>` by the ms at which the connection opened."""
    return f"connections:{user}"


# --- quiet hours: written by dnd-batch, but for the counters ---


def quiet(user: UserId) -> str:
    """String: JSON of `quiet_state.QuietState`; missing means no quiet hours, if `VIEW_QUIET` is of the generation."""
    return f"quiet:{user}"


QUIET_ORG = "quiet:org"
"""String: JSON {urgent_allowed}, for senders to people without quiet hours; missing means the default, allowed."""

VIEW_QUIET = "view:quiet"
"""String: the generation for which all states are written; until then a user who is missing proves nothing."""

VIEW_QUIET_SHARDS = "view:quiet:shards"
"""Hash: shard → the generation for which the states of its users are written; all of them make `VIEW_QUIET`."""

DND_BATCHES = "dnd-batches"
"""Sorted set `<instance>|<internal url>` by the ms of its last heartbeat."""

DND_OWNERS = "dnd-owners"
"""Hash: shard → `<instance>|<internal url>|<fence>` (rewritten every 2 s; a hint, the log decides)."""


def user_lost(user: UserId) -> str:
    """Hash: room → `<seq> <ts> [reason, name]` of its loss by a kick or deletion; the newest 100 (a view)."""
    return f"user:{user}:lost"


def urgent(recipient: UserId, sender: UserId, day: str) -> str:
    """Set `<room> <message id>` with expiry: the sender's messages that pierced on `day` (UTC, YYYY-MM-DD)."""
    return f"urgent:{recipient}:{sender}:{day}"


# --- media: written by the media service ---


def media(media: MediaId) -> str:
    """String: JSON of `media.MediaView`; missing means there is none, if `VIEW_MEDIA` is of the generation."""
    return f"media:{media}"


def media_bytes(user: UserId) -> str:
    """String: how many bytes of media a user has, as announced; moves with the views."""
    return f"media-bytes:{user}"


def media_room_bytes(room: RoomId) -> str:
    """String: how many bytes of media a room has, as announced; moves with the views."""
    return f"media-room-bytes:{room}"


VIEW_MEDIA = "view:media"
"""String: the generation for which all media are written; until then one that is missing proves nothing."""

VIEW_MEDIA_SHARDS = "view:media:shards"
"""Hash: shard → the generation for which the media of its rooms are written; all of them make `VIEW_MEDIA`."""


# --- accounts ---


def user(user: UserId) -> str:
    """String: JSON {id, username, display_name, kind, active, locale, created_at (ms)}."""
    return f"user:{user}"


def username(name: str) -> str:
    """String: user id."""
    return f"username:{name}"


def credential(user: UserId) -> str:
    """String: the argon2id hash."""
    return f"credential:{user}"


def session(sid: str) -> str:
    """Hash: user, created_ms, seen_ms, agent, address, refresh hashes."""
    return f"session:{sid}"


def user_sessions(user: UserId) -> str:
    """Set of session ids."""
    return f"user:{user}:sessions"


ENDED_SESSIONS = "sessions:ended"
"""Sorted set of session ids by the ms at which they ended (kept 10 min); gateways read it every second."""


def ticket(digest: str) -> str:
    """String with 30 s expiry: JSON {user, sid}; taken with GETDEL by the gateway. `digest` is SHA-256 in hex."""
    return f"ticket:{digest}"


def kept_answer(digest: str) -> str:
    """Hash with 24 h expiry: what an `Idempotency-Key` was answered."""
    return f"idempotency:{digest}"


def limit(kind: str, subject: str) -> str:
    """State of one rate limit."""
    return f"limit:{kind}:{subject}"
