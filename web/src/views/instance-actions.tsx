// What can be done to an instance: each says what will happen, takes the reason, and shows the
// command that does the same.
import { get, instancePath, post, versionPath } from '../api/client';
import type { InstanceShown, Share, TaskShown } from '../api/instance';
import { parse } from '../api/json';
import { Cli, command, Copy } from '../ui/cli';
import { closeDialog, openAction } from '../ui/dialog';
import { say } from '../ui/toast';

type Verdict = { verdict: string; reason?: string; status?: string; tasks?: string[] };

const text = (form: FormData, name: string): string => String(form.get(name) ?? '').trim();
const because = (form: FormData): string[] =>
  (text(form, 'reason') ? ['--reason', text(form, 'reason')] : []);
const nameOf = (i: InstanceShown): string => i.key ?? i.instance;

function outcome(answer: Verdict, done: string): string {
  return answer.verdict === 'applied' ? done
    : `${answer.verdict}${answer.reason ? `: ${answer.reason}` : ''}`;
}

const byHand = (i: InstanceShown, verb: string, body: object): Promise<Verdict> =>
  post<Verdict>(`${instancePath(i.instance)}/${verb}`, body);

export function openPause(i: InstanceShown): void {
  openAction({
    title: `Pause ${nameOf(i)}`,
    text: <>Nothing new starts until it is resumed. What workers have in hand goes on, and their
      answers are taken.</>,
    body: (
      <>
        <label class="field">Timeouts and retries meanwhile
          <select name="timers">
            <option value="freeze">stand still</option>
            <option value="run">run on</option>
          </select></label>
        <label class="field">Resume by itself at (if wanted)
          <input name="resume" type="datetime-local" step="1" /></label>
      </>
    ),
    confirm: 'Pause',
    send: async (form) => outcome(await byHand(i, 'pause', {
      reason: text(form, 'reason'), timers: text(form, 'timers'), resume_at: resumeAt(form),
    }), 'Paused.'),
    cli: (form) => command('pause', i.instance, '--timers', text(form, 'timers'),
      resumeAt(form) && '--until', resumeAt(form), ...because(form)),
  });
}

function resumeAt(form: FormData): string | undefined {
  const local = text(form, 'resume');
  return local ? new Date(local).toISOString() : undefined;
}

export function openResume(i: InstanceShown): void {
  openAction({
    title: `Resume ${nameOf(i)}`,
    text: <>It goes on where it stands: tasks that are ready are sent at once.</>,
    confirm: 'Resume',
    send: async (form) => outcome(await byHand(i, 'resume', { reason: text(form, 'reason') }),
      'Resumed.'),
    cli: (form) => command('resume', i.instance, ...because(form)),
  });
}

export function openCancel(i: InstanceShown): void {
  const out = i.stages.flatMap((s) => s.tasks)
    .filter((t) => ['SCHEDULED', 'RUNNING', 'RETRYING'].includes(t.status));
  openAction({
    title: `Cancel ${nameOf(i)}`,
    text: (
      <>
        <p>It ends as CANCELLED. {out.length === 0 ? 'No task is out.'
          : `${out.length === 1 ? '1 task is' : `${out.length} tasks are`} out and will be `
            + 'withdrawn: answers that come later are stale.'}</p>
        {out.length > 0 && <p>{out.map((t) => t.name).slice(0, 12).join(', ')}
          {out.length > 12 && ' …'}</p>}
        <p>A replay can open it again.</p>
      </>
    ),
    confirm: 'Cancel it',
    isDanger: true,
    send: async (form) => outcome(await byHand(i, 'cancel', { reason: text(form, 'reason') }),
      'Cancelled.'),
    cli: (form) => command('cancel', i.instance, ...because(form)),
  });
}

/** A task, or a stage as a whole. */
export type Target = { task?: string; stage?: string; only: boolean };

export const dryRun = async (id: string, target: Target): Promise<string[]> => {
  const { only, task, stage } = target;
  const answer = await post<Verdict>(`${instancePath(id)}/replay`,
    { ...(task ? { task } : { stage }), only, dry_run: true });
  if (answer.verdict !== 'applied') throw new Error(answer.reason ?? answer.verdict);
  return answer.tasks ?? [];
};

export function openReplay(i: InstanceShown, target: Target, tasks: string[], input: unknown,
  done: () => void): void {
  const { task, stage, only } = target;
  const before = input === undefined ? '' : JSON.stringify(input, null, 2);
  const changed = (form: FormData): string =>
    (text(form, 'input') === before.trim() ? '' : text(form, 'input'));
  openAction({
    title: `Replay ${task ?? stage}`,
    text: (
      <>
        <p>{tasks.length === 1 ? '1 task runs' : `${tasks.length} tasks run`} again, each under a
          new generation. What the earlier ones gave stays in the events; answers to them are stale
          from now on.</p>
        <p>{tasks.slice(0, 20).join(', ')}
          {tasks.length > 20 && ` and ${tasks.length - 20} more`}</p>
      </>
    ),
    body: task !== undefined && (
      <details class="more"><summary>Change its input</summary>
        <label class="field">Input (JSON)
          <textarea name="input" rows={8} spellcheck={false} defaultValue={before} /></label>
      </details>
    ),
    confirm: 'Replay',
    send: async (form) => {
      const given = changed(form);
      const answer = await byHand(i, 'replay', { ...(task ? { task } : { stage }), only,
        ...(given ? { input: readJson(given) } : {}), reason: text(form, 'reason') });
      done();
      return outcome(answer, 'It runs again.');
    },
    cli: (form) => command('replay', i.instance, task ? '--task' : '--stage', task ?? stage,
      only && '--only', changed(form) && '--input', changed(form), ...because(form)),
  });
}

function readJson(given: string): unknown {
  try {
    return parse(given);
  } catch (e) {
    throw new Error(`This is not JSON: ${(e as Error).message}`);
  }
}

/** The attempt that was looked at is named, so that a later one is not answered by mistake. */
const attemptOf = (i: InstanceShown, t: TaskShown): object =>
  ({ instance: i.instance, task: t.id, generation: t.generation, attempt: t.attempt });

export function openComplete(i: InstanceShown, t: TaskShown): void {
  openAction({
    title: `Complete ${t.name} by hand`,
    text: <>The task counts as done with the output you give; what needs it starts. The worker’s own
      answer, if it comes, is stale.</>,
    body: (
      <label class="field">Output (JSON)
        <textarea name="output" rows={6} required spellcheck={false} defaultValue="{}" /></label>
    ),
    confirm: 'Complete it',
    send: async (form) => outcome(await post<Verdict>('v1/tasks/complete', { ...attemptOf(i, t),
      output: readJson(text(form, 'output')), reason: text(form, 'reason') }), 'Completed.'),
    cli: (form) => command('task', 'complete', i.instance, '--task', t.id, '--output',
      text(form, 'output'), ...because(form)),
  });
}

export function openFail(i: InstanceShown, t: TaskShown): void {
  openAction({
    title: `Fail ${t.name} by hand`,
    text: (
      <>This attempt ends as failed. {t.attempt < t.max_attempts
        ? `It is attempt ${t.attempt} of ${t.max_attempts}: the template’s retry decides what
          follows.`
        : 'It is the last attempt: the instance fails with it.'}</>
    ),
    body: (
      <>
        <label class="field">Error
          <input name="error" required maxLength={128} autocomplete="off"
            placeholder="A name, as templates know it: OutOfStock" /></label>
        <label class="field">Message
          <input name="message" maxLength={1000} autocomplete="off" /></label>
      </>
    ),
    confirm: 'Fail it',
    isDanger: true,
    send: async (form) => outcome(await post<Verdict>('v1/tasks/fail', { ...attemptOf(i, t),
      error: text(form, 'error'), message: text(form, 'message'),
      reason: text(form, 'reason') }), 'Failed.'),
    cli: (form) => command('task', 'fail', i.instance, '--task', t.id, '--error',
      text(form, 'error'), text(form, 'message') && '--message', text(form, 'message'),
      ...because(form)),
  });
}

/* Sharing */

const here = (): string => new URL('.', location.href.replace(/[#?].*/s, '')).href;

function ShareResult({ share }: { share: Share }) {
  const page = `${here()}#/shared/${share.token}`;
  const frame = `<iframe src="${here()}embed#${share.token}" width="800" height="400"></iframe>`;
  const picture = `${here()}${instancePath(share.instance)}/graph.svg?share=${share.token}`;
  const rows: [string, string, string][] = [
    ['Page', page, 'Copy the link to the page'],
    ['Live graph, for a frame of another page', frame, 'Copy the frame'],
    ['Picture, as it is when it is loaded', picture, 'Copy the address of the picture'],
  ];
  return (
    <div>
      <h2 id="dialog-title">Shared until {new Date(share.expires_at).toLocaleString()}</h2>
      <p class="dialog-text">Whoever has one of these sees this instance, with its inputs and
        outputs, and nothing else. A link cannot be taken back; it ends by itself.</p>
      {rows.map(([name, value, label]) => (
        <div key={name} class="field"><span>{name}</span>
          <div class="cli share-line"><code tabIndex={0}>{value}</code>
            <Copy text={value} label={label} /></div></div>
      ))}
      <div class="buttons"><button type="button" class="primary" onClick={closeDialog}>
        Done</button></div>
    </div>
  );
}

export function openShare(i: InstanceShown): void {
  openAction({
    title: `Share ${nameOf(i)}`,
    text: <>Makes a link that shows this one instance, read-only, to whoever has it, without a key.
      That you made it is recorded.</>,
    body: (
      <label class="field">It ends after
        <select name="expires">
          <option value="1h">1 hour</option>
          <option value="1d">1 day</option>
          <option value="7d" selected>7 days</option>
          <option value="30d">30 days</option>
          <option value="90d">90 days</option>
        </select></label>
    ),
    confirm: 'Make the link',
    reason: 'none',
    send: async (form) => {
      const share = await post<Share>(`${instancePath(i.instance)}/share`,
        { expires: text(form, 'expires') });
      return () => <ShareResult share={share} />;
    },
    cli: (form) => command('share', i.instance, '--expires', text(form, 'expires')),
  });
}

/* Export: what `swm export` writes and `swm import` takes in */

type Records = {
  instance: string; template: string; version: number; digest: string; key: string | null;
  revision: number; records: string[]; payloads: string[];
};
const RECORDS_PAGE = 64;

async function templatesOf(name: string, versions: number): Promise<object[]> {
  const lines: object[] = [];
  for (let version = 1; version <= versions; version++) {
    const t = await get<{ digest: string; source: string }>(versionPath(name, version));
    lines.push({ template: name, version, digest: t.digest, source: t.source });
  }
  return lines;
}

async function readExport(id: string): Promise<object[]> {
  const page = (after: number): Promise<Records> =>
    get<Records>(`${instancePath(id)}/records?after=${after}&limit=${RECORDS_PAGE}`);
  let now = await page(0);
  const { instance, template, version, digest, key, revision } = now;
  const head = { swm: 'export', format: 1, instance, template, digest, key, version, revision };
  const lines: object[] = [head, ...await templatesOf(template, version)];
  let [records, payloads] = [0, 0];
  for (;;) {
    const more = now.records.slice(0, revision - records);
    lines.push(...now.payloads.map((payload) => ({ payload })),
      ...more.map((record) => ({ record })));
    records += more.length;
    payloads += now.payloads.length;
    if (records >= revision || more.length === 0) break;
    now = await page(records);
  }
  return [...lines, { end: true, records, payloads }];
}

function save(name: string, type: string, content: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

export function openExport(i: InstanceShown): void {
  openAction({
    title: `Export ${nameOf(i)}`,
    text: <>All {i.revision} records, to the byte, with their template, as lines of JSON: what
      <code> swm import</code> takes in and <code>swm verify</code> proves.</>,
    confirm: 'Download',
    reason: 'none',
    send: async () => {
      const lines = await readExport(i.instance);
      save(`${nameOf(i).replace(/[^\w.-]+/g, '_')}.jsonl`, 'application/jsonl',
        lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
      return 'Exported.';
    },
    cli: () => `${command('export', i.instance)} > instance.jsonl`,
  });
}

export function ShowLine({ id, at }: { id: string; at: number }) {
  return <Cli line={command('show', id, at > 0 && '--at', at > 0 && String(at))} />;
}

export const complain = (e: unknown): void => say((e as Error).message, true);
