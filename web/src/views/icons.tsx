/** Line icons of our own, 20 × 20, drawn in the colour of the text. */

const PATHS = {
  back: "M12 4 6 10l6 6",
  bell: "M5 14h10l-1.200-2V9a3.800 3.800 0 0 0-7.600 0v3ZM8.500 16.500h3",
  bellOff: "M5 14h10l-1.200-2V9a3.800 3.800 0 0 0-7.600 0v3ZM8.500 16.500h3M3.500 3.500l13 13",
  box: "M3.500 4.500h13v3.500h-13ZM4.500 8v8h11V8M8 11h4",
  close: "M5 5l10 10M15 5 5 15",
  compass: "M10 2.5a7.5 7.5 0 1 1 0 15 7.5 7.5 0 0 1 0-15ZM13 7l-1.8 4.2L7 13l1.8-4.2Z",
  down: "M10 4v12M5 11l5 5 5-5",
  edit: "M4 16l.8-3.4L13 4.4a1.6 1.6 0 0 1 2.6 2.6L7.4 15.2Z",
  hash: "M7.5 3 6 17M14 3l-1.5 14M3.5 7.5h13.5M3 12.5h13.5",
  leave: "M8 4H4.5v12H8M12 6.5 15.5 10 12 13.5M15 10H8",
  link: "M8.5 11.5a3 3 0 0 0 4.3 0l2.4-2.4a3 3 0 0 0-4.3-4.3l-.9.9M11.5 8.5a3 3 0 0 0-4.3 0l-2.4 2.4a3 3 0 0 0 4.3 4.3l.9-.9",
  lock: "M5 9.5h10V17H5ZM7 9.5V7a3 3 0 0 1 6 0v2.5",
  moon: "M15.500 12.200A6.500 6.500 0 0 1 7.800 4.500a6.500 6.500 0 1 0 7.700 7.700Z",
  more: "M4.5 9.6a.4.4 0 1 1 0 .8.4.4 0 1 1 0-.8ZM10 9.6a.4.4 0 1 1 0 .8.4.4 0 1 1 0-.8ZM15.5 9.6a.4.4 0 1 1 0 .8.4.4 0 1 1 0-.8Z",
  people:
    "M7.5 9.5a2.7 2.7 0 1 0 0-5.400 2.700 2.700 0 0 0 0 5.400ZM2.500 16c.400-2.800 2.300-4.200 5-4.200s4.600 1.400 5 4.200M13 4.500a2.500 2.500 0 0 1 0 4.800M14.500 12c1.700.500 2.700 1.800 3 4",
  plus: "M10 4v12M4 10h12",
  send: "M3.500 10h5M3.500 3.800 17 10 3.500 16.200l1.700-6.200Z",
  smile:
    "M10 2.500a7.500 7.500 0 1 1 0 15 7.500 7.500 0 0 1 0-15ZM7.300 8h.01M12.700 8h.01M6.800 11.800c.8 1.400 1.900 2 3.200 2s2.400-.6 3.200-2",
  talk: "M3.500 4.500h13v9H9L5.500 16.500v-3h-2Z",
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
