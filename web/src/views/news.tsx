import { useEffect, useState } from "react";
import { useT } from "../i18n";
import type { Alert } from "../protocol/quiet";
import type { News as Item } from "../shell/account";
import { useStore } from "../shell/store";
import { useApp, useChat, useSession } from "./context";
import { Confirm } from "./dialog";
import { Icon, IconButton } from "./icons";
import { summary } from "./quiet/words";
import { errorText, nameOf, roomName } from "./words";

const SHOWN_MS = 8_000;
/** What one was away for stays until it was seen. */
const STAYS = new Set<Item["kind"]>(["alert", "released"]);

/** Short messages about what has just happened; those that came through a hold stand out. */
export function News() {
  const { account } = useApp();
  const items = useStore(account.news, (value) => value);
  const line = (item: Item) => <Line key={item.id} item={item} onDismiss={() => account.dismiss(item.id)} />;
  return (
    <div className="news">
      <div role="alert">{items.filter((item) => item.kind === "alert").map(line)}</div>
      <div role="status" aria-live="polite">
        {items.filter((item) => item.kind !== "alert").map(line)}
      </div>
    </div>
  );
}

function Line({ item, onDismiss }: { item: Item; onDismiss: () => void }) {
  const t = useT();
  const { id, kind } = item;
  const { account } = useApp();
  useEffect(() => {
    if (STAYS.has(kind)) return;
    const timer = setTimeout(() => account.dismiss(id), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [account, id, kind]);
  if (item.kind === "alert") return <AlertLine alert={item.alert} onDismiss={onDismiss} />;
  return (
    <p data-testid={kind === "released" ? "release-toast" : undefined}>
      <Text item={item} onDismiss={onDismiss} />
      <IconButton icon="close" label={t("app.close")} onClick={onDismiss} />
    </p>
  );
}

function Text({ item, onDismiss }: { item: Exclude<Item, { kind: "alert" }>; onDismiss: () => void }) {
  const t = useT();
  const { router } = useApp();
  const me = useChat((chat) => chat.me.id);
  switch (item.kind) {
    case "error":
      return errorText(t, item.code);
    case "removed":
      return t(`room.removed.${item.reason}`, { name: roomName(t, item.room, me) });
    case "said":
      return t(item.key, { count: item.count });
    case "released": {
      const open = () => {
        onDismiss();
        router.go({ at: "digests" });
      };
      return (
        <>
          {summary(t, item.release)}
          <button type="button" className="link" onClick={open}>
            {t("quiet.digest.open")}
          </button>
        </>
      );
    }
  }
}

/** Somebody came through one's quiet hours: who, where, and no more of it if one wants. */
function AlertLine({ alert, onDismiss }: { alert: Alert; onDismiss: () => void }) {
  const t = useT();
  const { account, router } = useApp();
  const session = useSession();
  const name = useChat((chat) => nameOf(chat.users, alert.by));
  const [asking, setAsking] = useState(false);
  const open = () => {
    onDismiss();
    router.go({ at: "room", room: alert.room });
  };
  const stop = () => {
    onDismiss();
    void session.quiet.refuse(alert).catch(account.tell);
  };
  const consequence = {
    vip: "quiet.alert.lessVip",
    dm: "quiet.alert.lessDm",
    urgent: "quiet.alert.lessUrgent",
  };
  return (
    <section className="alert-notice" data-testid="alert-notice">
      <Icon name="bell" />
      <p className="alert-text">
        <strong>{t(`quiet.alert.${alert.reason}`, { name })}</strong>
        <small>{t("quiet.alert.why")}</small>
      </p>
      <span className="alert-actions">
        <button type="button" className="primary" onClick={open}>
          {t("quiet.alert.open")}
        </button>
        <button type="button" className="link" onClick={() => setAsking(true)}>
          {t("quiet.alert.less", { name })}
        </button>
      </span>
      <IconButton icon="close" label={t("app.close")} onClick={onDismiss} />
      {asking && (
        <Confirm
          title={t("quiet.alert.less", { name })}
          text={t(consequence[alert.reason] as "quiet.alert.lessVip", { name })}
          action={t("quiet.alert.lessAction")}
          onClose={() => setAsking(false)}
          onConfirm={stop}
        />
      )}
    </section>
  );
}
