/** A signed-in person's chat: the pure core in the middle, socket, REST and storage around it. */

import {
  type Change,
  type Chat,
  type Effect,
  empty,
  onFrame,
  onList,
  onLoading,
  onPage,
  peopleIn,
  withMembers,
  withRead,
  withUsers,
} from "../core/chat";
import { type ConnectionState, greeting, START } from "../core/connection";
import * as outbox from "../core/outbox";
import type { RoomView } from "../core/rooms";
import { length, mentionsIn, normalise, TEXT_CHARS_MAX } from "../core/text";
import type {
  Page,
  RemovedReason,
  RoomEvent,
  RoomId,
  Seq,
  ServerFrame,
  User,
  UserId,
} from "../protocol/types";
import { type Api, ApiError } from "./api";
import { Attention } from "./attention";
import { uuid } from "./ids";
import { Requests } from "./requests";
import { Socket } from "./socket";
import type { Kept, Storage } from "./storage";
import { Store } from "./store";
import type { TabStream } from "./stream";

const PAGE = 50;
const FILL = 200;
const LIST_PAUSE_MS = 200;
const AGAIN_MS = 1_500;

export interface SessionPorts {
  api: Api;
  storage: Storage;
  tab: TabStream;
  signedOut(): void;
  removed(room: RoomView, reason: RemovedReason): void;
}

export class ChatSession {
  readonly chat: Store<Chat>;
  readonly connection = new Store<ConnectionState>(START);
  readonly attention: Attention;
  #socket: Socket;
  #requests: Requests;
  #open: RoomId | null = null;
  #written: Promise<void> = Promise.resolve();
  #flushTimer: ReturnType<typeof setTimeout> | undefined;
  #busy = new Map<string, Promise<void>>();
  #missing = new Set<UserId>();
  #ended = false;
  #welcomes = 0;

  constructor(
    readonly ports: SessionPorts,
    me: User,
    kept: Kept,
    url: string,
  ) {
    this.chat = new Store(empty(me, outbox.open(kept.stream, kept.entries, Date.now())));
    this.#socket = new Socket(
      {
        ticket: () => this.ports.api.ticket(),
        greeting: (ticket) => greeting(ticket, this.#box.stream.id, this.#positions()),
        frame: (frame) => this.#receive(frame),
        state: (state) => this.#connected(state),
        renewStream: () => this.#renewStream(),
        signedOut: () => this.ports.signedOut(),
      },
      url,
    );
    this.#requests = new Requests((frame) => this.#socket.send(frame));
    this.attention = new Attention((frame) => this.#socket.send(frame));
  }

  /** Load the list of rooms, then connect from where it stands. */
  async start(): Promise<void> {
    await this.#keepTrying(() => this.#list());
    if (!this.#ended) this.#socket.start();
  }

  end(): void {
    this.#ended = true;
    clearTimeout(this.#flushTimer);
    this.#socket.end();
    this.#requests.lose();
  }

  wake = (): void => this.#socket.wake();
  doubt = (): void => this.#socket.doubt();
  /** Connect again after the server refused for good; the person asked for it. */
  restart = (): void => this.#socket.start();

  /** A room comes into view, or none. */
  open(room: RoomId | null): void {
    this.#open = room;
    this.attention.open(room);
    if (room && this.chat.value.rooms[room]) {
      if (!this.chat.value.timelines[room]?.loaded) void this.#load(room);
      void this.#members(room);
    }
  }

  /** Send a message: it gets its number, is kept in storage, and goes out. False if it is empty, long or too much. */
  send(room: RoomId, text: string): boolean {
    const clean = normalise(text);
    if (!clean.trim() || length(clean) > TEXT_CHARS_MAX || this.#box.entries.length >= outbox.ENTRIES_MAX)
      return false;
    void this.#compose(room, clean);
    this.attention.typing(room, false);
    return true;
  }

  retry = (id: string): void => {
    this.#setBox(outbox.retry(this.#box, id, uuid(), Date.now()));
    void this.#flush();
  };

  discard = (id: string): void => this.#setBox(outbox.discard(this.#box, id));

  edit = (room: RoomId, seq: Seq, text: string) =>
    this.#requests.ask({ t: "edit", room, seq, text: normalise(text), mentions: this.#mentions(room, text) });
  delete = (room: RoomId, seq: Seq) => this.#requests.ask({ t: "delete", room, seq });
  react = (room: RoomId, seq: Seq, emoji: string, on: boolean) =>
    this.#requests.ask({ t: "react", room, seq, emoji, on });

  /** Load older history; once at a time. */
  older(room: RoomId): Promise<void> {
    return this.#once(`older ${room}`, async () => {
      const timeline = this.chat.value.timelines[room];
      if (!timeline?.loaded || !timeline.hasBefore) return;
      const page = await this.#history(room, { before: timeline.from + 1, limit: PAGE });
      this.#take(onPage(this.chat.value, room, page, "older"), page.items);
    });
  }

  /** Everything in this room has been seen. */
  read(id: RoomId): void {
    const room = this.chat.value.rooms[id];
    if (!room || room.position.seq <= room.read_seq) return;
    this.chat.value = withRead(this.chat.value, id, room.position.seq);
    this.attention.read(id, room.position.seq);
  }

  refreshRooms = (): Promise<void> => this.#once("list", () => this.#list());

  refreshMembers = (room: RoomId): Promise<void> => this.#members(room);

  get #box(): outbox.Outbox {
    return this.chat.value.outbox;
  }

  #setBox(box: outbox.Outbox): void {
    this.#set({ ...this.chat.value, outbox: box });
    this.chat.flush();
  }

  /** Make `chat` the state, and write what changed of the outbox. */
  #set(chat: Chat): void {
    const before = this.#box;
    this.chat.value = chat;
    const { put, remove } = outbox.changes(before, chat.outbox);
    if (put.length + remove.length === 0) return;
    const { stream } = chat.outbox;
    this.#written = this.#written
      .then(() => this.ports.storage.write(chat.me.id, stream, put, remove))
      .catch(() => undefined);
  }

  #take([chat, effects]: Change, items: readonly RoomEvent[] = []): void {
    this.#set(chat);
    this.#need(items.flatMap(peopleIn));
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case "flush":
        void this.#flush();
        break;
      case "list":
        void this.#once("list", async () => {
          await pause(LIST_PAUSE_MS);
          await this.#keepTrying(() => this.#list());
        });
        break;
      case "fill":
        void this.#fill(effect.room);
        break;
      case "load":
        if (effect.room === this.#open || this.chat.value.timelines[effect.room])
          void this.#load(effect.room);
        break;
      case "members":
        if (effect.room === this.#open) void this.#members(effect.room);
        break;
      case "removed":
        this.ports.removed(effect.room, effect.reason);
        break;
    }
  }

  #receive(frame: ServerFrame): void {
    if (this.#requests.take(frame)) return;
    this.#take(onFrame(this.chat.value, frame, Date.now()), frame.t === "event" ? [frame] : []);
    if (frame.t === "welcome") this.#welcomed();
    if (frame.t === "room" && frame.change === "added" && frame.room.id === this.#open) this.open(this.#open);
  }

  /** Rooms that were joined elsewhere during an interruption are not announced: the list tells of them. */
  #welcomed(): void {
    this.attention.renew();
    if (this.#welcomes++ > 0) this.#perform({ kind: "list" });
  }

  #connected(state: ConnectionState): void {
    if (state.at === "ticket" || state.at === "waiting" || state.at === "stopped") this.#requests.lose();
    this.connection.value = state;
  }

  #positions() {
    const rooms = Object.values(this.chat.value.rooms);
    return Object.fromEntries(rooms.map((room) => [room.id, room.position]));
  }

  async #compose(room: RoomId, text: string): Promise<void> {
    if (outbox.isWorn(this.#box, Date.now())) {
      await this.#renewStream();
      this.#socket.renew();
    }
    const draft = { id: uuid(), room, text, mentions: this.#mentions(room, text), reply_to: null };
    this.#setBox(outbox.compose(this.#box, draft, Date.now()));
    await this.#flush();
  }

  #mentions(room: RoomId, text: string): UserId[] {
    const members = this.chat.value.members[room] ?? [];
    return mentionsIn(
      text,
      members.map((member) => member.user),
    );
  }

  /** Send what is due. A number is in storage before it is on the wire. */
  async #flush(): Promise<void> {
    for (let written: Promise<void> | null = null; written !== this.#written; ) {
      written = this.#written;
      await written;
    }
    clearTimeout(this.#flushTimer);
    if (!this.#socket.isLive) return;
    const now = Date.now();
    const [box, entries] = outbox.due(this.#box, now);
    this.#set({ ...this.chat.value, outbox: box });
    for (const { id, room, n, text, mentions } of entries)
      this.#socket.send({ t: "send", id, room, n, text, mentions });
    const next = outbox.nextDue(box, now);
    if (next !== null) this.#flushTimer = setTimeout(() => void this.#flush(), next - now);
  }

  async #renewStream(): Promise<void> {
    const { stream } = await this.ports.tab.fresh();
    this.#set({ ...this.chat.value, outbox: outbox.withStream(this.#box, stream) });
  }

  async #list(): Promise<void> {
    const entries = await this.ports.api.rooms();
    this.#set(onList(this.chat.value, entries));
    this.#need(entries.flatMap((entry) => (entry.last_event ? peopleIn(entry.last_event) : [])));
    this.#watch();
  }

  #load(room: RoomId): Promise<void> {
    return this.#once(`load ${room}`, () =>
      this.#keepTrying(async () => {
        this.#set(onLoading(this.chat.value, room));
        const page = await this.#history(room, { limit: PAGE });
        const [chat, effects] = onPage(this.chat.value, room, page, "newest");
        this.#take([chat, effects.filter((effect) => effect.kind !== "load")], page.items);
        if (effects.some((effect) => effect.kind === "load")) throw new ApiError(0, "unavailable");
      }),
    );
  }

  /** Fill the hole before the parked events of a room, then show it as of now. */
  #fill(room: RoomId): Promise<void> {
    return this.#once(`fill ${room}`, () =>
      this.#keepTrying(async () => {
        while (this.chat.value.parked[room]) {
          const after = this.chat.value.rooms[room]?.position.seq ?? 0;
          const page = await this.#history(room, { after, limit: FILL });
          if (page.to <= after) throw new ApiError(0, "unavailable");
          this.#take(onPage(this.chat.value, room, page, "fill"), page.items);
        }
        if (this.chat.value.timelines[room]) void this.#load(room);
      }),
    );
  }

  #members(room: RoomId): Promise<void> {
    return this.#once(`members ${room}`, async () => {
      const members = await this.ports.api.members(room).catch(() => null);
      if (members) this.chat.value = withMembers(this.chat.value, room, members);
      this.#watch();
    });
  }

  #watch(): void {
    const { rooms, members } = this.chat.value;
    const present = (this.#open && members[this.#open]) || [];
    const peers = Object.values(rooms).flatMap((room) => (room.peer ? [room.peer.id] : []));
    this.attention.watch([...present.slice(0, 100).map((member) => member.user.id), ...peers.slice(0, 100)]);
  }

  async #history(room: RoomId, range: { before?: Seq; after?: Seq; limit: number }): Promise<Page> {
    if (!this.#socket.isLive) return this.ports.api.history(room, range);
    const answer = await this.#requests.ask({ t: "history", room, ...range });
    if (answer.t !== "page") throw new ApiError(0, "unavailable");
    return answer;
  }

  /** Get the people whom the views will name, many in one request. */
  #need(ids: readonly UserId[]): void {
    const unknown = ids.filter((id) => !this.chat.value.users[id]);
    if (unknown.length === 0) return;
    for (const id of unknown) this.#missing.add(id);
    void this.#once("users", async () => {
      await pause(30);
      const batch = [...this.#missing].slice(0, 100);
      for (const id of batch) this.#missing.delete(id);
      const { items } = await this.ports.api.users(batch).catch(() => ({ items: [] }));
      this.chat.value = withUsers(this.chat.value, items);
    }).then(() => this.#need([...this.#missing]));
  }

  /** Do one thing of a name at a time; whoever asks meanwhile gets the one that runs. */
  #once(name: string, work: () => Promise<void>): Promise<void> {
    const running = this.#busy.get(name);
    if (running) return running;
    const promise = work().finally(() => this.#busy.delete(name));
    this.#busy.set(name, promise);
    return promise;
  }

  /** Repeat while the failure may pass: nothing else would bring the data. */
  async #keepTrying(work: () => Promise<void>): Promise<void> {
    while (!this.#ended) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (error.status === 401 || ["not_found", "not_member", "forbidden"].includes(error.code)) return;
        await pause(AGAIN_MS);
      }
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
