import { type FormEvent, useRef, useState } from "react";
import { useT } from "../i18n";
import { uuid } from "../shell/ids";
import { useApp } from "./context";
import { Dialog } from "./dialog";
import { Field } from "./field";
import { errorText, fieldErrors, invalidText } from "./words";
import { useEnter } from "./workspace";

export function CreateRoom({ onClose }: { onClose: () => void }) {
  const t = useT();
  const { busy, errors, failure, submit } = useCreation(onClose);
  return (
    <Dialog title={t("rooms.create")} onClose={onClose}>
      <form onSubmit={submit} noValidate>
        <Field label={t("create.name")} name="name" maxLength={160} required error={errors["name"]} />
        <Field label={t("create.topic")} name="topic" maxLength={1000} error={errors["topic"]} />
        <fieldset className="choices">
          <legend>{t("create.kind")}</legend>
          <label>
            <input type="radio" name="kind" value="public" defaultChecked />
            {t("create.public")}
          </label>
          <label>
            <input type="radio" name="kind" value="private" />
            {t("create.private")}
          </label>
        </fieldset>
        {failure && (
          <p className="form-error" role="alert">
            {failure}
          </p>
        )}
        <div className="actions">
          <button type="submit" className="primary" disabled={busy}>
            {t("create.submit")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function useCreation(onClose: () => void) {
  const t = useT();
  const { account } = useApp();
  const enter = useEnter();
  const key = useRef(uuid());
  const [busy, setBusy] = useState(false);
  const [errors, setErrors] = useState<Record<string, string>>({});
  const [failure, setFailure] = useState<string | null>(null);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const name = oneLine(data.get("name"));
    const topic = oneLine(data.get("topic"));
    const fits = name.length > 0 && [...name].length <= 80;
    setErrors(fits ? {} : { name: invalidText(t, "name") });
    setFailure(null);
    if (!fits) return;
    setBusy(true);
    try {
      const kind = data.get("kind") === "private" ? "private" : "public";
      const room = await account.api.createRoom({ name, kind, ...(topic && { topic }) }, key.current);
      await enter(room.id);
      onClose();
    } catch (error) {
      // Other fields under the same key would be a conflict.
      key.current = uuid();
      setBusy(false);
      setErrors(fieldErrors(t, error, "name"));
      setFailure(errorText(t, error));
    }
  }
  return { busy, errors, failure, submit };
}

function oneLine(value: FormDataEntryValue | null): string {
  return String(value ?? "")
    .normalize("NFC")
    .replace(/\s+/g, " ")
    .trim();
}
