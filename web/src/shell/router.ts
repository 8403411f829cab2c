/** The address of the page: `/`, `/rooms/<id>`, `/invite/<code>`, `/quiet-hours`, `/digests` and `/account`. */

import type { RoomId } from "../protocol/types";
import { Store } from "./store";

export type Place =
  | { at: "home" }
  | { at: "room"; room: RoomId }
  | { at: "invite"; code: string }
  | { at: "quiet-hours" }
  | { at: "digests" }
  | { at: "account" };

export function placeOf(path: string): Place {
  const [, first, second] = path.split("/");
  if (first === "rooms" && second) return { at: "room", room: second };
  if (first === "invite" && second) return { at: "invite", code: decodeURIComponent(second) };
  if (first === "quiet-hours" || first === "digests" || first === "account") return { at: first };
  return { at: "home" };
}

export function pathOf(place: Place): string {
  if (place.at === "room") return `/rooms/${place.room}`;
  if (place.at === "invite") return `/invite/${encodeURIComponent(place.code)}`;
  return place.at === "home" ? "/" : `/${place.at}`;
}

export class Router extends Store<Place> {
  constructor() {
    super(placeOf(location.pathname));
    addEventListener("popstate", () => this.#show(placeOf(location.pathname)));
  }

  go = (place: Place, replace = false): void => {
    const path = pathOf(place);
    if (path !== location.pathname) history[replace ? "replaceState" : "pushState"](null, "", path);
    this.#show(place);
  };

  #show(place: Place): void {
    this.value = place;
    this.flush();
  }
}
