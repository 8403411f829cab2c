import { describe, expect, it } from "vitest";
import { waitMs } from "../src/core/backoff";
import {
  type ConnectionInput,
  type ConnectionState,
  greeting,
  IllegalTransition,
  START,
  step,
} from "../src/core/connection";

const moment = { now: 0, random: 0.5 };

function run(inputs: ConnectionInput[], from: ConnectionState = START, now = 0) {
  let state = from;
  let effects: ReturnType<typeof step>[1] = [];
  for (const input of inputs) [state, effects] = step(state, input, { ...moment, now });
  return { state, effects: effects.map((effect) => effect.kind), all: effects };
}

const upTo: ConnectionInput[] = [
  { kind: "start" },
  { kind: "ticket", ticket: "t" },
  { kind: "opened" },
  { kind: "welcome", heartbeatMs: 25_000 },
];

describe("a connection", () => {
  it("gets a ticket, opens, says hello and is live", () => {
    expect(run(upTo.slice(0, 1)).effects).toEqual(["get_ticket", "timer"]);
    expect(run(upTo.slice(0, 3)).all[0]).toEqual({ kind: "greet", ticket: "t" });
    expect(run(upTo).state.at).toBe("live");
  });

  it("asks for a sign of life after silence and gives up without one", () => {
    expect(run([...upTo, { kind: "timeout" }]).effects).toEqual(["ping", "timer"]);
    expect(run([...upTo, { kind: "timeout" }, { kind: "heard" }]).state.at).toBe("live");
    const lost = run([...upTo, { kind: "timeout" }, { kind: "timeout" }]);
    expect(lost.state.at).toBe("waiting");
    expect(lost.effects).toEqual(["close", "timer"]);
  });

  it.each([4000, 4001, 4002, 4003, 1001, 1006, 1009, 1012, 1013])("reconnects by itself after %i", (code) => {
    expect(run([...upTo, { kind: "closed", code }]).state.at).toBe("waiting");
  });

  it("tries one new ticket after 4500, then asks to sign in", () => {
    const once = run([...upTo.slice(0, 3), { kind: "closed", code: 4500 }]);
    expect(once.effects).toContain("get_ticket");
    const twice = run([...upTo.slice(1, 3), { kind: "closed", code: 4500 }], once.state);
    expect(twice.state).toMatchObject({ at: "stopped", reason: "signed_out" });
    expect(twice.effects).toContain("sign_out");
  });

  it.each([
    [4502, "bad_frame"],
    [4503, "signed_out"],
    [4504, "flooding"],
    [4999, "bad_frame"],
  ] as const)("stops after %i", (code, reason) => {
    expect(run([...upTo, { kind: "closed", code }]).state).toMatchObject({ at: "stopped", reason });
  });

  it("takes a new stream when its own was taken over", () => {
    expect(run([...upTo, { kind: "closed", code: 4505 }]).effects).toEqual([
      "new_stream",
      "get_ticket",
      "timer",
    ]);
  });

  it("drains: stays until the time has come, then moves on at once", () => {
    const draining = run([...upTo, { kind: "drain", afterMs: 700 }, { kind: "heard" }]);
    expect(draining.state.at).toBe("draining");
    expect(run([{ kind: "timeout" }], draining.state).effects).toEqual(["close", "get_ticket", "timer"]);
  });

  it("waits longer after each failure, and starts anew once it was settled", () => {
    const failed = run([...upTo, { kind: "closed", code: 1006 }]);
    expect(failed.state.attempt).toBe(1);
    const up = run([{ kind: "timeout" }, ...upTo.slice(1)], failed.state);
    expect(run([{ kind: "closed", code: 1006 }], up.state).state.attempt).toBe(2);
    expect(run([{ kind: "closed", code: 1006 }], up.state, 20_000).state.attempt).toBe(1);
  });

  it("wakes when the network is back, and doubts a live socket", () => {
    const waiting = run([...upTo, { kind: "closed", code: 1006 }]);
    expect(run([{ kind: "wake" }], waiting.state).effects).toContain("get_ticket");
    expect(run([...upTo, { kind: "doubt" }]).effects).toEqual(["ping", "timer"]);
  });

  it("refuses what cannot happen, by name", () => {
    expect(() => run([{ kind: "opened" }])).toThrow(IllegalTransition);
    expect(() => run([{ kind: "opened" }])).toThrow("connection: opened while idle");
  });

  it("names 500 rooms in hello and the rest afterwards", () => {
    const positions = Object.fromEntries(
      Array.from({ length: 501 }, (_, i) => [`room-${i}`, { epoch: 0, seq: i }]),
    );
    const frames = greeting("t", "s", positions);
    expect(frames.map((frame) => frame.t)).toEqual(["hello", "resume"]);
    expect(frames[1]).toEqual({ t: "resume", resume: { "room-500": [0, 500] } });
  });
});

describe("the wait before a reconnect", () => {
  it("lies between half a second and thirty, spread over all of it", () => {
    for (let attempt = 0; attempt < 40; attempt++) {
      expect(waitMs(attempt, 0)).toBe(500);
      expect(waitMs(attempt, 0.999_999)).toBeLessThanOrEqual(30_000);
    }
    expect(waitMs(20, 0.5)).toBe(15_250);
  });
});
