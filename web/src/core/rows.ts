/** What stands in the message view, line by line: days, the unread mark, groups of messages, what is on its way. */

import type { Seq } from "../protocol/types";
import type { Entry } from "./outbox";
import type { Item, Timeline } from "./timeline";
import type { Parcel } from "./uploads";

export type Row =
  | { kind: "day"; key: string; ts: number }
  | { kind: "unread"; key: string }
  | { kind: "message"; key: string; item: Item; first: boolean }
  | { kind: "note"; key: string; item: Item }
  | { kind: "outgoing"; key: string; entry: Entry; first: boolean }
  | { kind: "parcel"; key: string; parcel: Parcel; first: boolean };

const GROUP_MS = 5 * 60_000;

/**
 * Lay out a timeline, the outbox and below it what is still being uploaded.
 *
 * The unread mark comes before the first item after `readSeq`.
 */
export function rows(
  timeline: Timeline,
  outgoing: readonly Entry[],
  parcels: readonly Parcel[],
  readSeq: Seq | null,
  me: string,
): Row[] {
  const out: Row[] = [];
  let previous: { by: string; ts: number } | null = null;
  let marked = readSeq === null;
  for (const item of timeline.items) {
    if (!previous || !sameDay(previous.ts, item.ts)) {
      out.push({ kind: "day", key: `day-${dayOf(item.ts)}`, ts: item.ts });
      previous = null;
    }
    if (!marked && readSeq !== null && item.seq > readSeq && isNews(item, me)) {
      out.push({ kind: "unread", key: "unread" });
      marked = true;
      previous = null;
    }
    const by = authorOf(item);
    out.push(by === null ? { kind: "note", key: `${item.seq}`, item } : messageRow(item, by, previous));
    previous = { by: by ?? "", ts: item.ts };
  }
  for (const entry of outgoing) {
    out.push({ kind: "outgoing", key: entry.id, entry, first: !follows(previous, me, entry.at) });
    previous = { by: me, ts: entry.at };
  }
  for (const parcel of parcels) {
    out.push({ kind: "parcel", key: parcel.id, parcel, first: !follows(previous, me, parcel.at) });
    previous = { by: me, ts: parcel.at };
  }
  return out;
}

function messageRow(item: Item, by: string, previous: { by: string; ts: number } | null): Row {
  return { kind: "message", key: `${item.seq}`, item, first: !follows(previous, by, item.ts) };
}

function follows(previous: { by: string; ts: number } | null, by: string, ts: number): boolean {
  return previous !== null && previous.by === by && ts - previous.ts < GROUP_MS;
}

/** Notes are no news: they count as unread nowhere. */
function isNews(item: Item, me: string): boolean {
  const by = authorOf(item);
  return by !== null && by !== me;
}

function authorOf(item: Item): string | null {
  return item.e.k === "message" || item.e.k === "deleted" ? item.e.by : null;
}

function sameDay(a: number, b: number): boolean {
  return dayOf(a) === dayOf(b);
}

function dayOf(ts: number): string {
  return new Date(ts).toDateString();
}
