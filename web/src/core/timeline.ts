/** The loaded end of a room's history: everything visible in `(from, to]`, each item as of its own `asOf`. */

import type {
  DeletedRecord,
  KnownRecord,
  MessageRecord,
  Page,
  RoomEvent,
  Seq,
  UserId,
} from "../protocol/types";
import { processed } from "./media";

export interface Item {
  seq: Seq;
  ts: number;
  e: KnownRecord;
  /** Annotations up to this seq are already in it. */
  asOf: Seq;
}

export interface Timeline {
  from: Seq;
  to: Seq;
  items: Item[];
  hasBefore: boolean;
  /** False until the first page has come. */
  loaded: boolean;
  /** The latest live annotations: a page that was made before them may arrive after them. */
  recent: RoomEvent[];
}

const RECENT_MAX = 200;
const ITEMS_MAX = 1_000;
const ITEMS_KEPT = 400;

/** A timeline that waits for its first page; live events from `seq` on are already kept. */
export function waiting(seq: Seq): Timeline {
  return { from: seq, to: seq, items: [], hasBefore: true, loaded: false, recent: [] };
}

export function asItem(event: RoomEvent, asOf: Seq): Item {
  return { seq: event.seq, ts: event.ts, e: event.e, asOf };
}

/** Whether an event is shown as an item of its own; the others change items, or are unknown to this version. */
export function isItem(e: KnownRecord): boolean {
  return ["message", "deleted", "join", "leave", "kick", "ban", "role", "room"].includes(e.k);
}

/** Lay a page over what is loaded; of two versions of an item the later one stays. */
export function merge(timeline: Timeline, page: Page, me: UserId): Timeline {
  const bySeq = new Map(timeline.items.map((item) => [item.seq, item]));
  for (const event of page.items) {
    const known = bySeq.get(event.seq);
    if (!known || known.asOf <= page.as_of) bySeq.set(event.seq, asItem(event, page.as_of));
  }
  const items = [...bySeq.values()].sort((a, b) => a.seq - b.seq);
  const later = timeline.recent.filter((event) => event.seq > page.as_of);
  return {
    from: Math.min(timeline.from, page.from),
    to: Math.max(timeline.to, page.to),
    items: later.reduce((all, event) => annotateAll(all, event, me), items),
    hasBefore: page.from <= timeline.from ? page.has_before : timeline.hasBefore,
    loaded: true,
    recent: timeline.recent,
  };
}

/** Begin anew with the newest page; what came live after it stays. */
export function restart(timeline: Timeline, page: Page, me: UserId): Timeline {
  const items = timeline.items.filter((item) => item.seq > page.from);
  return { ...merge({ ...timeline, items }, page, me), from: page.from, hasBefore: page.has_before };
}

/** Lay one event over what is loaded. */
export function apply(timeline: Timeline, event: RoomEvent, me: UserId): Timeline {
  const to = Math.max(timeline.to, event.seq);
  if (isItem(event.e)) return { ...timeline, to, items: insert(timeline.items, asItem(event, event.seq)) };
  const recent = [...timeline.recent, event].slice(-RECENT_MAX);
  return { ...timeline, to, recent, items: annotateAll(timeline.items, event, me) };
}

function annotateAll(items: Item[], event: RoomEvent, me: UserId): Item[] {
  return items.some((item) => concerns(event.e, item))
    ? items.map((item) => (concerns(event.e, item) ? annotate(item, event, me) : item))
    : items;
}

function insert(items: Item[], item: Item): Item[] {
  const last = items.at(-1);
  if (!last || last.seq < item.seq) return [...items, item];
  if (items.some((known) => known.seq === item.seq)) return items;
  return [...items, item].sort((a, b) => a.seq - b.seq);
}

/** Whether a record is an annotation of this event: by its seq, or by the media that it sent. */
export function concerns(e: KnownRecord, about: { seq: Seq; e: KnownRecord }): boolean {
  if (e.k === "media") return about.e.k === "message" && about.e.media.some((one) => one.id === e.media);
  return (e.k === "edit" || e.k === "delete" || e.k === "reaction") && e.target === about.seq;
}

/** Lay an edit, a delete, a reaction or the result for its media over a message, once. */
export function annotate(item: Item, event: RoomEvent, me: UserId): Item {
  const { e } = event;
  if (item.e.k !== "message" || event.seq <= item.asOf) return item;
  const asOf = event.seq;
  switch (e.k) {
    case "edit":
      return {
        ...item,
        asOf,
        e: { ...item.e, text: e.text, mentions: e.mentions, edited: { seq: event.seq, ts: event.ts } },
      };
    case "delete":
      return { ...item, asOf, e: deleted(item.e, e.by) };
    case "reaction":
      return { ...item, asOf, e: { ...item.e, reactions: reacted(item.e, e.emoji, e.on, e.by === me) } };
    case "media": {
      const media = item.e.media.map((one) => (one.id === e.media ? processed(one, e) : one));
      return { ...item, asOf, e: { ...item.e, media } };
    }
    default:
      return item;
  }
}

function deleted(message: MessageRecord, by: UserId): DeletedRecord {
  return { v: message.v, k: "deleted", id: message.id, by: message.by, deleted_by: by };
}

function reacted(message: MessageRecord, emoji: string, on: boolean, mine: boolean) {
  const reactions = message.reactions ?? [];
  const known = reactions.find((one) => one.emoji === emoji) ?? { emoji, count: 0, me: false };
  const changed = { emoji, count: known.count + (on ? 1 : -1), me: mine ? on : known.me };
  const all = reactions.includes(known)
    ? reactions.map((one) => (one === known ? changed : one))
    : [...reactions, changed];
  return all.filter((one) => one.count > 0);
}

/** Let go of the oldest items once far more are loaded than a reader at the end needs. */
export function trim(timeline: Timeline): Timeline {
  if (timeline.items.length <= ITEMS_MAX) return timeline;
  const items = timeline.items.slice(-ITEMS_KEPT);
  return { ...timeline, items, from: (items[0]?.seq ?? 1) - 1, hasBefore: true };
}

/** The identities of one's own messages among the items. */
export function messageIds(items: readonly { e: KnownRecord }[], me: UserId): Set<string> {
  const own = items
    .map((item) => item.e)
    .filter((e) => (e.k === "message" || e.k === "deleted") && e.by === me);
  return new Set(own.map((e) => ("id" in e ? e.id : "")));
}
