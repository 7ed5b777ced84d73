// Line icons of 20 by 20, drawn with the text's colour. Decoration: a word is always beside them or
// in the label of what holds them.
const PATHS = {
  overview: 'M3 11h5V3H3zM12 7h5V3h-5zM12 17h5V10h-5zM3 17h5v-3H3z',
  instances: 'M3 5h14M3 10h14M3 15h9',
  inbox: 'M3 11l2.5-7h9L17 11v5H3zM3 11h4l1 2h4l1-2h4',
  templates: 'M4 4h5v5H4zM11 11h5v5h-5zM9 6.5h4.5V11',
  queues: 'M3 6h14v8H3zM7 6v8M11 6v8',
  events: 'M11 2 4 11h5l-1 7 7-9h-5z',
  audit: 'M5 3h7l3 3v11H5zM8 9h4M8 12h4',
  about: 'M10 17.5a7.5 7.5 0 1 0 0-15 7.5 7.5 0 0 0 0 15zM10 9v5M10 6.2v.1',
  keys: 'M12.5 3.5a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM9.7 10.3 3 17M5 15l2 2M7.5 12.5l1.5 1.5',
  keyboard: 'M2.5 5.5h15v9h-15zM5.5 8.5h.1M8.5 8.5h.1M11.5 8.5h.1M14.5 8.5h.1M6.5 11.5h7',
  more: 'M4 9a1 1 0 1 0 0 2 1 1 0 0 0 0-2zM10 9a1 1 0 1 0 0 2 1 1 0 0 0 0-2z'
    + 'M16 9a1 1 0 1 0 0 2 1 1 0 0 0 0-2z',
  sun: 'M10 13.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM10 2v2M10 16v2M2 10h2M16 10h2'
    + 'M4.5 4.5l1.4 1.4M14.1 14.1l1.4 1.4M15.5 4.5l-1.4 1.4M5.9 14.1l-1.4 1.4',
  moon: 'M16 12.5A7 7 0 0 1 7.5 4a7 7 0 1 0 8.5 8.5z',
  system: 'M3 4h14v10H3zM7 17h6M10 14v3',
  leave: 'M12 4H5v12h7M9 10h8M14 7l3 3-3 3',
  close: 'M5 5l10 10M15 5 5 15',
  copy: 'M7 7h9v9H7zM4 13V4h9',
  check: 'M4 10.5l4 4 8-9',
  search: 'M9 14A5 5 0 1 0 9 4a5 5 0 0 0 0 10zM13 13l4 4',
  down: 'M5 8l5 5 5-5',
  right: 'M8 5l5 5-5 5',
  left: 'M12 5l-5 5 5 5',
  plus: 'M10 4v12M4 10h12',
  minus: 'M4 10h12',
  fit: 'M4 8V4h4M12 4h4v4M16 12v4h-4M8 16H4v-4',
  pause: 'M7 4v12M13 4v12',
  play: 'M6 4l10 6-10 6z',
  stop: 'M5 5h10v10H5z',
  replay: 'M4 10a6 6 0 1 0 2-4.5M4 3v3.5h3.5',
  share: 'M6 12.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z'
    + 'M14 7.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z'
    + 'M14 17.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM8.2 8.8l3.6-2.4M8.2 11.2l3.6 2.4',
  download: 'M10 3v9M6 9l4 4 4-4M4 16h12',
  edit: 'M4 16l1-4 8-8 3 3-8 8zM11 6l3 3',
  trash: 'M4 6h12M8 6V4h4v2M6 6l1 11h6l1-11',
  filter: 'M3 4h14l-5.5 6.5V16l-3 1v-6.5z',
  clock: 'M10 17.5a7.5 7.5 0 1 0 0-15 7.5 7.5 0 0 0 0 15zM10 6v4.5l3 2',
  person: 'M10 10a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM3.5 17c.8-3.5 3.3-5 6.5-5s5.7 1.5 6.5 5',
  warning: 'M10 3l8 14H2zM10 8v4M10 14.4v.1',
  star: 'M10 3l2.2 4.6 5 .7-3.6 3.5.9 5L10 14.4 5.5 16.8l.9-5L2.8 8.3l5-.7z',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
