import { type KeyboardEvent, type RefObject, useEffect, useMemo, useState } from "react";
import type { Entry } from "../core/outbox";
import type { RoomView } from "../core/rooms";
import { type Row, rows } from "../core/rows";
import type { Timeline } from "../core/timeline";
import type { Parcel } from "../core/uploads";
import { useLocale, useT } from "../i18n";
import type { Seq } from "../protocol/types";
import { useStore } from "../shell/store";
import { Announcer } from "./announcer";
import { isAttentive } from "./attentive";
import { useApp, useChat, useSession } from "./context";
import { Icon } from "./icons";
import { type LogScroll, useLogScroll } from "./log-scroll";
import { Departing } from "./media/departing";
import { Gallery } from "./media/gallery";
import { Message, Note, Outgoing } from "./message";
import { useTick } from "./tick";
import { day, isoDay } from "./words";

const OLDER_PAGES_MAX = 20;
const MINUTE_MS = 60_000;

interface LogProps {
  room: RoomView;
  name: string;
  timeline: Timeline;
  /** Grows when one has sent something. */
  sent: number;
  editing: Seq | null;
  onEdit: (seq: Seq | null) => void;
  onReply?: ((seq: Seq) => void) | undefined;
}

/** The messages of a room: older ones come in as one scrolls up, new ones keep a reader at the end. */
export function Log({ room, name, timeline, sent, editing, onEdit, onReply }: LogProps) {
  const t = useT();
  const session = useSession();
  const { account } = useApp();
  const me = useChat((chat) => chat.me.id);
  const outgoing = useOutgoing(room.id);
  const parcels = useDeparting(room.id);
  const unreadAfter = useUnreadMark(room, sent);
  const lines = useMemo(
    () => rows(timeline, outgoing, parcels, unreadAfter, me),
    [timeline, outgoing, parcels, unreadAfter, me],
  );
  const older = () => session.older(room.id).catch(account.tell);
  const scroll = useLogScroll(lines, sent, () => void older());
  useReading(room, scroll.atEnd);
  const mayDelete = room.me?.role === "owner" || room.me?.role === "moderator";
  return (
    <div className="log-frame">
      {unreadAfter !== null && unreadAfter < timeline.from && (
        <ToUnread room={room.id} after={unreadAfter} scroll={scroll} />
      )}
      <div
        ref={scroll.frame}
        className="log"
        role="log"
        // The announcer tells what is new.
        aria-live="off"
        aria-label={t("log.label", { name })}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
        tabIndex={0}
        onScroll={scroll.onScroll}
        onKeyDown={(event) => moveFocus(event, scroll.frame)}
      >
        <Gallery timeline={timeline}>
          <div ref={scroll.content} className="log-content">
            <p className="note">{timeline.hasBefore ? t("log.older") : t("log.beginning")}</p>
            {lines.length === 0 && <p className="note">{t("rooms.noMessages")}</p>}
            {lines.map((row) => (
              <div key={row.key} data-key={isAnchor(row) ? row.key : undefined} className="row">
                <Line
                  row={row}
                  room={room.id}
                  mayDelete={mayDelete}
                  editing={editing}
                  onEdit={onEdit}
                  onReply={onReply}
                />
              </div>
            ))}
          </div>
        </Gallery>
      </div>
      <Announcer timeline={timeline} />
      {!scroll.atEnd && (
        <button type="button" className="to-latest" onClick={scroll.toEnd}>
          <Icon name="down" />
          {room.unread > 0 ? t("log.latestNew", { count: room.unread }) : t("log.latest")}
        </button>
      )}
    </div>
  );
}

/** A day stays on top of what comes in above it, and the unread mark goes: neither holds a reader's place. */
function isAnchor(row: Row): boolean {
  return row.kind !== "day" && row.kind !== "unread";
}

function Line(props: {
  row: Row;
  room: string;
  mayDelete: boolean;
  editing: Seq | null;
  onEdit: LogProps["onEdit"];
  onReply: LogProps["onReply"];
}) {
  const t = useT();
  const { row, room } = props;
  switch (row.kind) {
    case "day":
      return <DayLine ts={row.ts} />;
    case "unread":
      return (
        <p className="unread-mark" data-testid="unread-mark">
          <span>{t("log.unread")}</span>
        </p>
      );
    case "note":
      return <Note item={row.item} />;
    case "outgoing":
      return <Outgoing entry={row.entry} first={row.first} />;
    case "parcel":
      return <Departing parcel={row.parcel} first={row.first} />;
    case "message": {
      const { item, first } = row;
      const { mayDelete, onEdit, onReply } = props;
      return (
        <Message
          room={room}
          item={item}
          first={first}
          mayDelete={mayDelete}
          editing={props.editing === item.seq}
          onEdit={onEdit}
          onReply={onReply}
        />
      );
    }
  }
}

function DayLine({ ts }: { ts: number }) {
  const now = useTick(MINUTE_MS);
  return (
    <h2 className="day">
      <time dateTime={isoDay(ts)}>{day(useLocale(), ts, now)}</time>
    </h2>
  );
}

function useOutgoing(room: string): Entry[] {
  const entries = useChat((chat) => chat.outbox.entries);
  return useMemo(() => entries.filter((entry) => entry.room === room), [entries, room]);
}

function useDeparting(room: string): Parcel[] {
  const { uploads } = useSession();
  const parcels = useStore(uploads.parcels, (value) => value);
  return useMemo(
    () => parcels.filter((parcel) => parcel.room === room && parcel.letter !== null),
    [parcels, room],
  );
}

/** Where the unread mark stands: at what was unread on opening, or came while one looked away; until one writes. */
function useUnreadMark(room: RoomView, sent: number): Seq | null {
  const [mark, setMark] = useState<Seq | null>(room.unread > 0 ? room.read_seq : null);
  useEffect(() => {
    if (sent > 0) setMark(null);
  }, [sent]);
  useEffect(() => {
    if (room.unread > 0 && !isAttentive()) setMark((known) => known ?? room.read_seq);
  }, [room.unread, room.read_seq]);
  return mark;
}

/** What stands at the end of the log on a page that is looked at has been read. */
function useReading(room: RoomView, atEnd: boolean): void {
  const session = useSession();
  const { id } = room;
  const head = room.position.seq;
  // biome-ignore lint/correctness/useExhaustiveDependencies: every new event is to be read.
  useEffect(() => {
    if (!atEnd) return;
    const read = () => isAttentive() && session.read(id);
    read();
    addEventListener("focus", read);
    document.addEventListener("visibilitychange", read);
    return () => {
      removeEventListener("focus", read);
      document.removeEventListener("visibilitychange", read);
    };
  }, [session, id, head, atEnd]);
}

function ToUnread({ room, after, scroll }: { room: string; after: Seq; scroll: LogScroll }) {
  const t = useT();
  const session = useSession();
  const { account } = useApp();
  async function go() {
    const loaded = () => session.chat.value.timelines[room];
    for (
      let pages = 0;
      pages < OLDER_PAGES_MAX && loaded()?.hasBefore && (loaded()?.from ?? 0) > after;
      pages++
    ) {
      await session.older(room);
    }
    session.chat.flush();
    scroll.toUnread();
  }
  return (
    <button type="button" className="to-unread" onClick={() => void go().catch(account.tell)}>
      <Icon name="up" />
      {t("log.toUnread")}
    </button>
  );
}

/** Arrow keys walk from message to message; the actions of the one in focus are a Tab away. */
function moveFocus(event: KeyboardEvent<HTMLElement>, frame: RefObject<HTMLElement | null>): void {
  const step = event.key === "ArrowUp" ? -1 : event.key === "ArrowDown" ? 1 : 0;
  const inField = event.target instanceof HTMLTextAreaElement;
  if (step === 0 || inField || !frame.current) return;
  const messages = [...frame.current.querySelectorAll<HTMLElement>("article")];
  const current = messages.findIndex((message) => message.contains(document.activeElement));
  const next = current < 0 ? messages.at(-1) : messages[current + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
}
