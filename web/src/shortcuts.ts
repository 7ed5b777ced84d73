// Keys that do something everywhere: g and a letter goes to a view, / to the view's search, ? shows
// them all. A view's search is its first field of type search.
import { href, go } from './route';
import { views } from './views';

const NEXT_MS = 1500; // the letter comes at most so long after g

export type Shortcut = { keys: string[]; words: string };

/** All of them, as they are told. */
export function shortcuts(): Shortcut[] {
  const going = views.flatMap((view) =>
    (view.nav === undefined ? [] : [{ keys: ['g', view.nav.key], words: view.title }]));
  return [...going,
    { keys: ['/'], words: 'Search in this view' },
    { keys: ['Esc'], words: 'Close a dialog, leave the search' },
    { keys: ['?'], words: 'These keys' }];
}

/** Where somebody writes, a letter is a letter. */
function isWriting(target: EventTarget | undefined): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement) return true;
  return target instanceof HTMLSelectElement
    || (target instanceof HTMLInputElement && !['checkbox', 'radio'].includes(target.type));
}

let afterG = 0;

function leaveField(event: KeyboardEvent, target: EventTarget | undefined): void {
  if (event.key === 'Escape' && target instanceof HTMLInputElement && target.type === 'search')
    target.blur();
}

function goBy(letter: string): boolean {
  const view = views.find((v) => v.nav?.key === letter);
  if (view === undefined) return false;
  go(href(view.path === '' ? [] : [view.path]));
  return true;
}

function search(): boolean {
  const field = document.querySelector<HTMLInputElement>('#main input[type=search]');
  field?.focus();
  field?.select();
  return field !== null;
}

function isDone(key: string, show: () => void): boolean {
  if (Date.now() < afterG) {
    afterG = 0;
    return goBy(key);
  }
  if (key === 'g') afterG = Date.now() + NEXT_MS;
  if (key === '/') return search();
  if (key === '?') show();
  return key === '?';
}

/** `show` tells a reader what there is. Returns what ends it. */
export function followShortcuts(show: () => void): () => void {
  const press = (event: KeyboardEvent) => {
    const target = event.composedPath()[0];
    if (isWriting(target)) return leaveField(event, target);
    const isOurs = !event.ctrlKey && !event.metaKey && !event.altKey && !event.defaultPrevented
      && document.querySelector('dialog[open]') === null;
    if (isOurs && isDone(event.key, show)) event.preventDefault();
    return undefined;
  };
  window.addEventListener('keydown', press);
  return () => window.removeEventListener('keydown', press);
}
