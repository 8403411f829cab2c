import { describe, expect, it } from "vitest";
import { onList } from "../src/core/chat";
import { isTold } from "../src/core/notices";
import type { KnownRecord, RoomEntry } from "../src/protocol/types";
import { chatOf, entry, event, message, play, ROOM } from "./samples";

const hello = message("ann", "hello");
const named = message("ann", "@me", "ann:1", ["me"]);

function told(e: KnownRecord, fields: Partial<RoomEntry> = {}, reach: "own" | "all" = "own", seq = 5) {
  return isTold(onList(chatOf(), [entry({ head: 4, ...fields })]), ROOM, event(seq, e), reach, 0);
}

describe("who looks elsewhere is told", () => {
  it("of direct messages and of mentions, and of the rest if she wants", () => {
    expect(told(hello)).toBe(false);
    expect(told(named)).toBe(true);
    expect(told(hello, { kind: "direct" })).toBe(true);
    expect(told({ ...hello, mention_all: true } as KnownRecord)).toBe(true);
    expect(told(hello, {}, "all")).toBe(true);
  });

  it("once, and not of what she wrote or read herself", () => {
    expect(told(named, {}, "own", 4)).toBe(false);
    expect(told(named, { read_seq: 5 })).toBe(false);
    expect(told(message("me", "mine"), {}, "all")).toBe(false);
    expect(told({ v: 1, k: "leave", user: "ann" } as KnownRecord, {}, "all")).toBe(false);
  });

  it("neither of a muted room nor of a silent message", () => {
    expect(told(named, { muted_until: "forever" })).toBe(false);
    expect(told({ ...named, notify: "silent" } as KnownRecord)).toBe(false);
  });

  it("nothing in quiet hours", () => {
    const chat = onList(chatOf(), [entry({ kind: "direct" })]);
    const [quiet] = play(chat, { t: "quiet", active: true, until: 9_000, next_start: null });
    expect(isTold(quiet, ROOM, event(1, named), "all", 0)).toBe(false);
  });
});
