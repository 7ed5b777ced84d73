// The server itself: what it is, how it fares, its nodes, what it takes at most, and the keys of
// the keyboard.
import type { Limit, NodeInfo, ServerStatus } from '../api/types';
import { useData } from '../data';
import { SHORTCUTS } from '../shortcuts';
import { href } from '../route';
import { Cli, command } from '../ui/cli';
import { Icon } from '../ui/icon';
import { Card, Page } from '../ui/page';
import { Shown } from '../ui/state';
import { Elapsed, length, Moment } from '../ui/time';
import { store } from '../store';

const STATUS_MS = 2000;
const LAG_MS = 2000;
const YEAR_MS = 365 * 24 * 3600 * 1000;

/** What keeps it from its work, and what soon may. */
function problemsOf(s: ServerStatus): { text: string; isBad: boolean }[] {
  const found: { text: string | null | undefined; isBad: boolean }[] = [
    { text: s.problem, isBad: true },
    { text: s.store.error && `Store: ${s.store.error}`, isBad: true },
    { text: s.queue.problem && `Queues: ${s.queue.problem}`, isBad: true },
    { text: s.queue.warning && `Queues: ${s.queue.warning}`, isBad: false },
    { text: s.store.behind_ms >= LAG_MS ? `Rows are behind by ${length(s.store.behind_ms)}.` : null,
      isBad: false },
    { text: s.queue.oldest_unsent_ms >= LAG_MS
      ? `The oldest unsent message waits for ${length(s.queue.oldest_unsent_ms)}.` : null,
    isBad: false },
    { text: silent(s.nodes), isBad: false },
  ];
  return found.filter((f): f is { text: string; isBad: boolean } => !!f.text);
}

function silent(nodes: NodeInfo[]): string | null {
  const names = nodes.filter((n) => !n.alive).map((n) => n.node);
  return names.length > 0 ? `Silent: ${names.join(', ')}. The others finish their work.` : null;
}

function Health({ status }: { status: ServerStatus }) {
  const problems = problemsOf(status);
  if (problems.length === 0)
    return <p class="callout callout-good"><Icon name="check" />Everything is in order.</p>;
  return <>{problems.map((p) => (
    <p key={p.text} role="alert" class={`callout ${p.isBad ? 'callout-bad' : ''}`} dir="auto">
      {p.text}</p>))}</>;
}

function Facts({ status }: { status: ServerStatus }) {
  const me = store.me.value;
  return (
    <dl class="facts">
      <div><dt>Version</dt><dd>{status.version}</dd></div>
      <div><dt>Mode</dt><dd>{status.mode}</dd></div>
      <div><dt>Store</dt><dd dir="auto">{status.store.name}</dd></div>
      <div><dt>Queues</dt><dd>{status.queue.name}</dd></div>
      <div><dt>Node</dt><dd dir="auto">{status.node}</dd></div>
      <div><dt>Up for</dt><dd><Elapsed from={status.started_at} /></dd></div>
      <div><dt>Access</dt><dd>{me === null ? '—' : me.keys ? `by key; yours has ${me.role}`
        : 'open to this machine: no keys'}</dd></div>
      {me !== null && <div><dt>Records call you</dt><dd dir="auto">{store.name.value && !me.keys
        ? store.name.value : me.actor}</dd></div>}
    </dl>
  );
}

function Nodes({ nodes }: { nodes: NodeInfo[] }) {
  return (
    <table class="table"><thead><tr><th>Node</th><th>State</th><th>Last beat</th><th>Address</th>
      <th>Version</th></tr></thead>
    <tbody>{nodes.map((n) => (
      <tr key={n.node} class={n.self ? 'node-self' : ''}>
        <td dir="auto">{n.node}{n.self && <span class="quiet"> (this one)</span>}</td>
        <td><span class={`pill ${n.alive ? 's-COMPLETED' : 's-FAILED'}`}>
          {n.alive ? 'alive' : 'silent'}</span></td>
        <td><Moment at={n.seen_at} /></td><td dir="auto">{n.info.address ?? ''}</td>
        <td>{n.info.version ?? ''}</td></tr>))}</tbody></table>
  );
}

const UNITS: [number, string][] = [[1024 ** 3, 'GiB'], [1024 ** 2, 'MiB'], [1024, 'KiB']];

/** "256 KiB", "10 years", "1,000". */
function amount({ value, unit }: Limit): string {
  if (unit === 'bytes') {
    const [size, word] = UNITS.find(([n]) => value >= n && value % n === 0) ?? [1, 'bytes'];
    return `${(value / size).toLocaleString()} ${word}`;
  }
  if (unit === 'ms' && value % YEAR_MS === 0) return `${value / YEAR_MS} years`;
  if (unit === 'ms') return length(value);
  return `${value.toLocaleString()}${unit ? ` ${unit}` : ''}`;
}

function Limits({ limits }: { limits: Limit[] }) {
  return (
    <dl class="facts limits">{limits.map((l) => (
      <div key={l.name} title={l.name}><dt>{l.what}</dt><dd>{amount(l)}</dd></div>))}</dl>
  );
}

export default function View() {
  const data = useData<ServerStatus>('v1/status', () => true, STATUS_MS);
  return (
    <Page title="About" actions={<>
      <a class="button" href={href(['keys'])}><Icon name="keys" />Access keys</a>
      <button type="button" onClick={data.reload}><Icon name="replay" />Look again</button></>}>
      <Shown data={data}>{(status) => (
        <>
          <Card title="This server"><Health status={status} /><Facts status={status} />
            <Cli line={command('status')} /></Card>
          {status.nodes.length > 0 && <Card title="Nodes" isPlain>
            <div class="queue-table" tabIndex={0} role="group" aria-label="Nodes">
              <Nodes nodes={status.nodes} /></div></Card>}
          <Card title="Keyboard"><ul class="shortcuts">{SHORTCUTS.map(({ keys, what }) => (
            <li key={keys}><kbd>{keys}</kbd><span>{what}</span></li>))}</ul></Card>
          <Card title="Limits in force"><Limits limits={status.limits} /></Card>
        </>
      )}</Shown>
    </Page>
  );
}
