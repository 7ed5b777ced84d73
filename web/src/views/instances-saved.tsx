// Saved views: filters with a name, kept in this browser. One of them may be where the list begins.
import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { go, href } from '../route';
import { openAction } from '../ui/dialog';
import { Icon } from '../ui/icon';
import { chipsOf, isSame, splitValues, type Filter } from './instances-filter';

const PLACE = 'swm-instance-views';
const VIEWS_MAX = 30;
const NAME_MAX = 60;

export type Saved = { name: string; filter: Filter; isFirst: boolean };

const GIVEN: Saved[] = [
  { name: 'All', filter: {}, isFirst: false },
  { name: 'Running', filter: { status: 'RUNNING' }, isFirst: false },
  { name: 'Failed or paused', filter: { status: 'FAILED,PAUSED' }, isFirst: false },
  { name: 'Changed in the last hour', filter: { changed: '1h' }, isFirst: false },
];

function read(): Saved[] {
  try {
    const kept = JSON.parse(localStorage.getItem(PLACE) ?? '[]') as Saved[];
    return Array.isArray(kept) ? kept.filter((v) => typeof v.name === 'string' && v.filter) : [];
  } catch {
    return [];
  }
}

const saved = signal<Saved[]>(read());

function write(views: Saved[]): void {
  saved.value = views;
  localStorage.setItem(PLACE, JSON.stringify(views));
}

/** Where the list begins when nothing else is asked. */
const firstFilter = (): Filter | undefined => saved.value.find((v) => v.isFirst)?.filter;

/** `all` says that nothing is asked on purpose. */
const viewHref = (filter: Filter): string =>
  href(['instances'], Object.keys(filter).length > 0 ? filter : { all: firstFilter() ? '1' : '' });

export function inWords(filter: Filter): string {
  const status = splitValues(filter.status).join(' or ');
  return [status, ...chipsOf(filter).map((c) => c.words)].filter((w) => w !== '').join(', ')
    || 'all instances';
}

function save(filter: Filter): void {
  openAction({
    title: 'Save this view', confirm: 'Save', reason: 'none', text: <p>{inWords(filter)}</p>,
    body: (
      <>
        <label class="field">Name<input name="name" required maxLength={NAME_MAX} autofocus
          autocomplete="off" /></label>
        <label class="check"><input type="checkbox" name="first" />
          Instances begins with it</label>
      </>
    ),
    send: async (form) => {
      const name = String(form.get('name')).trim();
      const isFirst = form.get('first') !== null;
      const others = saved.value.filter((v) => v.name !== name)
        .map((v) => ({ ...v, isFirst: v.isFirst && !isFirst }));
      if (name === '') throw new Error('It needs a name.');
      if (others.length >= VIEWS_MAX) throw new Error(`${VIEWS_MAX} views can be saved.`);
      write([...others, { name, filter, isFirst }]);
      return `“${name}” is saved in this browser.`;
    },
  });
}

function SavedRow({ view }: { view: Saved }) {
  const setFirst = () => write(saved.value.map((v) =>
    ({ ...v, isFirst: v.name === view.name && !view.isFirst })));
  const drop = () => write(saved.value.filter((v) => v.name !== view.name));
  return (
    <li class="menu-row">
      <a href={viewHref(view.filter)} dir="auto">{view.name}</a>
      <button type="button" class="icon-button" onClick={setFirst} aria-pressed={view.isFirst}
        title={view.isFirst ? 'Instances begins with it' : 'Begin with it'}
        aria-label={`Begin with ${view.name}`}><Icon name="star" /></button>
      <button type="button" class="icon-button" onClick={drop} title="Forget it"
        aria-label={`Forget ${view.name}`}><Icon name="trash" /></button>
    </li>
  );
}

export function SavedViews({ filter }: { filter: Filter }) {
  const isOpen = useSignal(false);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!isOpen.value) return undefined;
    const close = (event: Event) => {
      const isInside = event.target instanceof Node && box.current?.contains(event.target);
      if (event instanceof KeyboardEvent ? event.key === 'Escape' : !isInside) isOpen.value = false;
    };
    document.addEventListener('pointerdown', close);
    document.addEventListener('keydown', close);
    return () => {
      document.removeEventListener('pointerdown', close);
      document.removeEventListener('keydown', close);
    };
  }, [isOpen.value]);
  const here = [...saved.value, ...GIVEN].find((v) => isSame(v.filter, filter));
  return (
    <div class="menu" ref={box}>
      <button type="button" aria-expanded={isOpen.value}
        onClick={() => { isOpen.value = !isOpen.value; }}>
        <Icon name="star" /><span dir="auto">{here?.name ?? 'Views'}</span><Icon name="down" />
      </button>
      {isOpen.value && (
        <div class="menu-box" onClick={(e) => {
          if ((e.target as Element).closest('a')) isOpen.value = false;
        }}>
          <ul>{GIVEN.map((v) => (
            <li key={v.name} class="menu-row"><a href={viewHref(v.filter)}>{v.name}</a></li>
          ))}</ul>
          {saved.value.length > 0 && (
            <ul>{saved.value.map((v) => <SavedRow key={v.name} view={v} />)}</ul>
          )}
          <button type="button" class="link-button menu-row" onClick={() => {
            isOpen.value = false;
            save(filter);
          }}><Icon name="plus" />Save this view…</button>
        </div>
      )}
    </div>
  );
}

/** An address that asks for nothing becomes that of the view the reader begins with. */
export function beginWithFirst(filter: Filter, isAll: boolean): boolean {
  const first = firstFilter();
  if (isAll || first === undefined || Object.keys(filter).length > 0) return false;
  go(viewHref(first), true);
  return true;
}
