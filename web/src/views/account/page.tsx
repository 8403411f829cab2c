import { type FormEvent, useState } from "react";
import { useT } from "../../i18n";
import { ApiError } from "../../shell/api";
import { useApp, useChat } from "../context";
import { Confirm } from "../dialog";
import { Field } from "../field";
import { NoticeChoice } from "../notices";
import { PageHead } from "../page-head";
import { errorText, fieldErrors, invalidText } from "../words";
import { Sessions } from "./sessions";
import "../../styles/quiet-page.css";

/** One's account on one page: name, password, where one is signed in, and the end of it. */
export default function AccountPage({ onKeys }: { onKeys: () => void }) {
  const t = useT();
  const [changes, setChanges] = useState(0);
  return (
    <main className="room quiet-page" data-testid="account-page">
      <PageHead title={<h1>{t("account.title")}</h1>}>
        <button type="button" className="plain head-button" onClick={onKeys}>
          {t("keys.title")}
        </button>
      </PageHead>
      <div className="quiet-scroll">
        <Profile />
        <NoticeChoice />
        <Password onChanged={() => setChanges(changes + 1)} />
        <Sessions key={changes} />
        <Deletion />
      </div>
    </main>
  );
}

function Profile() {
  const t = useT();
  const { account } = useApp();
  const me = useChat((chat) => chat.users[chat.me.id] ?? chat.me);
  const form = useForm((data) => {
    const name = String(data.get("display_name")).normalize("NFC").trim();
    return account.api.change({ display_name: name || null });
  });
  return (
    <section className="panel">
      <h2>{t("account.profile")}</h2>
      <form onSubmit={form.submit} noValidate>
        <Field label={t("auth.username")} value={me.username} readOnly />
        <Field
          key={me.display_name}
          label={t("auth.displayName")}
          name="display_name"
          autoComplete="nickname"
          defaultValue={me.display_name}
          error={form.errors["display_name"]}
        />
        <Saving form={form} label={t("app.save")} />
      </form>
    </section>
  );
}

function Password({ onChanged }: { onChanged: () => void }) {
  const t = useT();
  const { account } = useApp();
  const form = useForm((data) =>
    account.api.changePassword(String(data.get("old")), String(data.get("new"))).then(onChanged, (error) => {
      const isWrong = error instanceof ApiError && error.code === "forbidden";
      throw isWrong ? new WrongField("old", t("account.oldWrong")) : error;
    }),
  );
  const fresh = form.errors["new"] && invalidText(t, "password");
  return (
    <section className="panel">
      <h2>{t("account.password")}</h2>
      <p className="field-hint">{t("account.passwordHint")}</p>
      <form key={form.done} onSubmit={form.submit} noValidate>
        <Field
          label={t("account.old")}
          name="old"
          type="password"
          autoComplete="current-password"
          error={form.errors["old"]}
        />
        <Field
          label={t("account.new")}
          hint={t("auth.passwordHint")}
          name="new"
          type="password"
          autoComplete="new-password"
          error={fresh}
        />
        <Saving form={form} label={t("account.password")} />
      </form>
    </section>
  );
}

function Deletion() {
  const t = useT();
  const { account } = useApp();
  const me = useChat((chat) => chat.me);
  const [asking, setAsking] = useState(false);
  const end = () => void account.api.deleteMe().then(() => account.signOut(), account.tell);
  return (
    <section className="panel">
      <h2>{t("account.delete")}</h2>
      <p className="field-hint">{t("account.deleteHint")}</p>
      <button type="button" className="danger" onClick={() => setAsking(true)}>
        {t("account.delete")}
      </button>
      {asking && (
        <Confirm
          title={t("account.delete")}
          text={t("account.deleteConfirm", { username: me.username })}
          action={t("account.delete")}
          onClose={() => setAsking(false)}
          onConfirm={end}
        />
      )}
    </section>
  );
}

class WrongField extends Error {
  constructor(
    readonly field: string,
    text: string,
  ) {
    super(text);
  }
}

type Form = ReturnType<typeof useForm>;

/** A form that is sent as a whole: its errors by field, and how often it was saved. */
function useForm(send: (data: FormData) => Promise<unknown>) {
  const t = useT();
  const [errors, setErrors] = useState<Record<string, string>>({});
  const [failure, setFailure] = useState<string | null>(null);
  const [done, setDone] = useState(0);
  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    setErrors({});
    setFailure(null);
    try {
      await send(new FormData(event.currentTarget));
      setDone((times) => times + 1);
    } catch (error) {
      const wrong =
        error instanceof WrongField
          ? { [error.field]: error.message }
          : fieldErrors(t, error, "display_name");
      setErrors(wrong);
      if (Object.keys(wrong).length === 0) setFailure(errorText(t, error));
    }
  }
  return { errors, failure, done, submit };
}

function Saving({ form, label }: { form: Form; label: string }) {
  const t = useT();
  return (
    <div className="actions">
      {form.failure && (
        <p className="form-error" role="alert">
          {form.failure}
        </p>
      )}
      {form.done > 0 && !form.failure && (
        <p className="field-hint" role="status">
          {t("account.saved")}
        </p>
      )}
      <button type="submit" className="primary">
        {label}
      </button>
    </div>
  );
}
