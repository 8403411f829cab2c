/**
 * The life of the connection, as a state machine: it decides, `shell/socket.ts` performs.
 *
 * idle → ticket → opening → greeting → live ⇄ probing → (waiting → ticket …)
 *                                        └ draining ┘      stopped: not by itself
 */

import type { ClientFrame, Resume, RoomId } from "../protocol/types";
import { waitMs } from "./backoff";
import type { Position } from "./position";

export type StopReason = "signed_out" | "bad_frame" | "flooding";

type At =
  | { at: "idle" }
  | { at: "ticket" }
  | { at: "opening"; ticket: string }
  | { at: "greeting" }
  | { at: "live"; heartbeatMs: number; since: number }
  | { at: "probing"; heartbeatMs: number; since: number }
  | { at: "draining"; since: number }
  | { at: "waiting"; until: number }
  | { at: "stopped"; reason: StopReason };

export type ConnectionState = At & { attempt: number; ticketRetried: boolean };

export type ConnectionInput =
  | { kind: "start" }
  | { kind: "ticket"; ticket: string }
  | { kind: "no_ticket"; signedOut: boolean }
  | { kind: "opened" }
  | { kind: "welcome"; heartbeatMs: number }
  | { kind: "heard" }
  | { kind: "drain"; afterMs: number }
  | { kind: "closed"; code: number }
  | { kind: "timeout" }
  | { kind: "wake" }
  | { kind: "doubt" }
  | { kind: "renew" }
  | { kind: "end" };

export type ConnectionEffect =
  | { kind: "get_ticket" }
  | { kind: "open" }
  | { kind: "greet"; ticket: string }
  | { kind: "ping" }
  | { kind: "timer"; ms: number | null }
  | { kind: "close" }
  | { kind: "new_stream" }
  | { kind: "sign_out" };

export interface Moment {
  now: number;
  random: number;
}

export type Transition = [ConnectionState, ConnectionEffect[]];

export const OPEN_MS = 10_000;
export const PONG_MS = 10_000;
const DOUBT_MS = 3_000;
const SETTLED_MS = 10_000;

export const START: ConnectionState = { at: "idle", attempt: 0, ticketRetried: false };

/** An input came in a state that has no place for it: a mistake in the shell. */
export class IllegalTransition extends Error {
  constructor(at: string, input: string) {
    super(`connection: ${input} while ${at}`);
  }
}

/** Take one input. Raises IllegalTransition. */
export function step(state: ConnectionState, input: ConnectionInput, moment: Moment): Transition {
  switch (input.kind) {
    case "start":
      return state.at === "idle" || state.at === "stopped" ? ask({ ...state, attempt: 0 }) : [state, []];
    case "ticket":
      require(state, input, "ticket");
      return [to(state, { at: "opening", ticket: input.ticket }), [{ kind: "open" }, timer(OPEN_MS)]];
    case "no_ticket":
      require(state, input, "ticket");
      return input.signedOut ? stop(state, "signed_out") : wait(state, moment);
    case "opened":
      return state.at === "opening"
        ? [to(state, { at: "greeting" }), [{ kind: "greet", ticket: state.ticket }, timer(OPEN_MS)]]
        : illegal(state, input);
    case "welcome":
      require(state, input, "greeting");
      return live({ ...state, ticketRetried: false }, input.heartbeatMs, moment.now);
    case "heard":
      return heard(state);
    case "drain":
      return isUp(state)
        ? [to(state, { at: "draining", since: state.since }), [timer(input.afterMs)]]
        : [state, []];
    case "closed":
      return closed(state, input.code, moment);
    case "timeout":
      return timeout(state, moment);
    case "wake":
      return state.at === "waiting" ? ask(state) : doubt(state);
    case "doubt":
      return doubt(state);
    case "renew":
      return isUp(state) || state.at === "draining" ? ask(state, [{ kind: "close" }]) : [state, []];
    case "end":
      return [{ ...START }, [{ kind: "close" }, timer(null)]];
  }
}

function require(state: ConnectionState, input: ConnectionInput, at: ConnectionState["at"]): void {
  if (state.at !== at) illegal(state, input);
}

function illegal(state: ConnectionState, input: ConnectionInput): never {
  throw new IllegalTransition(state.at, input.kind);
}

function to(state: ConnectionState, at: At): ConnectionState {
  return { ...at, attempt: state.attempt, ticketRetried: state.ticketRetried };
}

function timer(ms: number | null): ConnectionEffect {
  return { kind: "timer", ms };
}

function isUp(state: ConnectionState): state is ConnectionState & { at: "live" | "probing" } {
  return state.at === "live" || state.at === "probing";
}

function ask(state: ConnectionState, first: ConnectionEffect[] = []): Transition {
  return [to(state, { at: "ticket" }), [...first, { kind: "get_ticket" }, timer(null)]];
}

function live(state: ConnectionState, heartbeatMs: number, since: number): Transition {
  return [to(state, { at: "live", heartbeatMs, since }), [timer(heartbeatMs)]];
}

function heard(state: ConnectionState): Transition {
  return isUp(state) ? live(state, state.heartbeatMs, state.since) : [state, []];
}

function probe(state: ConnectionState & { at: "live" }, ms: number): Transition {
  return [to(state, { ...state, at: "probing" }), [{ kind: "ping" }, timer(ms)]];
}

/** The network or the page changed: a live connection proves itself quickly or is given up. */
function doubt(state: ConnectionState): Transition {
  return state.at === "live" ? probe(state, DOUBT_MS) : [state, []];
}

function timeout(state: ConnectionState, moment: Moment): Transition {
  switch (state.at) {
    case "live":
      return probe(state, PONG_MS);
    case "probing":
    case "opening":
    case "greeting":
      return wait(state, moment, [{ kind: "close" }]);
    case "draining":
      return ask({ ...state, attempt: 0 }, [{ kind: "close" }]);
    case "waiting":
      return ask(state);
    default:
      return illegal(state, { kind: "timeout" });
  }
}

function closed(state: ConnectionState, code: number, moment: Moment): Transition {
  switch (code) {
    case 4500:
      return state.ticketRetried ? stop(state, "signed_out") : ask({ ...state, ticketRetried: true });
    case 4502:
      return stop(state, "bad_frame");
    case 4503:
      return stop(state, "signed_out");
    case 4504:
      return stop(state, "flooding");
    case 4505:
      return ask(state, [{ kind: "new_stream" }]);
    default:
      return code > 4505 && code < 5000 ? stop(state, "bad_frame") : wait(state, moment);
  }
}

function wait(state: ConnectionState, moment: Moment, first: ConnectionEffect[] = []): Transition {
  const settled = "since" in state && moment.now - state.since >= SETTLED_MS;
  const attempt = settled ? 0 : state.attempt;
  const ms = waitMs(attempt, moment.random);
  const next: ConnectionState = {
    at: "waiting",
    until: moment.now + ms,
    attempt: attempt + 1,
    ticketRetried: state.ticketRetried,
  };
  return [next, [...first, timer(ms)]];
}

function stop(state: ConnectionState, reason: StopReason): Transition {
  const effects: ConnectionEffect[] = [{ kind: "close" }, timer(null)];
  return [
    to(state, { at: "stopped", reason }),
    reason === "signed_out" ? [...effects, { kind: "sign_out" }] : effects,
  ];
}

const RESUME_ROOMS_MAX = 500;

/** Say hello with the positions of all rooms: 500 in the first frame, the rest in more after `welcome`. */
export function greeting(ticket: string, stream: string, positions: Record<RoomId, Position>): ClientFrame[] {
  const [first = {}, ...rest] = portions(positions);
  return [
    { t: "hello", ticket, stream, resume: first },
    ...rest.map((resume) => ({ t: "resume", resume }) as const),
  ];
}

function portions(positions: Record<RoomId, Position>): Resume[] {
  const all = Object.entries(positions);
  const out: Resume[] = [];
  for (let at = 0; at < all.length; at += RESUME_ROOMS_MAX) {
    const part = all.slice(at, at + RESUME_ROOMS_MAX);
    out.push(
      Object.fromEntries(part.map(([room, { epoch, seq }]) => [room, [epoch, seq] as [number, number]])),
    );
  }
  return out;
}
