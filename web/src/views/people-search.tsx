import { useState } from "react";
import { useT } from "../i18n";
import type { User } from "../protocol/types";
import { Avatar } from "./avatar";
import { useApp } from "./context";
import { Field } from "./field";
import { useSearch } from "./search";

/** Find people by name; `without` are left out. */
export function PeopleSearch({
  onChoose,
  without = [],
}: {
  onChoose: (user: User) => void;
  without?: readonly string[];
}) {
  const t = useT();
  const { account } = useApp();
  const [text, setText] = useState("");
  const find = async (wanted: string) => (wanted ? (await account.api.findUsers(wanted)).items : []);
  const found = useSearch(text, find, account.tell)?.filter(
    (user) => user.active && !without.includes(user.id),
  );
  return (
    <>
      <Field
        label={t("direct.search")}
        hint={t("direct.hint")}
        type="search"
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      {text && found?.length === 0 && <p className="quiet-text">{t("app.nothing")}</p>}
      <ul className="results">
        {(found ?? []).map((user) => (
          <li key={user.id}>
            <button type="button" className="person" onClick={() => onChoose(user)}>
              <Avatar user={user} />
              <span>
                {user.display_name} <small>@{user.username}</small>
              </span>
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}
