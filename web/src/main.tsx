import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { startLocale } from "./i18n";
import { Account } from "./shell/account";
import { Router } from "./shell/router";
import "./styles/base.css";
import "./styles/forms.css";
import "./styles/layout.css";
import "./styles/room.css";
import "./styles/media.css";
import "./styles/quiet.css";
import { App } from "./views/app";
import { AppContext } from "./views/context";

const account = new Account();
const router = new Router();

startLocale();
void account.start();

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <AppContext value={{ account, router }}>
        <App />
      </AppContext>
    </StrictMode>,
  );
}
