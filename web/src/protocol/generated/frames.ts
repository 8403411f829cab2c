/* Generated from docs/asyncapi.json by `npm run generate`: do not edit. */

/**
 * A record as it is stored (live, resumed), or a message as of now (pages, releases).
 */
export type Shown =
  | RecordMessage
  | RecordEdit
  | RecordDelete
  | RecordReaction
  | RecordJoin
  | RecordLeave
  | RecordKick
  | RecordBan
  | RecordRoleChange
  | RecordInvite
  | RecordRoom
  | RecordMedia
  | MessageItem
  | DeletedItem;

export interface Schemas {
  ClientActive: ClientActive;
  ClientDelete: ClientDelete;
  ClientEdit: ClientEdit;
  ClientFocus: ClientFocus;
  ClientHello: ClientHello;
  ClientHistory: ClientHistory;
  ClientPing: ClientPing;
  ClientReact: ClientReact;
  ClientRead: ClientRead;
  ClientResume: ClientResume;
  ClientSend: ClientSend;
  ClientTyping: ClientTyping;
  ClientWatch: ClientWatch;
  Ack: Ack;
  Alert: Alert;
  Digest: Digest;
  DigestRoom: DigestRoom;
  Drain: Drain;
  Error: Error;
  Event: Event;
  EventFrame: EventFrame;
  Held: Held;
  HeldCount: HeldCount;
  Limits: Limits;
  Me: Me;
  PageFrame: PageFrame;
  Pong: Pong;
  Presence: Presence;
  Quiet: Quiet;
  Read: Read;
  Release: Release;
  ReleasedRoom: ReleasedRoom;
  RemovedRoom: RemovedRoom;
  Reset: Reset;
  Resumed: Resumed;
  RoomEntry: RoomEntry;
  RoomFrame: RoomFrame;
  Typing: Typing;
  User: User;
  UserFrame: UserFrame;
  Welcome: Welcome;
  RecordBan: RecordBan;
  RecordDelete: RecordDelete;
  RecordEdit: RecordEdit;
  RecordInvite: RecordInvite;
  RecordJoin: RecordJoin;
  RecordKick: RecordKick;
  RecordLeave: RecordLeave;
  RecordMedia: RecordMedia;
  RecordMessage: RecordMessage;
  RecordReaction: RecordReaction;
  RecordRoleChange: RecordRoleChange;
  RecordRoom: RecordRoom;
  DeletedItem: DeletedItem;
  Edited: Edited;
  MessageItem: MessageItem;
  ReactionCount: ReactionCount;
  Shown: Shown;
}
/**
 * Tell whether the person is at the device.
 */
export interface ClientActive {
  t: "active";
  on: boolean;
}
/**
 * Take a message away.
 */
export interface ClientDelete {
  t: "delete";
  id: string;
  room: string;
  seq: number;
}
/**
 * Replace the text of an own message.
 */
export interface ClientEdit {
  t: "edit";
  id: string;
  room: string;
  seq: number;
  text: string;
  mentions?: string[];
}
/**
 * Name the room that is open and visible.
 */
export interface ClientFocus {
  t: "focus";
  room: string | null;
}
/**
 * Open the session; `resume` maps room ids to [epoch, seq].
 */
export interface ClientHello {
  t: "hello";
  ticket: string;
  stream: string;
  resume?: {
    [k: string]: unknown[] | undefined;
  };
}
/**
 * Ask for a page; at most one of `before`, `after`, `around`, none means newest.
 */
export interface ClientHistory {
  t: "history";
  id: string;
  room: string;
  before?: number | null;
  after?: number | null;
  around?: number | null;
  limit?: number;
}
/**
 * Ask for a `pong`.
 */
export interface ClientPing {
  t: "ping";
  id: string;
}
/**
 * Put or take away an emoji.
 */
export interface ClientReact {
  t: "react";
  id: string;
  room: string;
  seq: number;
  emoji: string;
  on: boolean;
}
/**
 * Move the read cursor.
 */
export interface ClientRead {
  t: "read";
  room: string;
  seq: number;
}
/**
 * More rooms to resume, after `welcome`.
 */
export interface ClientResume {
  t: "resume";
  resume: {
    [k: string]: unknown[] | undefined;
  };
}
/**
 * Send message `n` of this connection's stream in a room.
 */
export interface ClientSend {
  text?: string;
  media?: string[];
  reply_to?: number | null;
  mentions?: string[];
  mention_all?: boolean;
  notify?: "normal" | "silent" | "urgent";
  ext?: {
    [k: string]: unknown | undefined;
  } | null;
  t: "send";
  id: string;
  room: string;
  n: number;
}
/**
 * Tell that one is typing or recording.
 */
export interface ClientTyping {
  t: "typing";
  room: string;
  kind: "text" | "voice" | "none";
}
/**
 * Name the users whose presence is wanted; replaces.
 */
export interface ClientWatch {
  t: "watch";
  users: string[];
}
/**
 * The request is stored on Kafka; a repeat says `dup`, and may not know its place.
 */
export interface Ack {
  t: "ack";
  id: string;
  room: string;
  epoch: number | null;
  seq: number | null;
  dup?: boolean | null;
}
/**
 * A message sounds in spite of a hold; it stays held.
 */
export interface Alert {
  t: "alert";
  room: string;
  seq: number;
  by: string;
  reason: "urgent" | "vip" | "dm";
}
/**
 * What is released to one user: rooms with mentions and direct ones first, then latest activity; no muted ones.
 */
export interface Digest {
  total: number;
  mentions: number;
  rooms?: DigestRoom[];
}
/**
 * What is released of one room: others' messages, not deleted; `gone` says only that one is no member any more.
 *
 * A room that is gone has a `name` and no seqs. `preview` is not stored. Optional fields that are null stay out.
 */
export interface DigestRoom {
  room: string;
  count: number;
  mentions: number;
  first_seq?: number | null;
  last_seq?: number | null;
  last_by?: string | null;
  preview?: string | null;
  expired?: boolean | null;
  gone?: ("kicked" | "deleted") | null;
  name?: string | null;
}
/**
 * The gateway will go: reconnect after `after_ms`.
 */
export interface Drain {
  t: "drain";
  after_ms: number;
}
/**
 * A request failed; the connection stays open.
 */
export interface Error {
  t: "error";
  id?: string | null;
  code: string;
  detail: string;
  retry_after_ms?: number | null;
}
/**
 * One event of a room's log; `prev` is the room's previous shown event.
 */
export interface Event {
  epoch: number;
  seq: number;
  prev: number | null;
  ts: number;
  e: Shown;
}
/**
 * A message; its identity `(by, stream, n)` is for ever, `id` spells `<stream>:<n>`.
 */
export interface RecordMessage {
  v: number;
  k: "message";
  id: string;
  by: string;
  text?: string;
  media?: {
    [k: string]: unknown | undefined;
  }[];
  reply_to?: number | null;
  mentions?: string[];
  mention_all?: boolean;
  notify?: "normal" | "silent" | "urgent";
  ext?: {
    [k: string]: unknown | undefined;
  } | null;
}
/**
 * Replace the text of message `target`; `author` is filled in from the log by the service that writes it.
 */
export interface RecordEdit {
  v: number;
  k: "edit";
  by: string;
  target: number;
  author: string;
  text: string;
  mentions?: string[];
}
/**
 * Take message `target` away.
 */
export interface RecordDelete {
  v: number;
  k: "delete";
  by: string;
  target: number;
  author: string;
}
/**
 * Put (`on`) or take away one emoji at message `target`.
 */
export interface RecordReaction {
  v: number;
  k: "reaction";
  by: string;
  target: number;
  emoji: string;
  on: boolean;
}
/**
 * `user` becomes a member; `invite` is the hash of the code that was used.
 */
export interface RecordJoin {
  v: number;
  k: "join";
  user: string;
  by: string;
  role?: "owner" | "moderator" | "member";
  how?: "join" | "add" | "invite";
  invite?: string | null;
}
/**
 * `user` goes by herself; `successor` becomes an owner first.
 */
export interface RecordLeave {
  v: number;
  k: "leave";
  user: string;
  successor?: string | null;
}
/**
 * `by` removes `user`.
 */
export interface RecordKick {
  v: number;
  k: "kick";
  user: string;
  by: string;
}
/**
 * `user` may not join (`on`), or may again.
 */
export interface RecordBan {
  v: number;
  k: "ban";
  user: string;
  by: string;
  on: boolean;
}
/**
 * `user` gets `role`.
 */
export interface RecordRoleChange {
  v: number;
  k: "role";
  user: string;
  role: "owner" | "moderator" | "member";
  by: string;
}
/**
 * An invite code (by its hash) is made, or switched off; `expires_at` in ms.
 */
export interface RecordInvite {
  v: number;
  k: "invite";
  by: string;
  invite: string;
  expires_at?: number | null;
  max_uses?: number | null;
  off?: boolean;
}
/**
 * The room itself changes. The first record of an epoch carries all of it (`kind` is set there only).
 *
 * `members` of a creating record are members from its seq on; `state` holds the whole folded state where
 * an epoch above 0 begins.
 */
export interface RecordRoom {
  v: number;
  k: "room";
  by: string;
  kind?: ("public" | "private" | "direct") | null;
  name?: string | null;
  topic?: string | null;
  history?: ("all" | "since_join") | null;
  members_invite?: boolean | null;
  archived?: boolean | null;
  deleted?: boolean | null;
  members?: {
    [k: string]: "owner" | "moderator" | "member" | undefined;
  } | null;
  base?: number | null;
  state?: {
    [k: string]: unknown | undefined;
  } | null;
}
/**
 * The processing of a media object ended or changed; always passes.
 */
export interface RecordMedia {
  v: number;
  k: "media";
  media: string;
  status: string;
  [k: string]: unknown | undefined;
}
/**
 * A message with its annotations laid over.
 */
export interface MessageItem {
  v: number;
  k: "message";
  id: string;
  by: string;
  text?: string;
  media: {
    [k: string]: unknown | undefined;
  }[];
  reply_to?: number | null;
  mentions?: string[];
  mention_all?: boolean;
  notify?: "normal" | "silent" | "urgent";
  ext?: {
    [k: string]: unknown | undefined;
  } | null;
  edited: Edited | null;
  reactions: ReactionCount[];
}
/**
 * The last edit of a message.
 */
export interface Edited {
  seq: number;
  ts: number;
}
/**
 * How many put one emoji, and whether the reader did.
 */
export interface ReactionCount {
  emoji: string;
  count: number;
  me: boolean;
}
/**
 * What is left of a deleted message, at its seq.
 */
export interface DeletedItem {
  v: number;
  k: "deleted";
  id: string;
  by: string;
  deleted_by: string;
}
/**
 * One event, live or resumed.
 */
export interface EventFrame {
  epoch: number;
  seq: number;
  prev: number | null;
  ts: number;
  e: Shown;
  t: "event";
  room: string;
  past_hold?: boolean | null;
}
/**
 * What is held: whole after `welcome`, then the rooms that changed.
 */
export interface Held {
  t: "held";
  rooms: {
    [k: string]: HeldCount | undefined;
  };
  total: number;
}
/**
 * What is held of a room.
 */
export interface HeldCount {
  count: number;
  mentions: number;
}
/**
 * What the server takes and gives.
 */
export interface Limits {
  text: number;
  media: number;
  frame_bytes: number;
  server_frame_bytes: number;
  resume_events: number;
  sends_per_s: number;
}
/**
 * One's own membership.
 */
export interface Me {
  role: "owner" | "moderator" | "member";
  joined_seq: number;
}
/**
 * The answer to `history`.
 */
export interface PageFrame {
  epoch: number;
  from: number;
  to: number;
  as_of: number;
  items: Event[];
  has_before: boolean;
  has_after: boolean;
  t: "page";
  id: string;
  room: string;
}
/**
 * The answer to `ping`.
 */
export interface Pong {
  t: "pong";
  id: string;
  now: number;
}
/**
 * The presence of somebody.
 */
export interface Presence {
  t: "presence";
  user: string;
  state: "online" | "away" | "quiet" | "offline";
  until?: number | null;
}
/**
 * One's own quiet hours.
 */
export interface Quiet {
  t: "quiet";
  active: boolean;
  until: number | null;
  next_start: number | null;
}
/**
 * A read cursor moved.
 */
export interface Read {
  t: "read";
  room: string;
  user: string;
  seq: number;
}
/**
 * A part of what was held, at the end of a hold; `digest` is in part 1.
 */
export interface Release {
  t: "release";
  release_id: string;
  part: number;
  of: number;
  window: unknown[];
  late_by_s?: number | null;
  digest?: Digest | null;
  rooms: ReleasedRoom[];
}
/**
 * What was held of a room: the items in `(from, to]`, as of `to`; older ones come by `history before`.
 */
export interface ReleasedRoom {
  room: string;
  epoch: number;
  from: number;
  to: number;
  items: Event[];
}
/**
 * A room that is no longer one's own.
 */
export interface RemovedRoom {
  id: string;
  reason: "left" | "kicked" | "deleted";
}
/**
 * Drop what you have of a room, load a page, go on from `seq`.
 */
export interface Reset {
  t: "reset";
  room: string;
  epoch: number | null;
  seq: number | null;
  reason: "epoch" | "retention" | "too_far" | "not_member";
}
/**
 * All that was missed in a room has been sent.
 */
export interface Resumed {
  t: "resumed";
  room: string;
  epoch: number;
  from: number;
  to: number;
  count: number;
}
/**
 * A room as in `GET /rooms`: plus, flat, what is one's own about it.
 */
export interface RoomEntry {
  id: string;
  name: string | null;
  kind: "public" | "private" | "direct";
  topic: string | null;
  history: "all" | "since_join";
  members_invite: boolean;
  created_at: string;
  created_by: string;
  member_count: number;
  archived: boolean;
  peer: User | null;
  me: Me | null;
  unread: number;
  mentions: number;
  last_event: Event | null;
  head: number;
  read_seq: number;
  muted_until: string | null;
}
/**
 * A user as others see her.
 */
export interface User {
  id: string;
  username: string;
  display_name: string;
  kind: "person" | "bot";
  active: boolean;
}
/**
 * A room was added, changed or removed.
 */
export interface RoomFrame {
  t: "room";
  change: "added" | "updated" | "removed";
  room: RoomEntry | RemovedRoom;
}
/**
 * Somebody is typing.
 */
export interface Typing {
  t: "typing";
  room: string;
  user: string;
  kind: "text" | "voice" | "none";
}
/**
 * Somebody with whom one shares a room changed.
 */
export interface UserFrame {
  t: "user";
  user: User;
}
/**
 * The session is open.
 */
export interface Welcome {
  t: "welcome";
  user: User;
  gateway: string;
  now: number;
  heartbeat_ms: number;
  limits: Limits;
  features: string[];
}
