import { type KeyboardEvent, type RefObject, useState } from "react";
import { suggest } from "../core/text";
import { useT } from "../i18n";
import type { Member, RoomId, User } from "../protocol/types";
import { Avatar } from "./avatar";
import { useChat } from "./context";

const NOBODY: Member[] = [];

export interface Mentions {
  people: User[];
  active: number;
  /** Look again at what stands before the caret. */
  look: () => void;
  /** Put a person's username in; false if nobody is suggested. */
  take: (index?: number) => boolean;
  /** Use a key for the list; false leaves it to the field. */
  key: (event: KeyboardEvent) => boolean;
}

/** Suggest members of the room while `@…` is typed in the field. */
export function useMentions(
  room: RoomId,
  field: RefObject<HTMLTextAreaElement | null>,
  onTaken: () => void,
): Mentions {
  const members = useChat((chat) => chat.members[room] ?? NOBODY);
  const [{ typed, people }, setFound] = useState<ReturnType<typeof suggest>>({ typed: "", people: [] });
  const [active, setActive] = useState(0);
  const close = () => setFound({ typed: "", people: [] });

  function look(): void {
    const box = field.current;
    const before = box?.value.slice(0, box.selectionStart) ?? "";
    setFound(
      suggest(
        before,
        members.map((member) => member.user),
      ),
    );
    setActive(0);
  }

  function take(index = active): boolean {
    const box = field.current;
    const user = people[index];
    if (!box || !user) return false;
    box.setRangeText(`${user.username} `, box.selectionStart - typed.length, box.selectionStart, "end");
    box.focus();
    close();
    onTaken();
    return true;
  }

  function key(event: KeyboardEvent): boolean {
    if (people.length === 0) return false;
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step !== 0) setActive((active + step + people.length) % people.length);
    else if (event.key === "Escape") close();
    else if (event.key !== "Tab" || !take()) return false;
    event.preventDefault();
    return true;
  }

  return { people, active, look, take, key };
}

export function suggestionId(index: number): string {
  return `mention-${index}`;
}

export function MentionList({ mentions }: { mentions: Mentions }) {
  const t = useT();
  if (mentions.people.length === 0) return null;
  return (
    <div className="mentions" role="listbox" aria-label={t("composer.mention")}>
      {mentions.people.map((user, index) => (
        <div
          key={user.id}
          id={suggestionId(index)}
          role="option"
          tabIndex={-1}
          aria-selected={index === mentions.active}
          className="person"
          // The field keeps the focus.
          onPointerDown={(event) => {
            event.preventDefault();
            mentions.take(index);
          }}
        >
          <Avatar user={user} />
          <span>
            {user.display_name} <small>@{user.username}</small>
          </span>
        </div>
      ))}
    </div>
  );
}
