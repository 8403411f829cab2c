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
  Away: Away;
  "DateException-Input": DateExceptionInput;
  "DateException-Output": DateExceptionOutput;
  DeviceZone: DeviceZone;
  Digest: Digest;
  DigestRoom: DigestRoom;
  Held: Held;
  HeldRoom: HeldRoom;
  Listed_PiercedMessage_: Listed_PiercedMessage_;
  Listed_Release_: Listed_Release_;
  NewQuietHours: NewQuietHours;
  "OrgQuiet-Input": OrgQuietInput;
  "OrgQuiet-Output": OrgQuietOutput;
  OthersQuiet: OthersQuiet;
  Pierce: Pierce3;
  PiercedMessage: PiercedMessage;
  Preview: Preview;
  PreviewItem: PreviewItem;
  QuietHours: QuietHours;
  Release: Release;
  SnoozeRequest: SnoozeRequest;
  Window: Window;
  ZoneReport: ZoneReport;
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
/**
 * Quiet from one moment to another, half-open.
 */
export interface Away {
  from: string;
  to: string;
}
/**
 * A date of the profile's zone that is quiet all day, or not quiet at all.
 */
export interface DateExceptionInput {
  date: string;
  kind: "quiet" | "no_quiet";
}
/**
 * A date of the profile's zone that is quiet all day, or not quiet at all.
 */
export interface DateExceptionOutput {
  date: string;
  kind: "quiet" | "no_quiet";
}
/**
 * `POST /me/quiet-hours/device-zone`: where a device says it is, and whether the person confirmed it.
 */
export interface DeviceZone {
  zone: string;
  confirmed?: boolean;
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
 * What is held now; `rooms` has those with messages.
 */
export interface Held {
  active: boolean;
  until: string | null;
  total: number;
  rooms: {
    [k: string]: HeldRoom | undefined;
  };
}
/**
 * What is held of a room.
 */
export interface HeldRoom {
  count: number;
  mentions: number;
  first_seq: number;
}
export interface Listed_PiercedMessage_ {
  items: PiercedMessage[];
  next_cursor?: string | null;
}
/**
 * A message that sounded in spite of one's quiet hours.
 */
export interface PiercedMessage {
  room: string;
  seq: number;
  by: string;
  reason: "urgent" | "vip" | "dm";
  ts: number;
}
export interface Listed_Release_ {
  items: Release[];
  next_cursor?: string | null;
}
/**
 * What was released at the end of a hold.
 */
export interface Release {
  release_id: string;
  window: unknown[];
  late_by_s?: number | null;
  digest: Digest;
}
/**
 * One's new profile; what `GET` gives besides is left aside.
 */
export interface NewQuietHours {
  zone?: string | null;
  zone_mode?: "fixed" | "follow_device";
  windows: Window[];
  holidays?: ("KR" | "JP" | "CN" | "US" | "DE") | null;
  exceptions?: DateExceptionInput[];
  away?: Away | null;
  deliver?: "hold" | "silent";
  pierce?: Pierce;
  share?: boolean;
}
/**
 * Quiet from `start` to `end`, half-open, on each of `days`, in wall-clock time.
 *
 * `end` before `start` is on the next day and belongs to the day it started on; `end` equal to `start` means 24
 * hours of the wall clock. "24:00" is the midnight that ends the day.
 */
export interface Window {
  days: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
  start: string;
  end: string;
  label?: string | null;
}
/**
 * Who and what may sound in quiet hours.
 */
export interface Pierce {
  vip?: string[];
  direct_send_anyway?: boolean;
  urgent_rooms?: boolean;
}
/**
 * The quiet hours of an organisation, as in `PUT /org/quiet-hours`; the default one says nothing.
 *
 * The fields of a profile hold for who has none of her own. `minimum` is quiet for everybody, in each one's own
 * zone, beside her own windows; `urgent_allowed: false` switches `notify: "urgent"` off.
 */
export interface OrgQuietInput {
  zone?: string | null;
  zone_mode?: "fixed" | "follow_device";
  windows?: Window[];
  holidays?: ("KR" | "JP" | "CN" | "US" | "DE") | null;
  exceptions?: DateExceptionInput[];
  away?: Away | null;
  deliver?: "hold" | "silent";
  pierce?: Pierce1;
  share?: boolean;
  urgent_allowed?: boolean;
  minimum?: Window[];
}
/**
 * Who and what may sound in quiet hours.
 */
export interface Pierce1 {
  vip?: string[];
  direct_send_anyway?: boolean;
  urgent_rooms?: boolean;
}
/**
 * The quiet hours of an organisation, as in `PUT /org/quiet-hours`; the default one says nothing.
 *
 * The fields of a profile hold for who has none of her own. `minimum` is quiet for everybody, in each one's own
 * zone, beside her own windows; `urgent_allowed: false` switches `notify: "urgent"` off.
 */
export interface OrgQuietOutput {
  zone?: string | null;
  zone_mode?: "fixed" | "follow_device";
  windows?: Window[];
  holidays?: ("KR" | "JP" | "CN" | "US" | "DE") | null;
  exceptions?: DateExceptionOutput[];
  away?: Away | null;
  deliver?: "hold" | "silent";
  pierce?: Pierce2;
  share?: boolean;
  urgent_allowed?: boolean;
  minimum?: Window[];
}
/**
 * Who and what may sound in quiet hours.
 */
export interface Pierce2 {
  vip?: string[];
  direct_send_anyway?: boolean;
  urgent_rooms?: boolean;
}
/**
 * Whether somebody is in quiet hours, and when the next ones begin and end.
 */
export interface OthersQuiet {
  quiet: boolean;
  next_start: string | null;
  next_end: string | null;
}
/**
 * Who and what may sound in quiet hours.
 */
export interface Pierce3 {
  vip?: string[];
  direct_send_anyway?: boolean;
  urgent_rooms?: boolean;
}
/**
 * What the next days will be like.
 */
export interface Preview {
  items: PreviewItem[];
}
/**
 * Quiet from `start` to `end`, and why.
 */
export interface PreviewItem {
  start: string;
  end: string;
  sources: string[];
}
/**
 * One's quiet hours as they are in force, and what follows from them now.
 *
 * `origin` is `org` while one has not said anything oneself. `minimum` is what the organisation gives everybody.
 */
export interface QuietHours {
  zone: string;
  zone_mode: "fixed" | "follow_device";
  windows: Window[];
  holidays: ("KR" | "JP" | "CN" | "US" | "DE") | null;
  exceptions: DateExceptionOutput[];
  away: Away | null;
  deliver: "hold" | "silent";
  pierce: Pierce3;
  share: boolean;
  origin: "user" | "org";
  updated_at: string | null;
  minimum: Window[];
  active: boolean;
  until: string | null;
  next_start: string | null;
  snooze_until: string | null;
  resume_until: string | null;
  zone_change: ZoneReport | null;
}
/**
 * A device says that it is in `zone`, and nobody has confirmed it yet.
 */
export interface ZoneReport {
  zone: string;
  since: string;
}
/**
 * `POST /me/snooze`: quiet `until` a moment or for some `minutes`.
 */
export interface SnoozeRequest {
  until?: string | null;
  minutes?: number | null;
}
