import { type Chat, type Effect, empty, onFrame } from "../src/core/chat";
import { open } from "../src/core/outbox";
import type { KnownRecord, Page, RoomEntry, RoomEvent, ServerFrame, User } from "../src/protocol/types";

export const ROOM = "11111111-1111-4111-8111-111111111111";
export const STREAM = "22222222-2222-4222-8222-222222222222";

export function person(id: string): User {
  return { id, username: id, display_name: id.toUpperCase(), kind: "person", active: true };
}

export function entry(fields: Partial<RoomEntry> = {}): RoomEntry {
  return {
    id: ROOM,
    name: "lunch",
    kind: "public",
    topic: null,
    history: "all",
    members_invite: false,
    created_at: "2026-01-01T00:00:00Z",
    created_by: "me",
    member_count: 2,
    archived: false,
    peer: null,
    me: { role: "member", joined_seq: 0 },
    unread: 0,
    mentions: 0,
    last_event: null,
    head: 0,
    read_seq: 0,
    muted_until: null,
    ...fields,
  };
}

export function message(
  by: string,
  text: string,
  id = `${by}-stream:1`,
  mentions: string[] = [],
): KnownRecord {
  const nothing = { reply_to: null, mention_all: false, notify: "normal", ext: null } as const;
  return { v: 1, k: "message", id, by, text, mentions, ...nothing, media: [] };
}

export function event(seq: number, e: KnownRecord, prev: number | null = seq - 1): RoomEvent {
  return { epoch: 0, seq, prev, ts: 1_000 * seq, e };
}

export function page(from: number, to: number, items: RoomEvent[], more: Partial<Page> = {}): Page {
  return { epoch: 0, from, to, as_of: to, items, has_before: from > 0, has_after: false, ...more };
}

export function live(e: RoomEvent): ServerFrame {
  return { t: "event", room: ROOM, ...e };
}

export function chatOf(): Chat {
  return empty(person("me"), open({ id: STREAM, created: 0, next: {} }, [], 0));
}

/** Let frames come in, one after the other, and give the chat after them with all effects. */
export function play(chat: Chat, ...frames: ServerFrame[]): [Chat, Effect[]] {
  const effects: Effect[] = [];
  let now = chat;
  for (const frame of frames) {
    const [next, more] = onFrame(now, frame, 0);
    now = next;
    effects.push(...more);
  }
  return [now, effects];
}

/** What the room shows: texts of messages, kinds of the rest. */
export function texts(chat: Chat): string[] {
  return (chat.timelines[ROOM]?.items ?? []).map((item) => (item.e.k === "message" ? item.e.text : item.e.k));
}
