import { useId, useState } from "react";
import { useLocale, useT } from "../../i18n";
import { useStore } from "../../shell/store";
import { useApp, useChat, useSession } from "../context";
import { Icon } from "../icons";
import { useTick } from "../tick";
import { until } from "./words";

const MINUTE_MS = 60_000;

/** Until when it is quiet and how much is held, told calmly; and the way out. */
export function QuietBanner() {
  const hold = useChat((chat) => chat.hold);
  return hold.active ? <Calm until={hold.until} held={hold.total} /> : null;
}

function Calm({ until: ends, held }: { until: number | null; held: number }) {
  const t = useT();
  const { account } = useApp();
  const session = useSession();
  const text = useBannerText(ends, held);
  const silent = useStore(session.quiet.settings, ({ saved }) => saved?.deliver === "silent");
  const [busy, setBusy] = useState(false);
  const [explained, setExplained] = useState(false);
  const id = useId();
  const showNow = () => {
    setBusy(true);
    void session.quiet
      .resumeNow()
      .catch(account.tell)
      .finally(() => setBusy(false));
  };
  return (
    <section className="banner calm" aria-label={t("quiet.title")} data-testid="quiet-banner">
      <Icon name="moon" />
      <span data-testid="quiet-text">{text}</span>
      <button type="button" disabled={busy} onClick={showNow}>
        {t("quiet.showNow")}
      </button>
      <button
        type="button"
        className="explain"
        aria-label={t("quiet.what")}
        title={t("quiet.what")}
        aria-expanded={explained}
        aria-controls={id}
        onClick={() => setExplained(!explained)}
      >
        ?
      </button>
      <p id={id} hidden={!explained}>
        {t(silent ? "quiet.whatSilent" : "quiet.whatHold")}
      </p>
    </section>
  );
}

function useBannerText(ends: number | null, held: number): string {
  const t = useT();
  const locale = useLocale();
  const now = useTick(MINUTE_MS);
  if (ends === null) return t("quiet.bannerOpen");
  const time = until(locale, ends, now);
  return held > 0 ? t("quiet.bannerHeld", { time, count: held }) : t("quiet.banner", { time });
}
