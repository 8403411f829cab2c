/** All that a signed-in person sees, as a value: server frames, pages and lists go in, effects come out. */

import type { Alert, Release, ReleasedRoom, ReleaseFrame } from "../protocol/quiet";
import type {
  Member,
  Page,
  Presence,
  RemovedReason,
  RoomEntry,
  RoomEvent,
  RoomId,
  Seq,
  ServerFrame,
  User,
  UserId,
} from "../protocol/types";
import * as holds from "./hold";
import * as outbox from "./outbox";
import { advance, afterPage, step } from "./position";
import { admit, count, type RoomView, read, refresh } from "./rooms";
import { apply, isItem, merge, messageIds, restart, type Timeline, trim, waiting } from "./timeline";

export const TYPING_MS = 6_000;
const PARKED_MAX = 1_000;

/** Until when somebody is typing, or recording a voice message. */
export interface Typing {
  until: number;
  kind: "text" | "voice" | "none";
}

export interface Chat {
  me: User;
  /** Whether the list of rooms has come. */
  listed: boolean;
  rooms: Record<RoomId, RoomView>;
  timelines: Record<RoomId, Timeline>;
  /** Events that wait until the hole before them is filled. */
  parked: Record<RoomId, RoomEvent[]>;
  outbox: outbox.Outbox;
  users: Record<UserId, User>;
  presence: Record<UserId, Presence>;
  /** Who is typing or speaking. */
  typing: Record<RoomId, Record<UserId, Typing>>;
  members: Record<RoomId, Member[]>;
  hold: holds.Hold;
  /** What the deployment has: `quiet_hours`, `media`. */
  features: readonly string[];
}

export type Effect =
  | { kind: "fill"; room: RoomId }
  | { kind: "load"; room: RoomId }
  | { kind: "list" }
  | { kind: "members"; room: RoomId }
  | { kind: "removed"; room: RoomView; reason: RemovedReason }
  | { kind: "alert"; alert: Alert }
  | { kind: "released"; release: Release }
  | { kind: "flush" };

export type Change = [Chat, Effect[]];

export function empty(me: User, box: outbox.Outbox): Chat {
  const maps = { rooms: {}, timelines: {}, parked: {}, presence: {}, typing: {}, members: {} };
  return {
    me,
    listed: false,
    outbox: box,
    users: { [me.id]: me },
    hold: holds.NO_HOLD,
    features: [],
    ...maps,
  };
}

/** Take one server frame; answers to requests (`ack` but of a send, `page`) are the shell's. */
export function onFrame(chat: Chat, frame: ServerFrame, now: number): Change {
  switch (frame.t) {
    case "welcome":
      // What was parked comes again with the resume.
      return [
        {
          ...chat,
          me: frame.user,
          parked: {},
          features: frame.features,
          hold: holds.greeted(chat.hold),
          outbox: outbox.reconnected(chat.outbox),
        },
        [{ kind: "flush" }],
      ];
    case "event":
      return onEvent(chat, frame.room, frame, frame.past_hold === true);
    case "resumed":
      return [moved(chat, frame.room, frame.epoch, frame.to), []];
    case "reset":
      return onReset(chat, frame.room, frame.epoch, frame.seq);
    case "room":
      return frame.change === "removed"
        ? onRemoved(chat, frame.room.id, frame.room.reason)
        : [onEntry(chat, frame.room, frame.room.me?.joined_seq ?? frame.room.head), []];
    case "ack":
      return onAck(chat, frame.id, frame.room, frame.seq);
    case "error":
      return onError(chat, frame, now);
    case "typing":
      return [onTyping(chat, frame, now), []];
    case "presence":
      return [{ ...chat, presence: { ...chat.presence, [frame.user]: frame.state } }, []];
    case "read":
      return onRead(chat, frame.room, frame.user, frame.seq);
    case "user":
      return [withUsers(chat, [frame.user]), []];
    case "quiet":
      return [{ ...chat, hold: holds.onQuiet(chat.hold, frame) }, []];
    case "held":
      return [{ ...chat, hold: holds.onHeld(chat.hold, frame) }, []];
    case "alert": {
      const { t: _, ...alert } = frame;
      return [chat, [{ kind: "alert", alert }]];
    }
    case "release":
      return onRelease(chat, frame);
    default:
      return [chat, []];
  }
}

function onEvent(chat: Chat, id: RoomId, event: RoomEvent, pastHold = false): Change {
  const room = chat.rooms[id];
  if (!room) return [chat, [{ kind: "list" }]];
  switch (step(room.position, event, pastHold)) {
    case "drop":
      return [chat, []];
    case "gap":
      return park(chat, room, event);
    case "show":
      return [shown(chat, id, event), []];
    case "apply": {
      const next = shown(moved(chat, id, event.epoch, event.seq), id, event);
      return [next, changesMembers(event) ? [{ kind: "members", room: id }] : []];
    }
  }
}

function shown(chat: Chat, id: RoomId, event: RoomEvent): Chat {
  const room = chat.rooms[id];
  if (!room) return chat;
  const timeline = chat.timelines[id];
  const timelines = timeline
    ? { ...chat.timelines, [id]: trim(apply(timeline, event, chat.me.id)) }
    : chat.timelines;
  const rooms = { ...chat.rooms, [id]: count(room, event, chat.me.id) };
  return spoken(
    { ...chat, rooms, timelines, outbox: outbox.seen(chat.outbox, id, messageIds([event], chat.me.id)) },
    id,
    event,
  );
}

/** Who has spoken is no longer typing. */
function spoken(chat: Chat, id: RoomId, event: RoomEvent): Chat {
  const typing = chat.typing[id];
  if (event.e.k !== "message" || !typing?.[event.e.by]) return chat;
  const { [event.e.by]: _, ...rest } = typing;
  return { ...chat, typing: { ...chat.typing, [id]: rest } };
}

function changesMembers(event: RoomEvent): boolean {
  return ["join", "leave", "kick", "role"].includes(event.e.k);
}

function park(chat: Chat, room: RoomView, event: RoomEvent): Change {
  const held = chat.parked[room.id] ?? [];
  const parked = { ...chat.parked, [room.id]: [...held, event].slice(-PARKED_MAX) };
  const first = held.length === 0;
  return [{ ...chat, parked }, first ? [{ kind: "fill", room: room.id }] : []];
}

function moved(chat: Chat, id: RoomId, epoch: number, seq: Seq): Chat {
  const room = chat.rooms[id];
  if (!room) return chat;
  return {
    ...chat,
    rooms: { ...chat.rooms, [id]: { ...room, position: advance(room.position, epoch, seq) } },
  };
}

function onReset(chat: Chat, id: RoomId, epoch: number | null, seq: Seq | null): Change {
  const room = chat.rooms[id];
  if (!room) return [chat, []];
  if (epoch === null || seq === null) return onRemoved(chat, id, "left");
  const { [id]: _, ...timelines } = chat.timelines;
  const { [id]: __, ...parked } = chat.parked;
  // The epoch may have been replaced by one with a smaller head in use: `counted` starts anew with the list.
  const fresh = { ...room, position: { epoch, seq }, counted: -1, head: seq };
  const next = { ...chat, timelines, parked, rooms: { ...chat.rooms, [id]: fresh } };
  return [next, [{ kind: "list" }, { kind: "load", room: id }]];
}

function onRemoved(chat: Chat, id: RoomId, reason: RemovedReason): Change {
  const { [id]: room, ...rooms } = chat.rooms;
  if (!room) return [chat, []];
  const { [id]: _, ...timelines } = chat.timelines;
  const { [id]: __, ...parked } = chat.parked;
  const { [id]: ___, ...members } = chat.members;
  return [{ ...chat, rooms, timelines, parked, members }, [{ kind: "removed", room, reason }]];
}

function onEntry(chat: Chat, entry: RoomEntry, start: Seq): Chat {
  const known = chat.rooms[entry.id];
  const room = known ? refresh(known, entry) : admit(entry, start);
  return withUsers({ ...chat, rooms: { ...chat.rooms, [entry.id]: room } }, entry.peer ? [entry.peer] : []);
}

/** Take the whole list of rooms; a room that is not in it is no longer one's own. */
export function onList(chat: Chat, entries: readonly RoomEntry[]): Chat {
  const listed = new Set(entries.map((entry) => entry.id));
  const kept = Object.fromEntries(Object.entries(chat.rooms).filter(([id]) => listed.has(id)));
  const hold = holds.onListed(chat.hold, [...listed]);
  const start: Chat = { ...chat, listed: true, rooms: kept, hold };
  return entries.reduce((next, entry) => onEntry(next, entry, entry.head), start);
}

/** A room is about to be loaded: from now on its live events are kept. */
export function onLoading(chat: Chat, id: RoomId): Chat {
  const room = chat.rooms[id];
  if (!room || chat.timelines[id]) return chat;
  return { ...chat, timelines: { ...chat.timelines, [id]: waiting(room.position.seq) } };
}

/**
 * Take a page that was asked for as the newest, as older history, or to fill a hole.
 *
 * It may move the position, and lets parked events go on.
 */
export function onPage(chat: Chat, id: RoomId, page: Page, as: "newest" | "older" | "fill"): Change {
  const room = chat.rooms[id];
  if (!room) return [chat, []];
  const counted = page.items.reduce((next, event) => count(next, event, chat.me.id), room);
  const timeline = chat.timelines[id];
  const tooEarly = as === "newest" && timeline !== undefined && !timeline.loaded && page.to < timeline.from;
  if (tooEarly) return [chat, [{ kind: "load", room: id }]];
  const next = {
    ...chat,
    rooms: { ...chat.rooms, [id]: { ...counted, position: afterPage(room.position, page) } },
    timelines: timeline
      ? { ...chat.timelines, [id]: withPage(timeline, page, as, chat.me.id) }
      : chat.timelines,
    outbox: outbox.seen(chat.outbox, id, messageIds(page.items, chat.me.id)),
  };
  return unpark(next, id);
}

function withPage(timeline: Timeline, page: Page, as: "newest" | "older" | "fill", me: UserId): Timeline {
  if (as === "newest") return restart(timeline, page, me);
  return timeline.loaded ? merge(timeline, page, me) : timeline;
}

/** Lay one part of a release in; the positions move with the last part, and the list tells the counts. */
function onRelease(chat: Chat, frame: ReleaseFrame): Change {
  const [hold, complete] = holds.gather(chat.hold, frame);
  if (hold === chat.hold) return [chat, []];
  const laid = frame.rooms.reduce(withReleased, { ...chat, hold });
  if (!complete) return [laid, []];
  const moved = { ...laid, rooms: holds.released(laid.rooms, complete) };
  const release = holds.told(complete);
  const effects: Effect[] = [{ kind: "list" }];
  if (release) effects.push({ kind: "released", release });
  return unparkAll(moved, Object.keys(complete.to), effects);
}

/** Where older messages than the released ones are missing, the timeline begins anew with these. */
function withReleased(chat: Chat, released: ReleasedRoom): Chat {
  const { room: id, epoch, to, items } = released;
  const room = chat.rooms[id];
  if (!room) return chat;
  const from = holds.beginOf(released);
  const counted = items.reduce((next, event) => count(next, event, chat.me.id), room);
  const page: Page = { epoch, from, to, as_of: to, items, has_before: from > 0, has_after: false };
  const timeline = chat.timelines[id];
  const lay = from > room.position.seq ? restart : merge;
  return {
    ...chat,
    rooms: { ...chat.rooms, [id]: counted },
    timelines: timeline?.loaded
      ? { ...chat.timelines, [id]: trim(lay(timeline, page, chat.me.id)) }
      : chat.timelines,
    outbox: outbox.seen(chat.outbox, id, messageIds(items, chat.me.id)),
  };
}

function unparkAll(chat: Chat, rooms: readonly RoomId[], effects: Effect[]): Change {
  return rooms.reduce<Change>(
    ([next, all], id) => {
      const [after, more] = unpark(next, id);
      return [after, [...all, ...more]];
    },
    [chat, effects],
  );
}

function unpark(chat: Chat, id: RoomId): Change {
  const { [id]: held = [], ...parked } = chat.parked;
  let next: Chat = { ...chat, parked };
  const effects: Effect[] = [];
  for (const event of held) {
    const [after, more] = onEvent(next, id, event);
    next = after;
    effects.push(...more);
  }
  return [next, effects];
}

function onAck(chat: Chat, id: string, room: RoomId, seq: Seq | null): Change {
  if (!chat.outbox.entries.some((entry) => entry.id === id)) return [chat, []];
  const position = chat.rooms[room]?.position.seq ?? Number.POSITIVE_INFINITY;
  const box = outbox.acked(chat.outbox, id, seq, position);
  const effects: Effect[] = [{ kind: "flush" }];
  if (seq === null) effects.push({ kind: "load", room });
  return [{ ...chat, outbox: box }, effects];
}

function onError(chat: Chat, error: Extract<ServerFrame, { t: "error" }>, now: number): Change {
  const { id } = error;
  if (!id) return [chat, []];
  const box = outbox.refused(chat.outbox, id, error.code, error.retry_after_ms ?? null, now);
  return box === chat.outbox ? [chat, []] : [{ ...chat, outbox: box }, [{ kind: "flush" }]];
}

function onTyping(chat: Chat, frame: Extract<ServerFrame, { t: "typing" }>, now: number): Chat {
  const until = frame.kind === "none" ? 0 : now + TYPING_MS;
  const live = Object.entries(chat.typing[frame.room] ?? {}).filter(([, { until: ends }]) => ends > now);
  const typing = { ...Object.fromEntries(live), [frame.user]: { until, kind: frame.kind } };
  return { ...chat, typing: { ...chat.typing, [frame.room]: typing } };
}

function onRead(chat: Chat, id: RoomId, user: UserId, seq: Seq): Change {
  const room = chat.rooms[id];
  if (!room || user !== chat.me.id || seq <= room.read_seq) return [chat, []];
  if (seq >= room.head) return [withRead(chat, id, seq), []];
  return [{ ...chat, rooms: { ...chat.rooms, [id]: { ...room, read_seq: seq } } }, [{ kind: "list" }]];
}

/** Everything up to `seq`, the newest there is, has been read here. */
export function withRead(chat: Chat, id: RoomId, seq: Seq): Chat {
  const room = chat.rooms[id];
  return room ? { ...chat, rooms: { ...chat.rooms, [id]: read(room, seq) } } : chat;
}

export function withUsers(chat: Chat, users: readonly User[]): Chat {
  return { ...chat, users: { ...chat.users, ...Object.fromEntries(users.map((user) => [user.id, user])) } };
}

export function withMembers(chat: Chat, id: RoomId, members: Member[]): Chat {
  const known = withUsers(
    chat,
    members.map((member) => member.user),
  );
  return { ...known, members: { ...known.members, [id]: members } };
}

/** The people whom an event names. */
export function peopleIn(event: RoomEvent): UserId[] {
  if (!isItem(event.e)) return [];
  const { e } = event;
  const ids: UserId[] = [];
  if ("by" in e) ids.push(e.by);
  if ("user" in e) ids.push(e.user);
  if ("mentions" in e) ids.push(...e.mentions);
  return ids;
}
