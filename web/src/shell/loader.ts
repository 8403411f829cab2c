/** Brings what is not pushed: the list of rooms, pages of history, members, people's names. */

import {
  type Change,
  type Chat,
  onList,
  onLoading,
  onPage,
  peopleIn,
  withMembers,
  withUsers,
} from "../core/chat";
import type { Page, RoomEvent, RoomId, Seq, UserId } from "../protocol/types";
import { type Api, ApiError } from "./api";
import type { Requests } from "./requests";
import type { Store } from "./store";
import { pause, type Tasks } from "./tasks";

const PAGE = 50;
const FILL = 200;
const PEOPLE_MAX = 100;
/** Names that are needed together are asked for together. */
const PEOPLE_PAUSE_MS = 30;

export interface LoaderPorts {
  chat: Store<Chat>;
  api: Api;
  requests: Requests;
  tasks: Tasks;
  isLive(): boolean;
  take(change: Change): void;
}

type Range = { before?: Seq; after?: Seq; limit: number };

export class Loader {
  #missing = new Set<UserId>();

  constructor(readonly ports: LoaderPorts) {}

  /** Read the list of rooms. Raises ApiError. */
  async list(): Promise<void> {
    const entries = await this.ports.api.rooms();
    this.ports.take([onList(this.#chat, entries), []]);
    this.need(entries.flatMap((entry) => entry.last_event ?? []));
  }

  /** Load the newest page, and begin the timeline anew with it. */
  load(room: RoomId): Promise<void> {
    return this.#persist(`load ${room}`, async () => {
      this.ports.take([onLoading(this.#chat, room), []]);
      const page = await this.#history(room, { limit: PAGE });
      const [chat, effects] = onPage(this.#chat, room, page, "newest");
      this.ports.take([chat, effects.filter((effect) => effect.kind !== "load")]);
      this.need(page.items);
      if (effects.some((effect) => effect.kind === "load")) throw new ApiError(0, "unavailable");
      if (page.from > (this.#chat.rooms[room]?.position.seq ?? 0)) void this.catchUp(room);
    });
  }

  /** Load older history. Raises ApiError. */
  older(room: RoomId): Promise<void> {
    return this.ports.tasks.once(`older ${room}`, async () => {
      const timeline = this.#chat.timelines[room];
      if (!timeline?.loaded || !timeline.hasBefore) return;
      const page = await this.#history(room, { before: timeline.from + 1, limit: PAGE });
      this.ports.take(onPage(this.#chat, room, page, "older"));
      this.need(page.items);
    });
  }

  /** Fill the hole before the parked events of a room, then show it as of now. */
  fill(room: RoomId): Promise<void> {
    return this.#persist(`fill ${room}`, async () => {
      while (this.#chat.parked[room]) {
        const after = this.#chat.rooms[room]?.position.seq ?? 0;
        const page = await this.#history(room, { after, limit: FILL });
        if (page.to <= after) throw new ApiError(0, "unavailable");
        this.ports.take(onPage(this.#chat, room, page, "fill"));
        this.need(page.items);
      }
      if (this.#chat.timelines[room]) void this.load(room);
    });
  }

  /** Bring what a hold kept back of a room that is opened: everything after the position. */
  catchUp(room: RoomId): Promise<void> {
    return this.#persist(`catch up ${room}`, async () => {
      for (let more = true; more; ) {
        const after = this.#chat.rooms[room]?.position.seq ?? 0;
        const page = await this.#history(room, { after, limit: FILL });
        this.ports.take(onPage(this.#chat, room, page, "fill"));
        this.need(page.items);
        more = page.has_after && page.to > after;
      }
    });
  }

  members(room: RoomId): Promise<void> {
    return this.#persist(`members ${room}`, async () => {
      const members = await this.ports.api.members(room);
      this.ports.take([withMembers(this.#chat, room, members), []]);
    });
  }

  /** Get the people whom the views will name with these events. */
  need(events: readonly RoomEvent[]): void {
    this.needPeople(events.flatMap(peopleIn));
  }

  needPeople(ids: readonly UserId[]): void {
    for (const id of ids.filter((id) => !this.#chat.users[id])) this.#missing.add(id);
    if (this.#missing.size === 0) return;
    void this.#persist("people", async () => {
      await pause(PEOPLE_PAUSE_MS);
      while (this.#missing.size > 0) await this.#people([...this.#missing].slice(0, PEOPLE_MAX));
    });
  }

  async #people(ids: readonly UserId[]): Promise<void> {
    const { items } = await this.ports.api.users(ids);
    this.ports.take([withUsers(this.#chat, items), []]);
    for (const id of ids) this.#missing.delete(id);
  }

  get #chat(): Chat {
    return this.ports.chat.value;
  }

  #persist(name: string, work: () => Promise<void>): Promise<void> {
    const { tasks } = this.ports;
    return tasks.once(name, () => tasks.keepTrying(work));
  }

  async #history(room: RoomId, range: Range): Promise<Page> {
    if (!this.ports.isLive()) return this.ports.api.history(room, range);
    const answer = await this.ports.requests.ask({ t: "history", room, ...range });
    if (answer.t !== "page") throw new ApiError(0, "unavailable");
    return answer;
  }
}
