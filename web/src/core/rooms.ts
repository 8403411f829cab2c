/** What the list of rooms shows of each: counts, last event, read cursor, position. */

import type { MessageRecord, RoomEntry, RoomEvent, Seq, UserId } from "../protocol/types";
import type { Position } from "./position";
import { annotate, asItem, concerns, isItem } from "./timeline";

export const UNREAD_MAX = 1_000;

export interface RoomView extends RoomEntry {
  position: Position;
  /** The counts include everything up to this seq. */
  counted: Seq;
}

/** Take a room from the server; `seq` is where the position starts. */
export function admit(entry: RoomEntry, seq: Seq): RoomView {
  return {
    ...entry,
    position: { epoch: entry.last_event?.epoch ?? 0, seq },
    counted: Math.max(entry.head, seq),
  };
}

/**
 * Take the server's word about a known room; the position is moved by events only.
 *
 * Its counts are taken unless it has not heard of all that is counted and read here.
 */
export function refresh(room: RoomView, entry: RoomEntry): RoomView {
  if (entry.head >= room.counted && entry.read_seq >= room.read_seq)
    return { ...room, ...entry, counted: entry.head };
  const { unread, mentions, last_event, head, read_seq, member_count } = room;
  return { ...room, ...entry, unread, mentions, last_event, head, read_seq, member_count };
}

/** Count one event, unless it is counted already. */
export function count(room: RoomView, event: RoomEvent, me: UserId): RoomView {
  if (event.seq <= room.counted) return room;
  const next = { ...room, counted: event.seq, head: event.seq };
  const { e } = event;
  if (isItem(e)) next.last_event = event;
  if (e.k === "join") next.member_count += 1;
  if (e.k === "leave" || e.k === "kick") next.member_count -= 1;
  if (e.k === "message") return e.by === me ? read(next, event.seq) : unread(next, e, me);
  if (e.k === "delete" && e.author !== me && e.target > room.read_seq)
    next.unread = Math.max(0, room.unread - 1);
  if (next.unread === 0) next.mentions = 0;
  return annotateLast(next, event, me);
}

function unread(room: RoomView, message: MessageRecord, me: UserId): RoomView {
  const named = speaksTo(message, me);
  return {
    ...room,
    unread: Math.min(UNREAD_MAX, room.unread + 1),
    mentions: Math.min(UNREAD_MAX, room.mentions + (named ? 1 : 0)),
  };
}

/** Whether a message names a person, alone or with everybody. */
export function speaksTo(message: Pick<MessageRecord, "mention_all" | "mentions">, me: UserId): boolean {
  return message.mention_all || message.mentions.includes(me);
}

function annotateLast(room: RoomView, event: RoomEvent, me: UserId): RoomView {
  const last = room.last_event;
  if (!last || !concerns(event.e, last)) return room;
  return { ...room, last_event: { ...last, e: annotate(asItem(last, last.seq), event, me).e } };
}

/** Read up to `seq`, which is the newest that is counted or above it. */
export function read(room: RoomView, seq: Seq): RoomView {
  return seq < room.read_seq ? room : { ...room, read_seq: seq, unread: 0, mentions: 0 };
}

/** Newest activity first. */
export function byActivity(rooms: readonly RoomView[]): RoomView[] {
  return [...rooms].sort((a, b) => activity(b) - activity(a) || (a.id < b.id ? -1 : 1));
}

function activity(room: RoomView): number {
  return room.last_event?.ts ?? Date.parse(room.created_at);
}

/** Whether the room alerts nobody now: until a moment, or "forever". */
export function isMuted({ muted_until }: Pick<RoomEntry, "muted_until">, now: number): boolean {
  return muted_until !== null && (muted_until === "forever" || Date.parse(muted_until) > now);
}
