import { useEffect, useState } from "react";
import { useT } from "../i18n";
import { useStore } from "../shell/store";
import { useSession } from "./context";

/** A short interruption is not worth a word. */
const PATIENCE_MS = 1_500;

/** Say that the connection is away, and what can be done. */
export function ConnectionBanner() {
  const t = useT();
  const session = useSession();
  const state = useStore(session.connection, (value) => value);
  const up = state.at === "live" || state.at === "probing" || state.at === "draining" || state.at === "idle";
  const [long, setLong] = useState(false);
  useEffect(() => {
    setLong(false);
    if (up) return;
    const timer = setTimeout(() => setLong(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [up]);
  if (state.at === "stopped" && state.reason !== "signed_out") return <Stopped reason={state.reason} />;
  if (up || !(long || state.attempt > 1)) return null;
  return (
    <div className="banner" role="status" data-testid="connection-banner">
      <span>{t("connection.waiting")}</span>
      {state.at === "waiting" ? (
        <button type="button" onClick={session.wake}>
          {t("connection.now")}
        </button>
      ) : (
        <span className="quiet-text">{t("connection.connecting")}</span>
      )}
    </div>
  );
}

function Stopped({ reason }: { reason: "bad_frame" | "flooding" }) {
  const t = useT();
  const session = useSession();
  return (
    <div className="banner" role="alert">
      <span>{t(`connection.${reason}`)}</span>
      {reason === "flooding" ? (
        <button type="button" onClick={session.restart}>
          {t("connection.now")}
        </button>
      ) : (
        <button type="button" onClick={() => location.reload()}>
          {t("connection.reload")}
        </button>
      )}
    </div>
  );
}
