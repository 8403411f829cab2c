import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { greeting } from "../src/core/connection";
import { ApiError } from "../src/shell/api";
import { Requests } from "../src/shell/requests";
import { Socket, type SocketPorts } from "../src/shell/socket";
import { page, ROOM } from "./samples";
import { TwinSocket } from "./twin";

const ports = {
  ticket: vi.fn(async () => "ticket"),
  greeting: vi.fn((ticket: string) => greeting(ticket, "stream", { [ROOM]: { epoch: 0, seq: 4 } })),
  frame: vi.fn(),
  state: vi.fn(),
  renewStream: vi.fn(async () => undefined),
  signedOut: vi.fn(),
} satisfies SocketPorts;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", TwinSocket);
  TwinSocket.all = [];
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.clearAllMocks();
});

async function connected(): Promise<Socket> {
  const socket = new Socket(ports, "ws://kaftalk/ws");
  socket.start();
  await reconnect();
  return socket;
}

async function reconnect(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
  TwinSocket.last.open();
  TwinSocket.last.welcome();
}

it("says hello with the subprotocol, the ticket, the stream and the positions", async () => {
  const socket = await connected();
  expect(TwinSocket.last.protocol).toBe("kaftalk.v1");
  expect(TwinSocket.last.received).toEqual([
    { t: "hello", ticket: "ticket", stream: "stream", resume: { [ROOM]: [0, 4] } },
  ]);
  expect(socket.isLive).toBe(true);
});

it("sends nothing before the welcome", async () => {
  const socket = new Socket(ports, "ws://kaftalk/ws");
  socket.start();
  await vi.advanceTimersByTimeAsync(0);
  TwinSocket.last.open();
  expect(socket.send({ t: "active", on: true })).toBe(false);
});

it("pings after silence, and leaves a dead connection for a new one", async () => {
  await connected();
  await vi.advanceTimersByTimeAsync(25_000);
  expect(TwinSocket.last.received.at(-1)?.t).toBe("ping");
  TwinSocket.last.say({ t: "pong", id: "x", now: 0 });
  await vi.advanceTimersByTimeAsync(25_000 + 10_000);
  const dead = TwinSocket.last;
  await vi.advanceTimersByTimeAsync(1_000);
  expect(TwinSocket.all).toHaveLength(2);
  dead.end(1006);
  expect(TwinSocket.all).toHaveLength(2);
});

it("waits for the new stream before it connects again after a take-over", async () => {
  await connected();
  let renewed = () => {};
  ports.renewStream.mockImplementationOnce(
    () => new Promise((resolve) => (renewed = () => resolve(undefined))),
  );
  TwinSocket.last.end(4505);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(TwinSocket.all).toHaveLength(1);
  renewed();
  await reconnect();
  expect(TwinSocket.all).toHaveLength(2);
});

it("asks to sign in when no ticket is given any more", async () => {
  ports.ticket.mockRejectedValueOnce(new ApiError(401, "unauthenticated"));
  new Socket(ports, "ws://kaftalk/ws").start();
  await vi.advanceTimersByTimeAsync(0);
  expect(ports.signedOut).toHaveBeenCalledOnce();
});

it("moves to another gateway when this one drains", async () => {
  await connected();
  TwinSocket.last.say({ t: "drain", after_ms: 400 });
  await vi.advanceTimersByTimeAsync(399);
  expect(TwinSocket.all).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(1);
  await reconnect();
  expect(TwinSocket.all).toHaveLength(2);
});

it("gives each request its answer, and an unknown outcome when the connection is lost", async () => {
  const socket = await connected();
  const requests = new Requests((frame) => socket.send(frame));
  const asked = requests.ask({ t: "history", room: ROOM, limit: 50 });
  const sent = TwinSocket.last.received.at(-1);
  const id = sent && "id" in sent ? sent.id : "";
  expect(requests.take({ t: "page", id, room: ROOM, ...page(0, 1, []) })).toBe(true);
  expect(await asked).toMatchObject({ t: "page", to: 1 });

  const lost = requests.ask({ t: "react", room: ROOM, seq: 1, emoji: "👍", on: true });
  requests.lose();
  await expect(lost).rejects.toMatchObject({ code: "unknown_outcome" });
});
