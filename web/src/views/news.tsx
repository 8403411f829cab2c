import { useEffect } from "react";
import { useT } from "../i18n";
import type { News as Item } from "../shell/account";
import { useStore } from "../shell/store";
import { useApp, useChat } from "./context";
import { IconButton } from "./icons";
import { errorText, roomName } from "./words";

const SHOWN_MS = 8_000;

/** Short messages about what has just happened. */
export function News() {
  const { account } = useApp();
  const items = useStore(account.news, (value) => value);
  return (
    <div className="news" role="status" aria-live="polite">
      {items.map((item) => (
        <Line key={item.id} item={item} onDismiss={() => account.dismiss(item.id)} />
      ))}
    </div>
  );
}

function Line({ item, onDismiss }: { item: Item; onDismiss: () => void }) {
  const t = useT();
  const me = useChat((chat) => chat.me.id);
  const { id } = item;
  const { account } = useApp();
  useEffect(() => {
    const timer = setTimeout(() => account.dismiss(id), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [account, id]);
  const text =
    item.kind === "error"
      ? errorText(t, item.code)
      : t(`room.removed.${item.reason}`, { name: roomName(t, item.room, me) });
  return (
    <p>
      {text}
      <IconButton icon="close" label={t("app.close")} onClick={onDismiss} />
    </p>
  );
}
