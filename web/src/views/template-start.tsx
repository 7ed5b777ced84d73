// Starts an instance: a form made from what the template's input must be.
import { useRef } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { instancePath, postText, Refusal, templatePath } from '../api/client';
import { whyNot } from '../api/me';
import type { Started, Template } from '../api/template';
import { useData } from '../data';
import { orderOf } from '../editor/outline';
import { isApplied } from '../news';
import { go, href, term } from '../route';
import type { ViewProps } from '../views';
import { Cli, command } from '../ui/cli';
import { filledIn, type Form, SchemaForm, useForm } from '../ui/form/form';
import { type Value, write } from '../ui/form/value';
import { Icon } from '../ui/icon';
import { Page } from '../ui/page';
import { Shown } from '../ui/state';
import { say } from '../ui/toast';
import { keyOf } from './template-key';

const KEY_MAX = 256;

type Earlier = { key: string | null; input?: unknown; template: string };

const bodyOf = (name: string, key: string, input: Value | undefined, id: string): string =>
  write(
    new Map<string, Value>([
      ['template', name],
      ...(key === '' ? [] : [['key', key] as [string, Value]]),
      ...(input === undefined ? [] : [['input', input] as [string, Value]]),
      ['event_id', id],
    ]),
  );

const lineOf = (name: string, key: string, input: Value | undefined): string =>
  command(
    'start',
    name,
    key && '--key',
    key,
    input !== undefined && '--input',
    input !== undefined && write(input),
  );

/** `the input does not fit the template: items[0].name must …` -> items[0].name */
function placeIn(message: string): string {
  return (
    /^the input does not fit the template: (\S+?) (?:must|is missing)/.exec(message)?.[1] ?? ''
  );
}

const AGAIN: Record<string, string> = {
  return: 'an open instance with this key is shown instead of a second one',
  reject: 'refused while another open instance has this key',
  start: 'one more is started, whatever others have this key',
};

function KeyField({ given }: { given: { value: string } }) {
  return (
    <label class="field">
      <span class="form-title">
        Key <span class="form-optional">optional</span>
      </span>
      <input
        value={given.value}
        maxLength={KEY_MAX}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => {
          given.value = event.currentTarget.value;
        }}
      />
      <span class="field-hint">The business key, such as an order number.</span>
    </label>
  );
}

/** What will start, as far as it can be told before. */
function Outlook({ template, form, given }: { template: Template; form: Form; given: string }) {
  const { content } = template;
  const input = filledIn(form).value;
  const key = content.key === undefined ? given : keyOf(content.key, input);
  return (
    <aside class="card s-outlook" aria-label="What will start">
      <h2>What will start</h2>
      <dl class="t-facts">
        <div>
          <dt>Template</dt>
          <dd dir="auto">
            {template.template} <span class="version">v{template.version}</span>
          </dd>
        </div>
        <div>
          <dt>Key</dt>
          <dd>
            <code dir="auto" class="s-key" aria-live="polite">{key || '—'}</code>
            {!key && content.key !== undefined && (
              <span class="quiet">
                {' '}
                from <code>{content.key}</code>
              </span>
            )}
          </dd>
        </div>
        {key && (
          <div>
            <dt>Same key</dt>
            <dd>{AGAIN[content.on_duplicate ?? 'return']}</dd>
          </div>
        )}
      </dl>
      <Cli line={lineOf(template.template, content.key === undefined ? given : '', input)} />
    </aside>
  );
}

function StartForm({ template, again }: { template: Template; again: Earlier | null }) {
  const { content, source } = template;
  const name = template.template;
  const order = useRef(orderOf(source, ['input'])).current;
  const form = useForm(content.input, { order, value: again?.input, isCarried: true });
  const key = useSignal(content.key === undefined ? (again?.key ?? '') : '');
  const error = useSignal('');
  const isBusy = useSignal(false);
  const eventId = useRef(crypto.randomUUID());
  const { value: input, faults } = filledIn(form);
  const why = whyNot('operator');
  const submit = async (event: Event) => {
    event.preventDefault();
    form.isChecked.value = true;
    error.value = '';
    if (faults.size > 0) {
      queueMicrotask(() => document.querySelector<HTMLElement>('.form [aria-invalid]')?.focus());
      return;
    }
    isBusy.value = true;
    try {
      const body = bodyOf(name, key.value.trim(), input, eventId.current);
      const answer = await postText<Started>('v1/instances', 'application/json', body);
      say(
        answer.verdict === 'duplicate'
          ? 'An open instance has this key: this is it.'
          : 'It has started.',
      );
      go(href(['instances', answer.instance]));
    } catch (e) {
      error.value = (e as Error).message;
      if (e instanceof Refusal && e.status > 0) eventId.current = crypto.randomUUID();
      const place = placeIn(error.value);
      if (place !== '') document.getElementById(`input.${place}`)?.focus();
    }
    isBusy.value = false;
  };
  return (
    <div class="s-bench">
      <form
        class="card s-form"
        noValidate
        onSubmit={(event) => void submit(event)}
        aria-label="Input">
        {again !== null && (
          <p class="callout" role="status">
            Filled in with the input of{' '}
            <a href={href(['instances', term('again')])} dir="auto">
              {again.key ?? term('again')}
            </a>
            .
          </p>
        )}
        <SchemaForm form={form} id="input" />
        {content.key === undefined && <KeyField given={key} />}
        {error.value !== '' && (
          <p class="error" role="alert">
            {error.value}
          </p>
        )}
        {why && <p class="callout">{why}</p>}
        <div class="buttons">
          <a class="button" href={href(['templates', name])}>
            Leave it
          </a>
          <button type="submit" class="primary" disabled={isBusy.value || why !== null}>
            <Icon name="play" />
            Start version {template.version}
          </button>
        </div>
      </form>
      <Outlook template={template} form={form} given={key.value.trim()} />
    </div>
  );
}

export default function View({ params }: ViewProps) {
  const name = params['name'] ?? '';
  const again = term('again');
  const template = useData<Template>(
    templatePath(name),
    isApplied,
  );
  const before = useData<Earlier>(again === '' ? null : instancePath(again));
  return (
    <Page
      title={`Start ${name}`}
      trail={[
        ['Templates', href(['templates'])],
        [name, href(['templates', name])],
      ]}
      beside={template.value && <span class="version">v{template.value.version}</span>}>
      <Shown data={template}>
        {(found) =>
          again === '' ? (
            <StartForm template={found} again={null} />
          ) : (
            <Shown data={before}>
              {(instance) => <StartForm template={found} again={instance} />}
            </Shown>
          )
        }
      </Shown>
    </Page>
  );
}
