/**
 * Recording a voice message, as a state machine: it decides, the recorder and the views perform.
 *
 * idle → explaining → starting → recording → finishing → preview → idle
 *                                  (held or locked)     └ refused ┘
 */

/** Whoever lets go earlier has tapped: the recording goes on by itself. */
export const TAP_MS = 400;
/** How far one slides while holding to throw it away, or to lock it. */
export const SLIDE_PX = 72;

export type Refusal = "denied" | "no_device" | "busy" | "insecure" | "failed";
export type After = "preview" | "send" | "discard";

export type Recording =
  | { at: "idle" }
  | { at: "explaining" }
  | { at: "starting"; held: boolean; pressedAt: number }
  | { at: "recording"; held: boolean; pressedAt: number }
  | { at: "finishing"; after: After }
  | { at: "preview" }
  | { at: "refused"; why: Refusal };

export type RecordingInput =
  | { kind: "press"; held: boolean; now: number; known: boolean }
  | { kind: "agree"; now: number }
  | { kind: "started" }
  | { kind: "refused"; why: Refusal }
  | { kind: "slide"; x: number; y: number }
  | { kind: "release"; now: number }
  | { kind: "finish"; after: After }
  | { kind: "finished"; heard: boolean }
  | { kind: "close" };

export type RecordingEffect = "open" | "stop" | "send" | "drop";

export const IDLE: Recording = { at: "idle" };

/** Take one input; what has no meaning in a state changes nothing. */
export function step(state: Recording, input: RecordingInput): [Recording, RecordingEffect[]] {
  switch (input.kind) {
    case "press":
      if (state.at !== "idle") return [state, []];
      // The browser asks next: first it is said why.
      if (!input.known) return [{ at: "explaining" }, []];
      return [{ at: "starting", held: input.held, pressedAt: input.now }, ["open"]];
    case "agree":
      return state.at === "explaining"
        ? [{ at: "starting", held: false, pressedAt: input.now }, ["open"]]
        : [state, []];
    case "started":
      return state.at === "starting" ? [{ ...state, at: "recording" }, []] : [state, ["drop"]];
    case "refused":
      return [{ at: "refused", why: input.why }, ["drop"]];
    case "slide":
      return slide(state, input.x, input.y);
    case "release":
      return release(state, input.now);
    case "finish":
      return finish(state, input.after);
    case "finished":
      return finished(state, input.heard);
    case "close":
      return [IDLE, ["drop"]];
  }
}

function isHeld(state: Recording): state is Recording & { at: "starting" | "recording"; held: true } {
  return (state.at === "starting" || state.at === "recording") && state.held;
}

function slide(state: Recording, x: number, y: number): [Recording, RecordingEffect[]] {
  if (!isHeld(state)) return [state, []];
  if (x <= -SLIDE_PX) return finish(state, "discard");
  return y <= -SLIDE_PX ? [{ ...state, held: false }, []] : [state, []];
}

function release(state: Recording, now: number): [Recording, RecordingEffect[]] {
  if (!isHeld(state)) return [state, []];
  if (now - state.pressedAt < TAP_MS || state.at === "starting") return [{ ...state, held: false }, []];
  return finish(state, "preview");
}

function finish(state: Recording, after: After): [Recording, RecordingEffect[]] {
  if (state.at === "preview") return [IDLE, [after === "send" ? "send" : "drop"]];
  if (after === "discard" && (state.at === "starting" || state.at === "recording")) return [IDLE, ["drop"]];
  return state.at === "recording" ? [{ at: "finishing", after }, ["stop"]] : [state, []];
}

function finished(state: Recording, heard: boolean): [Recording, RecordingEffect[]] {
  if (!heard) return [IDLE, ["drop"]];
  if (state.at === "finishing" && state.after === "send") return [IDLE, ["send"]];
  return state.at === "finishing" || state.at === "recording" ? [{ at: "preview" }, []] : [IDLE, ["drop"]];
}
