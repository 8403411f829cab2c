/** Plays voice messages: one at a time in the whole page, at the speed that was chosen last. */

import { Store } from "./store";

export const RATES = [1, 1.5, 2] as const;
export type Rate = (typeof RATES)[number];

export interface Playing {
  /** What is playing or paused; null before the first. */
  id: string | null;
  state: "loading" | "playing" | "paused" | "failed";
  /** In ms. */
  at: number;
  /** What the file says, in ms; 0 while unknown. */
  duration: number;
  rate: Rate;
}

const KEPT = "kaftalk.rate";
const TICK_MS = 100;
/** `fresh` asks for an address that has not been used. */
export type Source = (fresh: boolean) => Promise<string>;

export class Player {
  readonly state: Store<Playing>;
  #audio: HTMLAudioElement | null = null;
  #source: Source | null = null;
  #renewed = false;
  #timer: ReturnType<typeof setInterval> | undefined;
  /** Grows with everything one asks for: what was asked for before has no effect any more. */
  #turn = 0;

  constructor() {
    const kept = Number(localStorage.getItem(KEPT));
    const rate = RATES.find((one) => one === kept) ?? 1;
    this.state = new Store<Playing>({ id: null, state: "paused", at: 0, duration: 0, rate });
  }

  /** Play or pause. Another message that plays is stopped. */
  toggle(id: string, source: Source): void {
    const { id: current, state } = this.state.value;
    if (current !== id) void this.#begin(id, source, 0);
    else if (state === "playing" || state === "loading") this.pause();
    else void this.#begin(id, source, this.state.value.at);
  }

  pause(): void {
    this.#turn++;
    this.#audio?.pause();
    if (this.state.value.id) this.#set({ state: "paused" });
  }

  /** Go to a moment, in ms; what is not playing begins there when it is played. */
  seek(id: string, source: Source, at: number): void {
    if (this.state.value.id !== id) {
      this.stop();
      this.#source = source;
      this.#set({ id, at, duration: 0, state: "paused" });
      return;
    }
    this.#set({ at });
    if (this.#audio?.src && this.#audio.readyState > 0) this.#audio.currentTime = at / 1_000;
  }

  /** Let go of what plays, if it is this. */
  stop(id?: string): void {
    if (id !== undefined && this.state.value.id !== id) return;
    this.#turn++;
    clearInterval(this.#timer);
    this.#audio?.pause();
    this.#audio?.removeAttribute("src");
    this.#source = null;
    this.#set({ id: null, state: "paused", at: 0, duration: 0 });
  }

  nextRate(): void {
    const rate = RATES[(RATES.indexOf(this.state.value.rate) + 1) % RATES.length] ?? 1;
    localStorage.setItem(KEPT, String(rate));
    if (this.#audio) this.#audio.playbackRate = rate;
    this.#set({ rate });
  }

  async #begin(id: string, source: Source, at: number): Promise<void> {
    const turn = ++this.#turn;
    const audio = this.#element();
    const same = this.state.value.id === id && this.#source !== null && audio.getAttribute("src") !== null;
    audio.pause();
    this.#source = source;
    this.#renewed = false;
    const { duration } = this.state.value;
    this.#set({ id, at, state: "loading", duration: same ? duration : 0 });
    if (same && !audio.error) return this.#play(audio, turn);
    await this.#load(turn, false);
  }

  async #load(turn: number, fresh: boolean): Promise<void> {
    const audio = this.#element();
    try {
      const url = await this.#source?.(fresh);
      if (turn !== this.#turn || !url) return;
      audio.src = url;
      // The position is taken once the file is known.
      audio.load();
      await this.#play(audio, turn);
    } catch {
      if (turn === this.#turn) this.#set({ state: "failed" });
    }
  }

  async #play(audio: HTMLAudioElement, turn: number): Promise<void> {
    audio.playbackRate = this.state.value.rate;
    // A failed file is told by its `error`, an interruption by what interrupted.
    await audio.play().catch(() => undefined);
    if (turn === this.#turn) this.#watch(audio);
  }

  #element(): HTMLAudioElement {
    if (this.#audio) return this.#audio;
    const audio = new Audio();
    audio.preload = "auto";
    audio.onloadedmetadata = () => this.#loaded(audio);
    audio.onplaying = () => this.#set({ state: "playing" });
    audio.onpause = () => !audio.ended && this.#set({ state: "paused" });
    audio.onended = () => this.#ended(audio);
    audio.onerror = () => this.#broken();
    this.#audio = audio;
    return audio;
  }

  #loaded(audio: HTMLAudioElement): void {
    const { at } = this.state.value;
    if (at > 0) audio.currentTime = at / 1_000;
    audio.playbackRate = this.state.value.rate;
    if (Number.isFinite(audio.duration)) this.#set({ duration: audio.duration * 1_000 });
  }

  #watch(audio: HTMLAudioElement): void {
    clearInterval(this.#timer);
    this.#timer = setInterval(() => {
      if (audio.paused) clearInterval(this.#timer);
      else this.#set({ at: audio.currentTime * 1_000 });
    }, TICK_MS);
  }

  #ended(audio: HTMLAudioElement): void {
    clearInterval(this.#timer);
    audio.currentTime = 0;
    this.#set({ state: "paused", at: 0 });
  }

  /** The address may have run out meanwhile: once, go on with a new one. */
  #broken(): void {
    if (!this.#audio?.getAttribute("src") || this.state.value.id === null) return;
    this.#set({ state: this.#renewed ? "failed" : "loading" });
    if (!this.#renewed) void this.#load(++this.#turn, true);
    this.#renewed = true;
  }

  #set(fields: Partial<Playing>): void {
    this.state.value = { ...this.state.value, ...fields };
  }
}
