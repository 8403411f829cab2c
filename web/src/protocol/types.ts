/** The wire contract, version 1: REST objects, records, and the two directions of WebSocket frames. */

export type UserId = string;
export type RoomId = string;
export type Seq = number;

export interface User {
  id: UserId;
  username: string;
  display_name: string;
  kind: "person" | "bot";
  active: boolean;
}

export interface Me extends User {
  locale: string | null;
  created_at: string;
}

export type Role = "owner" | "moderator" | "member";
export type RoomKind = "public" | "private" | "direct";

export interface Room {
  id: RoomId;
  name: string | null;
  kind: RoomKind;
  topic: string | null;
  history: "all" | "since_join";
  members_invite: boolean;
  created_at: string;
  created_by: UserId;
  member_count: number;
  archived: boolean;
  peer: User | null;
  me: { role: Role; joined_seq: Seq } | null;
}

/** A room of one's own, as in `GET /rooms`. */
export interface RoomEntry extends Room {
  unread: number;
  mentions: number;
  last_event: RoomEvent | null;
  head: Seq;
  read_seq: Seq;
  muted_until: string | null;
}

export interface Member {
  user: User;
  role: Role;
  joined_seq: Seq;
  read_seq: Seq;
}

export interface Invite {
  code: string | null;
  url: string | null;
  expires_at: string | null;
  max_uses: number | null;
  uses: number;
}

/** What one who has an invite sees before joining. */
export interface InvitePreview {
  room: Pick<Room, "id" | "name" | "topic" | "member_count">;
  expires_at: string | null;
}

export interface Listing<T> {
  items: T[];
  next_cursor: string | null;
}

export interface SignedIn {
  access_token: string;
  expires_in: number;
  user: User;
}

export interface Problem {
  status: number;
  code: string;
  detail: string;
  errors: { field: string; detail: string }[];
}

interface Kind<K extends string> {
  v: number;
  k: K;
}

export interface MessageRecord extends Kind<"message"> {
  id: string;
  by: UserId;
  text: string;
  reply_to: Seq | null;
  mentions: UserId[];
  mention_all: boolean;
  edited?: { seq: Seq; ts: number } | null;
  reactions?: Reaction[];
}

export interface Reaction {
  emoji: string;
  count: number;
  me: boolean;
}

export interface DeletedRecord extends Kind<"deleted"> {
  id: string;
  by: UserId;
  deleted_by: UserId;
}

export type EditRecord = Kind<"edit"> & {
  by: UserId;
  target: Seq;
  author: UserId;
  text: string;
  mentions: UserId[];
};
export type DeleteRecord = Kind<"delete"> & { by: UserId; target: Seq; author: UserId };
export type ReactionRecord = Kind<"reaction"> & { by: UserId; target: Seq; emoji: string; on: boolean };
export type JoinRecord = Kind<"join"> & { user: UserId; by: UserId; how: "join" | "add" | "invite" };
export type LeaveRecord = Kind<"leave"> & { user: UserId };
export type KickRecord = Kind<"kick"> & { user: UserId; by: UserId };
export type BanRecord = Kind<"ban"> & { user: UserId; by: UserId; on: boolean };
export type RoleRecord = Kind<"role"> & { user: UserId; role: Role; by: UserId };
export type RoomRecord = Kind<"room"> & {
  by: UserId;
  kind?: RoomKind | null;
  name?: string | null;
  topic?: string | null;
  archived?: boolean | null;
};

/** What `e` may hold; kinds that this version does not know arrive too and match none of these. */
export type KnownRecord =
  | MessageRecord
  | DeletedRecord
  | EditRecord
  | DeleteRecord
  | ReactionRecord
  | JoinRecord
  | LeaveRecord
  | KickRecord
  | BanRecord
  | RoleRecord
  | RoomRecord;

export interface RoomEvent {
  epoch: number;
  seq: Seq;
  prev: Seq | null;
  ts: number;
  e: KnownRecord;
}

export interface Page {
  epoch: number;
  from: Seq;
  to: Seq;
  as_of: Seq;
  items: RoomEvent[];
  has_before: boolean;
  has_after: boolean;
}

export type Resume = Record<RoomId, [epoch: number, seq: Seq]>;

export type ClientFrame =
  | { t: "hello"; ticket: string; stream: string; resume?: Resume }
  | { t: "resume"; resume: Resume }
  | { t: "send"; id: string; room: RoomId; n: number; text: string; mentions?: UserId[]; reply_to?: Seq }
  | { t: "edit"; id: string; room: RoomId; seq: Seq; text: string; mentions?: UserId[] }
  | { t: "delete"; id: string; room: RoomId; seq: Seq }
  | { t: "react"; id: string; room: RoomId; seq: Seq; emoji: string; on: boolean }
  | { t: "history"; id: string; room: RoomId; before?: Seq; after?: Seq; around?: Seq; limit?: number }
  | { t: "read"; room: RoomId; seq: Seq }
  | { t: "typing"; room: RoomId; kind: "text" | "voice" | "none" }
  | { t: "focus"; room: RoomId | null }
  | { t: "active"; on: boolean }
  | { t: "watch"; users: UserId[] }
  | { t: "ping"; id: string };

export type Presence = "online" | "away" | "quiet" | "offline";

export interface Limits {
  text: number;
  frame_bytes: number;
  sends_per_s: number;
}

export type ServerFrame =
  | {
      t: "welcome";
      user: User;
      gateway: string;
      now: number;
      heartbeat_ms: number;
      limits: Limits;
      features: string[];
    }
  | ({ t: "event"; room: RoomId; past_hold?: boolean } & RoomEvent)
  | { t: "resumed"; room: RoomId; epoch: number; from: Seq; to: Seq; count: number }
  | { t: "reset"; room: RoomId; epoch: number | null; seq: Seq | null; reason: string }
  | { t: "ack"; id: string; room: RoomId; epoch: number | null; seq: Seq | null; dup?: boolean }
  | { t: "error"; id?: string; code: string; detail: string; retry_after_ms?: number }
  | ({ t: "page"; id: string; room: RoomId } & Page)
  | { t: "room"; change: "added" | "updated"; room: RoomEntry }
  | { t: "room"; change: "removed"; room: { id: RoomId; reason: "left" | "kicked" | "deleted" } }
  | { t: "typing"; room: RoomId; user: UserId; kind: "text" | "voice" | "none" }
  | { t: "presence"; user: UserId; state: Presence; until?: number }
  | { t: "read"; room: RoomId; user: UserId; seq: Seq }
  | { t: "user"; user: User }
  | { t: "pong"; id: string; now: number }
  | { t: "drain"; after_ms: number };
