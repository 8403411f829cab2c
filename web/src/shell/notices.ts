/** Notices of the system, for who looks elsewhere: what she wants to be told of, and the notices themselves. */

import { REACHES, type Reach } from "../core/notices";
import { Store } from "./store";

const REACH = "kaftalk.notices";
const DECLINED = "kaftalk.notices.declined";

export interface NoticeState {
  reach: Reach;
  /** What the browser allows; null where it has no notices for pages. */
  permission: NotificationPermission | null;
  /** Whether the person has answered the offer. */
  isAnswered: boolean;
}

export interface Notice {
  /** Of one tag there is one notice; the newest stays. */
  tag: string;
  title: string;
  body: string;
  onOpen: () => void;
}

export class Notices {
  readonly state = new Store<NoticeState>(this.#read());
  #open = new Map<string, Notification>();

  /** Choose what to be told of; asks the browser if that was not done yet. */
  async choose(reach: Reach): Promise<void> {
    localStorage.setItem(REACH, reach);
    if (reach !== "none" && permission() === "default") await Notification.requestPermission();
    this.#renew();
  }

  /** Not now: it is not offered again, and can still be chosen. */
  decline(): void {
    localStorage.setItem(DECLINED, "1");
    this.#renew();
  }

  show({ tag, title, body, onOpen }: Notice): void {
    if (this.state.value.reach === "none" || permission() !== "granted") return;
    let notice: Notification;
    try {
      notice = new Notification(title, { tag, body, icon: "/icon.svg" });
    } catch {
      // Chrome on Android has the constructor and refuses it to pages.
      return;
    }
    notice.onclick = () => {
      window.focus();
      notice.close();
      onOpen();
    };
    notice.onclose = () => this.#open.get(tag) === notice && this.#open.delete(tag);
    this.#open.set(tag, notice);
  }

  /** Take back what is no longer news. */
  close(isOver: (tag: string) => boolean): void {
    for (const [tag, notice] of this.#open) if (isOver(tag)) notice.close();
  }

  #renew(): void {
    this.state.value = this.#read();
    this.state.flush();
  }

  #read(): NoticeState {
    const kept = localStorage.getItem(REACH);
    const allowed = permission();
    return {
      reach: (allowed !== null && REACHES.find((one) => one === kept)) || "none",
      permission: allowed,
      isAnswered: kept !== null || localStorage.getItem(DECLINED) !== null,
    };
  }
}

function permission(): NotificationPermission | null {
  const hasNotices = "Notification" in globalThis && !/Android/.test(navigator.userAgent);
  return hasNotices ? Notification.permission : null;
}
