import { isMuted, type RoomView } from "../core/rooms";
import { useLocale, useT } from "../i18n";
import { useApp, useSession } from "./context";
import { Dialog } from "./dialog";
import { moment } from "./words";

const HOUR_MS = 3_600_000;

/** Choose how long a room alerts nobody. */
export function Mute({ room, onClose }: { room: RoomView; onClose: () => void }) {
  const t = useT();
  const session = useSession();
  const { account } = useApp();
  const choose = (until: string | null) => {
    onClose();
    void account.api
      .mute(room.id, until)
      .then(() => session.refreshRooms())
      .catch(account.tell);
  };
  const after = (hours: number) => choose(new Date(Date.now() + hours * HOUR_MS).toISOString());
  return (
    <Dialog title={t("mute.title")} onClose={onClose}>
      <p>{t("mute.hint")}</p>
      <Now room={room} />
      <div className="choices">
        {[1, 8].map((hours) => (
          <button key={hours} type="button" className="plain" onClick={() => after(hours)}>
            {t("mute.hours", { count: hours })}
          </button>
        ))}
        <button type="button" className="plain" onClick={() => choose(tomorrowMorning(new Date()))}>
          {t("mute.morning")}
        </button>
        <button type="button" className="plain" onClick={() => choose("forever")}>
          {t("mute.forever")}
        </button>
        {isMuted(room, Date.now()) && (
          <button type="button" className="primary" onClick={() => choose(null)}>
            {t("mute.off")}
          </button>
        )}
      </div>
    </Dialog>
  );
}

function Now({ room }: { room: RoomView }) {
  const t = useT();
  const locale = useLocale();
  const until = room.muted_until;
  if (!until || !isMuted(room, Date.now())) return null;
  const text =
    until === "forever" ? t("mute.muted") : t("mute.until", { time: moment(locale, Date.parse(until)) });
  return <p className="field-hint">{text}</p>;
}

function tomorrowMorning(now: Date): string {
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1, 8).toISOString();
}
