import { useT } from "../../i18n";
import { ApiError } from "../../shell/api";
import { useStore } from "../../shell/store";
import { useApp, useSession } from "../context";
import { errorText } from "../words";

/** What is not saved yet: to be saved or discarded, also over what somebody saved in between. */
export function SaveBar({ mayPut }: { mayPut: boolean }) {
  const t = useT();
  const { account } = useApp();
  const { quiet } = useSession();
  const { draft, conflict, busy, fault } = useStore(quiet.settings, (value) => value);
  if (!draft) return null;
  const save = () =>
    void quiet.save(conflict).then((done) => {
      if (done) account.say("quiet.saved");
    }, account.tell);
  return (
    <section className="save-bar" aria-label={t("quiet.dirty")} data-testid="save-bar">
      <p role={conflict || fault ? "alert" : "status"}>
        {conflict ? t("quiet.conflict") : fault ? faultText(t, fault) : t("quiet.dirty")}
      </p>
      <button type="button" className="plain" disabled={busy} onClick={() => quiet.revert()}>
        {t(conflict ? "quiet.conflict.theirs" : "quiet.discard")}
      </button>
      <button type="button" className="primary" disabled={busy || !mayPut} onClick={save}>
        {t(conflict ? "quiet.conflict.mine" : "app.save")}
      </button>
    </section>
  );
}

function faultText(t: ReturnType<typeof useT>, fault: unknown): string {
  const isField = fault instanceof ApiError && Object.keys(fault.fields).length > 0;
  return isField ? t("quiet.checkFields") : errorText(t, fault);
}
