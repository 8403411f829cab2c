import { useState } from "react";
import { hasHours, type Preset } from "../../core/week";
import { useT } from "../../i18n";
import { useStore } from "../../shell/store";
import { useApp, useChat, useSession } from "../context";
import { Icon } from "../icons";
import { offered, usePresetLabels } from "./presets";

const DISMISSED = "kaftalk.quiet-offer";

/** Quiet hours in one tap, for who has none; asked until it is answered once in this browser. */
export function QuietOffer() {
  const t = useT();
  const { account } = useApp();
  const { quiet } = useSession();
  const labels = usePresetLabels();
  const key = useChat((chat) => `${DISMISSED}.${chat.me.id}`);
  const [dismissed, setDismissed] = useState(() => localStorage.getItem(key) !== null);
  const wanted = useStore(quiet.settings, ({ saved }) => saved?.origin === "org" && !hasHours(saved));
  const hasRooms = useChat((chat) => Object.keys(chat.rooms).length > 0);
  if (!wanted || dismissed || !hasRooms) return null;
  const dismiss = () => {
    localStorage.setItem(key, "1");
    setDismissed(true);
  };
  const take = async (preset: Preset) => {
    if (await quiet.put(offered(preset, labels(preset)))) account.say("quiet.on");
  };
  return (
    <section className="offer" aria-label={t("quiet.offer.title")} data-testid="quiet-offer">
      <p className="calm-head">
        <Icon name="moon" />
        <strong>{t("quiet.offer.title")}</strong>
      </p>
      <p className="quiet-text">{t("quiet.offer.text")}</p>
      <div className="offer-choices">
        <button type="button" className="primary" onClick={() => void take("nights").catch(account.tell)}>
          {t("quiet.offer.nights")}
        </button>
        <button type="button" className="plain" onClick={() => void take("work").catch(account.tell)}>
          {t("quiet.offer.work")}
        </button>
        <button type="button" className="link" onClick={dismiss}>
          {t("quiet.offer.later")}
        </button>
      </div>
    </section>
  );
}
