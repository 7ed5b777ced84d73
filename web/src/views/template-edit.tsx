// The editor of a template: its text, its graph as it would be, what is wrong and where. Nothing is
// applied before what it changes has been shown.
import { useEffect, useRef } from 'preact/hooks';
import { type Signal, useSignal } from '@preact/signals';
import { get, templatePath, versionPath } from '../api/client';
import { onReconnect } from '../api/feed';
import { whyNot } from '../api/me';
import type { Layout } from '../api/instance';
import type { Template } from '../api/template';
import { useData } from '../data';
import { check, type Checked } from '../editor/check';
import { dropDraft, keepDraft, readDraft } from '../editor/draft';
import type { Editor, Problem } from '../editor/editor';
import { EXAMPLES } from '../editor/examples';
import type { Schema } from '../editor/schema';
import { href, term } from '../route';
import { throttle } from '../throttle';
import type { ViewProps } from '../views';
import { Graph } from '../ui/graph';
import { Icon } from '../ui/icon';
import { Page } from '../ui/page';
import { Empty, Failure, Loading } from '../ui/state';
import { Moment } from '../ui/time';
import { say } from '../ui/toast';
import { openApply } from './template-apply';

const CHECK_MS = 250;
const KEEP_MS = 400;

type Work = {
  /** As the address names it; '+': a new one. */
  name: string;
  /** What it began from; version 0: nothing. */
  base: Signal<{ text: string; version: number }>;
  text: Signal<string>;
  checked: Signal<Checked | null>;
  /** Why the server could not be asked. */
  trouble: Signal<string>;
  /** The last graph that could be drawn. */
  graph: Signal<Layout | null>;
  keptAt: Signal<number | null>;
  editor: { current: Editor | null };
};

const isChanged = (work: Work): boolean => work.text.value !== work.base.value.text;

/** A graph that is the same stays, and with it where it is looked at from. */
const isSame = (a: Layout, b: Layout | null): boolean => JSON.stringify(a) === JSON.stringify(b);

async function checkNow(work: Work): Promise<Checked | null> {
  const text = work.text.peek();
  try {
    const checked = await check(text);
    if (work.text.peek() !== text) return null;
    work.checked.value = checked;
    work.trouble.value = '';
    const graph = checked.forecast?.graph;
    if (graph !== undefined && !isSame(graph, work.graph.peek())) work.graph.value = graph;
    work.editor.current?.show(checked.problems);
    return checked;
  } catch (e) {
    work.trouble.value = (e as Error).message;
    return null;
  }
}

function keep(work: Work): void {
  const text = work.text.peek();
  const { version } = work.base.peek();
  if (text === work.base.peek().text) {
    dropDraft(work.name);
    work.keptAt.value = null;
    return;
  }
  const at = Date.now();
  if (keepDraft(work.name, { text, version, at })) work.keptAt.value = at;
  else say('This browser has no room to keep it.', true);
}

function startOver(work: Work, text: string, version: number): void {
  work.base.value = { text, version };
  dropDraft(work.name);
  work.keptAt.value = null;
  work.editor.current?.put(text);
  work.text.value = text;
  void checkNow(work);
}

async function apply(work: Work): Promise<void> {
  const why = whyNot('author');
  if (why !== null) return say(why, true);
  const checked = await checkNow(work);
  if (checked === null) {
    if (work.trouble.value !== '') say(work.trouble.value, true);
    return;
  }
  const [first] = checked.problems.filter((one) => !one.isWarning);
  if (checked.forecast === null) {
    say('It cannot be applied yet: there are errors in it.', true);
    if (first !== undefined) work.editor.current?.goTo(first);
  } else if (!checked.forecast.created)
    say(`Version ${checked.forecast.version} says this already.`);
  else
    openApply({
      text: checked.text,
      forecast: checked.forecast,
      onApplied: (version) => {
        work.base.value = { text: checked.text, version };
        dropDraft(work.name);
      },
    });
}

/* --- what is drawn --- */

function CodeBox({ work, schema }: { work: Work; schema: { current: Schema | null } }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const gone = new AbortController();
    const checkSoon = throttle(CHECK_MS, gone.signal, async () => void (await checkNow(work)));
    const keepSoon = throttle(KEEP_MS, gone.signal, () => keep(work));
    void import('../editor/editor').then(({ makeEditor }) => {
      if (gone.signal.aborted || box.current === null) return;
      work.editor.current = makeEditor({
        parent: box.current,
        text: work.text.peek(),
        label: 'Template',
        schema: () => schema.current,
        onSave: () => void apply(work),
        onChange: (text) => {
          work.text.value = text;
          checkSoon.soon();
          keepSoon.soon();
        },
      });
      checkSoon.now();
    });
    const stopHealing = onReconnect(checkSoon.now);
    const leave = (): void => keep(work);
    window.addEventListener('pagehide', leave);
    return () => {
      gone.abort();
      stopHealing();
      window.removeEventListener('pagehide', leave);
      leave();
      work.editor.current?.end();
      work.editor.current = null;
    };
  }, [work]);
  return <div ref={box} class="code-box" />;
}

function Problems({ work }: { work: Work }) {
  const checked = work.checked.value;
  if (work.trouble.value !== '')
    return (
      <p class="e-state e-bad" role="status">
        {work.trouble.value}
      </p>
    );
  if (checked === null)
    return (
      <p class="e-state quiet" role="status">
        Checking…
      </p>
    );
  const { forecast, problems, count } = checked;
  const go = (problem: Problem) => () => work.editor.current?.goTo(problem);
  return (
    <>
      <p class={`e-state ${forecast === null ? 'e-bad' : 'e-good'}`} role="status">
        <Icon name={forecast === null ? 'warning' : 'check'} />
        {forecast === null ? `${count} ${count === 1 ? 'error' : 'errors'}` : outcome(forecast)}
      </p>
      {problems.length > 0 && (
        <ol class="e-problems" aria-label="Errors and warnings">
          {problems.map((problem, k) => (
            <li key={k}>
              <button
                type="button"
                class={`e-problem ${problem.isWarning ? 'is-warning' : ''}`}
                onClick={go(problem)}>
                <span class="e-place figures">
                  {problem.line > 0 && `${problem.line}:${problem.column}`}
                </span>
                <span dir="auto">{problem.message}</span>
              </button>
            </li>
          ))}
        </ol>
      )}
    </>
  );
}

function outcome({
  template,
  version,
  created,
  newest,
  changes,
}: NonNullable<Checked['forecast']>): string {
  if (!created) return `Valid. It is version ${version} of ${template} as it stands.`;
  if (newest === undefined) return `Valid. Applying it makes ${template}, a new template.`;
  const count = changes?.length ?? 0;
  return (
    `Valid. Applying it makes version ${version} of ${template}: ${count} ` +
    `${count === 1 ? 'change' : 'changes'}.`
  );
}

function Drawing({ work }: { work: Work }) {
  const graph = work.graph.value;
  const isOld = work.checked.value?.forecast === null;
  return (
    <section class={`card card-plain e-graph ${isOld ? 'is-old' : ''}`} aria-label="Graph">
      <h2 class="hidden">Graph</h2>
      {graph === null ? (
        <Empty title="The graph appears here" text="as soon as the text has no error." />
      ) : (
        <Graph layout={graph} label="Graph of what is written" />
      )}
      {graph !== null && isOld && (
        <p class="e-old" role="status">
          As it was before the errors
        </p>
      )}
    </section>
  );
}

function Kept({ work }: { work: Work }) {
  if (!isChanged(work)) return null;
  const { text, version } = work.base.value;
  const at = work.keptAt.value;
  return (
    <p class="e-kept">
      <span class="pill s-RETRYING">Not applied</span>
      {at !== null && (
        <span class="quiet">
          kept in this browser <Moment at={new Date(at).toISOString()} />
        </span>
      )}
      <button type="button" class="link-button" onClick={() => startOver(work, text, version)}>
        Discard
      </button>
    </p>
  );
}

function NewerVersion({ work, newest }: { work: Work; newest: Template | undefined }) {
  const { version } = work.base.value;
  if (
    newest === undefined ||
    version === 0 ||
    newest.version <= version ||
    term('version') !== ''
  )
    return null;
  return (
    <div class="callout" role="status">
      Version {newest.version} was applied meanwhile by{' '}
      <b dir="auto">{newest.applied_by ?? '—'}</b>; this began from version {version}.{' '}
      <a href={href(['templates', work.name, 'diff'], { from: version, to: newest.version })}>
        See what it changed
      </a>
      {' · '}
      <button
        type="button"
        class="link-button"
        onClick={() => startOver(work, newest.source, newest.version)}>
        Begin from it again
      </button>
    </div>
  );
}

function Beginnings({ work }: { work: Work }) {
  if (work.name !== '+') return null;
  return (
    <label class="e-begin">
      Begin with
      <select
        value=""
        onChange={(event) => {
          const example = EXAMPLES.find((one) => one.id === event.currentTarget.value);
          if (example !== undefined) startOver(work, example.text, 0);
        }}>
        <option value="">an example…</option>
        {EXAMPLES.map((one) => (
          <option key={one.id} value={one.id}>
            {one.title}
          </option>
        ))}
      </select>
    </label>
  );
}

const KEYS =
  'Tab indents; Esc, then Tab leaves the editor. Ctrl-Space completes, Ctrl-F finds, ' +
  'Ctrl-S applies.';

function Bench({ name, template }: { name: string; template: Template | null }) {
  const draft = useRef(readDraft(name)).current;
  const began = template?.source ?? EXAMPLES[0]?.text ?? '';
  const version = template?.version ?? 0;
  const text = draft?.text ?? began;
  const schema = useRef<Schema | null>(null);
  const work: Work = {
    name,
    base: useSignal({ text: began, version: draft?.version ?? version }),
    text: useSignal(text),
    checked: useSignal<Checked | null>(null),
    trouble: useSignal(''),
    graph: useSignal<Layout | null>(null),
    keptAt: useSignal<number | null>(draft?.at ?? null),
    editor: useRef<Editor | null>(null),
  };
  const mine = useRef(work).current;
  const newest = useData<Template>(
    name === '+' ? null : templatePath(name),
    (record) => record.event === 'TemplateApplied',
  );
  useEffect(() => {
    void get<Schema>('v1/template.schema.json').then(
      (found) => {
        schema.current = found;
      },
      () => undefined,
    );
  }, []);
  return (
    <Page
      isFull
      title={name === '+' ? 'New template' : `Edit ${name}`}
      trail={[
        ['Templates', href(['templates'])],
        ...(name === '+' ? [] : [[name, href(['templates', name])] as [string, string]]),
      ]}
      beside={<Kept work={mine} />}
      actions={
        <>
          <Beginnings work={mine} />
          <button
            type="button"
            class="primary"
            disabled={whyNot('author') !== null}
            title={whyNot('author') ?? undefined}
            onClick={() => void apply(mine)}>
            Apply…
          </button>
        </>
      }>
      {whyNot('author') && <p class="callout">{whyNot('author')}</p>}
      <NewerVersion work={mine} newest={newest.value} />
      <div class="e-bench">
        <section class="card card-plain e-text" aria-label="Text">
          <CodeBox work={mine} schema={schema} />
          <div class="e-foot">
            <Problems work={mine} />
            <p class="e-keys">{KEYS}</p>
          </div>
        </section>
        <Drawing work={mine} />
      </div>
    </Page>
  );
}

/** The version is read once, as new as it is: the text is the reader's from then on. */
function Existing({ name }: { name: string }) {
  const version = term('version');
  const path =
    version === ''
      ? templatePath(name)
      : versionPath(name, version);
  const found = useSignal<Template | null>(null);
  const failure = useSignal<Error | null>(null);
  const load = (): void => {
    failure.value = null;
    get<Template>(path).then(
      (template) => {
        found.value = template;
      },
      (e: Error) => {
        failure.value = e;
      },
    );
  };
  useEffect(load, []);
  if (found.value !== null) return <Bench name={name} template={found.value} />;
  return (
    <Page title={`Edit ${name}`} trail={[['Templates', href(['templates'])]]}>
      {failure.value === null ? <Loading /> : <Failure error={failure.value} retry={load} />}
    </Page>
  );
}

export default function View({ params }: ViewProps) {
  const name = params['name'] ?? '';
  return name === '+' ? (
    <Bench key="+" name="+" template={null} />
  ) : (
    <Existing key={`${name}@${term('version')}`} name={name} />
  );
}
