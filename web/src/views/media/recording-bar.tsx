import { type ReactNode, useEffect, useRef, useState } from "react";
import { playTime, VOICE_MS_MAX } from "../../core/media";
import {
  type After,
  IDLE,
  type Recording,
  type RecordingEffect,
  type RecordingInput,
  type Refusal,
  step,
} from "../../core/recording";
import { useT } from "../../i18n";
import type { RoomId } from "../../protocol/types";
import { type Meter, MicrophoneRefused, Recorder, type Take } from "../../shell/recorder";
import { useStore } from "../../shell/store";
import { useSession } from "../context";
import { Dialog } from "../dialog";
import { Icon, IconButton } from "../icons";
import type { Press } from "./voice-button";
import { Track } from "./voice-player";
import { Waveform } from "./waveform";
import "../../styles/recording.css";

/** Browsers that do not tell whether they will ask. */
const AGREED = "kaftalk.microphone";
const PREVIEW = "preview";
const METER_BARS = 40;
const WARN_MS = 30_000;
const TYPING_EVERY_MS = 3_000;

interface RecordingBarProps {
  room: RoomId;
  press: Press;
  onTake: (take: Take) => void;
  onClose: () => void;
}

/** Recording, from the question for the microphone to listening to what was said. */
export default function RecordingBar({ room, press, onTake, onClose }: RecordingBarProps) {
  const { state, recorder, take, send } = useRecording(press, onTake, onClose);
  usePressing(press, state, send);
  useSignal(room, state);
  const finish = (after: After) => send({ kind: "finish", after });
  switch (state.at) {
    case "idle":
      return null;
    case "explaining":
      return (
        <Explanation
          onAgree={() => send({ kind: "agree", now: press.at })}
          onClose={() => send({ kind: "close" })}
        />
      );
    case "refused":
      return <Refused why={state.why} onClose={() => send({ kind: "close" })} />;
    case "preview":
      return take && <Preview take={take} onFinish={finish} />;
    default:
      return (
        <Bar held={"held" in state && state.held} onFinish={finish}>
          {recorder && <Level recorder={recorder} />}
        </Bar>
      );
  }
}

type Send = (input: RecordingInput) => void;

/** The state machine, performed on the microphone. */
function useRecording(press: Press, onTake: (take: Take) => void, onClose: () => void) {
  const [state, setState] = useState<Recording>(IDLE);
  const now = useRef<Recording>(IDLE);
  const recorder = useRef<Recorder | null>(null);
  const take = useRef<Take | null>(null);

  function send(input: RecordingInput): void {
    const [next, effects] = step(now.current, input);
    const ended = now.current.at !== "idle" && next.at === "idle";
    now.current = next;
    for (const effect of effects) void perform(effect);
    setState(next);
    if (ended) onClose();
  }

  async function perform(effect: RecordingEffect): Promise<void> {
    switch (effect) {
      case "open":
        return open();
      case "stop":
        take.current = (await recorder.current?.stop()) ?? null;
        return send({ kind: "finished", heard: take.current !== null });
      case "send":
        if (take.current) onTake(take.current);
        return;
      case "drop":
        recorder.current?.close();
        take.current = null;
    }
  }

  async function open(): Promise<void> {
    try {
      recorder.current = await Recorder.open(() => send({ kind: "finish", after: "preview" }));
      localStorage.setItem(AGREED, "1");
      send({ kind: "started" });
    } catch (error) {
      send({ kind: "refused", why: error instanceof MicrophoneRefused ? error.why : "failed" });
    }
  }

  // biome-ignore lint/correctness/useExhaustiveDependencies: once, for this press.
  useEffect(() => {
    let live = true;
    void isKnown().then((known) => {
      const held = press.held && !press.released;
      if (live) send({ kind: "press", held, now: press.at, known });
    });
    return () => {
      live = false;
      now.current = IDLE;
      recorder.current?.close();
    };
  }, [press]);
  return { state, recorder: recorder.current, take: take.current, send };
}

/** Whether the browser will not ask any more. */
async function isKnown(): Promise<boolean> {
  const name = "microphone" as PermissionName;
  const status = await navigator.permissions?.query({ name }).catch(() => null);
  // Without a microphone to ask for, there is nothing to explain.
  if (!navigator.mediaDevices) return true;
  return status ? status.state !== "prompt" : localStorage.getItem(AGREED) !== null;
}

/** The finger on the button: sliding and letting go; and Escape. */
function usePressing(press: Press, state: Recording, send: Send): void {
  const isRecording = state.at === "recording" || state.at === "starting";
  // biome-ignore lint/correctness/useExhaustiveDependencies: `send` reads the latest state by itself.
  useEffect(() => {
    if (!isRecording) return;
    const until = new AbortController();
    const { signal } = until;
    const move = ({ clientX, clientY }: PointerEvent) =>
      send({ kind: "slide", x: clientX - press.x, y: clientY - press.y });
    const up = (event: PointerEvent) => send({ kind: "release", now: event.timeStamp });
    addEventListener("pointermove", move, { signal });
    addEventListener("pointerup", up, { signal });
    addEventListener("pointercancel", up, { signal });
    addEventListener(
      "keydown",
      (event) => event.key === "Escape" && send({ kind: "finish", after: "discard" }),
      { signal },
    );
    return () => until.abort();
  }, [isRecording, press]);
}

/** The others see that one is recording. */
function useSignal(room: RoomId, state: Recording): void {
  const { attention } = useSession();
  const isRecording = state.at === "recording";
  useEffect(() => {
    if (!isRecording) return;
    const say = () => attention.typing(room, "voice");
    say();
    const timer = setInterval(say, TYPING_EVERY_MS);
    return () => {
      clearInterval(timer);
      attention.typing(room, "none");
    };
  }, [attention, room, isRecording]);
}

function Bar(props: { held: boolean; onFinish: (after: After) => void; children: ReactNode }) {
  const t = useT();
  const { held, onFinish } = props;
  return (
    <div className={`recording ${held ? "held" : ""}`} data-testid="recording">
      <span className="visually-hidden" role="status">
        {t("voice.recording")}
      </span>
      <IconButton icon="trash" label={t("voice.discard")} onClick={() => onFinish("discard")} />
      {props.children || <span className="recording-wait">{t("voice.starting")}</span>}
      {held ? (
        <small className="recording-hint">{t("voice.cancelHint")}</small>
      ) : (
        <>
          <FocusedButton
            className="recording-stop"
            label={t("voice.stop")}
            onClick={() => onFinish("preview")}
          >
            <Icon name="stop" />
          </FocusedButton>
          <button
            type="button"
            className="send"
            aria-label={t("voice.send")}
            onClick={() => onFinish("send")}
          >
            <Icon name="send" />
          </button>
        </>
      )}
    </div>
  );
}

/** How loud it is now, and for how long one has been recording. */
function Level({ recorder }: { recorder: Recorder }) {
  const t = useT();
  const { ms, levels }: Meter = useStore(recorder.meter, (meter) => meter);
  const last = levels.slice(-METER_BARS);
  const bars = [...Array.from({ length: METER_BARS - last.length }, () => 0), ...last];
  const left = VOICE_MS_MAX - ms;
  return (
    <>
      <span className="recording-dot" aria-hidden="true" />
      <span className="recording-time" role="timer">
        {playTime(ms)}
      </span>
      <Waveform levels={bars} />
      {left < WARN_MS && <small role="status">{t("voice.left", { count: Math.ceil(left / 1_000) })}</small>}
    </>
  );
}

function Preview({ take, onFinish }: { take: Take; onFinish: (after: After) => void }) {
  const t = useT();
  const { player } = useSession();
  const [url, setUrl] = useState<string | null>(null);
  useEffect(() => {
    const local = URL.createObjectURL(take.blob);
    setUrl(local);
    return () => {
      player.stop(PREVIEW);
      URL.revokeObjectURL(local);
    };
  }, [player, take]);
  return (
    <div className="recording preview" data-testid="recording-preview">
      <IconButton icon="trash" label={t("voice.discard")} onClick={() => onFinish("discard")} />
      <Track
        id={PREVIEW}
        source={() => Promise.resolve(url ?? "")}
        enabled={url !== null}
        peaks={take.peaks}
        durationMs={take.durationMs}
      />
      <FocusedButton className="send" label={t("voice.send")} onClick={() => onFinish("send")}>
        <Icon name="send" />
      </FocusedButton>
    </div>
  );
}

/** The button that one most likely wants next. */
function FocusedButton(props: {
  className: string;
  label: string;
  onClick: () => void;
  children: ReactNode;
}) {
  const ref = useRef<HTMLButtonElement>(null);
  useEffect(() => ref.current?.focus(), []);
  return (
    <button
      ref={ref}
      type="button"
      className={props.className}
      aria-label={props.label}
      title={props.label}
      onClick={props.onClick}
    >
      {props.children}
    </button>
  );
}

function Explanation({ onAgree, onClose }: { onAgree: () => void; onClose: () => void }) {
  const t = useT();
  return (
    <Dialog title={t("voice.ask.title")} onClose={onClose}>
      <p>{t("voice.ask.text")}</p>
      <div className="actions">
        <button type="button" className="plain" onClick={onClose}>
          {t("app.cancel")}
        </button>
        <button type="button" className="primary" onClick={onAgree}>
          {t("voice.ask.go")}
        </button>
      </div>
    </Dialog>
  );
}

function Refused({ why, onClose }: { why: Refusal; onClose: () => void }) {
  const t = useT();
  return (
    <Dialog title={t("voice.refused.title")} onClose={onClose}>
      <p>{t(`voice.refused.${why}`)}</p>
      <div className="actions">
        <button type="button" className="primary" onClick={onClose}>
          {t("app.close")}
        </button>
      </div>
    </Dialog>
  );
}
