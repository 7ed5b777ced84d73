// All instances: found by what they are, followed live, acted upon one or many at a time.
import { useEffect, useRef } from 'preact/hooks';
import { useSignal, type Signal } from '@preact/signals';
import { withQuery, type Query } from '../api/client';
import { whyNot } from '../api/me';
import type { InstanceStatus } from '../api/types';
import { useData } from '../data';
import { changesStatus } from '../news';
import { href, setTerms, term } from '../route';
import { store } from '../store';
import { Icon } from '../ui/icon';
import { useNarrow } from '../ui/narrow';
import { Page } from '../ui/page';
import { Empty, Failure, Loading } from '../ui/state';
import { Status } from '../ui/status';
import { Moment } from '../ui/time';
import { VirtualRows } from '../ui/virtual';
import { SUITS, type Chosen, type Deed } from './instances-act';
import { FilterBar } from './instances-bar';
import { openBulk } from './instances-bulk';
import { queryOf, readFilter, termsOf, type Filter } from './instances-filter';
import { useList, type List, type Row } from './instances-list';
import { beginWithFirst, SavedViews } from './instances-saved';

const COUNT_MS = 4000;
const ROW_HEIGHT = 46;
const CARD_HEIGHT = 82;
const NEWS_SHOWN_MS = 2500;

type Counted = { count: number; more: boolean; by_status: Partial<Record<InstanceStatus, number>> };
/** `all`: whatever matches, also what is not loaded. */
type Picked = { ids: ReadonlySet<string>; all: boolean };

const NOTHING: Picked = { ids: new Set(), all: false };

export default function View() {
  const filter = readFilter(store.route.value.query);
  const isAll = term('all') !== '';
  const name = JSON.stringify(termsOf(filter));
  useEffect(() => { beginWithFirst(filter, isAll); }, [name, isAll]);
  return <Instances key={name} name={name} filter={filter} />;
}

function Instances({ name, filter }: { name: string; filter: Filter }) {
  const query = useRef<Query>(queryOf(filter, Date.now()));
  const round = useSignal(0);
  const picked = useSignal<Picked>(NOTHING);
  const box = useRef<HTMLDivElement>(null);
  const { list, more, showFresh } = useList(name, () => query.current, round.value);
  const counted = useData<Counted>(withQuery('v1/instances/count', query.current), changesStatus,
    COUNT_MS).value;
  const anew = () => {
    query.current = queryOf(filter, Date.now());
    picked.value = NOTHING;
    round.value++;
  };
  const top = () => {
    if (list.hasGap) anew();
    else showFresh();
    box.current?.querySelector('.virtual')?.scrollTo(0, 0);
  };
  useEffect(() => { // nobody is reading what would move
    if (list.fresh.length > 0 && isUnwatched(box.current, picked.value)) top();
  }, [list.fresh.length]);
  return (
    <Page title="Instances" isFull beside={counted && <span class="quiet figures" role="status">
      {counted.count.toLocaleString()}{counted.more ? ' or more' : ''}</span>}
      actions={<SavedViews filter={filter} />}>
      <FilterBar filter={filter} />
      <div class="card card-plain instances" ref={box}>
        {list.fresh.length > 0 && (
          <button type="button" class="primary fresh" onClick={top}>
            <Icon name="down" />
            {list.fresh.length.toLocaleString()}{list.hasGap ? '+' : ''} new</button>
        )}
        <Body list={list} more={more} picked={picked} filter={filter} anew={anew}
          total={counted?.count} />
        <Deeds picked={picked} list={list} filter={filter} query={query.current}
          counted={counted} />
      </div>
    </Page>
  );
}

function isUnwatched(box: HTMLElement | null, picked: Picked): boolean {
  const scroll = box?.querySelector('.virtual')?.scrollTop ?? 0;
  return scroll === 0 && picked.ids.size === 0 && !picked.all && !box?.matches(':hover')
    && !box?.contains(document.activeElement);
}

type BodyProps = { list: List; more: () => void; picked: Signal<Picked>; filter: Filter;
  anew: () => void; total: number | undefined };

function Body({ list, more, picked, filter, anew, total }: BodyProps) {
  const isNarrow = useNarrow();
  const anchor = useRef(-1);
  const pick = (index: number, isRange: boolean) => {
    const ids = new Set(picked.value.ids);
    const row = list.rows[index];
    if (row === undefined) return;
    const isOn = picked.value.all || !ids.has(row.instance);
    const from = isRange && anchor.current >= 0 ? anchor.current : index;
    for (const r of list.rows.slice(Math.min(from, index), Math.max(from, index) + 1))
      if (isOn) ids.add(r.instance);
      else ids.delete(r.instance);
    anchor.current = index;
    picked.value = { ids, all: false };
  };
  if (list.rows.length === 0) {
    if (list.error) return <Failure error={list.error} retry={anew} />;
    if (!list.isEnd) return <Loading rows={10} />;
    return <None filter={filter} />;
  }
  return (
    <>
      <VirtualRows rows={list.rows} total={total} rowHeight={isNarrow ? CARD_HEIGHT : ROW_HEIGHT}
        keyOf={(r) => r.instance} onEnd={list.error ? undefined : more} label="Instances"
        head={<Head list={list} picked={picked} />}
        draw={(row, k) => <Line row={row} picked={picked.value}
          pick={(isRange) => pick(k, isRange)} />} />
      {list.error && <p class="error list-error" role="alert">{list.error.message}{' '}
        <button type="button" class="link-button" onClick={more}>Try again</button></p>}
      {list.isLoading && <p class="list-foot quiet" role="status">Loading more…</p>}
    </>
  );
}

function None({ filter }: { filter: Filter }) {
  const isAsked = Object.keys(filter).length > 0;
  return isAsked ? (
    <Empty title="Nothing matches" text="No instance is as the filters say."
      action={<button type="button" onClick={() => setTerms({ ...termsOf({}), all: '1' })}>
        Show all</button>} />
  ) : (
    <Empty title="There are no instances yet" text="One is there as soon as a template is started."
      action={<a class="button" href={href(['templates'])}>To the templates</a>} />
  );
}

function Head({ list, picked }: { list: List; picked: Signal<Picked> }) {
  const { ids, all } = picked.value;
  const isOn = all || (ids.size > 0 && list.rows.every((r) => ids.has(r.instance)));
  const toggle = () => {
    picked.value = isOn ? NOTHING
      : { ids: new Set(list.rows.map((r) => r.instance)), all: false };
  };
  return (
    <div class="inst inst-head" role="row">
      <span role="columnheader" class="inst-pick"><input type="checkbox" checked={isOn}
        aria-label="Select all that are loaded" onChange={toggle} /></span>
      <span role="columnheader" class="inst-key">Key</span>
      <span role="columnheader" class="inst-template">Template</span>
      <span role="columnheader" class="inst-status">Status</span>
      <span role="columnheader" class="inst-stage">Stage</span>
      <span role="columnheader" class="inst-business">Business status</span>
      <span role="columnheader" class="inst-started">Started</span>
      <span role="columnheader" class="inst-changed">Changed</span>
    </div>
  );
}

function lookOf(row: Row, isPicked: boolean): string {
  const isNews = row.changedAt !== undefined && store.now.value - row.changedAt < NEWS_SHOWN_MS;
  return ['inst', isPicked && 'is-picked', row.isGone && 'is-gone', isNews && 'is-news']
    .filter(Boolean).join(' ');
}

/** A narrow window has the stage before the business status. */
const stageBefore = (row: Row): string =>
  `${row.stage ?? ''}${row.stage && row.business_status ? ' · ' : ''}`;

function Line({ row, picked, pick }: {
  row: Row; picked: Picked; pick: (isRange: boolean) => void;
}) {
  const isPicked = picked.all || picked.ids.has(row.instance);
  const name = row.key ?? row.instance;
  return (
    <div class={lookOf(row, isPicked)}
      title={row.isGone ? 'It matches the filter no more' : undefined}>
      <span role="cell" class="inst-pick"><label><input type="checkbox" checked={isPicked}
        aria-label={`Select ${name}`} onClick={(e) => pick(e.shiftKey)} /></label></span>
      <span role="cell" class="inst-key">
        <a href={href(['instances', row.instance])} dir="auto">{name}</a>
        {row.key !== null && <span class="quiet inst-id">{row.instance}</span>}</span>
      <span role="cell" class="inst-template"><span dir="auto">{row.template}</span>{' '}
        <span class="quiet">v{row.version}</span></span>
      <span role="cell" class="inst-status"><Status of={row.status} /></span>
      <span role="cell" class="inst-stage" dir="auto">{row.stage ?? ''}</span>
      <span role="cell" class="inst-business" dir="auto" data-stage={stageBefore(row)}>
        {row.business_status ?? ''}</span>
      <span role="cell" class="inst-started quiet"><Moment at={row.started_at} /></span>
      <span role="cell" class="inst-changed quiet"><Moment at={row.updated_at} /></span>
    </div>
  );
}

const DEEDS: { deed: Deed; words: string; icon: 'pause' | 'play' | 'replay' | 'stop' }[] = [
  { deed: 'pause', words: 'Pause', icon: 'pause' },
  { deed: 'resume', words: 'Resume', icon: 'play' },
  { deed: 'replay', words: 'Replay failed', icon: 'replay' },
  { deed: 'cancel', words: 'Cancel', icon: 'stop' },
];

type DeedsProps = { picked: Signal<Picked>; list: List; filter: Filter; query: Query;
  counted: Counted | undefined };

function Deeds({ picked, list, filter, query, counted }: DeedsProps) {
  const { ids, all } = picked.value;
  const why = whyNot('operator');
  if (ids.size === 0 && !all) return null;
  const rows = all ? [] : list.rows.filter((r) => ids.has(r.instance));
  const has = (status: InstanceStatus) => (all ? (counted?.by_status[status] ?? 0) > 0
    : rows.some((r) => r.status === status));
  const chosen: Chosen = all ? { kind: 'all', query } : { kind: 'some', instances: rows };
  const number = all ? counted?.count ?? 0 : ids.size;
  const canHaveMore = !all && ids.size === list.rows.length && !list.isEnd;
  return (
    <div class="deeds" role="region" aria-label="Act on what is selected">
      <b class="figures">{all
        ? `All ${number.toLocaleString()}${counted?.more ? '+' : ''} that match`
        : `${number.toLocaleString()} selected`}</b>
      {canHaveMore && <button type="button" class="link-button"
        onClick={() => { picked.value = { ids, all: true }; }}>
        Select all {counted ? `${counted.count.toLocaleString()}${counted.more ? '+' : ''} ` : ''}
        that match</button>}
      {why && <span class="quiet">{why}</span>}
      <span class="deeds-buttons">
        {why === null && DEEDS.map(({ deed, words, icon }) => (
          <button key={deed} type="button" disabled={!SUITS[deed].some(has)}
            onClick={() => openBulk({ deed, chosen, filter })}>
            <Icon name={icon} />{words}</button>
        ))}
        <button type="button" class="icon-button" aria-label="Select nothing" title="Select nothing"
          onClick={() => { picked.value = NOTHING; }}><Icon name="close" /></button>
      </span>
    </div>
  );
}
