import { useEffect } from "react";
import { byActivity, isMuted } from "../core/rooms";
import { type Key, useT } from "../i18n";
import { useApp, usePlace, useSession } from "./context";
import { Dialog } from "./dialog";
import type { Opened } from "./workspace";

const isMac = /Mac|iPhone|iPad/.test(navigator.userAgent);

/** `mod K` as the keyboard in front of the person has it. */
export function keyText(keys: string): string {
  const [mod, alt] = isMac ? ["⌘", "⌥"] : ["Ctrl", "Alt"];
  return keys.replaceAll("mod", mod).replaceAll("alt", alt);
}

const LISTED: readonly [string, Key][] = [
  ["mod K", "keys.switch"],
  ["alt ↑ · alt ↓", "keys.rooms"],
  ["alt Shift ↑ · alt Shift ↓", "keys.unread"],
  ["↑", "keys.edit"],
  ["Enter · Shift Enter", "keys.send"],
  ["Shift Tab · ↑ ↓", "keys.messages"],
  ["Esc", "keys.escape"],
  ["mod /", "keys.help"],
];

/** The list of all keys. */
export function ShortcutHelp({ onClose }: { onClose: () => void }) {
  const t = useT();
  return (
    <Dialog title={t("keys.title")} onClose={onClose}>
      <dl className="keys">
        {LISTED.map(([keys, label]) => (
          <div key={keys}>
            <dt>{t(label as "keys.help")}</dt>
            <dd>
              {keyText(keys)
                .split(" · ")
                .map((one) => (
                  <kbd key={one}>{one}</kbd>
                ))}
            </dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}

/** Keys that work wherever the focus is, but in a dialog. */
export function useShortcuts(onOpen: (what: Opened) => void): void {
  const session = useSession();
  const { router } = useApp();
  const place = usePlace();
  const current = place.at === "room" ? place.room : null;
  useEffect(() => {
    const step = (by: 1 | -1, isUnread: boolean) => {
      const all = byActivity(Object.values(session.chat.value.rooms));
      const now = Date.now();
      const at = all.findIndex((room) => room.id === current);
      const after = by === 1 ? all.slice(at + 1) : all.slice(0, Math.max(at, 0)).reverse();
      const next = after.find((room) => !isUnread || (room.unread > 0 && !isMuted(room, now)));
      if (next) router.go({ at: "room", room: next.id });
    };
    const press = (event: KeyboardEvent) => {
      if (event.isComposing || document.querySelector("dialog[open]")) return;
      const action = actionOf(event);
      if (!action) return;
      event.preventDefault();
      if (action === "switch" || action === "keys") onOpen(action);
      else step(action, event.shiftKey);
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, [session, router, current, onOpen]);
}

/** Letters go by their place: under a Korean layout the key K is ㅏ. */
function actionOf(event: KeyboardEvent): "switch" | "keys" | 1 | -1 | null {
  const { altKey, shiftKey, code } = event;
  const mod = event.ctrlKey || event.metaKey;
  if (mod && !altKey && !shiftKey) {
    if (code === "KeyK") return "switch";
    return code === "Slash" ? "keys" : null;
  }
  if (!altKey || mod) return null;
  if (event.key === "ArrowDown") return 1;
  return event.key === "ArrowUp" ? -1 : null;
}
