import { describe, expect, it } from "vitest";
import { type Decision, enter, IDLE, type Input } from "../src/core/enter";

function key(fields: Partial<Extract<Input, { kind: "enter" }>> = {}): Input {
  return { kind: "enter", keyCode: 13, isComposing: false, shift: false, repeat: false, ...fields };
}

const start: Input = { kind: "compositionstart" };
const keyup: Input = { kind: "keyup" };
const update = (data: string): Input => ({ kind: "compositionupdate", data });
const end = (data: string): Input => ({ kind: "compositionend", data });

function run(...inputs: Input[]): Decision[] {
  let state = IDLE;
  return inputs.map((input) => {
    const [next, decision] = enter(state, input);
    state = next;
    return decision;
  });
}

function sends(...inputs: Input[]): number {
  return run(...inputs).filter((decision) => decision === "send").length;
}

describe("one Enter sends once", () => {
  it("without an input method", () => {
    expect(run(key(), keyup, key(), keyup)).toEqual(["send", "none", "send", "none"]);
  });

  it("not while the key is held down", () => {
    expect(run(key(), key({ repeat: true }), key({ repeat: true }))).toEqual(["send", "swallow", "swallow"]);
  });

  it("with Shift it breaks the line instead", () => {
    expect(run(key({ shift: true }))).toEqual(["none"]);
  });

  it("while Hangul is composed: at the end of the composition, not at the key", () => {
    const composing = key({ keyCode: 229, isComposing: true });
    expect(run(start, update("요"), composing, end("요"))).toEqual(["none", "none", "swallow", "send"]);
  });

  it("where the browser reports the same Enter again after the composition", () => {
    const composing = key({ keyCode: 229, isComposing: true });
    expect(sends(start, update("요"), composing, end("요"), key(), keyup)).toBe(1);
  });

  it("in Safari, which ends the composition before it reports the key as 229", () => {
    expect(sends(start, update("요"), end("요"), key({ keyCode: 229 }), keyup)).toBe(1);
  });

  it("again after the next syllables", () => {
    const word = [start, update("네"), key({ keyCode: 229, isComposing: true }), end("네"), key(), keyup];
    expect(sends(...word, ...word)).toBe(2);
  });

  it("never for the Enter that picks a candidate of Chinese or Japanese", () => {
    const composing = key({ keyCode: 229, isComposing: true });
    expect(sends(start, update("にほん"), composing, end("日本"), key({ keyCode: 229 }), keyup)).toBe(0);
    expect(sends(start, update("한"), composing, end("漢"))).toBe(0);
  });
});
