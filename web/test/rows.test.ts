import { expect, it } from "vitest";
import { rows } from "../src/core/rows";
import { merge, waiting } from "../src/core/timeline";
import { event, message, page } from "./samples";

const MINUTE = 60_000;

function at(seq: number, by: string, ts: number) {
  return { ...event(seq, message(by, "x")), ts };
}

it("lays out days, groups and the unread mark before the first message of another", () => {
  const noon = new Date(2026, 10, 23, 12).getTime();
  const items = [
    at(1, "ann", noon - 24 * 60 * MINUTE),
    at(2, "ann", noon),
    at(3, "ann", noon + MINUTE),
    at(4, "ann", noon + 10 * MINUTE),
    at(5, "me", noon + 11 * MINUTE),
    at(6, "bob", noon + 12 * MINUTE),
  ];
  const timeline = merge(waiting(6), page(0, 6, items), "me");
  const out = rows(timeline, [], [], 4, "me").map((row) =>
    row.kind === "message" ? `${row.item.seq}${row.first ? "!" : ""}` : row.kind,
  );
  expect(out).toEqual(["day", "1!", "day", "2!", "3", "4!", "5!", "unread", "6!"]);
});

it("leaves the unread mark out where only notes have come", () => {
  const left = event(1, { v: 1, k: "leave", user: "ann" });
  const kinds = (items: ReturnType<typeof at>[]) =>
    rows(merge(waiting(9), page(0, 9, items), "me"), [], [], 0, "me").map((row) => row.kind);
  expect(kinds([left])).toEqual(["day", "note"]);
  expect(kinds([left, at(2, "ann", 2_000)])).toEqual(["day", "note", "unread", "message"]);
});
