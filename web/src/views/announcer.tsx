import { useState } from "react";
import type { Timeline } from "../core/timeline";
import { useT } from "../i18n";
import type { Seq } from "../protocol/types";
import { useChat } from "./context";
import { messageLine } from "./media/words";
import { nameOf } from "./words";

/**
 * Read new messages of others out to who does not see them.
 *
 * The log itself is not live: older pages, states and reactions would be read out as if they were news.
 */
export function Announcer({ timeline }: { timeline: Timeline }) {
  const t = useT();
  const [since] = useState<Seq>(timeline.to);
  const quiet = useChat((chat) => chat.hold.active);
  const text = useChat(({ users, me }) => {
    const last = timeline.items.at(-1);
    const isNews = last && last.seq > since && last.e.k === "message" && last.e.by !== me.id;
    return isNews && last.e.k === "message" ? `${nameOf(users, last.e.by)}: ${messageLine(t, last.e)}` : "";
  });
  return (
    <p className="visually-hidden" aria-live={quiet ? "off" : "polite"} data-testid="announcer">
      {quiet ? "" : text}
    </p>
  );
}
