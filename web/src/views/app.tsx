import { useEffect } from "react";
import { useT } from "../i18n";
import type { ChatSession } from "../shell/session";
import { useStore } from "../shell/store";
import { SessionContext, useApp } from "./context";
import { News } from "./news";
import { SystemNotices } from "./notices";
import { SignIn } from "./sign-in";
import { Workspace } from "./workspace";

export function App() {
  const { account } = useApp();
  const state = useStore(account.state, (value) => value);
  switch (state.at) {
    case "loading":
      return <Waiting />;
    case "unreachable":
      return <Unreachable />;
    case "signed_out":
      return <SignIn ended={state.ended} />;
    case "signed_in":
      return (
        <SessionContext value={state.session}>
          <PageEvents session={state.session} />
          <Workspace />
          <News />
          <SystemNotices />
        </SessionContext>
      );
  }
}

function Waiting() {
  return (
    <main className="gate">
      <p className="quiet-text" role="status">
        {useT()("app.loading")}
      </p>
    </main>
  );
}

function Unreachable() {
  const t = useT();
  const { account } = useApp();
  return (
    <main className="gate">
      <p role="alert">{t("app.unreachable")}</p>
      <button type="button" className="primary" onClick={() => void account.start()}>
        {t("app.retry")}
      </button>
    </main>
  );
}

/** Tell the session what happens to the page and to the network. */
function PageEvents({ session }: { session: ChatSession }) {
  useEffect(() => {
    const until = new AbortController();
    const { signal } = until;
    const shown = () => {
      session.seen();
      if (!document.hidden) session.wake();
    };
    const active = () => session.attention.active(true);
    const leaving = (event: BeforeUnloadEvent) => session.uploads.isAtRisk && event.preventDefault();
    addEventListener("beforeunload", leaving, { signal });
    addEventListener("online", session.wake, { signal });
    addEventListener("offline", session.doubt, { signal });
    addEventListener("pointerdown", active, { signal });
    addEventListener("keydown", active, { signal });
    document.addEventListener("visibilitychange", shown, { signal });
    return () => until.abort();
  }, [session]);
  return null;
}
