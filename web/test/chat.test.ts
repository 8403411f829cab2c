import { describe, expect, it } from "vitest";
import { type Chat, onList, onLoading, onPage, withRead } from "../src/core/chat";
import * as outbox from "../src/core/outbox";
import type { ServerFrame } from "../src/protocol/types";
import { chatOf, entry, event, live, message, page, play, ROOM, STREAM, texts } from "./samples";

function opened(): Chat {
  const listed = onList(chatOf(), [entry({ head: 2 })]);
  return onPage(onLoading(listed, ROOM), ROOM, page(0, 2, [event(2, message("ann", "old"))]), "newest")[0];
}

describe("live events", () => {
  it("are shown once, move the position and count as unread", () => {
    const frame = live(event(3, message("ann", "new", "s:1", ["me"])));
    const [chat] = play(opened(), frame, frame);
    expect(texts(chat)).toEqual(["old", "new"]);
    expect(chat.rooms[ROOM]).toMatchObject({ unread: 1, mentions: 1, position: { epoch: 0, seq: 3 } });
  });

  it("that are one's own move the read cursor", () => {
    const [chat] = play(opened(), live(event(3, message("ann", "a"))), live(event(4, message("me", "b"))));
    expect(chat.rooms[ROOM]).toMatchObject({ unread: 0, read_seq: 4 });
  });

  it("wait before a hole until a page fills it, in order", () => {
    const [gap, effects] = play(
      opened(),
      live(event(5, message("ann", "five"))),
      live(event(6, message("ann", "six"))),
    );
    expect(effects).toEqual([{ kind: "fill", room: ROOM }]);
    expect(texts(gap)).toEqual(["old"]);
    const filled = page(2, 5, [event(3, message("ann", "three")), event(5, message("ann", "five"))]);
    const [chat, more] = onPage(gap, ROOM, filled, "fill");
    expect(more).toEqual([]);
    expect(texts(chat)).toEqual(["old", "three", "five", "six"]);
    expect(chat.rooms[ROOM]).toMatchObject({ unread: 3, position: { seq: 6 } });
  });

  it("ask again when the page did not reach far enough", () => {
    const [gap] = play(opened(), live(event(9, message("ann", "nine"))));
    const [chat, effects] = onPage(gap, ROOM, page(2, 5, [event(5, message("ann", "five"))]), "fill");
    expect(effects).toEqual([{ kind: "fill", room: ROOM }]);
    expect(chat.parked[ROOM]).toHaveLength(1);
  });

  it("of a hold are shown and do not move the position", () => {
    const frame = { ...live(event(9, message("ann", "urgent"))), past_hold: true } as ServerFrame;
    const [chat, effects] = play(opened(), frame);
    expect(texts(chat)).toEqual(["old", "urgent"]);
    expect(chat.rooms[ROOM]?.position.seq).toBe(2);
    expect(effects).toEqual([]);
  });

  it("of an unknown room make the list be read again", () => {
    const [, effects] = play(chatOf(), live(event(1, message("ann", "?"))));
    expect(effects).toEqual([{ kind: "list" }]);
  });
});

describe("resuming", () => {
  it("moves to the end that the server names", () => {
    const frame: ServerFrame = { t: "resumed", room: ROOM, epoch: 0, from: 2, to: 8, count: 0 };
    expect(play(opened(), frame)[0].rooms[ROOM]?.position).toEqual({ epoch: 0, seq: 8 });
  });

  it("drops what it has on a reset, loads a page and goes on from there", () => {
    const frame: ServerFrame = { t: "reset", room: ROOM, epoch: 1, seq: 1_000_000, reason: "epoch" };
    const [chat, effects] = play(opened(), frame);
    expect(chat.timelines[ROOM]).toBeUndefined();
    expect(chat.rooms[ROOM]?.position).toEqual({ epoch: 1, seq: 1_000_000 });
    expect(effects).toEqual([{ kind: "list" }, { kind: "load", room: ROOM }]);
  });

  it("forgets a room that is no longer one's own", () => {
    const frame: ServerFrame = { t: "reset", room: ROOM, epoch: null, seq: null, reason: "not_member" };
    expect(play(opened(), frame)[0].rooms[ROOM]).toBeUndefined();
  });

  it("sends everything unanswered again after the welcome", () => {
    const [chat, effects] = play(opened(), {
      t: "welcome",
      user: chatOf().me,
      gateway: "g",
      now: 0,
      heartbeat_ms: 25_000,
      limits: {
        text: 4_000,
        media: 10,
        frame_bytes: 65_536,
        server_frame_bytes: 1_048_576,
        resume_events: 5_000,
        sends_per_s: 10,
      },
      features: [],
    });
    expect(effects).toEqual([{ kind: "flush" }]);
    expect(chat.outbox.flight).toEqual({});
  });
});

describe("one's own messages", () => {
  function sending(): Chat {
    const chat = opened();
    const draft = { id: "m1", room: ROOM, text: "mine", mentions: [], reply_to: null };
    return { ...chat, outbox: outbox.compose(chat.outbox, draft, 0) };
  }
  const ack: ServerFrame = { t: "ack", id: "m1", room: ROOM, epoch: 0, seq: 3 };
  const echo = live(event(3, message("me", "mine", `${STREAM}:1`)));

  it("stand below the log until their event comes, whatever comes first", () => {
    const [acked] = play(sending(), ack);
    expect(acked.outbox.entries[0]?.status).toBe("sent");
    expect(acked.rooms[ROOM]?.position.seq).toBe(2);
    for (const frames of [
      [ack, echo],
      [echo, ack],
    ]) {
      const [chat] = play(sending(), ...frames);
      expect(chat.outbox.entries).toEqual([]);
      expect(texts(chat)).toEqual(["old", "mine"]);
    }
  });

  it("that were a repeat without a known place are looked up in the newest page", () => {
    const [chat, effects] = play(sending(), { ...ack, epoch: null, seq: null, dup: true } as ServerFrame);
    expect(chat.outbox.entries).toEqual([]);
    expect(effects).toContainEqual({ kind: "load", room: ROOM });
  });

  it("fail by the error that follows the ack of a void record", () => {
    const [chat] = play(sending(), ack, { t: "error", id: "m1", code: "not_member", detail: "" });
    expect(chat.outbox.entries[0]?.status).toBe("failed");
  });
});

describe("rooms", () => {
  it("start at the join when they are added, and end when removed", () => {
    const added: ServerFrame = {
      t: "room",
      change: "added",
      room: entry({ head: 9, me: { role: "member", joined_seq: 7 } }),
    };
    const [chat] = play(chatOf(), added);
    expect(chat.rooms[ROOM]?.position.seq).toBe(7);
    const [gone, effects] = play(chat, {
      t: "room",
      change: "removed",
      room: { id: ROOM, reason: "kicked" },
    });
    expect(gone.rooms).toEqual({});
    expect(effects).toMatchObject([{ kind: "removed", reason: "kicked" }]);
  });

  it("take the server's counts only where these are not older than the events", () => {
    const [chat] = play(opened(), live(event(3, message("ann", "new"))));
    expect(onList(chat, [entry({ head: 2, unread: 0 })]).rooms[ROOM]?.unread).toBe(1);
    expect(onList(chat, [entry({ head: 4, unread: 7 })]).rooms[ROOM]).toMatchObject({
      unread: 7,
      position: { seq: 3 },
    });
  });

  it("stay read though the server has not heard of it yet", () => {
    const [chat] = play(opened(), live(event(3, message("ann", "new"))));
    const listed = onList(withRead(chat, ROOM, 3), [entry({ head: 3, read_seq: 2, unread: 1 })]);
    expect(listed.rooms[ROOM]).toMatchObject({ unread: 0, read_seq: 3 });
    expect(play(listed, live(event(4, message("ann", "next"))))[0].rooms[ROOM]?.unread).toBe(1);
  });

  it("count an event once, though the list told of it before", () => {
    const listed = onList(opened(), [entry({ head: 3, unread: 1 })]);
    expect(play(listed, live(event(3, message("ann", "new"))))[0].rooms[ROOM]?.unread).toBe(1);
  });

  it("count their members as these come and go", () => {
    const joined = live(
      event(3, { v: 1, k: "join", user: "bob", by: "bob", role: "member", how: "join", invite: null }),
    );
    const [chat] = play(opened(), joined);
    expect(chat.rooms[ROOM]?.member_count).toBe(3);
    const kicked = live(event(4, { v: 1, k: "kick", user: "bob", by: "ann" }));
    expect(play(chat, kicked)[0].rooms[ROOM]?.member_count).toBe(2);
  });

  it("are read on another device", () => {
    const [chat] = play(opened(), live(event(3, message("ann", "x"))), {
      t: "read",
      room: ROOM,
      user: "me",
      seq: 3,
    });
    expect(chat.rooms[ROOM]).toMatchObject({ unread: 0, read_seq: 3 });
  });

  it("load again when the first page is older than what is known", () => {
    const chat = onLoading(onList(chatOf(), [entry({ head: 5 })]), ROOM);
    expect(onPage(chat, ROOM, page(0, 4, []), "newest")).toEqual([chat, [{ kind: "load", room: ROOM }]]);
  });
});
