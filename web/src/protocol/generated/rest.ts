/* Generated from docs/openapi.json by `npm run generate`: do not edit. */

export interface Schemas {
  Account: Account;
  AccountPatch: AccountPatch;
  Credentials: Credentials;
  Event: Event;
  Invite: Invite;
  InvitePreview: InvitePreview;
  InvitedRoom: InvitedRoom;
  JwkSet: JwkSet;
  Leaving: Leaving;
  Listed_Invite_: Listed_Invite_;
  Listed_Member_: Listed_Member_;
  Listed_RoomEntry_: Listed_RoomEntry_;
  Listed_Room_: Listed_Room_;
  Listed_Session_: Listed_Session_;
  Listed_User_: Listed_User_;
  Me: Me;
  Member: Member;
  MessagePatch: MessagePatch;
  Mute: Mute;
  NewDirectRoom: NewDirectRoom;
  NewInvite: NewInvite;
  NewMembers: NewMembers;
  NewMessage: NewMessage;
  NewRoom: NewRoom;
  NoFields: NoFields;
  Page: Page;
  PasswordChange: PasswordChange;
  ReadTo: ReadTo;
  Readers: Readers;
  Registered: Registered;
  Registration: Registration;
  RolePatch: RolePatch;
  Room: Room;
  RoomEntry: RoomEntry;
  RoomPatch: RoomPatch;
  Session: Session;
  SignedIn: SignedIn;
  Stored: Stored;
  Ticket: Ticket;
  User: User;
  Version: Version;
  FieldProblem: FieldProblem;
  Problem: Problem;
}
/**
 * Oneself.
 */
export interface Account {
  id: string;
  username: string;
  display_name: string;
  kind: "person" | "bot";
  active: boolean;
  locale: string | null;
  created_at: string;
}
/**
 * What of one's account changes (JSON Merge Patch, RFC 7396).
 */
export interface AccountPatch {
  display_name?: string | null;
  locale?: string | null;
}
/**
 * Who signs in.
 */
export interface Credentials {
  username: string;
  password: string;
}
/**
 * One event of a room's log; `prev` is the room's previous shown event.
 */
export interface Event {
  epoch: number;
  seq: number;
  prev: number | null;
  ts: number;
  e: {
    [k: string]: unknown | undefined;
  };
}
/**
 * An invite; `code` and `url` are null if they were made under another signing key.
 */
export interface Invite {
  code: string | null;
  url: string | null;
  expires_at: string | null;
  max_uses: number | null;
  uses: number;
}
/**
 * What one who has an invite sees before joining.
 */
export interface InvitePreview {
  room: InvitedRoom;
  expires_at: string | null;
}
/**
 * The room behind an invite.
 */
export interface InvitedRoom {
  id: string;
  name: string | null;
  kind: "public" | "private";
  topic: string | null;
  member_count: number;
}
/**
 * The public keys of access tokens (RFC 7517).
 */
export interface JwkSet {
  keys: {
    [k: string]: unknown | undefined;
  }[];
}
/**
 * Who becomes an owner instead.
 */
export interface Leaving {
  successor?: string | null;
}
export interface Listed_Invite_ {
  items: Invite[];
  next_cursor?: string | null;
}
export interface Listed_Member_ {
  items: Member[];
  next_cursor?: string | null;
}
/**
 * A member of a room.
 */
export interface Member {
  user: User;
  role: "owner" | "moderator" | "member";
  joined_seq: number;
  read_seq: number;
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
export interface Listed_RoomEntry_ {
  items: RoomEntry[];
  next_cursor?: string | null;
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
 * One's own membership.
 */
export interface Me {
  role: "owner" | "moderator" | "member";
  joined_seq: number;
}
export interface Listed_Room_ {
  items: Room[];
  next_cursor?: string | null;
}
/**
 * A room as in `GET /rooms/{id}`.
 */
export interface Room {
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
}
export interface Listed_Session_ {
  items: Session[];
  next_cursor?: string | null;
}
/**
 * A place where one is signed in.
 */
export interface Session {
  id: string;
  created_at: string;
  last_seen_at: string;
  user_agent: string;
  address: string;
  current: boolean;
}
export interface Listed_User_ {
  items: User[];
  next_cursor?: string | null;
}
/**
 * The new text of a message.
 */
export interface MessagePatch {
  text: string;
  mentions?: string[];
}
/**
 * Until when a room does not alert.
 */
export interface Mute {
  until: string | "forever" | null;
}
/**
 * With whom.
 */
export interface NewDirectRoom {
  user_id: string;
}
/**
 * How long (seconds) and how often an invite works.
 */
export interface NewInvite {
  expires_in?: number;
  max_uses?: number | null;
}
/**
 * Who is added; present members are ignored.
 */
export interface NewMembers {
  user_ids: string[];
}
/**
 * A message to be sent.
 */
export interface NewMessage {
  text?: string;
  media?: string[];
  reply_to?: number | null;
  mentions?: string[];
  mention_all?: boolean;
  notify?: "normal" | "silent" | "urgent";
  ext?: {
    [k: string]: unknown | undefined;
  } | null;
}
/**
 * A room to be made.
 */
export interface NewRoom {
  name: string;
  kind: "public" | "private";
  topic?: string | null;
  history?: "all" | "since_join";
  member_ids?: string[];
}
/**
 * A request that says all by its address.
 */
export interface NoFields {}
/**
 * All that is visible in `(from, to]`, as of `as_of`.
 */
export interface Page {
  epoch: number;
  from: number;
  to: number;
  as_of: number;
  items: Event[];
  has_before: boolean;
  has_after: boolean;
}
/**
 * A new password.
 */
export interface PasswordChange {
  old: string;
  new: string;
}
/**
 * Up to where one has read.
 */
export interface ReadTo {
  seq: number;
}
/**
 * How many others have read up to a message.
 */
export interface Readers {
  count: number;
}
/**
 * The new account; one is not signed in yet.
 */
export interface Registered {
  user: User;
}
/**
 * A new account.
 */
export interface Registration {
  username: string;
  password: string;
  display_name?: string | null;
  locale?: string | null;
}
/**
 * The new role.
 */
export interface RolePatch {
  role: "owner" | "moderator" | "member";
}
/**
 * What of a room changes (JSON Merge Patch); `topic` null takes it away.
 */
export interface RoomPatch {
  name?: string | null;
  topic?: string | null;
  history?: ("all" | "since_join") | null;
  members_invite?: boolean | null;
}
/**
 * An access token for ten minutes; the refresh token is in the cookie `kt_refresh`.
 */
export interface SignedIn {
  access_token: string;
  token_type: "Bearer";
  expires_in: number;
  user: User;
}
/**
 * Where a message lies; null only if a repeat is known by its key alone.
 */
export interface Stored {
  epoch: number | null;
  seq: number | null;
}
/**
 * Opens one WebSocket within `expires_in` seconds.
 */
export interface Ticket {
  ticket: string;
  expires_in: number;
}
/**
 * What runs here.
 */
export interface Version {
  version: string;
  commit: string;
  protocol?: 1;
}
/**
 * What is wrong with one field.
 */
export interface FieldProblem {
  field: string;
  detail: string;
}
/**
 * The body of every error (RFC 9457).
 */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  errors: FieldProblem[];
}
