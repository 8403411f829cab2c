import { useEffect, useRef } from "react";
import { REACHES, type Reach } from "../core/notices";
import { useT } from "../i18n";
import type { Heard } from "../shell/session";
import { useStore } from "../shell/store";
import { isAttentive } from "./attentive";
import { useApp, useChat, useSession } from "./context";
import { Icon } from "./icons";
import { messageLine } from "./media/words";
import { summary } from "./quiet/words";
import { nameOf, roomName } from "./words";

/** Until then a name that is not known yet has come, and a burst is one notice. */
const GATHERED_MS = 400;

/** Tell who looks elsewhere, by notices of the system, of what she asked to be told of. */
export function SystemNotices() {
  useHeard();
  useNewsNotices();
  useReadNotices();
  return null;
}

function useHeard(): void {
  const t = useT();
  const session = useSession();
  const { account, router } = useApp();
  const heard = useStore(session.heard, (value) => value);
  const hasHeard = heard.length > 0;
  useEffect(() => {
    if (!hasHeard) return;
    const tell = ({ room: id, event: { e } }: Heard) => {
      const { rooms, users, me } = session.chat.value;
      const room = rooms[id];
      if (!room || e.k !== "message" || room.unread === 0) return;
      const name = nameOf(users, e.by);
      account.notices.show({
        tag: id,
        title: room.kind === "direct" ? name : t("notices.from", { name, room: roomName(t, room, me.id) }),
        body: messageLine(t, e),
        onOpen: () => router.go({ at: "room", room: id }),
      });
    };
    const timer = setTimeout(() => {
      const newest = new Map(session.heard.value.map((one) => [one.room, one]));
      session.heard.value = [];
      if (!isAttentive() && !session.chat.value.hold.active) for (const one of newest.values()) tell(one);
    }, GATHERED_MS);
    return () => clearTimeout(timer);
  }, [hasHeard, t, session, account, router]);
}

/** What came through one's quiet hours, and that they are over. */
function useNewsNotices(): void {
  const t = useT();
  const session = useSession();
  const { account, router } = useApp();
  const news = useStore(account.news, (value) => value);
  const told = useRef(-1);
  useEffect(() => {
    for (const item of news) {
      if (item.id <= told.current) continue;
      told.current = item.id;
      if (isAttentive()) continue;
      if (item.kind === "released")
        account.notices.show({
          tag: item.release.release_id,
          title: t("notices.released"),
          body: summary(t, item.release),
          onOpen: () => router.go({ at: "digests" }),
        });
      if (item.kind === "alert")
        account.notices.show({
          tag: `${item.alert.room} ${item.alert.seq}`,
          title: t(`quiet.alert.${item.alert.reason}`, {
            name: nameOf(session.chat.value.users, item.alert.by),
          }),
          body: t("quiet.alert.why"),
          onOpen: () => router.go({ at: "room", room: item.alert.room }),
        });
    }
  }, [news, t, session, account, router]);
}

/** What was read, here or on another device, is no longer news. */
function useReadNotices(): void {
  const { account } = useApp();
  const rooms = useChat((chat) => chat.rooms);
  useEffect(() => account.notices.close((tag) => rooms[tag]?.unread === 0), [account, rooms]);
}

/** Asked once, of who has something to be told of. */
export function NoticeOffer() {
  const t = useT();
  const { account } = useApp();
  const { permission, isAnswered } = useStore(account.notices.state, (value) => value);
  const isSpokenTo = useChat((chat) =>
    Object.values(chat.rooms).some((room) => room.kind === "direct" || room.mentions > 0),
  );
  if (permission === null || permission === "denied" || isAnswered || !isSpokenTo) return null;
  return (
    <section className="offer" aria-label={t("notices.offer")} data-testid="notice-offer">
      <p className="calm-head">
        <Icon name="bell" />
        <strong>{t("notices.offer")}</strong>
      </p>
      <p className="quiet-text">{t("notices.offerText")}</p>
      <div className="offer-choices">
        <button type="button" className="primary" onClick={() => void account.notices.choose("own")}>
          {t("notices.on")}
        </button>
        <button type="button" className="link" onClick={() => account.notices.decline()}>
          {t("quiet.offer.later")}
        </button>
      </div>
    </section>
  );
}

/** The choice itself, on the page of the account. */
export function NoticeChoice() {
  const t = useT();
  const { account } = useApp();
  const { reach, permission } = useStore(account.notices.state, (value) => value);
  const labels: Record<Reach, string> = {
    none: t("notices.none"),
    own: t("notices.own"),
    all: t("notices.all"),
  };
  return (
    <section className="panel" data-testid="notice-choice">
      <h2>{t("notices.title")}</h2>
      <p className="field-hint">{t("notices.hint")}</p>
      {permission === null && <p className="notice">{t("notices.missing")}</p>}
      {permission === "denied" && <p className="notice">{t("notices.denied")}</p>}
      <fieldset className="choices" disabled={permission === null}>
        <legend className="visually-hidden">{t("notices.title")}</legend>
        {REACHES.map((one) => (
          <label key={one}>
            <input
              type="radio"
              name="reach"
              checked={reach === one}
              onChange={() => void account.notices.choose(one)}
            />
            {labels[one]}
          </label>
        ))}
      </fieldset>
    </section>
  );
}
