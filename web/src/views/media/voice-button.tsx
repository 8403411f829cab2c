import { lazy, type ReactNode, type RefObject, Suspense, useEffect, useRef, useState } from "react";
import { useT } from "../../i18n";
import type { RoomId } from "../../protocol/types";
import type { Take } from "../../shell/recorder";
import { Icon } from "../icons";

const load = () => import("./recording-bar");
const RecordingBar = lazy(load);

/** How recording was begun; who let go before it could begin has tapped. */
export interface Press {
  at: number;
  held: boolean;
  x: number;
  y: number;
  released: boolean;
}

export interface Voice {
  press: Press | null;
  begin: (press: Press) => void;
  button: RefObject<HTMLButtonElement | null>;
  /** What stands in place of the field while one records. */
  bar: ReactNode;
}

/** Recording in a room; `onTake` gets what shall be sent. */
export function useVoice(room: RoomId, onTake: (take: Take) => void): Voice {
  const [press, setPress] = useState<Press | null>(null);
  const button = useRef<HTMLButtonElement>(null);
  const opened = useRef(false);
  useEffect(() => {
    // It was hidden: only now it can have the focus again.
    if (!press && opened.current) button.current?.focus();
    opened.current = press !== null;
  }, [press]);
  const bar = press && (
    <Suspense fallback={null}>
      <RecordingBar room={room} press={press} onTake={onTake} onClose={() => setPress(null)} />
    </Suspense>
  );
  return { press, begin: setPress, button, bar };
}

/** Hold it to record while one holds, tap it to record hands-free. */
export function VoiceButton({ voice, disabled }: { voice: Voice; disabled: boolean }) {
  const t = useT();
  const { press, begin } = voice;
  const prefetch = () => void load();
  return (
    <button
      ref={voice.button}
      type="button"
      className="send mic"
      aria-label={t("voice.record")}
      title={t("voice.record")}
      disabled={disabled}
      onPointerEnter={prefetch}
      onFocus={prefetch}
      onContextMenu={(event) => event.preventDefault()}
      onPointerDown={(event) => {
        if (event.button !== 0 || press) return;
        event.currentTarget.setPointerCapture(event.pointerId);
        begin({ at: event.timeStamp, held: true, x: event.clientX, y: event.clientY, released: false });
      }}
      onPointerUp={() => {
        if (press) press.released = true;
      }}
      onClick={(event) => {
        // A key, or a reading aid: there is nothing to hold.
        if (event.detail === 0 && !press)
          begin({ at: event.timeStamp, held: false, x: 0, y: 0, released: true });
      }}
    >
      <Icon name="mic" />
    </button>
  );
}
