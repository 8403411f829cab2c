import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { ClientFrame } from "../src/protocol/types";
import type { Api } from "../src/shell/api";
import { ChatSession, type SessionPorts } from "../src/shell/session";
import type { Storage } from "../src/shell/storage";
import type { TabStream } from "../src/shell/stream";
import { entry, event, live, message, page, person, ROOM, STREAM } from "./samples";
import { TwinSocket } from "./twin";

const two = [event(1, message("ann", "one")), event(2, message("ann", "two", "ann:2"))];
const held = [event(3, message("ann", "three", "ann:3")), event(4, message("ann", "four", "ann:4"))];
const none = { items: [], next_cursor: null };

let ports: SessionPorts;
let session: ChatSession;

beforeEach(async () => {
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", TwinSocket);
  vi.stubGlobal("document", { hidden: false });
  vi.stubGlobal("localStorage", { getItem: () => null, setItem: () => undefined });
  vi.stubGlobal("requestAnimationFrame", (show: () => void) => setTimeout(show));
  TwinSocket.all = [];
  const api = {
    rooms: async () => [entry({ head: 2 })],
    members: async () => [],
    users: async () => none,
    ticket: async () => "ticket",
  };
  ports = {
    api: api as unknown as Api,
    storage: { write: async () => undefined } as unknown as Storage,
    tab: {} as TabStream,
    signedOut: vi.fn(),
    reach: () => "all",
    removed: vi.fn(),
    alerted: vi.fn(),
    released: vi.fn(),
  };
  const kept = { stream: { id: STREAM, created: Date.now(), next: {} }, entries: [], parcels: [] };
  session = new ChatSession(ports, person("me"), kept, "ws://kaftalk/ws");
  await session.start();
  await connect();
});

afterEach(() => {
  session.end();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function connect(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
  TwinSocket.last.open();
  TwinSocket.last.welcome();
}

async function asked<T extends ClientFrame["t"]>(t: T): Promise<Extract<ClientFrame, { t: T }>[]> {
  await vi.advanceTimersByTimeAsync(50);
  return TwinSocket.last.received.filter((frame) => frame.t === t) as Extract<ClientFrame, { t: T }>[];
}

/** Answer the newest question for history. */
async function answer(from: number, to: number, items: typeof two): Promise<void> {
  const question = (await asked("history")).at(-1);
  TwinSocket.last.say({ t: "page", id: question?.id ?? "", room: ROOM, ...page(from, to, items) });
  await vi.advanceTimersByTimeAsync(50);
}

async function openThenLeave(): Promise<void> {
  session.open(ROOM);
  await answer(0, 2, two);
  session.open(null);
}

function hold(): void {
  TwinSocket.last.say({ t: "quiet", active: true, until: 9_000, next_start: null });
  TwinSocket.last.say({ t: "held", rooms: { [ROOM]: { count: 2, mentions: 0 } }, total: 2 });
}

function texts(): string[] {
  const items = session.chat.value.timelines[ROOM]?.items ?? [];
  return items.map(({ e }) => (e.k === "message" ? e.text : e.k));
}

it("a room that is opened again in a hold says so, and brings what is held by its history", async () => {
  await openThenLeave();
  hold();
  expect(texts()).toEqual(["one", "two"]);
  session.open(ROOM);
  expect((await asked("focus")).at(-1)).toEqual({ t: "focus", room: ROOM });
  expect((await asked("history")).at(-1)).toMatchObject({ room: ROOM, after: 2 });
  await answer(2, 4, held);
  expect(texts()).toEqual(["one", "two", "three", "four"]);
  TwinSocket.last.say(live(event(5, message("ann", "five", "ann:5"))));
  expect(texts().at(-1)).toBe("five");
});

it("a room that was open when the hold began holds nothing back", async () => {
  session.open(ROOM);
  await answer(0, 2, two);
  hold();
  expect((await asked("history")).at(-1)).toMatchObject({ after: 2 });
  await answer(2, 4, held);
  expect(texts()).toEqual(["one", "two", "three", "four"]);
});

it("nothing is asked for while the page is hidden; when it is looked at, it is", async () => {
  session.open(ROOM);
  await answer(0, 2, two);
  vi.stubGlobal("document", { hidden: true });
  session.seen();
  const before = (await asked("history")).length;
  hold();
  expect(await asked("history")).toHaveLength(before);
  expect((await asked("focus")).at(-1)).toEqual({ t: "focus", room: null });
  vi.stubGlobal("document", { hidden: false });
  session.seen();
  expect(await asked("history")).toHaveLength(before + 1);
});

it("a release is told once, and an alert when it comes", async () => {
  await openThenLeave();
  hold();
  TwinSocket.last.say({ t: "alert", room: ROOM, seq: 3, by: "ann", reason: "vip" });
  expect(ports.alerted).toHaveBeenCalledExactlyOnceWith({ room: ROOM, seq: 3, by: "ann", reason: "vip" });
  vi.stubGlobal("localStorage", { getItem: () => null, setItem: () => undefined });
  const release = {
    t: "release",
    release_id: "r",
    part: 1,
    of: 1,
    window: [1, 9_000] as [number, number],
    digest: { total: 2, mentions: 0, rooms: [{ room: ROOM, count: 2, mentions: 0 }] },
    rooms: [{ room: ROOM, epoch: 0, from: 2, to: 4, items: held }],
  } as const;
  for (let time = 0; time < 2; time++)
    TwinSocket.last.say({
      ...release,
      digest: { ...release.digest, rooms: [...release.digest.rooms] },
      rooms: [...release.rooms],
    });
  expect(ports.released).toHaveBeenCalledOnce();
  expect(texts()).toEqual(["one", "two", "three", "four"]);
});

it("what comes in is heard once, and not what a reconnection brings again", async () => {
  await openThenLeave();
  TwinSocket.last.say(live(event(3, message("ann", "three", "ann:3"))));
  TwinSocket.last.say(live(event(3, message("ann", "three", "ann:3"))));
  expect(session.heard.value.map(({ event: { seq } }) => seq)).toEqual([3]);
});
