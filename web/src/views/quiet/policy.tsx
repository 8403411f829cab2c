import { useEffect, useId, useState } from "react";
import { useLocale, useT } from "../../i18n";
import type { Pierced, PiercePolicy, QuietProfile } from "../../protocol/quiet";
import { Avatar } from "../avatar";
import { useApp, useChat, useSession } from "../context";
import { Dialog } from "../dialog";
import { Icon, IconButton } from "../icons";
import { PeopleSearch } from "../people-search";
import { moment, nameOf, roomName } from "../words";

interface PolicyProps {
  profile: QuietProfile;
  onChange: (profile: QuietProfile) => void;
}

/** What happens to messages meanwhile. */
export function Deliver({ profile, onChange }: PolicyProps) {
  const t = useT();
  const name = useId();
  return (
    <fieldset className="choices">
      <legend className="visually-hidden">{t("quiet.deliver.title")}</legend>
      {(["hold", "silent"] as const).map((deliver) => (
        <label key={deliver}>
          <input
            type="radio"
            name={name}
            checked={profile.deliver === deliver}
            onChange={() => onChange({ ...profile, deliver })}
          />
          {t(`quiet.deliver.${deliver}`)}
        </label>
      ))}
    </fieldset>
  );
}

/** A switch with what it means below. */
export function Switch(props: {
  label: string;
  hint?: string;
  checked: boolean;
  onChange: (on: boolean) => void;
}) {
  const id = useId();
  return (
    <div className="switch">
      <input
        id={id}
        type="checkbox"
        role="switch"
        checked={props.checked}
        aria-checked={props.checked}
        aria-describedby={props.hint ? `${id}-hint` : undefined}
        onChange={(event) => props.onChange(event.target.checked)}
      />
      <label htmlFor={id}>{props.label}</label>
      {props.hint && (
        <small id={`${id}-hint`} className="field-hint">
          {props.hint}
        </small>
      )}
    </div>
  );
}

/** Who and what may sound in quiet hours, and who is told of them. */
export function Pierce({ profile, onChange }: PolicyProps) {
  const t = useT();
  const { pierce } = profile;
  const set = (fields: Partial<PiercePolicy>) => onChange({ ...profile, pierce: { ...pierce, ...fields } });
  return (
    <>
      <Vips ids={pierce.vip} onChange={(vip) => set({ vip })} />
      <Switch
        label={t("quiet.pierce.dm")}
        hint={t("quiet.pierce.dmHint")}
        checked={pierce.direct_send_anyway}
        onChange={(direct_send_anyway) => set({ direct_send_anyway })}
      />
      <Switch
        label={t("quiet.pierce.urgent")}
        checked={pierce.urgent_rooms}
        onChange={(urgent_rooms) => set({ urgent_rooms })}
      />
      <Switch
        label={t("quiet.pierce.share")}
        hint={t("quiet.pierce.shareHint")}
        checked={profile.share}
        onChange={(share) => onChange({ ...profile, share })}
      />
    </>
  );
}

function Vips({ ids, onChange }: { ids: readonly string[]; onChange: (ids: string[]) => void }) {
  const t = useT();
  const session = useSession();
  const users = useChat((chat) => chat.users);
  const [adding, setAdding] = useState(false);
  useEffect(() => session.need(ids), [session, ids]);
  return (
    <div className="vips">
      <h3>{t("quiet.pierce.vip")}</h3>
      <ul>
        {ids.map((id) => (
          <li key={id}>
            <Avatar user={users[id]} />
            <span>{nameOf(users, id)}</span>
            <IconButton
              icon="close"
              label={t("quiet.pierce.vipRemove", { name: nameOf(users, id) })}
              onClick={() => onChange(ids.filter((one) => one !== id))}
            />
          </li>
        ))}
        {ids.length === 0 && <li className="quiet-text">{t("quiet.pierce.vipNone")}</li>}
      </ul>
      <button type="button" className="plain add" onClick={() => setAdding(true)}>
        <Icon name="plus" />
        {t("quiet.pierce.vipAdd")}
      </button>
      {adding && (
        <AddVip
          without={ids}
          onClose={() => setAdding(false)}
          onChoose={(id) => {
            setAdding(false);
            onChange([...ids, id]);
          }}
        />
      )}
    </div>
  );
}

function AddVip(props: { without: readonly string[]; onChoose: (id: string) => void; onClose: () => void }) {
  const t = useT();
  const session = useSession();
  const me = useChat((chat) => chat.me.id);
  return (
    <Dialog title={t("quiet.pierce.vipAdd")} onClose={props.onClose}>
      <PeopleSearch
        without={[...props.without, me]}
        onChoose={(user) => {
          session.need([user.id]);
          props.onChoose(user.id);
        }}
      />
    </Dialog>
  );
}

/** Who came through, newest first. */
export function PiercedList() {
  const t = useT();
  const locale = useLocale();
  const { account, router } = useApp();
  const session = useSession();
  const { users, rooms, me } = useChat((chat) => chat);
  const [items, setItems] = useState<Pierced[] | null>(null);
  useEffect(() => {
    account.api.pierced().then(
      (found) => {
        session.need(found.items.map((one) => one.by));
        setItems(found.items);
      },
      () => undefined,
    );
  }, [account, session]);
  if (items?.length === 0) return <p className="quiet-text">{t("quiet.pierced.none")}</p>;
  return (
    <ul className="pierced">
      {(items ?? []).map(({ room, seq, by, reason, ts }) => {
        const known = rooms[room];
        const name = nameOf(users, by);
        const label =
          known && known.kind !== "direct"
            ? t("quiet.pierced.line", { name, room: roomName(t, known, me.id) })
            : name;
        return (
          <li key={`${room} ${seq}`}>
            {known ? (
              <button type="button" className="link" onClick={() => router.go({ at: "room", room })}>
                {label}
              </button>
            ) : (
              <span>{label}</span>
            )}
            <small>
              {t(`quiet.reason.${reason}`)} · {moment(locale, ts)}
            </small>
          </li>
        );
      })}
    </ul>
  );
}
