import { expect, it } from "vitest";
import { IDLE, type Recording, type RecordingInput, SLIDE_PX, step, TAP_MS } from "../src/core/recording";

const press = { kind: "press", held: true, now: 0, known: true } as const;
const started = { kind: "started" } as const;
const heard = { kind: "finished", heard: true } as const;

function after(...inputs: RecordingInput[]): [string, string] {
  let state: Recording = IDLE;
  let effects: string[] = [];
  for (const input of inputs) [state, effects] = step(state, input);
  return [state.at, effects.join()];
}

it("says why it needs the microphone before the browser asks", () => {
  expect(after({ ...press, known: false })).toEqual(["explaining", ""]);
  expect(after({ ...press, known: false }, { kind: "agree", now: 5 })).toEqual(["starting", "open"]);
  expect(after({ ...press, known: false }, { kind: "close" })).toEqual(["idle", "drop"]);
});

it("records while the button is held, and then lets one listen", () => {
  const release = { kind: "release", now: TAP_MS + 1 } as const;
  expect(after(press, started, release)).toEqual(["finishing", "stop"]);
  expect(after(press, started, release, heard)).toEqual(["preview", ""]);
});

it("goes on by itself after a tap, and after sliding up", () => {
  const later = { kind: "release", now: 9_999 } as const;
  expect(after(press, started, { kind: "release", now: 10 }, later)).toEqual(["recording", ""]);
  expect(after(press, { kind: "release", now: 9_999 }, started)).toEqual(["recording", ""]);
  expect(after(press, started, { kind: "slide", x: 0, y: -SLIDE_PX }, later)).toEqual(["recording", ""]);
});

it("throws it away when one slides to the left, or discards it", () => {
  expect(after(press, started, { kind: "slide", x: -SLIDE_PX, y: 0 })).toEqual(["idle", "drop"]);
  expect(after(press, started, { kind: "finish", after: "discard" })).toEqual(["idle", "drop"]);
  // The microphone opens after one has left: it is closed again.
  expect(after(press, { kind: "finish", after: "discard" }, started)).toEqual(["idle", "drop"]);
});

it("sends at once, or after one has listened", () => {
  expect(after(press, started, { kind: "finish", after: "send" }, heard)).toEqual(["idle", "send"]);
  const preview = [press, started, { kind: "finish", after: "preview" }, heard] as const;
  expect(after(...preview, { kind: "finish", after: "send" })).toEqual(["idle", "send"]);
  expect(after(...preview, { kind: "finish", after: "discard" })).toEqual(["idle", "drop"]);
});

it("sends nothing that was not heard, and tells why there is no microphone", () => {
  const nothing = { kind: "finished", heard: false } as const;
  expect(after(press, started, { kind: "finish", after: "send" }, nothing)).toEqual(["idle", "drop"]);
  expect(after(press, { kind: "refused", why: "denied" })).toEqual(["refused", "drop"]);
});
