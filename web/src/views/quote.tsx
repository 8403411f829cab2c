import { useEffect } from "react";
import { useT } from "../i18n";
import type { KnownRecord, RoomId, Seq } from "../protocol/types";
import { quoteKey } from "../shell/quotes";
import { useStore } from "../shell/store";
import { useApp, useChat, useSession } from "./context";
import { Icon, IconButton } from "./icons";
import { messageLine } from "./media/words";
import { nameOf } from "./words";
import "../styles/quote.css";

const OLDER_PAGES_MAX = 20;

/** What a message answers, above it; a click leads there. */
export function Quote({ room, seq }: { room: RoomId; seq: Seq }) {
  const t = useT();
  const { account } = useApp();
  const go = useJump(room);
  const quoted = useQuoted(room, seq);
  return (
    <button
      type="button"
      className="quote"
      data-testid="quote"
      disabled={quoted === null}
      onClick={() => void go(seq).catch(account.tell)}
    >
      <Icon name="reply" />
      <span className="visually-hidden">{t("reply.to")} </span>
      <QuotedLine quoted={quoted} />
    </button>
  );
}

/** What one is about to answer, above the field in which one writes. */
export function Answering({ room, seq, onCancel }: { room: RoomId; seq: Seq; onCancel: () => void }) {
  const t = useT();
  const quoted = useQuoted(room, seq);
  return (
    <div className="quote answering" data-testid="answering">
      <Icon name="reply" />
      <QuotedLine quoted={quoted} />
      <IconButton icon="close" label={t("reply.cancel")} onClick={onCancel} />
    </div>
  );
}

function QuotedLine({ quoted }: { quoted: KnownRecord | null | undefined }) {
  const t = useT();
  const users = useChat((chat) => chat.users);
  if (quoted === undefined) return <span className="quoted">…</span>;
  if (quoted?.k !== "message") return <span className="quoted">{t("reply.gone")}</span>;
  return (
    <span className="quoted">
      <strong>{nameOf(users, quoted.by)}</strong> {messageLine(t, quoted)}
    </span>
  );
}

/** The quoted message: as the room shows it, else as it was when it was asked for; undefined until then. */
function useQuoted(room: RoomId, seq: Seq): KnownRecord | null | undefined {
  const session = useSession();
  const shown = useChat((chat) => chat.timelines[room]?.items.find((item) => item.seq === seq)?.e);
  const asked = useStore(session.quotes.known, (known) => known[quoteKey(room, seq)]);
  const quoted = shown ?? asked;
  const by = quoted?.k === "message" ? quoted.by : null;
  useEffect(() => {
    if (shown === undefined) session.quotes.need(room, seq);
    if (by) session.need([by]);
  }, [session, room, seq, shown, by]);
  return quoted;
}

/** Go to a message, loading older ones until it is there. */
function useJump(room: RoomId): (seq: Seq) => Promise<void> {
  const session = useSession();
  return async (seq) => {
    const loaded = () => session.chat.value.timelines[room];
    for (
      let pages = 0;
      pages < OLDER_PAGES_MAX && (loaded()?.from ?? 0) >= seq && loaded()?.hasBefore;
      pages++
    )
      await session.older(room);
    session.chat.flush();
    requestAnimationFrame(() => {
      const message = document.querySelector<HTMLElement>(`article[data-seq="${seq}"]`);
      message?.scrollIntoView({ block: "center" });
      // The log follows its end until it hears of a scroll, and the browser tells of it a frame too late.
      message?.closest(".log")?.dispatchEvent(new Event("scroll"));
      message?.focus({ preventScroll: true });
    });
  };
}
