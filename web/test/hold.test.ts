import { describe, expect, it } from "vitest";
import { type Chat, onList, onLoading, onPage } from "../src/core/chat";
import { unreadWith } from "../src/core/hold";
import type { RoomView } from "../src/core/rooms";
import type { Digest, ReleasedRoom, ReleaseFrame } from "../src/protocol/quiet";
import type { ServerFrame } from "../src/protocol/types";
import { chatOf, entry, event, live, message, page, play, ROOM, texts } from "./samples";

const OTHER = "33333333-3333-4333-8333-333333333333";
const DIGEST: Digest = {
  total: 2,
  mentions: 0,
  rooms: [{ room: ROOM, count: 2, mentions: 0, first_seq: 3, last_seq: 4, last_by: "ann", preview: "four" }],
};

/** Two messages are shown, the position is at the second; then it becomes quiet. */
function held(): Chat {
  const listed = onList(chatOf(), [entry({ head: 2 }), entry({ id: OTHER, head: 9 })]);
  const items = [event(1, message("ann", "one")), event(2, message("ann", "two"))];
  const open = onPage(onLoading(listed, ROOM), ROOM, page(0, 2, items), "newest")[0];
  const none: ServerFrame = { t: "quiet", active: false, until: null, next_start: 5_000 };
  return play(open, none, { t: "quiet", active: true, until: 9_000, next_start: null })[0];
}

function batch(room: string, from: number, to: number, items: ReleasedRoom["items"]): ReleasedRoom {
  return { room, epoch: 0, from, to, items };
}

function release(rooms: ReleasedRoom[], fields: Partial<ReleaseFrame> = {}): ServerFrame {
  const window: [number, number] = [1_000, 9_000];
  return { t: "release", release_id: "r", part: 1, of: 1, window, digest: DIGEST, rooms, ...fields };
}

const three = event(3, message("ann", "three", "ann-stream:3"));
const four = event(4, message("ann", "four", "ann-stream:4"));

describe("in a hold", () => {
  it("the quiet state and the counts of rooms are the server's", () => {
    const [chat] = play(held(), {
      t: "held",
      rooms: { [ROOM]: { count: 3, mentions: 1 }, [OTHER]: { count: 2, mentions: 0 } },
      total: 5,
    });
    expect(chat.hold).toMatchObject({ active: true, until: 9_000, total: 5 });
    const [less] = play(chat, { t: "held", rooms: { [OTHER]: { count: 0, mentions: 0 } }, total: 3 });
    expect(less.hold.held).toEqual({ [ROOM]: { count: 3, mentions: 1 } });
  });

  it("a new connection tells them anew", () => {
    const [chat] = play(held(), { t: "held", rooms: { [OTHER]: { count: 2, mentions: 0 } }, total: 2 });
    const limits = {
      text: 1,
      media: 1,
      frame_bytes: 1,
      server_frame_bytes: 1,
      resume_events: 1,
      sends_per_s: 1,
    };
    const [fresh] = play(
      chat,
      {
        t: "welcome",
        user: chat.me,
        gateway: "g",
        now: 0,
        heartbeat_ms: 1,
        limits,
        features: ["quiet_hours"],
      },
      { t: "held", rooms: { [ROOM]: { count: 1, mentions: 0 } }, total: 1 },
    );
    expect(fresh.hold.held).toEqual({ [ROOM]: { count: 1, mentions: 0 } });
  });
});

describe("what passes a hold", () => {
  it("one's own message of another device is shown above the hole, and nothing is asked for", () => {
    const mine = { ...live(event(7, message("me", "mine"))), past_hold: true } as ServerFrame;
    const [chat, effects] = play(held(), mine);
    expect(texts(chat)).toEqual(["one", "two", "mine"]);
    expect(chat.rooms[ROOM]?.position.seq).toBe(2);
    expect(effects).toEqual([]);
  });

  it("an annotation of what was shown before passes", () => {
    const edit = {
      v: 1,
      k: "edit",
      by: "ann",
      target: 2,
      author: "ann",
      text: "zwei",
      mentions: [],
    } as const;
    const [chat] = play(held(), {
      ...live(event(7, { ...edit, mentions: [] })),
      past_hold: true,
    } as ServerFrame);
    expect(texts(chat)).toEqual(["one", "zwei"]);
  });

  it("a room that is opened goes on by its history: an ordinary event above the hole asks for it", () => {
    const five = event(5, message("ann", "five", "ann-stream:5"));
    const [gap, effects] = play(held(), live(five));
    expect(effects).toEqual([{ kind: "fill", room: ROOM }]);
    const [chat] = onPage(gap, ROOM, page(2, 5, [three, four, five]), "fill");
    expect(texts(chat)).toEqual(["one", "two", "three", "four", "five"]);
    expect(chat.rooms[ROOM]?.position.seq).toBe(5);
  });

  it("an alert is told and not laid into the timeline", () => {
    const alert = { room: ROOM, seq: 9, by: "ann", reason: "dm" } as const;
    const [chat, effects] = play(held(), { t: "alert", ...alert });
    expect(effects).toEqual([{ kind: "alert", alert }]);
    expect(texts(chat)).toEqual(["one", "two"]);
  });

  it("counts what is held beside what was unread, once", () => {
    const [chat] = play(held(), { t: "held", rooms: { [ROOM]: { count: 3, mentions: 0 } }, total: 3 });
    const room = { ...(chat.rooms[ROOM] as RoomView), unread: 2 };
    expect(unreadWith(chat.hold, room)).toBe(5);
    const listed = onList(chat, [entry({ head: 20, unread: 5 })]);
    expect(unreadWith(listed.hold, listed.rooms[ROOM] as RoomView)).toBe(5);
  });
});

describe("a release", () => {
  it("lays in what was held, moves every room to its end, and is told once", () => {
    const frame = release([batch(ROOM, 2, 5, [three, four]), batch(OTHER, 9, 12, [])]);
    const [chat, effects] = play(held(), frame);
    expect(texts(chat)).toEqual(["one", "two", "three", "four"]);
    expect(chat.rooms[ROOM]?.position).toEqual({ epoch: 0, seq: 5 });
    expect(chat.rooms[OTHER]?.position).toEqual({ epoch: 0, seq: 12 });
    expect(effects).toMatchObject([
      { kind: "list" },
      { kind: "released", release: { release_id: "r", digest: { total: 2 } } },
    ]);
    expect(play(chat, frame)).toEqual([chat, []]);
  });

  it("moves only with its last part, whatever the order of the parts", () => {
    const first = release([batch(ROOM, 2, 5, [three, four])], { part: 1, of: 2 });
    const second = release([batch(OTHER, 9, 12, [])], { part: 2, of: 2, digest: null });
    const [half, none] = play(held(), second);
    expect(half.rooms[OTHER]?.position.seq).toBe(9);
    expect(none).toEqual([]);
    const [chat, effects] = play(half, first);
    expect([chat.rooms[ROOM]?.position.seq, chat.rooms[OTHER]?.position.seq]).toEqual([5, 12]);
    expect(effects.map((effect) => effect.kind)).toEqual(["list", "released"]);
  });

  it("repeats nothing that came before it, and takes its newer form", () => {
    const [read] = onPage(held(), ROOM, page(2, 4, [three, four]), "fill");
    const edited = { ...message("ann", "THREE", "ann-stream:3"), edited: { seq: 5, ts: 5 } };
    const [chat] = play(read, release([batch(ROOM, 2, 5, [event(3, edited as typeof three.e), four])]));
    expect(texts(chat)).toEqual(["one", "two", "THREE", "four"]);
    expect(chat.rooms[ROOM]?.position.seq).toBe(5);
  });

  it("never moves a position back", () => {
    const [read] = onPage(held(), ROOM, page(2, 9, [three, four]), "fill");
    expect(play(read, release([batch(ROOM, 2, 5, [three, four])]))[0].rooms[ROOM]?.position.seq).toBe(9);
  });

  it("that leaves older messages out begins the timeline anew, with history before it", () => {
    const [chat] = play(held(), release([batch(ROOM, 2, 60, [event(59, message("ann", "late"), 58)])]));
    expect(chat.timelines[ROOM]).toMatchObject({ from: 0 });
    const fresh = play(held(), release([batch(ROOM, 40, 60, [event(59, message("ann", "late"), 58)])]))[0];
    expect(texts(fresh)).toEqual(["late"]);
    expect(fresh.timelines[ROOM]).toMatchObject({ from: 40, hasBefore: true });
  });

  it("goes on with what came live right after it", () => {
    const [chat] = play(
      held(),
      live(event(7, message("ann", "seven"), 5)),
      release([batch(ROOM, 2, 5, [three, four])]),
    );
    expect(texts(chat)).toEqual(["one", "two", "three", "four", "seven"]);
    expect(chat.parked[ROOM]).toBeUndefined();
  });

  it("without a digest line is not told", () => {
    const empty = { total: 0, mentions: 0, rooms: [] };
    const [, effects] = play(held(), release([batch(ROOM, 2, 5, [])], { digest: empty }));
    expect(effects).toEqual([{ kind: "list" }]);
  });
});
