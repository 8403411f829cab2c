/** A hold as the client sees it: whether it is on, what waits in it, and the release that is coming in. */

import type { Digest, Release, ReleasedRoom, ReleaseFrame } from "../protocol/quiet";
import type { HeldCount, RoomId, Seq, ServerFrame } from "../protocol/types";
import { advance } from "./position";
import type { RoomView } from "./rooms";

const DONE_MAX = 50;
/** How many items of a room a release brings at most. */
const ITEMS_MAX = 50;

/** The parts of a release that have come so far. */
interface Gathering {
  release: Omit<Release, "digest"> & { digest: Digest | null };
  parts: number[];
  of: number;
  /** Where each room's position goes once all parts are here. */
  to: Record<RoomId, { epoch: number; seq: Seq }>;
}

export interface Hold {
  /** Whether the server has said anything about it yet. */
  isKnown: boolean;
  active: boolean;
  /** In ms; null where nobody knows. */
  until: number | null;
  nextStart: number | null;
  held: Record<RoomId, HeldCount>;
  total: number;
  /** Rooms whose unread count came with the list and has what is held in it. */
  listed: readonly RoomId[];
  gathering: Gathering | null;
  /** Releases that are complete: they come at least once, and count once. */
  done: string[];
}

export const NO_HOLD: Hold = {
  isKnown: false,
  active: false,
  until: null,
  nextStart: null,
  held: {},
  total: 0,
  listed: [],
  gathering: null,
  done: [],
};

/** A new connection tells everything anew, and resumes what a cut-off release did not bring. */
export function greeted(hold: Hold): Hold {
  return { ...hold, held: {}, total: 0, gathering: null };
}

export function onQuiet(hold: Hold, frame: Extract<ServerFrame, { t: "quiet" }>): Hold {
  const { active, until, next_start: nextStart } = frame;
  return { ...hold, isKnown: true, active, until, nextStart, listed: active ? hold.listed : [] };
}

/** The list of rooms was read: the server counts what is held as unread. */
export function onListed(hold: Hold, rooms: readonly RoomId[]): Hold {
  return hold.active || !hold.isKnown ? { ...hold, listed: rooms } : hold;
}

/** Take the counts of the rooms that changed; a count of 0 removes one. */
export function onHeld(hold: Hold, frame: Extract<ServerFrame, { t: "held" }>): Hold {
  if (frame.total === 0) return { ...hold, held: {}, total: 0 };
  const held = { ...hold.held };
  for (const [room, count] of Object.entries(frame.rooms)) {
    if (count && count.count > 0) held[room] = count;
    else delete held[room];
  }
  return { ...hold, held, total: frame.total };
}

/** Take one part; with the last one the release is complete. A release that is done is a no-op. */
export function gather(hold: Hold, frame: ReleaseFrame): [Hold, Gathering | null] {
  if (hold.done.includes(frame.release_id)) return [hold, null];
  const known = hold.gathering?.release.release_id === frame.release_id ? hold.gathering : begin(frame);
  const to = { ...known.to };
  for (const { room, epoch, to: seq } of frame.rooms) to[room] = { epoch, seq };
  const gathering: Gathering = {
    ...known,
    to,
    parts: [...new Set([...known.parts, frame.part])],
    release: { ...known.release, digest: frame.digest ?? known.release.digest },
  };
  if (gathering.parts.length < frame.of) return [{ ...hold, gathering }, null];
  const done = [...hold.done, frame.release_id].slice(-DONE_MAX);
  return [{ ...hold, gathering: null, done }, gathering];
}

function begin(frame: ReleaseFrame): Gathering {
  const { release_id, window, late_by_s = null, of } = frame;
  return { release: { release_id, window, late_by_s, digest: null }, parts: [], of, to: {} };
}

/** Where the items of a released room begin: a full batch leaves older ones out. */
export function beginOf({ from, items }: ReleasedRoom): Seq {
  const [first] = items;
  return first && items.length >= ITEMS_MAX ? Math.max(from, first.prev ?? 0) : from;
}

/** Move the rooms of a complete release to where it ends. */
export function released(rooms: Record<RoomId, RoomView>, { to }: Gathering): Record<RoomId, RoomView> {
  const moved = { ...rooms };
  for (const [id, end] of Object.entries(to)) {
    const room = moved[id];
    if (room) moved[id] = { ...room, position: advance(room.position, end.epoch, end.seq) };
  }
  return moved;
}

/** The digest of a complete release that has anything to tell. */
export function told({ release }: Gathering): Release | null {
  const { digest } = release;
  return digest && digest.rooms.length > 0 ? { ...release, digest } : null;
}

/** How many messages a room's line tells of: those from before the hold, and those in it. */
export function unreadWith(hold: Hold, room: RoomView): number {
  const held = hold.held[room.id]?.count ?? 0;
  return hold.listed.includes(room.id) ? Math.max(room.unread, held) : room.unread + held;
}
