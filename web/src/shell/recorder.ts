/** Records from the microphone: bytes, how loud it is now, and how loud it was. Loaded when it is wanted. */

import { VOICE_MS_MAX } from "../core/media";
import type { Refusal } from "../core/recording";
import { peaksOf } from "../core/waveform";
import { Store } from "./store";

const TICK_MS = 50;
const BITS_PER_S = 64_000;
/** Shorter than this is a slip of the finger. */
const HEARD_MS = 300;

/** What was recorded. */
export interface Take {
  blob: Blob;
  type: string;
  durationMs: number;
  peaks: number[];
}

export interface Meter {
  ms: number;
  /** 0–1, one each 50 ms. */
  levels: readonly number[];
}

/** The browser does not give the microphone. */
export class MicrophoneRefused extends Error {
  constructor(readonly why: Refusal) {
    super(why);
  }
}

export class Recorder {
  readonly meter = new Store<Meter>({ ms: 0, levels: [] });
  #stream: MediaStream;
  #recorder: MediaRecorder;
  #context = new AudioContext();
  #pieces: Blob[] = [];
  #startedAt = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** Open the microphone and begin; `full` is called when it must end. Raises MicrophoneRefused. */
  static async open(full: () => void): Promise<Recorder> {
    if (!navigator.mediaDevices || !globalThis.MediaRecorder) throw new MicrophoneRefused("insecure");
    const audio = { channelCount: 1, echoCancellation: true, noiseSuppression: true };
    const stream = await navigator.mediaDevices.getUserMedia({ audio }).catch((error: unknown) => {
      throw new MicrophoneRefused(refusalOf(error));
    });
    const recorder = new Recorder(stream, full);
    await recorder.#begin();
    return recorder;
  }

  private constructor(
    stream: MediaStream,
    readonly full: () => void,
  ) {
    this.#stream = stream;
    this.#recorder = new MediaRecorder(stream, { audioBitsPerSecond: BITS_PER_S, ...mimeType() });
    this.#recorder.ondataavailable = (event) => event.data.size > 0 && this.#pieces.push(event.data);
    // The microphone may be pulled out.
    for (const track of stream.getTracks()) track.onended = () => this.full();
  }

  /** End, and return what was recorded; null if that was nothing. */
  async stop(): Promise<Take | null> {
    const durationMs = Math.round(performance.now() - this.#startedAt);
    const ended = new Promise<void>((resolve) => {
      this.#recorder.onstop = () => resolve();
    });
    if (this.#recorder.state !== "inactive") {
      this.#recorder.stop();
      await ended;
    }
    this.close();
    const type = this.#recorder.mimeType.split(";")[0] || "audio/webm";
    const blob = new Blob(this.#pieces, { type });
    if (durationMs < HEARD_MS || blob.size === 0) return null;
    return { blob, type, durationMs, peaks: peaksOf(this.meter.value.levels) };
  }

  /** Give the microphone back. */
  close(): void {
    clearInterval(this.#timer);
    for (const track of this.#stream.getTracks()) {
      track.onended = null;
      track.stop();
    }
    if (this.#context.state !== "closed") void this.#context.close();
  }

  async #begin(): Promise<void> {
    const analyser = this.#context.createAnalyser();
    analyser.fftSize = 2_048;
    this.#context.createMediaStreamSource(this.#stream).connect(analyser);
    void this.#context.resume();
    this.#recorder.start(1_000);
    this.#startedAt = performance.now();
    const samples = new Float32Array(analyser.fftSize);
    this.#timer = setInterval(() => this.#listen(analyser, samples), TICK_MS);
  }

  #listen(analyser: AnalyserNode, samples: Float32Array<ArrayBuffer>): void {
    analyser.getFloatTimeDomainData(samples);
    const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
    const ms = performance.now() - this.#startedAt;
    this.meter.value = { ms, levels: [...this.meter.value.levels, loudness(power)] };
    if (ms >= VOICE_MS_MAX) this.full();
  }
}

/** What is heard as half as loud has a tenth of the power: −50 dB is silence. */
function loudness(power: number): number {
  return Math.min(1, Math.max(0, 1 + Math.log10(power + 1e-9) / 5));
}

/** Safari says that it records WebM, and then cannot play it. */
function mimeType(): { mimeType?: string } {
  const isSafari = /^((?!chrome|android|crios|fxios).)*safari/i.test(navigator.userAgent);
  const webm = ["audio/webm;codecs=opus", "audio/ogg;codecs=opus"];
  const order = isSafari ? ["audio/mp4", ...webm] : [...webm, "audio/mp4"];
  const mime = order.find((type) => MediaRecorder.isTypeSupported(type));
  return mime ? { mimeType: mime } : {};
}

function refusalOf(error: unknown): Refusal {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError" || name === "SecurityError") return "denied";
  if (name === "NotFoundError" || name === "OverconstrainedError") return "no_device";
  return name === "NotReadableError" || name === "AbortError" ? "busy" : "failed";
}
