import { memo, useState } from "react";
import { unreadWith } from "../core/hold";
import { byActivity, isMuted, type RoomView } from "../core/rooms";
import { type Translate, useLocale, useT } from "../i18n";
import { useStore } from "../shell/store";
import { Avatar } from "./avatar";
import { useApp, useChat, useSession } from "./context";
import { Confirm } from "./dialog";
import { Icon, IconButton } from "./icons";
import { LanguageSwitch } from "./language-switch";
import { NoticeOffer } from "./notices";
import { QuietOffer } from "./quiet/offer";
import { QuietMenu } from "./quiet/snooze";
import { SwitcherButton } from "./switcher";
import { brief, preview, roomName } from "./words";
import type { Opened } from "./workspace";

export function RoomList({ current, onOpen }: { current: string | null; onOpen: (what: Opened) => void }) {
  const t = useT();
  const rooms = useChat((chat) => chat.rooms);
  const hasQuiet = useChat((chat) => chat.features.includes("quiet_hours"));
  const sorted = byActivity(Object.values(rooms));
  return (
    <nav className="sidebar" aria-label={t("rooms.title")}>
      <header className="sidebar-head">
        <h1>{t("rooms.title")}</h1>
        <IconButton icon="compass" label={t("rooms.directory")} onClick={() => onOpen("directory")} />
        {hasQuiet && <QuietMenu />}
        <IconButton icon="talk" label={t("rooms.direct")} onClick={() => onOpen("direct")} />
        <IconButton icon="plus" label={t("rooms.create")} onClick={() => onOpen("create")} />
      </header>
      {sorted.length > 0 && <SwitcherButton onOpen={() => onOpen("switch")} />}
      {sorted.length === 0 && <Empty onOpen={onOpen} />}
      <ul className="rooms" data-testid="rooms">
        {sorted.map((room) => (
          <RoomLine key={room.id} room={room} current={room.id === current} />
        ))}
      </ul>
      {hasQuiet && <QuietOffer />}
      <NoticeOffer />
      <Me />
    </nav>
  );
}

function Empty({ onOpen }: { onOpen: (what: Opened) => void }) {
  const t = useT();
  return (
    <div className="empty">
      <p>{t("rooms.empty")}</p>
      <button type="button" className="primary" onClick={() => onOpen("create")}>
        {t("rooms.create")}
      </button>
      <button type="button" className="plain" onClick={() => onOpen("directory")}>
        {t("rooms.directory")}
      </button>
    </div>
  );
}

const RoomLine = memo(function RoomLine({ room, current }: { room: RoomView; current: boolean }) {
  const t = useT();
  const locale = useLocale();
  const { router } = useApp();
  const me = useChat((chat) => chat.me.id);
  const users = useChat((chat) => chat.users);
  const name = roomName(t, room, me);
  const quiet = useChat((chat) => chat.hold.active);
  return (
    <li>
      <a
        href={`/rooms/${room.id}`}
        className={`room-line ${room.unread > 0 && !quiet && !isMuted(room, Date.now()) ? "unread" : ""}`}
        aria-current={current ? "page" : undefined}
        data-room={room.id}
        onClick={(event) => {
          if (event.metaKey || event.ctrlKey || event.shiftKey) return;
          event.preventDefault();
          router.go({ at: "room", room: room.id });
        }}
      >
        <RoomMark room={room} />
        <span className="room-name">
          {name}
          {isMuted(room, Date.now()) && (
            <span className="muted-mark" role="img" aria-label={t("mute.muted")}>
              <Icon name="bellOff" />
            </span>
          )}
        </span>
        <time className="room-time">{room.last_event && brief(locale, room.last_event.ts, Date.now())}</time>
        <span className="room-preview">{preview(t, room, users, me)}</span>
        <Counts room={room} />
      </a>
    </li>
  );
});

export function RoomMark({ room }: { room: RoomView }) {
  const peer = useChat((chat) => (room.peer ? (chat.users[room.peer.id] ?? room.peer) : undefined));
  if (room.kind === "direct") return <Avatar user={peer} withPresence />;
  return (
    <span className="room-mark" aria-hidden="true">
      <Icon name={room.kind === "private" ? "lock" : "hash"} />
    </span>
  );
}

function Counts({ room }: { room: RoomView }) {
  const t = useT();
  const { active } = useChat((chat) => chat.hold);
  const held = useChat((chat) => chat.hold.held[room.id]);
  const unread = useChat((chat) => unreadWith(chat.hold, room));
  const mentions = Math.max(room.mentions, held?.mentions ?? 0);
  if (unread === 0) return null;
  return (
    <span className={`counts ${active ? "calm" : ""}`}>
      {mentions > 0 && (
        <span className="count mention" role="img" aria-label={t("rooms.mentions", { count: mentions })}>
          @{mentions}
        </span>
      )}
      <span
        className="count"
        role="img"
        aria-label={countLabel(t, unread, held?.count ?? 0)}
        data-testid={held ? "held" : "unread"}
      >
        {held && <Icon name="moon" />}
        {unread >= 1_000 ? "999+" : unread}
      </span>
    </span>
  );
}

function countLabel(t: Translate, unread: number, held: number): string {
  const text = t("rooms.unread", { count: unread });
  return held > 0 ? `${text}, ${t("quiet.heldCount", { count: held })}` : text;
}

/** What is unsent is forgotten with the account in this browser: whoever has any is asked. */
function SignOut() {
  const t = useT();
  const { account } = useApp();
  const { uploads } = useSession();
  const unsent = useChat((chat) => chat.outbox.entries.length);
  const parcels = useStore(uploads.parcels, (value) => value.length);
  const [asking, setAsking] = useState(false);
  const count = unsent + parcels;
  return (
    <>
      <IconButton
        icon="leave"
        label={t("auth.signOut")}
        onClick={() => (count > 0 ? setAsking(true) : void account.signOut())}
      />
      {asking && (
        <Confirm
          title={t("auth.signOut")}
          text={t("auth.signOutUnsent", { count })}
          action={t("auth.signOut")}
          onClose={() => setAsking(false)}
          onConfirm={() => void account.signOut()}
        />
      )}
    </>
  );
}

function Me() {
  const t = useT();
  const { router } = useApp();
  const session = useSession();
  const me = useChat((chat) => chat.users[chat.me.id] ?? chat.me);
  const keep = (locale: string) => void session.ports.api.change({ locale }).catch(() => undefined);
  return (
    <footer className="sidebar-foot">
      <button
        type="button"
        className="me"
        title={t("account.open")}
        onClick={() => router.go({ at: "account" })}
      >
        <Avatar user={me} />
        <span className="me-name">
          <span className="visually-hidden">{t("account.open")}: </span>
          {me.display_name}
          <small>@{me.username}</small>
        </span>
      </button>
      <LanguageSwitch short onChoose={keep} />
      <SignOut />
    </footer>
  );
}
