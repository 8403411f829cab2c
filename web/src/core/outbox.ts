/**
 * Messages on their way, and their numbers.
 *
 * `(stream, room, n)` names a message for ever: it is resent with the same `n`, in order, before anything
 * new, until it is acknowledged, seen, or definitely refused. An unknown outcome stays "waiting".
 */

import type { MediaObject } from "../protocol/media";
import type { RoomId, Seq, UserId } from "../protocol/types";

/** How many sends may be unanswered; below the 32 a room that the server takes, and below its burst. */
export const IN_FLIGHT_MAX = 16;
/** `n` must not run further ahead of the oldest unanswered one. */
export const WINDOW = 63;
export const ENTRIES_MAX = 200;
export const RESEND_AFTER_MS = 10_000;
const DAY_MS = 86_400_000;
/** A stream takes no new message after this time. */
export const STREAM_AGE_MAX_MS = 7 * DAY_MS;
/** The server forgets a stream after 30 days; well before, what is unanswered is given up. */
export const GIVE_UP_AFTER_MS = 21 * DAY_MS;
const RETRY_MS = 2_000;
const SPENT_FROM_MS = 60_000;

/** How much a message alerts: not at all, or through quiet hours. */
export type Notify = "silent" | "urgent";

/** What the sender chose beside the words: how it alerts, and what it answers. */
export interface Manner {
  notify?: Notify;
  reply_to?: Seq;
}

export interface Entry {
  id: string;
  stream: string;
  room: RoomId;
  n: number;
  text: string;
  mentions: UserId[];
  /** What is stored and goes with it. */
  media?: MediaObject[];
  reply_to: Seq | null;
  /** Without it the message alerts as usual. */
  notify?: Notify;
  at: number;
  status: "waiting" | "sent" | "failed";
  seq: Seq | null;
  code: string | null;
}

export interface Stream {
  id: string;
  created: number;
  /** The next `n` of each room. */
  next: Record<RoomId, number>;
}

export interface Outbox {
  stream: Stream;
  entries: Entry[];
  /** When each unanswered entry last went out on this connection. */
  flight: Record<string, number>;
  pausedUntil: number;
  /** How many may be in flight now: one after `rate_limited`, one more with every `ack`. */
  pace: number;
}

export type Draft = Pick<Entry, "id" | "room" | "text" | "mentions" | "media" | "reply_to" | "notify">;

export function open(stream: Stream, entries: Entry[], now: number): Outbox {
  const kept = entries.map((entry) =>
    entry.status === "waiting" && now - entry.at > GIVE_UP_AFTER_MS ? failed(entry, "expired") : entry,
  );
  return { stream, entries: kept, flight: {}, pausedUntil: 0, pace: IN_FLIGHT_MAX };
}

/** Give a draft its number; it goes out with the next `due`. */
export function compose(box: Outbox, draft: Draft, now: number): Outbox {
  const n = box.stream.next[draft.room] ?? 1;
  const entry: Entry = {
    ...draft,
    stream: box.stream.id,
    n,
    at: now,
    status: "waiting",
    seq: null,
    code: null,
  };
  const next = { ...box.stream.next, [draft.room]: n + 1 };
  return { ...box, stream: { ...box.stream, next }, entries: [...box.entries, entry] };
}

/** Choose what goes out now: in order of each room, all again from the first that had no answer in time. */
export function due(box: Outbox, now: number): [Outbox, Entry[]] {
  if (now < box.pausedUntil) return [box, []];
  const flight = withoutLate(box, now);
  let free = box.pace - Object.keys(flight).length;
  const chosen: Entry[] = [];
  const oldest: Record<RoomId, number> = {};
  const stopped = new Set<RoomId>();
  for (const entry of unanswered(box)) {
    const first = oldest[entry.room] ?? entry.n;
    oldest[entry.room] = first;
    if (flight[entry.id] !== undefined || stopped.has(entry.room)) continue;
    if (free <= 0 || entry.n > first + WINDOW) {
      stopped.add(entry.room);
      continue;
    }
    flight[entry.id] = now;
    chosen.push(entry);
    free--;
  }
  return [{ ...box, flight }, chosen];
}

function withoutLate(box: Outbox, now: number): Record<string, number> {
  const late = new Set<RoomId>();
  const flight: Record<string, number> = {};
  for (const entry of unanswered(box)) {
    const sent = box.flight[entry.id];
    if (sent === undefined) continue;
    if (now - sent >= RESEND_AFTER_MS) late.add(entry.room);
    if (!late.has(entry.room)) flight[entry.id] = sent;
  }
  return flight;
}

function unanswered(box: Outbox): Entry[] {
  return box.entries.filter((entry) => entry.status === "waiting" && entry.stream === box.stream.id);
}

/** When `due` should be asked again, or null. */
export function nextDue(box: Outbox, now: number): number | null {
  const waiting = unanswered(box);
  if (waiting.length === 0) return null;
  const times = waiting.map((entry) => (box.flight[entry.id] ?? now - RESEND_AFTER_MS) + RESEND_AFTER_MS);
  return Math.max(Math.min(...times), box.pausedUntil, now + 50);
}

/** An `ack`: stored. It stays in sight until its event comes, at `position` or above it is already there. */
export function acked(box: Outbox, id: string, seq: Seq | null, position: Seq): Outbox {
  const there = seq === null || seq <= position;
  const { [id]: _, ...flight } = box.flight;
  const entries = there
    ? box.entries.filter((entry) => entry.id !== id)
    : box.entries.map((entry) => (entry.id === id ? { ...entry, status: "sent" as const, seq } : entry));
  return { ...box, flight, entries, pace: Math.min(IN_FLIGHT_MAX, box.pace + 1) };
}

const MAY_PASS = new Set(["rate_limited", "unavailable", "unknown_outcome"]);

/** An `error`: wait and resend in order if it may pass, else failed for good. */
export function refused(
  box: Outbox,
  id: string,
  code: string,
  retryAfterMs: number | null,
  now: number,
): Outbox {
  const entry = box.entries.find((candidate) => candidate.id === id);
  if (!entry) return box;
  if (entry.status === "waiting" && MAY_PASS.has(code) && !isSpent(entry, code, retryAfterMs)) {
    const slower = code === "rate_limited" ? { ...box, pace: 1 } : box;
    return pause(slower, entry, retryAfterMs ?? RETRY_MS, now);
  }
  const { [id]: _, ...flight } = box.flight;
  return { ...box, flight, entries: box.entries.map((one) => (one.id === id ? failed(one, code) : one)) };
}

/** Urgent messages are counted by the day: that passes too late to wait for it. */
function isSpent(entry: Entry, code: string, retryAfterMs: number | null): boolean {
  return entry.notify === "urgent" && code === "rate_limited" && (retryAfterMs ?? 0) >= SPENT_FROM_MS;
}

function pause(box: Outbox, from: Entry, ms: number, now: number): Outbox {
  const again = new Set(box.entries.filter((e) => e.room === from.room && e.n >= from.n).map((e) => e.id));
  const flight = Object.fromEntries(Object.entries(box.flight).filter(([id]) => !again.has(id)));
  return { ...box, flight, pausedUntil: Math.max(box.pausedUntil, now + ms) };
}

function failed(entry: Entry, code: string): Entry {
  return { ...entry, status: "failed", code };
}

/** The room's log shows message `<stream>:<n>`: it is no longer on its way. */
export function seen(box: Outbox, room: RoomId, messages: ReadonlySet<string>): Outbox {
  const gone = box.entries.filter((e) => e.room === room && messages.has(`${e.stream}:${e.n}`));
  if (gone.length === 0) return box;
  const ids = new Set(gone.map((entry) => entry.id));
  const flight = Object.fromEntries(Object.entries(box.flight).filter(([id]) => !ids.has(id)));
  return { ...box, flight, entries: box.entries.filter((entry) => !ids.has(entry.id)) };
}

/** A new connection: everything unanswered goes out again. */
export function reconnected(box: Outbox): Outbox {
  return { ...box, flight: {}, pausedUntil: 0 };
}

/** Send a refused message again, as a new one: the refused number is never used twice. */
export function retry(box: Outbox, id: string, freshId: string, now: number): Outbox {
  const entry = box.entries.find((candidate) => candidate.id === id && candidate.status === "failed");
  if (!entry) return box;
  // What may not pierce quiet hours is sent to be held.
  const { notify, ...plain } = entry;
  const draft = notify === "silent" ? entry : plain;
  return compose(discard(box, id), { ...draft, id: freshId }, now);
}

export function discard(box: Outbox, id: string): Outbox {
  return { ...box, entries: box.entries.filter((entry) => entry.id !== id || entry.status !== "failed") };
}

/** Whether the stream should be replaced: it is old, and nothing in it waits for an answer. */
export function isWorn(box: Outbox, now: number): boolean {
  return now - box.stream.created >= STREAM_AGE_MAX_MS && unanswered(box).length === 0;
}

export function withStream(box: Outbox, stream: Stream): Outbox {
  return { ...box, stream, flight: {}, pausedUntil: 0 };
}

/** What has to be written and deleted in storage to get from one outbox to the next. */
export function changes(before: Outbox, after: Outbox): { put: Entry[]; remove: string[] } {
  const old = new Map(before.entries.map((entry) => [entry.id, entry]));
  const now = new Map(after.entries.map((entry) => [entry.id, entry]));
  const put = after.entries.filter((entry) => entry.status !== "sent" && old.get(entry.id) !== entry);
  const remove = before.entries
    .map((entry) => entry.id)
    .filter((id) => (now.get(id)?.status ?? "sent") === "sent");
  return { put, remove };
}
