import { describe, expect, it } from "vitest";
import { apply, merge, restart, type Timeline, trim, waiting } from "../src/core/timeline";
import { event, message, page } from "./samples";

const ME = "me";

function loaded(): Timeline {
  return merge(
    waiting(3),
    page(0, 3, [event(2, message("ann", "one")), event(3, message("ann", "two"))]),
    ME,
  );
}

function edit(seq: number, target: number, text: string) {
  return event(seq, { v: 1, k: "edit", by: "ann", target, author: "ann", text, mentions: [] });
}

function reaction(seq: number, target: number, on: boolean, by = "bob") {
  return event(seq, { v: 1, k: "reaction", by, target, emoji: "👍", on });
}

function itemAt(timeline: Timeline, seq: number) {
  return timeline.items.find((item) => item.seq === seq)?.e;
}

describe("a timeline", () => {
  it("lays edits, deletes and reactions over messages", () => {
    let timeline = apply(loaded(), edit(4, 2, "uno"), ME);
    timeline = apply(timeline, reaction(5, 2, true), ME);
    timeline = apply(timeline, reaction(6, 2, true, ME), ME);
    expect(itemAt(timeline, 2)).toMatchObject({
      text: "uno",
      edited: { seq: 4 },
      reactions: [{ emoji: "👍", count: 2, me: true }],
    });
    timeline = apply(timeline, event(7, { v: 1, k: "delete", by: "bob", target: 2, author: "ann" }), ME);
    expect(itemAt(timeline, 2)).toMatchObject({ k: "deleted", by: "ann", deleted_by: "bob" });
    expect(JSON.stringify(timeline.items)).not.toContain("uno");
  });

  it("takes a reaction away with the last one who put it", () => {
    const timeline = apply(apply(loaded(), reaction(4, 2, true), ME), reaction(5, 2, false), ME);
    expect(itemAt(timeline, 2)).toMatchObject({ reactions: [] });
  });

  it("applies an annotation that a page already shows only once", () => {
    const shown = { ...message("ann", "one"), reactions: [{ emoji: "👍", count: 1, me: false }] };
    const timeline = merge(waiting(2), page(0, 2, [event(2, shown as never)], { as_of: 9 }), ME);
    expect(itemAt(apply(timeline, reaction(9, 2, true), ME), 2)).toMatchObject({ reactions: [{ count: 1 }] });
  });

  it("keeps live news that overtook the page they belong to", () => {
    let timeline = apply(waiting(3), event(4, message("bob", "live")), ME);
    timeline = apply(timeline, edit(5, 3, "dos"), ME);
    timeline = restart(timeline, page(0, 3, [event(3, message("ann", "two"))]), ME);
    expect(timeline.items.map((item) => item.seq)).toEqual([3, 4]);
    expect(itemAt(timeline, 3)).toMatchObject({ text: "dos" });
  });

  it("puts older pages before what is loaded, each item once", () => {
    const newer = merge(waiting(9), page(5, 9, [event(6, message("ann", "six"))]), ME);
    const both = merge(newer, page(0, 5, [event(5, message("ann", "five"))], { as_of: 9 }), ME);
    expect(both.items.map((item) => item.seq)).toEqual([5, 6]);
    expect(both).toMatchObject({ from: 0, to: 9, hasBefore: false });
  });

  it("ignores kinds that it does not know", () => {
    const timeline = apply(loaded(), event(4, { v: 1, k: "poll" } as never), ME);
    expect(timeline.items).toHaveLength(2);
    expect(timeline.to).toBe(4);
  });

  it("lets go of the oldest when far too many are loaded", () => {
    let timeline = loaded();
    for (let seq = 4; seq <= 1_002; seq++) timeline = apply(timeline, event(seq, message("ann", "x")), ME);
    const trimmed = trim(timeline);
    expect(trimmed.items).toHaveLength(400);
    expect(trimmed.hasBefore).toBe(true);
    expect(trimmed.from).toBe((trimmed.items[0]?.seq ?? 0) - 1);
  });
});
