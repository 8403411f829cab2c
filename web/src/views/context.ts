import { createContext, use } from "react";
import type { Chat } from "../core/chat";
import type { Account } from "../shell/account";
import type { Place, Router } from "../shell/router";
import type { ChatSession } from "../shell/session";
import { useStore } from "../shell/store";

export const AppContext = createContext<{ account: Account; router: Router } | null>(null);
export const SessionContext = createContext<ChatSession | null>(null);

export function useApp(): { account: Account; router: Router } {
  const app = use(AppContext);
  if (!app) throw new Error("useApp outside of AppContext");
  return app;
}

export function useSession(): ChatSession {
  const session = use(SessionContext);
  if (!session) throw new Error("useSession outside of SessionContext");
  return session;
}

export function useChat<S>(select: (chat: Chat) => S): S {
  return useStore(useSession().chat, select);
}

export function usePlace(): Place {
  return useStore(useApp().router, (place) => place);
}
