/** Who is signed in in this browser: from the first look at the cookie to signing out. */

import type { RoomView } from "../core/rooms";
import type { Alert, Release } from "../protocol/quiet";
import type { Me, RemovedReason } from "../protocol/types";
import { Api, ApiError } from "./api";
import { Notices } from "./notices";
import { ChatSession } from "./session";
import { Storage } from "./storage";
import { Store } from "./store";
import { TabStream } from "./stream";

export type AccountState =
  | { at: "loading" }
  | { at: "unreachable" }
  | { at: "signed_out"; ended: boolean }
  | { at: "signed_in"; me: Me; session: ChatSession };

/** What a thing that was done is answered with. */
export type Said = "quiet.saved" | "quiet.on" | "message.copied" | "media.tooMany" | "media.folder";

/** Something happened that the person should be told of. */
export type News =
  | { id: number; kind: "removed"; room: RoomView; reason: RemovedReason }
  | { id: number; kind: "alert"; alert: Alert }
  | { id: number; kind: "released"; release: Release }
  | { id: number; kind: "said"; key: Said; count: number }
  | { id: number; kind: "error"; code: string };

const HINT = "kaftalk.signed-in";

export class Account {
  readonly state = new Store<AccountState>({ at: "loading" });
  readonly news = new Store<News[]>([]);
  readonly notices = new Notices();
  readonly api = new Api(() => this.#signedOut(true));
  #storage = new Storage();
  #tab = new TabStream(this.#storage);
  #newsId = 0;

  /** Find out who is signed in; asks the server only where somebody was before. */
  async start(): Promise<void> {
    if (!localStorage.getItem(HINT)) return this.#signedOut(false);
    this.#set({ at: "loading" });
    try {
      await this.api.renew();
      await this.#enter();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401) this.#signedOut(false);
      else this.#set({ at: "unreachable" });
    }
  }

  /** Raises ApiError. */
  async signIn(username: string, password: string): Promise<void> {
    await this.api.login(username, password);
    localStorage.setItem(HINT, "1");
    await this.#enter();
  }

  /** Make an account and sign in. Raises ApiError with `fields`. */
  async signUp(fields: {
    username: string;
    password: string;
    display_name?: string;
    locale: string;
  }): Promise<void> {
    await this.api.register(fields);
    await this.signIn(fields.username, fields.password);
  }

  async signOut(): Promise<void> {
    const { value } = this.state;
    await this.api.logout().catch(() => undefined);
    if (value.at === "signed_in") await this.#storage.forget(value.me.id);
    this.#signedOut(false);
  }

  /** Tell of an error by its code. */
  tell = (error: unknown): void => {
    this.#add({
      id: this.#newsId++,
      kind: "error",
      code: error instanceof ApiError ? error.code : "unavailable",
    });
    if (!(error instanceof ApiError)) throw error;
  };

  say = (key: Said, count = 1): void => this.#add({ id: this.#newsId++, kind: "said", key, count });

  /** Whoever looks at the digests needs no notice of them. */
  seenReleases = (): void => {
    this.news.value = this.news.value.filter((one) => one.kind !== "released");
  };

  dismiss = (id: number): void => {
    this.news.value = this.news.value.filter((one) => one.id !== id);
  };

  async #enter(): Promise<void> {
    const me = await this.api.me();
    const kept = await this.#tab.claim(me.id);
    const url = `${location.origin.replace(/^http/, "ws")}/ws`;
    const session = new ChatSession(
      {
        api: this.api,
        storage: this.#storage,
        tab: this.#tab,
        signedOut: () => this.#signedOut(true),
        reach: () => this.notices.state.value.reach,
        removed: (room, reason) =>
          reason !== "left" && this.#add({ id: this.#newsId++, kind: "removed", room, reason }),
        alerted: (alert) => this.#alerted(alert),
        released: (release) => this.#released(release),
      },
      me,
      kept,
      url,
    );
    this.#set({ at: "signed_in", me, session });
    void session.start();
  }

  /** An alert may be told again: it is one notice. */
  #alerted(alert: Alert): void {
    const same = (one: News) =>
      one.kind === "alert" && one.alert.room === alert.room && one.alert.seq === alert.seq;
    if (!this.news.value.some(same)) this.#add({ id: this.#newsId++, kind: "alert", alert });
  }

  /** One toast for a release, whatever it comes by. */
  #released(release: Release): void {
    const others = this.news.value.filter((one) => one.kind !== "released");
    this.news.value = others;
    this.#add({ id: this.#newsId++, kind: "released", release });
  }

  #signedOut(ended: boolean): void {
    this.api.forget();
    const { value } = this.state;
    if (value.at === "signed_in") value.session.end();
    this.#tab.release();
    localStorage.removeItem(HINT);
    this.#set({ at: "signed_out", ended });
  }

  #add(news: News): void {
    this.news.value = [...this.news.value.slice(-3), news];
  }

  #set(state: AccountState): void {
    this.state.value = state;
    this.state.flush();
  }
}
