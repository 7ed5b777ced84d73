// One deed for many instances: first how many there are and what will happen, then, while it is
// done, how far it is, then what became of each.
import { useEffect, useRef } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { get, withQuery } from '../api/client';
import type { InstanceStatus, Summary } from '../api/types';
import { href } from '../route';
import { closeDialog, openDialog } from '../ui/dialog';
import { Cli, command, quote } from '../ui/cli';
import { VerdictMark } from '../ui/status';
import { Loading } from '../ui/state';
import { BEGIN, carryOut, SUITS, type Chosen, type Deed, type Order, type Progress,
  type Told } from './instances-act';
import { cliOf, type Filter } from './instances-filter';
import { inWords } from './instances-saved';

type Counted = { count: number; more: boolean; by_status: Partial<Record<InstanceStatus, number>> };

const TITLES: Record<Deed, string> = { pause: 'Pause', resume: 'Resume', cancel: 'Cancel',
  replay: 'Replay what failed of' };

const EFFECTS: Record<Deed, string> = {
  pause: 'They start nothing new until they are resumed. '
    + 'Tasks that are out go on, and their answers count.',
  resume: 'They go on where they stand.',
  cancel: 'They end now. What is out is not answered any more. '
    + 'A cancelled instance can only be replayed.',
  replay: 'The task that failed, and what depends on it, runs again under a new generation.',
};

const DONE: Record<Deed, string> = { pause: 'paused', resume: 'resumed', cancel: 'cancelled',
  replay: 'replayed' };

function countSome(instances: Summary[]): Counted {
  const by_status: Counted['by_status'] = {};
  for (const i of instances) by_status[i.status] = (by_status[i.status] ?? 0) + 1;
  return { count: instances.length, more: false, by_status };
}

const many = (n: number, more = false): string =>
  `${n.toLocaleString()}${more ? ' or more' : ''} ${n === 1 && !more ? 'instance' : 'instances'}`;

function cliFor(deed: Deed, chosen: Chosen, filter: Filter, reason: string): string | null {
  const why = reason === '' ? [] : ['--reason', reason];
  if (chosen.kind === 'some') {
    const one = chosen.instances[0];
    return chosen.instances.length === 1 && one !== undefined && deed !== 'replay'
      ? command(deed, one.instance, ...why) : null;
  }
  const { words, isWhole } = cliOf(filter);
  if (!isWhole || deed === 'replay') return null;
  const each = ['swm', deed, '{}', ...why].map((w) => (w === '{}' ? w : quote(w))).join(' ');
  return `${command('list', ...words, '--json')} | jq -r .instance | xargs -I{} ${each}`;
}

function Effect({ deed, counted }: { deed: Deed; counted: Counted }) {
  const suits = SUITS[deed].reduce((n, s) => n + (counted.by_status[s] ?? 0), 0);
  const others = Object.entries(counted.by_status)
    .filter(([s, n]) => n > 0 && !SUITS[deed].includes(s as InstanceStatus));
  return (
    <>
      <p class="bulk-count"><b>{many(suits, counted.more)}</b> will be {DONE[deed]}.</p>
      <p>{EFFECTS[deed]}</p>
      {others.length > 0 && <p>Nothing happens to {
        others.map(([s, n]) => `${n.toLocaleString()} ${s}`).join(', ')}.</p>}
    </>
  );
}

function Timers() {
  return (
    <label class="field">Timeouts and retries meanwhile
      <select name="timers"><option value="freeze">stand still</option>
        <option value="run">run on</option></select></label>
  );
}

type Props = { deed: Deed; chosen: Chosen; filter: Filter };

function Confirm({ deed, chosen, filter, begin }: Props & { begin: (form: FormData) => void }) {
  const counted = useSignal<Counted | null>(
    chosen.kind === 'some' ? countSome(chosen.instances) : null);
  const error = useSignal('');
  const reason = useSignal('');
  useEffect(() => {
    if (chosen.kind === 'all')
      get<Counted>(withQuery('v1/instances/count', chosen.query)).then(
        (c) => { counted.value = c; }, (e: Error) => { error.value = e.message; });
  }, []);
  const line = cliFor(deed, chosen, filter, reason.value);
  const all = counted.value;
  const suits = all === null ? 0 : SUITS[deed].reduce((n, s) => n + (all.by_status[s] ?? 0), 0);
  const title = all === null ? `${TITLES[deed]} all that match?`
    : `${TITLES[deed]} ${many(suits, all.more)}?`;
  return (
    <form onSubmit={(e) => {
      e.preventDefault();
      begin(new FormData(e.currentTarget));
    }}>
      <h2 id="dialog-title">{title}</h2>
      <div class="dialog-text">
        {chosen.kind === 'all' && <p>All that match: {inWords(filter)}.</p>}
        {all !== null ? <Effect deed={deed} counted={all} />
          : error.value === '' && <Loading rows={2} />}
      </div>
      {deed === 'pause' && <Timers />}
      <label class="field">Reason
        <input name="reason" required maxLength={500} autocomplete="off" autofocus
          placeholder="Kept with each event"
          onInput={(e) => { reason.value = e.currentTarget.value; }} /></label>
      {line !== null && <Cli line={line} />}
      {error.value !== '' && <p class="error" role="alert">{error.value}</p>}
      <div class="buttons">
        <button type="button" onClick={closeDialog}>Leave it</button>
        <button type="submit" class={deed === 'cancel' ? 'danger' : 'primary'}
          disabled={suits === 0}>{TITLES[deed].split(' ')[0]} {many(suits, all?.more)}</button>
      </div>
    </form>
  );
}

function Told({ told }: { told: Told[] }) {
  if (told.length === 0) return null;
  return (
    <ul class="bulk-told" aria-label="What was not applied" tabIndex={0}>
      {told.map((t, k) => (
        <li key={k}>
          <a href={href(['instances', t.instance])} onClick={closeDialog} dir="auto">
            {t.key ?? t.instance}</a>
          {t.verdict === 'failed' ? <span class="pill">failed</span>
            : <VerdictMark of={t.verdict} />}
          <span class="quiet" dir="auto">{t.reason}</span>
        </li>
      ))}
    </ul>
  );
}

function inSum(deed: Deed, p: Progress): string {
  const { applied = 0, passed = 0, ...others } = p.counts;
  const no = Object.entries(others).map(([name, n]) => `${n.toLocaleString()} ${name}`);
  const rest = passed > 0
    ? [`${passed.toLocaleString()} passed over, their status does not suit`] : [];
  const unit = deed === 'replay' ? (applied === 1 ? 'task' : 'tasks') : '';
  const done = [applied.toLocaleString(), unit, DONE[deed]].filter((w) => w !== '').join(' ');
  return [done, ...no, ...rest].join(' · ');
}

function Work({ deed, chosen, order, of }: Props & { order: Order; of: number }) {
  const progress = useSignal<Progress>(BEGIN);
  const isStopping = useSignal(false);
  const stop = useRef(new AbortController());
  useEffect(() => {
    void carryOut(chosen, order, stop.current.signal, (p) => { progress.value = p; });
    return () => stop.current.abort();
  }, []);
  const p = progress.value;
  const end = () => {
    isStopping.value = true;
    stop.current.abort();
  };
  return (
    <div>
      <h2 id="dialog-title">{p.isDone ? `${inSum(deed, p)}`
        : `${p.looked.toLocaleString()} of ${of.toLocaleString()}…`}</h2>
      <progress value={p.isDone ? 1 : p.looked} max={p.isDone ? 1 : Math.max(of, p.looked, 1)}
        aria-label="How far it is" />
      {!p.isDone && <p class="quiet" role="status">{inSum(deed, p)}</p>}
      {p.error !== '' && <p class="error" role="alert">It ended early: {p.error} What was done stays
        done; the same again does the rest.</p>}
      {isStopping.value && p.isDone && <p class="callout">Stopped. What was done stays done.</p>}
      <Told told={p.told} />
      <div class="buttons">
        {p.isDone ? <button type="button" class="primary" onClick={closeDialog}>Close</button>
          : <button type="button" disabled={isStopping.value} onClick={end}>Stop</button>}
      </div>
    </div>
  );
}

function Bulk(props: Props) {
  const order = useSignal<Order | null>(null);
  if (order.value !== null) {
    const of = props.chosen.kind === 'some' ? props.chosen.instances.length : 0;
    return <Work {...props} order={order.value} of={of} />;
  }
  return <Confirm {...props} begin={(form) => {
    order.value = { deed: props.deed, reason: String(form.get('reason')),
      timers: form.get('timers')?.toString(), run: `page-${crypto.randomUUID()}` };
  }} />;
}

export function openBulk(props: Props): void {
  openDialog(() => <Bulk {...props} />);
}
