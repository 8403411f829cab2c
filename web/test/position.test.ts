import { describe, expect, it } from "vitest";
import { advance, afterPage, step } from "../src/core/position";
import { event, message, page } from "./samples";

const at = { epoch: 0, seq: 5 };
const text = message("ann", "hi");

describe("a position", () => {
  it("moves by an event whose predecessor it has, or that is the first of the room", () => {
    expect(step(at, event(6, text))).toBe("apply");
    expect(step(at, event(9, text, 4))).toBe("apply");
    expect(step(at, event(9, text, null))).toBe("apply");
  });

  it("drops what it has, before any other rule", () => {
    expect(step(at, event(5, text))).toBe("drop");
    expect(step(at, event(5, text), true)).toBe("drop");
  });

  it("sees a gap when the predecessor is missing", () => {
    expect(step(at, event(7, text))).toBe("gap");
  });

  it("only shows what pierced a hold, and looks for no gap", () => {
    expect(step(at, event(9, text), true)).toBe("show");
  });

  it("moves by a page that joins on, and by no other", () => {
    expect(afterPage(at, page(5, 9, []))).toEqual({ epoch: 0, seq: 9 });
    expect(afterPage(at, page(3, 9, []))).toEqual({ epoch: 0, seq: 9 });
    expect(afterPage(at, page(6, 9, []))).toBe(at);
    expect(afterPage(at, page(0, 5, []))).toBe(at);
  });

  it("never falls", () => {
    expect(advance(at, 1, 4)).toBe(at);
    expect(advance(at, 1, 1_000_000)).toEqual({ epoch: 1, seq: 1_000_000 });
  });
});
