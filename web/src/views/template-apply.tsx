// Applying a template: what it changes is shown first, as the server sees it and as text.
import { useEffect } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { get, versionPath } from '../api/client';
import type { Forecast, Template } from '../api/template';
import { applyText } from '../editor/check';
import { go, href } from '../route';
import { command } from '../ui/cli';
import { openAction } from '../ui/dialog';
import { SideBySide } from '../ui/side-by-side';
import { Failure, Loading } from '../ui/state';
import { Changes } from './template-changes';

const NOTE_MAX = 1024;

function TextBefore({ name, version, text }: { name: string; version: number; text: string }) {
  const before = useSignal<Template | null>(null);
  const failure = useSignal<Error | null>(null);
  useEffect(() => {
    get<Template>(versionPath(name, version)).then(
      (found) => {
        before.value = found;
      },
      (e: Error) => {
        failure.value = e;
      },
    );
  }, []);
  if (failure.value !== null) return <Failure error={failure.value} />;
  if (before.value === null) return <Loading rows={4} />;
  return (
    <SideBySide
      left={before.value.source}
      right={text}
      names={[`v${version}`, 'What is written']}
    />
  );
}

function Body({ text, forecast }: { text: string; forecast: Forecast }) {
  const { template, newest, changes = [] } = forecast;
  return (
    <div class="dialog-wide">
      <label class="field">
        Note
        <input
          name="note"
          maxLength={NOTE_MAX}
          autocomplete="off"
          autofocus
          placeholder="What this version is for"
        />
        <span class="field-hint">Kept with the version and shown in the audit.</span>
      </label>
      {newest !== undefined && (
        <>
          <section class="a-changes" aria-label="What changes">
            <h3>What changes</h3>
            <Changes of={changes} />
          </section>
          <details class="a-text">
            <summary>As text</summary>
            <TextBefore name={template} version={newest} text={text} />
          </details>
        </>
      )}
    </div>
  );
}

const noteOf = (form: FormData): string => String(form.get('note') ?? '').trim();

export function openApply({
  text,
  forecast,
  onApplied,
}: {
  text: string;
  forecast: Forecast;
  onApplied: (version: number) => void;
}): void {
  const { template, version, newest } = forecast;
  const file = `${template}.${text.trimStart().startsWith('{') ? 'json' : 'yaml'}`;
  openAction({
    title:
      newest === undefined
        ? `Apply ${template}, a new template`
        : `Apply version ${version} of ${template}`,
    text:
      newest === undefined
        ? 'From then on instances of it can be started.'
        : `Instances that start from then on use version ${version}; the others stay on theirs.`,
    confirm: `Apply version ${version}`,
    reason: 'none',
    body: <Body text={text} forecast={forecast} />,
    cli: (form) => command('template', 'apply', file, noteOf(form) && '--note', noteOf(form)),
    send: async (form) => {
      const answer = await applyText(text, file, noteOf(form));
      onApplied(answer.version);
      go(href(['templates', answer.template]));
      return answer.created
        ? `Version ${answer.version} of ${answer.template} is applied.`
        : `Version ${answer.version} says this already.`;
    },
  });
}
