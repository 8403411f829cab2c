/** Carries the outbox to the wire and to storage, in the order that a crash forgives. */

import type { Chat } from "../core/chat";
import * as outbox from "../core/outbox";
import { mentionsIn } from "../core/text";
import type { MediaObject } from "../protocol/media";
import type { ClientFrame, RoomId, UserId } from "../protocol/types";
import { uuid } from "./ids";
import type { Socket } from "./socket";
import type { Storage } from "./storage";
import type { Store } from "./store";
import type { TabStream } from "./stream";

/** What a message has beside its text. */
export interface Enclosed {
  /** The id that it has had so far. */
  id: string;
  media: MediaObject[];
}

export interface SenderPorts {
  chat: Store<Chat>;
  socket: Pick<Socket, "isLive" | "send" | "renew">;
  storage: Storage;
  tab: TabStream;
  /** This tab has another stream now. */
  renewed(): void;
}

export class Sender {
  #written: Promise<void> = Promise.resolve();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly ports: SenderPorts) {}

  get hasRoom(): boolean {
    return this.#box.entries.length < outbox.ENTRIES_MAX;
  }

  /** Make `chat` the state, and write what changed of its outbox. */
  set(chat: Chat): void {
    const { put, remove } = outbox.changes(this.#box, chat.outbox);
    this.ports.chat.value = chat;
    if (put.length + remove.length === 0) return;
    const { stream } = chat.outbox;
    // Where storage fails, messages live as long as the page.
    const write = () => this.ports.storage.write(chat.me.id, stream, put, remove).catch(() => undefined);
    this.#written = this.#written.then(write);
  }

  /** Give a message its number, keep it, and send it. */
  async compose(room: RoomId, text: string, manner: outbox.Manner = {}, enclosed?: Enclosed): Promise<void> {
    if (outbox.isWorn(this.#box, Date.now())) {
      await this.renewStream();
      this.ports.socket.renew();
    }
    const mentions = this.mentions(room, text);
    const draft = { id: uuid(), room, text, mentions, reply_to: null, ...manner, ...enclosed };
    this.#show(outbox.compose(this.#box, draft, Date.now()));
    await this.flush();
  }

  async retry(id: string): Promise<void> {
    this.#show(outbox.retry(this.#box, id, uuid(), Date.now()));
    await this.flush();
  }

  discard(id: string): void {
    this.#show(outbox.discard(this.#box, id));
  }

  mentions(room: RoomId, text: string): UserId[] {
    const members = this.ports.chat.value.members[room] ?? [];
    const people = members.map((member) => member.user);
    return mentionsIn(text, people);
  }

  /** Send what is due. A number is in storage before it is on the wire. */
  async flush(): Promise<void> {
    for (let written: Promise<void> | null = null; written !== this.#written; ) {
      written = this.#written;
      await written;
    }
    clearTimeout(this.#timer);
    const { chat, socket } = this.ports;
    if (!socket.isLive) return;
    const now = Date.now();
    const [box, entries] = outbox.due(this.#box, now);
    this.set({ ...chat.value, outbox: box });
    for (const entry of entries) socket.send(frameOf(entry));
    const next = outbox.nextDue(box, now);
    if (next !== null) this.#timer = setTimeout(() => void this.flush(), next - now);
  }

  /** Go on under a new stream; what waits in the old one is sent by the tab that has it, or the next one. */
  async renewStream(): Promise<void> {
    const { stream } = await this.ports.tab.fresh();
    this.set({ ...this.ports.chat.value, outbox: outbox.withStream(this.#box, stream) });
    this.ports.renewed();
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  get #box(): outbox.Outbox {
    return this.ports.chat.value.outbox;
  }

  /** What a person does herself is shown at once. */
  #show(box: outbox.Outbox): void {
    this.set({ ...this.ports.chat.value, outbox: box });
    this.ports.chat.flush();
  }
}

function frameOf({ id, room, n, text, mentions, media, reply_to, notify }: outbox.Entry): ClientFrame {
  const more = {
    ...(media && { media: media.map((one) => one.id) }),
    ...(reply_to !== null && { reply_to }),
    ...(notify && { notify }),
  };
  return { t: "send", id, room, n, text, mentions, ...more };
}
