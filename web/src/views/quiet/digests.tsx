import { useEffect } from "react";
import type { RoomView } from "../../core/rooms";
import { type Translate, useLocale, useT } from "../../i18n";
import type { DigestLine, Release } from "../../protocol/quiet";
import { useStore } from "../../shell/store";
import { Avatar } from "../avatar";
import { useApp, useChat, useSession } from "../context";
import { Icon, IconButton } from "../icons";
import { mediaLine } from "../media/words";
import { PageHead } from "../page-head";
import { nameOf, roomName } from "../words";
import { clockIn, dateIn, summary } from "./words";
import "../../styles/quiet-page.css";

/** The digests of the last days: what came in while it was quiet, the newest open. */
export default function DigestsPage() {
  const t = useT();
  const { account, router } = useApp();
  const session = useSession();
  const releases = useStore(session.quiet.releases, (value) => value);
  useEffect(() => {
    void session.quiet.loadReleases().catch(account.tell);
    account.seenReleases();
  }, [account, session]);
  useEffect(() => {
    session.need(releases.flatMap(({ digest }) => digest.rooms.flatMap((line) => line.last_by ?? [])));
  }, [session, releases]);
  const [newest, ...past] = releases;
  return (
    <main className="room quiet-page" data-testid="digests-page">
      <PageHead title={<h1>{t("quiet.digest.title")}</h1>}>
        <IconButton
          icon="moon"
          label={t("quiet.settings")}
          onClick={() => router.go({ at: "quiet-hours" })}
        />
      </PageHead>
      <div className="quiet-scroll">
        {newest ? <DigestCard release={newest} /> : <p className="quiet-text">{t("quiet.digest.none")}</p>}
        {past.length > 0 && <h2 className="past">{t("quiet.digest.past")}</h2>}
        {past.map((release) => (
          <details key={release.release_id} className="panel past-digest">
            <summary>
              <WindowText release={release} />
              <small>{summary(t, release)}</small>
            </summary>
            <DigestRooms release={release} />
          </details>
        ))}
      </div>
    </main>
  );
}

function DigestCard({ release }: { release: Release }) {
  const t = useT();
  return (
    <section className="panel digest" data-testid="digest">
      <h2>{summary(t, release)}</h2>
      <p className="field-hint">
        <WindowText release={release} />
      </p>
      {(release.late_by_s ?? 0) > 0 && (
        <p className="field-hint">{t("quiet.digest.late", { count: release.late_by_s ?? 0 })}</p>
      )}
      <DigestRooms release={release} />
    </section>
  );
}

function WindowText({ release: { window } }: { release: Release }) {
  const t = useT();
  const locale = useLocale();
  const [from, to] = window;
  const day = dateIn(locale, from) === dateIn(locale, to) ? "" : `${dateIn(locale, to)} `;
  return (
    <span>
      {t("quiet.digest.window", {
        from: `${dateIn(locale, from)} ${clockIn(locale, from)}`,
        to: `${day}${clockIn(locale, to)}`,
      })}
    </span>
  );
}

function DigestRooms({ release }: { release: Release }) {
  return (
    <ul className="digest-rooms">
      {release.digest.rooms.map((line) => (
        <Line key={`${line.room} ${line.gone ?? ""}`} line={line} />
      ))}
    </ul>
  );
}

function Line({ line }: { line: DigestLine }) {
  const t = useT();
  const { router } = useApp();
  const room = useChat((chat) => chat.rooms[line.room]);
  const users = useChat((chat) => chat.users);
  const me = useChat((chat) => chat.me.id);
  const name = room ? roomName(t, room, me) : (line.name ?? t("quiet.digest.unknownRoom"));
  if (line.gone) return <li className="quiet-text gone">{t(`quiet.digest.gone.${line.gone}`, { name })}</li>;
  const preview = line.preview === "" && line.last_by ? mediaOf(t, room, line.last_by) : line.preview;
  const by = line.last_by ? `${nameOf(users, line.last_by)}: ` : "";
  return (
    <li>
      <button
        type="button"
        className="digest-line"
        disabled={!room}
        onClick={() => router.go({ at: "room", room: line.room })}
      >
        {room?.peer ? (
          <Avatar user={users[room.peer.id] ?? room.peer} />
        ) : (
          <span className="room-mark" aria-hidden="true">
            <Icon name={room?.kind === "private" ? "lock" : "hash"} />
          </span>
        )}
        <span className="digest-text">
          <strong>{name}</strong>
          {preview && (
            <span>
              {room?.kind === "direct" ? "" : by}
              {preview}
            </span>
          )}
          {line.expired && <small>{t("quiet.digest.expired")}</small>}
        </span>
        <Counts line={line} />
      </button>
    </li>
  );
}

/** The digest tells only text: what came without any is named by the room's last event, if it is that. */
function mediaOf(t: Translate, room: RoomView | undefined, by: string): string {
  const e = room?.last_event?.e;
  return e?.k === "message" && e.by === by && e.media.length > 0 ? mediaLine(t, e.media) : t("media.some");
}

function Counts({ line }: { line: DigestLine }) {
  const t = useT();
  return (
    <span className="counts">
      {line.mentions > 0 && (
        <span className="count mention" role="img" aria-label={t("rooms.mentions", { count: line.mentions })}>
          @{line.mentions}
        </span>
      )}
      <span className="count calm" role="img" aria-label={t("quiet.digest.messages", { count: line.count })}>
        {line.count}
      </span>
    </span>
  );
}
