// What programs read: the interface, the template language, numbers. Each is asked for with the
// reader's key, which a plain link would not carry.
import { useSignal } from '@preact/signals';
import { ask } from '../api/client';
import { Icon } from '../ui/icon';
import { Card } from '../ui/page';
import { say } from '../ui/toast';

const DOCUMENTS: [path: string, file: string, words: string][] = [
  ['v1/openapi.json', 'swm-openapi.json', 'the interface, as OpenAPI 3.1'],
  ['v1/template.schema.json', 'swm-template.schema.json', 'the template language, as JSON Schema'],
  ['v1', 'swm-addresses.json', 'every address and the role it needs'],
  ['metrics', 'swm-metrics.txt', 'numbers, for Prometheus'],
];

async function save(path: string, file: string): Promise<void> {
  const response = await ask(path);
  if (!response.ok) throw new Error(`The server answered ${response.status}.`);
  const url = URL.createObjectURL(await response.blob());
  const link = document.createElement('a');
  link.href = url;
  link.download = file;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

export function Documents() {
  const busy = useSignal('');
  const get = async (path: string, file: string) => {
    busy.value = path;
    await save(path, file).catch((e: Error) => say(e.message, true));
    busy.value = '';
  };
  return (
    <Card title="For programs">
      <ul class="documents">
        {DOCUMENTS.map(([path, file, words]) => (
          <li key={path}>
            <span><code>/{path}</code><span class="quiet">{words}</span></span>
            <button type="button" class="icon-button" title={`Save /${path}`}
              aria-label={`Save /${path}`} disabled={busy.value === path}
              onClick={() => get(path, file)}><Icon name="download" /></button>
          </li>
        ))}
      </ul>
    </Card>
  );
}
