import { type KeyboardEvent, useMemo } from "react";
import { playTime } from "../../core/media";
import type { Upload } from "../../core/uploads";
import { voiceLevels } from "../../core/waveform";
import { useT } from "../../i18n";
import type { MediaObject } from "../../protocol/media";
import type { Playing, Source } from "../../shell/player";
import { useStore } from "../../shell/store";
import { useSession } from "../context";
import { Icon } from "../icons";
import { UploadActions, UploadBar, uploadText } from "./upload-state";
import { Waveform } from "./waveform";

const BARS = 48;
const STEP_MS = 5_000;

/** A voice message: play, its waveform to seek in, and the speed. */
export function VoicePlayer({ media, upload }: { media: MediaObject; upload?: Upload | undefined }) {
  const t = useT();
  const { urls, uploads } = useSession();
  const local = uploads.local(media.id);
  const source: Source = (fresh) => {
    if (local) return Promise.resolve(local);
    return fresh ? urls.renew(media.id, "playable") : urls.get(media.id, "playable");
  };
  const failed = upload?.state.at === "failed";
  const state = upload ? uploadText(t, upload) : media.status === "pending" ? t("media.pending") : null;
  return (
    <div className={`voice ${failed ? "failed" : ""}`} data-testid="voice" data-status={media.status}>
      <Track
        id={media.id}
        source={source}
        enabled={media.status === "ready" || local !== undefined}
        peaks={media.peaks ?? null}
        durationMs={media.duration_ms ?? 0}
        note={state}
      />
      {upload && <UploadActions upload={upload} />}
      {upload && <UploadBar upload={upload} />}
    </div>
  );
}

interface TrackProps {
  id: string;
  source: Source;
  enabled: boolean;
  peaks: readonly number[] | null;
  durationMs: number;
  note?: string | null;
}

/** The controls of something that can be heard. */
export function Track({ id, source, enabled, peaks, durationMs, note }: TrackProps) {
  const t = useT();
  const { player } = useSession();
  const playing = useStore(player.state, (state) => (state.id === id ? state : null));
  const rate = useStore(player.state, (state) => state.rate);
  const levels = useMemo(() => voiceLevels(peaks, BARS), [peaks]);
  const at = playing?.at ?? 0;
  const duration = Math.max(durationMs || (playing?.duration ?? 0), at, 1);
  const isPlaying = playing?.state === "playing" || playing?.state === "loading";
  const seek = (to: number) => player.seek(id, source, Math.min(duration, Math.max(0, to)));
  return (
    <div className="track" data-state={playing?.state ?? "idle"}>
      <button
        type="button"
        className="play"
        disabled={!enabled}
        aria-label={t(isPlaying ? "voice.pause" : "voice.play")}
        onClick={() => player.toggle(id, source)}
      >
        <Icon name={isPlaying ? "pause" : "play"} />
      </button>
      <span className="track-bars">
        <Waveform levels={levels} played={playing ? at / duration : 0} />
        <input
          type="range"
          min={0}
          max={duration}
          step={100}
          value={at}
          disabled={!enabled}
          aria-label={t("voice.position")}
          aria-valuetext={t("voice.at", { at: playTime(at), duration: playTime(duration) })}
          onChange={(event) => seek(event.currentTarget.valueAsNumber)}
          onKeyDown={(event) => seekByKey(event, at, duration, seek)}
        />
      </span>
      <span className="track-foot">
        <Time playing={playing} at={at} duration={duration} note={note ?? null} />
        <button
          type="button"
          className="rate"
          disabled={!enabled}
          aria-label={t("voice.rate", { rate })}
          onClick={() => player.nextRate()}
        >
          {rate}×
        </button>
      </span>
    </div>
  );
}

function Time(props: { playing: Playing | null; at: number; duration: number; note: string | null }) {
  const t = useT();
  const { playing, at, duration, note } = props;
  if (playing?.state === "failed")
    return (
      <small className="file-fault" role="alert">
        {t("voice.failed")}
      </small>
    );
  const time = playing ? `${playTime(at)} / ${playTime(duration)}` : playTime(duration);
  return <small>{note ? `${time} · ${note}` : time}</small>;
}

function seekByKey(
  event: KeyboardEvent<HTMLInputElement>,
  at: number,
  duration: number,
  seek: (to: number) => void,
): void {
  const steps: Record<string, number> = {
    ArrowLeft: at - STEP_MS,
    ArrowDown: at - STEP_MS,
    ArrowRight: at + STEP_MS,
    ArrowUp: at + STEP_MS,
    PageDown: at - duration / 10,
    PageUp: at + duration / 10,
    Home: 0,
    End: duration,
  };
  const to = steps[event.key];
  if (to === undefined) return;
  event.preventDefault();
  // The log would walk to the next message.
  event.stopPropagation();
  seek(to);
}
