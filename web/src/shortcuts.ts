// Keys of the keyboard that work everywhere but where one writes.
import { go, href } from './route';

type Shortcut = { keys: string; what: string; run: () => void };

const to = (path: string) => (): void => go(href(path === '' ? [] : [path]));

function focusSearch(): void {
  document.querySelector<HTMLInputElement>('.main input[type=search]')?.focus();
}

export const SHORTCUTS: Shortcut[] = [
  { keys: 'g o', what: 'Overview', run: to('') },
  { keys: 'g i', what: 'Instances', run: to('instances') },
  { keys: 'g b', what: 'Inbox', run: to('inbox') },
  { keys: 'g t', what: 'Templates', run: to('templates') },
  { keys: 'g q', what: 'Queues', run: to('queues') },
  { keys: 'g e', what: 'Events', run: to('events') },
  { keys: 'g a', what: 'Audit', run: to('audit') },
  { keys: '/', what: 'Search in the list', run: focusSearch },
  { keys: '?', what: 'About, with these keys', run: to('about') },
];

const SECOND_MS = 1500;
let first = '';
let firstAt = 0;

const isWriting = (target: EventTarget | null): boolean => target instanceof HTMLElement
  && (target.isContentEditable || target.shadowRoot !== null
    || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

function press(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (isWriting(event.target) || document.querySelector('dialog[open]') !== null) return;
  const before = Date.now() - firstAt < SECOND_MS ? `${first} ` : '';
  const found = SHORTCUTS.find(({ keys }) => keys === before + event.key)
    ?? SHORTCUTS.find(({ keys }) => keys === event.key);
  first = event.key;
  firstAt = Date.now();
  if (found === undefined) return;
  event.preventDefault();
  first = '';
  found.run();
}

export function followKeys(): void {
  window.addEventListener('keydown', press);
}
