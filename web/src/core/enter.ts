/**
 * What Enter means in a text field under an input method: one Enter sends once.
 *
 * Hangul has no candidate window, so an Enter during its composition ends the syllable and means "send":
 * remember it, send when the composition has ended. With Chinese and Japanese the Enter picks a candidate
 * and belongs to the input method. Safari ends the composition first and then reports the same Enter as
 * key code 229. Other browsers report it a second time as an ordinary Enter; that one is swallowed.
 */

export interface EnterState {
  composing: boolean;
  /** What is being composed, or was composed last. */
  data: string;
  /** Enter came during a composition of Hangul. */
  pending: boolean;
  /** The Enter that is still held down has done its work. */
  spent: boolean;
}

export const IDLE: EnterState = { composing: false, data: "", pending: false, spent: false };

export type Input =
  | { kind: "compositionstart" }
  | { kind: "compositionupdate"; data: string }
  | { kind: "compositionend"; data: string }
  | { kind: "enter"; keyCode: number; isComposing: boolean; shift: boolean; repeat: boolean }
  | { kind: "keyup" };

export type Decision = "none" | "send" | "swallow";

const HANGUL = /^[\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff]+$/;

/** Take one event of the field; "swallow" and "send" mean that the key's own effect is prevented. */
export function enter(state: EnterState, input: Input): [EnterState, Decision] {
  switch (input.kind) {
    case "compositionstart":
      return [{ ...state, composing: true, data: "", pending: false }, "none"];
    case "compositionupdate":
      return [{ ...state, data: input.data }, "none"];
    case "compositionend":
      return compositionEnd(state, input.data || state.data);
    case "enter":
      return enterDown(state, input);
    case "keyup":
      return [{ ...state, spent: false }, "none"];
  }
}

function compositionEnd(state: EnterState, data: string): [EnterState, Decision] {
  const sends = state.pending && HANGUL.test(data);
  return [{ composing: false, data, pending: false, spent: state.spent || sends }, sends ? "send" : "none"];
}

function enterDown(state: EnterState, key: Extract<Input, { kind: "enter" }>): [EnterState, Decision] {
  if (key.shift) return [state, "none"];
  if (state.composing || key.isComposing) {
    const sends = HANGUL.test(state.data);
    return [{ ...state, pending: sends }, sends ? "swallow" : "none"];
  }
  if (key.keyCode === 229 && !HANGUL.test(state.data)) return [state, "none"];
  if (state.spent || key.repeat) return [state, "swallow"];
  return [{ ...state, data: "", spent: true }, "send"];
}
