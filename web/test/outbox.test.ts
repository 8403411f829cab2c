import { describe, expect, it } from "vitest";
import * as outbox from "../src/core/outbox";
import { ROOM, STREAM } from "./samples";

const DAY = 86_400_000;

function boxOf(count: number, now = 0): outbox.Outbox {
  let box = outbox.open({ id: STREAM, created: now, next: {} }, [], now);
  for (let i = 1; i <= count; i++) {
    box = outbox.compose(box, { id: `m${i}`, room: ROOM, text: `${i}`, mentions: [], reply_to: null }, now);
  }
  return box;
}

function numbers(entries: outbox.Entry[]): number[] {
  return entries.map((entry) => entry.n);
}

describe("the pace of the outbox", () => {
  it("sends one at a time after `rate_limited`, and one more in flight with every ack", () => {
    let [box] = outbox.due(boxOf(9), 0);
    for (const id of ["m1", "m2", "m3"]) box = outbox.refused(box, id, "rate_limited", 100, 0);
    const sent: number[][] = [];
    for (let now = 100; now < 500; now += 100) {
      const [next, entries] = outbox.due(box, now);
      sent.push(numbers(entries));
      box = entries.reduce((b, entry) => outbox.acked(b, entry.id, entry.n, 99), next);
    }
    expect(sent).toEqual([[1], [2, 3], [4, 5, 6, 7], [8, 9]]);
  });
});

describe("the outbox", () => {
  it("numbers each room from 1 and never uses a number twice", () => {
    let box = boxOf(2);
    box = outbox.refused(box, "m2", "forbidden", null, 0);
    box = outbox.retry(box, "m2", "again", 1);
    expect(numbers(box.entries)).toEqual([1, 3]);
    expect(box.entries[1]).toMatchObject({ id: "again", status: "waiting", text: "2" });
  });

  it("sends in order and keeps few unanswered", () => {
    const [box, first] = outbox.due(boxOf(40), 0);
    expect(numbers(first)).toEqual(Array.from({ length: outbox.IN_FLIGHT_MAX }, (_, i) => i + 1));
    const [, none] = outbox.due(box, 1);
    expect(none).toEqual([]);
  });

  it("does not run more than 63 ahead of the oldest unanswered", () => {
    const stream = { id: STREAM, created: 0, next: { [ROOM]: 100 } };
    const old = { ...boxOf(1).entries[0], n: 20 } as outbox.Entry;
    let box = outbox.open(stream, [old], 0);
    box = outbox.compose(box, { id: "far", room: ROOM, text: "x", mentions: [], reply_to: null }, 0);
    expect(numbers(outbox.due(box, 0)[1])).toEqual([20]);
  });

  it("resends all of a room in order from the first that had no answer in time", () => {
    let [box] = outbox.due(boxOf(3), 0);
    box = outbox.acked(box, "m1", 7, 0);
    const [, again] = outbox.due(box, outbox.RESEND_AFTER_MS);
    expect(numbers(again)).toEqual([2, 3]);
  });

  it("waits after a refusal that may pass, then goes on in order with the same numbers", () => {
    let [box] = outbox.due(boxOf(3), 0);
    box = outbox.refused(box, "m2", "unavailable", 500, 0);
    expect(outbox.due(box, 400)[1]).toEqual([]);
    expect(numbers(outbox.due(box, 500)[1])).toEqual([2, 3]);
    expect(box.entries.every((entry) => entry.status === "waiting")).toBe(true);
  });

  it("fails a message only by a definite refusal, also one that follows the ack", () => {
    const box = outbox.acked(boxOf(1), "m1", 9, 3);
    expect(box.entries[0]?.status).toBe("sent");
    expect(outbox.refused(box, "m1", "not_member", null, 0).entries[0]).toMatchObject({
      status: "failed",
      code: "not_member",
    });
  });

  it("lets go of a message when its event is there, before or after the ack", () => {
    expect(outbox.seen(boxOf(2), ROOM, new Set([`${STREAM}:1`])).entries.map((e) => e.id)).toEqual(["m2"]);
    expect(outbox.acked(boxOf(1), "m1", 4, 4).entries).toEqual([]);
    expect(outbox.acked(boxOf(1), "m1", null, 0).entries).toEqual([]);
  });

  it("sends everything unanswered again on a new connection, but nothing of another stream", () => {
    let [box] = outbox.due(boxOf(2), 0);
    expect(numbers(outbox.due(outbox.reconnected(box), 1)[1])).toEqual([1, 2]);
    box = outbox.withStream(box, { id: "other", created: 1, next: {} });
    expect(outbox.due(box, 1)[1]).toEqual([]);
    expect(box.entries).toHaveLength(2);
  });

  it("replaces a stream of seven days once nothing waits in it, and gives up long before it is forgotten", () => {
    expect(outbox.isWorn(boxOf(0), 7 * DAY)).toBe(true);
    expect(outbox.isWorn(boxOf(1), 7 * DAY)).toBe(false);
    const late = outbox.open(boxOf(1).stream, boxOf(1).entries, 22 * DAY);
    expect(late.entries[0]).toMatchObject({ status: "failed", code: "expired" });
  });

  it("says what storage has to write and delete", () => {
    const before = boxOf(2);
    const acked = outbox.acked(before, "m1", 5, 0);
    expect(outbox.changes(before, acked)).toEqual({ put: [], remove: ["m1"] });
    const failed = outbox.refused(before, "m2", "archived", null, 0);
    expect(outbox.changes(before, failed).put.map((entry) => entry.status)).toEqual(["failed"]);
    expect(outbox.changes(boxOf(0), before).put).toHaveLength(2);
  });
});
