import { useState } from "react";
import { useT } from "../i18n";
import type { Room } from "../protocol/types";
import { useApp, useChat } from "./context";
import { Dialog } from "./dialog";
import { Field } from "./field";
import { useSearch } from "./search";
import { useEnter } from "./workspace";

/** Public rooms, to look around and join. */
export function Directory({ onClose }: { onClose: () => void }) {
  const t = useT();
  const { account } = useApp();
  const [text, setText] = useState("");
  const [cursor, setCursor] = useState<string | null>(null);
  const [more, setMore] = useState<Room[]>([]);
  const find = async (wanted: string) => {
    const page = await account.api.directory(wanted);
    setCursor(page.next_cursor);
    setMore([]);
    return page.items;
  };
  const found = useSearch(text, find, account.tell);
  const showMore = async () => {
    const page = await account.api.directory(text.normalize("NFC").trim(), cursor ?? undefined);
    setCursor(page.next_cursor);
    setMore([...more, ...page.items]);
  };
  return (
    <Dialog title={t("rooms.directory")} onClose={onClose}>
      <Field
        label={t("directory.search")}
        type="search"
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      {found?.length === 0 && <p className="quiet-text">{t("app.nothing")}</p>}
      <ul className="results">
        {[...(found ?? []), ...more].map((room) => (
          <Result key={room.id} room={room} onClose={onClose} />
        ))}
      </ul>
      {cursor && (
        <button type="button" className="plain wide" onClick={() => void showMore().catch(account.tell)}>
          {t("app.more")}
        </button>
      )}
    </Dialog>
  );
}

function Result({ room, onClose }: { room: Room; onClose: () => void }) {
  const t = useT();
  const { account } = useApp();
  const enter = useEnter();
  const [busy, setBusy] = useState(false);
  const mine = useChat((chat) => chat.rooms[room.id] !== undefined);
  async function go() {
    setBusy(true);
    if (!mine) await account.api.join(room.id);
    await enter(room.id);
    onClose();
  }
  return (
    <li className="result">
      <div>
        <strong>{room.name}</strong>
        <small>
          {t("directory.members", { count: room.member_count })}
          {room.topic && ` · ${room.topic}`}
        </small>
      </div>
      <button
        type="button"
        className={mine ? "plain" : "primary"}
        disabled={busy}
        onClick={() =>
          void go()
            .catch(account.tell)
            .finally(() => setBusy(false))
        }
      >
        {mine ? t("directory.open") : t("directory.join")}
      </button>
    </li>
  );
}
