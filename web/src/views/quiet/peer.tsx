import { useEffect, useId, useState } from "react";
import type { Notify } from "../../core/outbox";
import { useLocale, useT } from "../../i18n";
import type { PeerQuiet } from "../../protocol/quiet";
import type { RoomId } from "../../protocol/types";
import { useApp, useChat } from "../context";
import { Icon } from "../icons";
import { until } from "./words";

const LEAST_WAIT_MS = 1_000;
const MOST_WAIT_MS = 600_000;
const AGAIN_MS = 30_000;

export type Way = "held" | Notify;
const WAYS: readonly Way[] = ["held", "silent", "urgent"];

/** Whether the other of a direct room is quiet; asked on opening, when she shows up or goes, and at each transition. */
export function usePeerQuiet(room: RoomId): PeerQuiet | null {
  const { account } = useApp();
  const peer = useChat(({ rooms, me, features }) => {
    const other = rooms[room]?.peer?.id;
    return features.includes("quiet_hours") && other !== me.id ? other : undefined;
  });
  const presence = useChat((chat) => (peer ? chat.presence[peer] : undefined));
  const [quiet, setQuiet] = useState<PeerQuiet | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: presence changes when quiet hours begin and end.
  useEffect(() => {
    if (!peer) return;
    let timer: ReturnType<typeof setTimeout>;
    let current = true;
    const ask = () =>
      account.api.peerQuiet(peer).then(
        (answer) => {
          if (!current) return;
          setQuiet(answer);
          timer = setTimeout(ask, waitMs(answer, Date.now()));
        },
        () => {
          if (current) timer = setTimeout(ask, AGAIN_MS);
        },
      );
    void ask();
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [account, peer, presence]);
  return peer && quiet?.quiet ? quiet : null;
}

/** Until the next transition, and not so long that a snooze goes unnoticed. */
function waitMs(quiet: PeerQuiet, now: number): number {
  const next = quiet.quiet ? quiet.next_end : quiet.next_start;
  const ahead = next === null ? MOST_WAIT_MS : Date.parse(next) - now + LEAST_WAIT_MS;
  return Math.min(Math.max(ahead, LEAST_WAIT_MS), MOST_WAIT_MS);
}

interface PeerNoticeProps {
  name: string;
  quiet: PeerQuiet;
  way: Way;
  onWay: (way: Way) => void;
}

/** Tell a sender that the other is quiet, and let her choose how the message goes. */
export function PeerNotice({ name, quiet, way, onWay }: PeerNoticeProps) {
  const t = useT();
  const group = useId();
  const text = usePeerText(name, quiet);
  const hints = {
    held: "quiet.peer.heldHint",
    silent: "quiet.peer.silentHint",
    urgent: "quiet.peer.anywayHint",
  };
  const labels = {
    held: "quiet.peer.held",
    silent: "quiet.peer.silent",
    urgent: "quiet.peer.anyway",
  } as const;
  return (
    <section className="peer-quiet" aria-label={text} data-testid="peer-quiet">
      <p className="calm-head">
        <Icon name="moon" />
        <strong>{text}</strong>
      </p>
      <fieldset className="segments">
        <legend className="visually-hidden">{t("quiet.peer.how")}</legend>
        {WAYS.map((one) => (
          <label key={one}>
            <input
              type="radio"
              className="visually-hidden"
              name={group}
              checked={way === one}
              onChange={() => onWay(one)}
            />
            <span>{t(labels[one])}</span>
          </label>
        ))}
      </fieldset>
      <small>{t(hints[way] as "quiet.peer.anywayHint", { name })}</small>
    </section>
  );
}

/** Until when somebody is quiet, in the reader's own time. */
function usePeerText(name: string, quiet: PeerQuiet): string {
  const t = useT();
  const locale = useLocale();
  if (quiet.next_end === null) return t("quiet.peer.open", { name });
  return t("quiet.peer.until", { name, time: until(locale, Date.parse(quiet.next_end), Date.now()) });
}
