/** A signed-in person's chat: the pure core in the middle; socket, REST and storage around it. */

import { type Change, type Chat, type Effect, empty, onFrame, withRead } from "../core/chat";
import { type ConnectionState, greeting, START } from "../core/connection";
import { isTold, type Reach } from "../core/notices";
import { type Manner, open } from "../core/outbox";
import type { RoomView } from "../core/rooms";
import { length, normalise, TEXT_CHARS_MAX } from "../core/text";
import { asMedia, type Letter, openIn, type Parcel } from "../core/uploads";
import type { Alert, Release } from "../protocol/quiet";
import type {
  HeldCount,
  RemovedReason,
  RoomEvent,
  RoomId,
  Seq,
  ServerFrame,
  User,
  UserId,
} from "../protocol/types";
import type { Api } from "./api";
import { Attention } from "./attention";
import { Loader } from "./loader";
import { MediaUrls } from "./media-urls";
import { Player } from "./player";
import { put, sha256 } from "./put";
import { QuietDesk } from "./quiet-desk";
import { Quotes } from "./quotes";
import { Requests } from "./requests";
import { Sender } from "./sender";
import { Socket } from "./socket";
import type { Kept, Storage } from "./storage";
import { Store } from "./store";
import type { TabStream } from "./stream";
import { pause, Tasks } from "./tasks";
import { UploadDesk } from "./uploads";

/** Several reasons to read the list come together; one reading serves them. */
const LIST_PAUSE_MS = 200;
const WATCHED_MAX = 100;

/** A message that came in just now. */
export interface Heard {
  room: RoomId;
  event: RoomEvent;
}

export interface SessionPorts {
  api: Api;
  storage: Storage;
  tab: TabStream;
  signedOut(): void;
  /** Of what the person wants to be told. */
  reach(): Reach;
  removed(room: RoomView, reason: RemovedReason): void;
  alerted(alert: Alert): void;
  released(release: Release): void;
}

export class ChatSession {
  readonly chat: Store<Chat>;
  /** What a person who looks elsewhere is to be told of; the views take it out. */
  readonly heard = new Store<readonly Heard[]>([]);
  readonly connection = new Store<ConnectionState>(START);
  readonly attention: Attention;
  readonly quiet: QuietDesk;
  readonly uploads: UploadDesk;
  readonly urls: MediaUrls;
  readonly quotes: Quotes;
  readonly player = new Player();
  #socket: Socket;
  #requests: Requests;
  #sender: Sender;
  #loader: Loader;
  #tasks = new Tasks();
  #open: RoomId | null = null;
  #welcomes = 0;

  constructor(
    readonly ports: SessionPorts,
    me: User,
    readonly kept: Kept,
    url: string,
  ) {
    const { api, storage, tab } = ports;
    this.chat = new Store(empty(me, open(kept.stream, kept.entries, Date.now())));
    this.#socket = new Socket(this.#socketPorts(), url);
    this.#requests = new Requests((frame) => this.#socket.send(frame));
    this.attention = new Attention((frame) => this.#socket.send(frame));
    this.quiet = new QuietDesk(api, me.id);
    this.urls = new MediaUrls((id, variant) => api.mediaUrl(id, variant));
    this.quotes = new Quotes(api.message);
    this.uploads = new UploadDesk(this.#uploadPorts());
    const renewed = () => this.uploads.rewrite();
    this.#sender = new Sender({ chat: this.chat, socket: this.#socket, storage, tab, renewed });
    this.#loader = new Loader({
      chat: this.chat,
      api,
      requests: this.#requests,
      tasks: this.#tasks,
      isLive: () => this.#socket.isLive,
      take: (change) => this.#take(change),
    });
  }

  /** Load the list of rooms, then connect from where it stands. */
  async start(): Promise<void> {
    if (this.kept.parcels.length > 0)
      this.uploads.restore(this.kept.parcels, await this.ports.storage.files(this.kept.parcels));
    await this.#tasks.keepTrying(() => this.#loader.list());
    if (!this.#tasks.hasEnded) this.#socket.start();
  }

  end(): void {
    this.#tasks.end();
    this.#sender.end();
    this.#socket.end();
    this.#requests.lose();
    this.uploads.end();
    this.player.stop();
  }

  wake = (): void => this.#socket.wake();
  doubt = (): void => this.#socket.doubt();
  /** Connect again after the server refused for good; the person asked for it. */
  restart = (): void => this.#socket.start();

  /** A room comes into view, or none. */
  open(room: RoomId | null): void {
    this.#open = room;
    this.attention.open(room);
    if (!room || !this.chat.value.rooms[room]) return;
    if (!this.chat.value.timelines[room]?.loaded) void this.#loader.load(room);
    else this.#lookInto(room);
    void this.#loader.members(room).then(() => this.#watch());
  }

  /** The page was shown or hidden: what an open room holds back is brought now. */
  seen(): void {
    this.attention.seen();
    if (this.#open && !document.hidden) this.#lookInto(this.#open);
  }

  /** Of the open room nothing stays held: it was opened as the hold began, or resumed to where it began. */
  #lookBehind(held: Record<RoomId, HeldCount | undefined>): void {
    if (this.#open && held[this.#open]?.count && !document.hidden) this.#lookInto(this.#open);
  }

  #lookInto(room: RoomId): void {
    if (this.chat.value.hold.active) void this.#loader.catchUp(room);
  }

  /** Send a message with what is attached; false if it is empty or long, or too many wait already. */
  send(room: RoomId, text: string, manner: Manner = {}): boolean {
    const clean = normalise(text);
    if (length(clean) > TEXT_CHARS_MAX || !this.#sender.hasRoom) return false;
    if (openIn(this.uploads.parcels.value, room))
      this.uploads.send(room, { text: clean.trim() ? clean : "", ...manner });
    else if (clean.trim()) void this.#sender.compose(room, clean, manner);
    else return false;
    this.attention.typing(room, "none");
    return true;
  }

  retry = (id: string): void => void this.#sender.retry(id);
  discard = (id: string): void => this.#sender.discard(id);

  edit(room: RoomId, seq: Seq, text: string) {
    const mentions = this.#sender.mentions(room, text);
    return this.#requests.ask({ t: "edit", room, seq, text: normalise(text), mentions });
  }

  delete = (room: RoomId, seq: Seq) => this.#requests.ask({ t: "delete", room, seq });

  react = (room: RoomId, seq: Seq, emoji: string, on: boolean) =>
    this.#requests.ask({ t: "react", room, seq, emoji, on });

  /** Load older history. Raises ApiError. */
  older = (room: RoomId): Promise<void> => this.#loader.older(room);

  /** Everything in this room has been seen. */
  read(id: RoomId): void {
    const room = this.chat.value.rooms[id];
    if (!room || room.position.seq <= room.read_seq) return;
    this.chat.value = withRead(this.chat.value, id, room.position.seq);
    this.attention.read(id, room.position.seq);
  }

  /** Read one's quiet hours again, and the days ahead. */
  refreshQuiet = (): Promise<void> =>
    this.#tasks.once("quiet page", () =>
      this.#tasks.keepTrying(async () => {
        await this.quiet.load();
        await this.quiet.loadPreview();
      }),
    );

  /** Read the list again, as it is after what was just done. Raises ApiError. */
  refreshRooms = (): Promise<void> => this.#tasks.anew("list", () => this.#loader.list());

  /** Get the names of people whom no event names. */
  need = (people: readonly UserId[]): void => this.#loader.needPeople(people);

  refreshMembers = (room: RoomId): Promise<void> => this.#loader.members(room);

  #uploadPorts() {
    const { api, storage } = this.ports;
    const parcels = (kept: readonly Parcel[]) => {
      const { me, outbox } = this.chat.value;
      void storage.keepParcels(me.id, outbox.stream, kept).catch(() => undefined);
    };
    const file = (key: string, parcel: string, blob: Blob) =>
      storage.keepFile(key, parcel, blob).catch(() => false);
    const drop = (ids: readonly string[], files: readonly string[]) => {
      for (const id of ids) void storage.dropParcel(id).catch(() => undefined);
      void storage.dropFiles(files).catch(() => undefined);
    };
    const compose = (parcel: Parcel & { letter: Letter }) => {
      const { text, ...manner } = parcel.letter;
      const enclosed = { id: parcel.id, media: parcel.uploads.map(asMedia) };
      void this.#sender.compose(parcel.room, text, manner, enclosed);
    };
    const mayCompose = () => this.#sender.hasRoom;
    return { api, sha256, put, keep: { parcels, file, drop }, mayCompose, compose };
  }

  #socketPorts() {
    return {
      ticket: () => this.ports.api.ticket(),
      greeting: (ticket: string) => greeting(ticket, this.chat.value.outbox.stream.id, this.#positions()),
      frame: (frame: ServerFrame) => this.#receive(frame),
      state: (state: ConnectionState) => this.#connected(state),
      renewStream: () => this.#sender.renewStream(),
      signedOut: () => this.ports.signedOut(),
    };
  }

  #positions() {
    const rooms = Object.values(this.chat.value.rooms);
    return Object.fromEntries(rooms.map((room) => [room.id, room.position]));
  }

  #connected(state: ConnectionState): void {
    if (state.at === "ticket" || state.at === "waiting" || state.at === "stopped") this.#requests.lose();
    this.connection.value = state;
  }

  #receive(frame: ServerFrame): void {
    if (this.#requests.take(frame)) return;
    if (frame.t === "event") this.#hear(frame.room, frame);
    this.#take(onFrame(this.chat.value, frame, Date.now()));
    if (frame.t === "event") this.#loader.need([frame]);
    if (frame.t === "welcome") this.#welcomed();
    if (frame.t === "held") this.#lookBehind(frame.rooms);
    if (frame.t === "room" && frame.change === "added" && frame.room.id === this.#open) this.open(this.#open);
  }

  #hear(room: RoomId, event: RoomEvent): void {
    if (isTold(this.chat.value, room, event, this.ports.reach(), Date.now()))
      this.heard.value = [...this.heard.value, { room, event }];
  }

  /** Rooms that were joined elsewhere during an interruption are not announced: the list tells of them. */
  #welcomed(): void {
    this.attention.renew();
    this.uploads.resume();
    this.#watch();
    if (this.#welcomes++ > 0) this.#perform({ kind: "list" });
    if (this.chat.value.features.includes("quiet_hours"))
      void this.#tasks.once("quiet", () => this.#askQuiet());
  }

  /** A release may have ended while nobody was connected: its digest is told now. */
  async #askQuiet(): Promise<void> {
    await this.#tasks.keepTrying(async () => {
      await this.quiet.load();
      await this.quiet.reportZone();
      const missed = await this.quiet.missed();
      if (missed) this.ports.released(missed);
    });
  }

  #take([chat, effects]: Change): void {
    this.#sender.set(chat);
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case "flush":
        void this.#sender.flush();
        break;
      case "list":
        void this.#tasks.once("list", () => this.#listSoon());
        break;
      case "fill":
        void this.#loader.fill(effect.room);
        break;
      case "load":
        if (effect.room === this.#open || this.chat.value.timelines[effect.room])
          void this.#loader.load(effect.room);
        break;
      case "members":
        if (effect.room === this.#open) void this.#loader.members(effect.room).then(() => this.#watch());
        break;
      case "removed":
        this.ports.removed(effect.room, effect.reason);
        break;
      case "alert":
        this.#loader.needPeople([effect.alert.by]);
        this.ports.alerted(effect.alert);
        break;
      case "released":
        this.quiet.add(effect.release);
        this.#loader.needPeople(effect.release.digest.rooms.flatMap((line) => line.last_by ?? []));
        this.ports.released(effect.release);
        break;
    }
  }

  async #listSoon(): Promise<void> {
    await pause(LIST_PAUSE_MS);
    await this.#tasks.keepTrying(() => this.#loader.list());
    this.#watch();
  }

  /** Ask for the presence of the people in sight: in the open room, and in direct rooms. */
  #watch(): void {
    const { rooms, members } = this.chat.value;
    const present = (this.#open && members[this.#open]) || [];
    const peers = Object.values(rooms).flatMap((room) => room.peer ?? []);
    const people = [
      ...present.slice(0, WATCHED_MAX).map((member) => member.user),
      ...peers.slice(0, WATCHED_MAX),
    ];
    this.attention.watch(people.map((user) => user.id));
  }
}
