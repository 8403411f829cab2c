import { useT } from "../i18n";
import type { User } from "../protocol/types";
import { useChat } from "./context";

const HUES = 8;

/** A person's initial on a colour of her own, with a dot for presence where it is known. */
export function Avatar({ user, withPresence = false }: { user: User | undefined; withPresence?: boolean }) {
  const name = user?.display_name ?? "";
  return (
    <span className={`avatar hue-${hue(user?.id ?? "")}`} aria-hidden={!withPresence}>
      <span aria-hidden="true">{[...name][0]?.toUpperCase() ?? "·"}</span>
      {withPresence && user && <PresenceDot user={user.id} />}
    </span>
  );
}

function PresenceDot({ user }: { user: string }) {
  const t = useT();
  const state = useChat((chat) => chat.presence[user]);
  if (!state) return null;
  return (
    <span
      className={`presence ${state}`}
      role="img"
      aria-label={t(`presence.${state}`)}
      title={t(`presence.${state}`)}
    />
  );
}

function hue(id: string): number {
  let sum = 0;
  for (const character of id) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 9973;
  return sum % HUES;
}
