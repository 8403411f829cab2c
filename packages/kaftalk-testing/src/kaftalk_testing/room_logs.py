"""Logs of a room for tests: people, a script that folds record by record, and random records for Hypothesis."""

import uuid

from hypothesis import strategies as st

from kaftalk_protocol.ids import RoomId, StreamId, UserId
from kaftalk_protocol.records import (
    AnyRecord,
    Ban,
    Delete,
    Edit,
    Invite,
    Join,
    Kick,
    Leave,
    Media,
    Message,
    Reaction,
    RoleChange,
    Room,
    RoomKind,
    Unknown,
)
from kaftalk_protocol.room_state import Reason, RoomState

ROOM = RoomId("b7d9a8f0-0a51-4c39-8a32-111111111111")
ANN, BOB, CYD, DAN = (UserId(str(uuid.UUID(int=i + 1, version=4))) for i in range(4))
PEOPLE = (ANN, BOB, CYD, DAN)
STREAMS = tuple(StreamId(str(uuid.UUID(int=i + 100, version=4))) for i in range(2))
START_MS = 1_800_000_000_000


def message(by: UserId, n: int = 1, text: str = "hello", stream: StreamId = STREAMS[0], **fields: object) -> Message:
    """Write message `n` of a stream."""
    return Message.model_validate({"id": f"{stream}:{n}", "by": by, "text": text, **fields})


class RoomScript:
    """A room that Ann created, and the verdict on each record that is added."""

    def __init__(self, kind: RoomKind = "public", **fields: object) -> None:
        members = {ANN: "member", BOB: "member"} if kind == "direct" else {ANN: "owner"}
        opening = {"by": ANN, "kind": kind, "members": members, **fields}
        if kind != "direct":
            opening.setdefault("name", "tea")
        self.state = RoomState(ROOM)
        self.log: list[tuple[int, AnyRecord]] = []
        self.now_ms = START_MS
        assert self.add(Room.model_validate(opening)) is None

    def add(self, record: AnyRecord, *, later_ms: int = 1) -> Reason | None:
        """Append a record and say why it is void, or None if it is taken."""
        self.now_ms += later_ms
        self.log.append((self.now_ms, record))
        return self.state.apply(len(self.log) - 1, self.now_ms, record).reason

    def enter(self, *users: UserId, role: str = "member") -> "RoomScript":
        """Let Ann, the owner, add people."""
        for user in users:
            join = Join.model_validate({"user": user, "by": ANN, "how": "add", "role": role})
            assert self.add(join) is None
        return self


_people = st.sampled_from(PEOPLE)
_roles = st.sampled_from(["member", "moderator", "owner"])
_targets = st.integers(-1, 30)
_digests = st.sampled_from(["aa", "bb"])
_maybe = st.none() | st.booleans()

RECORDS: st.SearchStrategy[AnyRecord] = st.one_of(
    st.builds(message, _people, st.integers(1, 6), stream=st.sampled_from(STREAMS)),
    st.builds(message, _people, st.integers(1, 200), stream=st.sampled_from(STREAMS), mention_all=st.booleans()),
    st.builds(Edit, by=_people, target=_targets, author=_people, text=st.just("edited")),
    st.builds(Delete, by=_people, target=_targets, author=_people),
    st.builds(Reaction, by=_people, target=_targets, emoji=st.sampled_from(["👍", "🫖", ""]), on=st.booleans()),
    st.builds(
        Join, user=_people, by=_people, role=_roles, how=st.sampled_from(["join", "add", "invite"]),
        invite=st.none() | _digests,
    ),
    st.builds(lambda user: Join(user=user, by=user), _people),
    st.builds(Leave, user=_people, successor=st.none() | _people),
    st.builds(Kick, user=_people, by=_people),
    st.builds(Ban, user=_people, by=_people, on=st.booleans()),
    st.builds(RoleChange, user=_people, role=_roles, by=_people),
    st.builds(
        Invite, by=_people, invite=_digests, expires_at=st.none() | st.just(START_MS + 10),
        max_uses=st.none() | st.integers(0, 2), off=st.booleans(),
    ),
    st.builds(
        Room, by=_people, name=st.none() | st.just("coffee"), topic=st.none() | st.just(""), archived=_maybe,
        members_invite=_maybe, kind=st.none() | st.just("public"),
    ),
    st.builds(Media, media=st.just("m"), status=st.just("ready")),
    st.just(Unknown(k="poll")),
)  # fmt: skip
"""Any record by any of `PEOPLE`, right or wrong."""

OPENINGS: st.SearchStrategy[AnyRecord] = st.builds(
    Room,
    by=st.just(ANN),
    kind=st.sampled_from(["public", "private", "direct"]),
    name=st.just("tea"),
    members=st.just({ANN: "owner", BOB: "member"}),
)
"""The first record of a room."""

LOGS: st.SearchStrategy[list[AnyRecord]] = st.builds(
    lambda opening, rest: [opening, *rest], OPENINGS, st.lists(RECORDS, max_size=40)
)
"""A whole log from its first record."""
