/** Line icons of our own, 20 × 20, drawn in the colour of the text. */

const PATHS = {
  again: "M15.5 6.5A6.5 6.5 0 1 0 16.5 11M16 3v4h-4",
  back: "M12 4 6 10l6 6",
  bell: "M5 14h10l-1.200-2V9a3.800 3.800 0 0 0-7.600 0v3ZM8.500 16.500h3",
  bellOff: "M5 14h10l-1.200-2V9a3.800 3.800 0 0 0-7.600 0v3ZM8.500 16.500h3M3.500 3.500l13 13",
  box: "M3.500 4.500h13v3.500h-13ZM4.500 8v8h11V8M8 11h4",
  clip: "M15.5 9.5 9.6 15.4a3.5 3.5 0 0 1-5-5l6.3-6.3a2.4 2.4 0 0 1 3.4 3.4l-6.2 6.2a1.2 1.2 0 0 1-1.7-1.7l5.5-5.5",
  close: "M5 5l10 10M15 5 5 15",
  compass: "M10 2.5a7.5 7.5 0 1 1 0 15 7.5 7.5 0 0 1 0-15ZM13 7l-1.8 4.2L7 13l1.8-4.2Z",
  copy: "M7.5 7.5h9v9h-9ZM12.5 7.5v-4h-9v9h4",
  down: "M10 4v12M5 11l5 5 5-5",
  download: "M10 3.5v9M6 9l4 4 4-4M4 16.5h12",
  edit: "M4 16l.8-3.4L13 4.4a1.6 1.6 0 0 1 2.6 2.6L7.4 15.2Z",
  fault: "M10 6v5M10 14h.01M10 2.5a7.5 7.5 0 1 1 0 15 7.5 7.5 0 0 1 0-15Z",
  film: "M3.5 4.5h13v11h-13ZM7 4.5v11M13 4.5v11M3.5 8H7M3.5 12H7M13 8h3.5M13 12h3.5",
  hash: "M7.5 3 6 17M14 3l-1.5 14M3.5 7.5h13.5M3 12.5h13.5",
  leave: "M8 4H4.5v12H8M12 6.5 15.5 10 12 13.5M15 10H8",
  left: "M12 4 6 10l6 6",
  link: "M8.5 11.5a3 3 0 0 0 4.3 0l2.4-2.4a3 3 0 0 0-4.3-4.3l-.9.9M11.5 8.5a3 3 0 0 0-4.3 0l-2.4 2.4a3 3 0 0 0 4.3 4.3l.9-.9",
  lock: "M5 9.5h10V17H5ZM7 9.5V7a3 3 0 0 1 6 0v2.5",
  mic: "M10 2.5a2.5 2.5 0 0 1 2.5 2.5v4.5a2.5 2.5 0 0 1-5 0V5A2.5 2.5 0 0 1 10 2.5ZM5 9.5a5 5 0 0 0 10 0M10 14.5v3M7.5 17.5h5",
  minus: "M4 10h12",
  moon: "M15.500 12.200A6.500 6.500 0 0 1 7.800 4.500a6.500 6.500 0 1 0 7.700 7.700Z",
  more: "M4.5 9.6a.4.4 0 1 1 0 .8.4.4 0 1 1 0-.8ZM10 9.6a.4.4 0 1 1 0 .8.4.4 0 1 1 0-.8ZM15.5 9.6a.4.4 0 1 1 0 .8.4.4 0 1 1 0-.8Z",
  note: "M7.5 15.5V4.5l8-1.5v10.5M7.5 15.5a2 2 0 1 1-4 0 2 2 0 0 1 4 0ZM15.5 13.5a2 2 0 1 1-4 0 2 2 0 0 1 4 0Z",
  page: "M5 2.5h6.5L15 6v11.5H5ZM11.5 2.5V6H15",
  pause: "M7 4.5v11M13 4.5v11",
  people:
    "M7.5 9.5a2.7 2.7 0 1 0 0-5.400 2.700 2.700 0 0 0 0 5.400ZM2.500 16c.400-2.800 2.300-4.200 5-4.200s4.600 1.400 5 4.200M13 4.500a2.500 2.500 0 0 1 0 4.800M14.500 12c1.700.500 2.700 1.800 3 4",
  picture: "M3.5 4h13v12h-13ZM3.5 13l4-4 4 4M10.5 12l2-2 4 4M13 7.2h.01",
  play: "M6.5 4v12l9.5-6Z",
  plus: "M10 4v12M4 10h12",
  right: "M8 4l6 6-6 6",
  reply: "M8 4.500 3.500 9 8 13.500M3.500 9h8a5 5 0 0 1 5 5v2",
  search: "M8.8 3.3a5.500 5.500 0 1 1 0 11 5.500 5.500 0 0 1 0-11ZM12.800 12.800 17 17",
  send: "M3.500 10h5M3.500 3.800 17 10 3.500 16.200l1.700-6.200Z",
  sheet: "M3.5 4h13v12h-13ZM3.5 8h13M3.5 12h13M8 4v12",
  smile:
    "M10 2.500a7.500 7.500 0 1 1 0 15 7.500 7.500 0 0 1 0-15ZM7.300 8h.01M12.700 8h.01M6.800 11.800c.8 1.400 1.900 2 3.200 2s2.400-.6 3.200-2",
  stop: "M5.5 5.5h9v9h-9Z",
  talk: "M3.500 4.500h13v9H9L5.500 16.500v-3h-2Z",
  text: "M5 2.5h6.5L15 6v11.5H5ZM11.5 2.5V6H15M7.5 9.5h5M7.5 12h5M7.5 14.5h3",
  trash: "M4 5.500h12M8 5.500V3.500h4v2M5.500 5.500l.7 11h7.600l.7-11M8.500 8.500v5M11.500 8.500v5",
  up: "M10 16V4M5 9l5-5 5 5",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

/** A button that shows only an icon; `label` is what it is called. */
export function IconButton(props: {
  icon: IconName;
  label: string;
  onClick: () => void;
  className?: string;
  expanded?: boolean;
}) {
  return (
    <button
      type="button"
      className={`icon-button ${props.className ?? ""}`}
      aria-label={props.label}
      title={props.label}
      aria-expanded={props.expanded}
      onClick={props.onClick}
    >
      <Icon name={props.icon} />
    </button>
  );
}
