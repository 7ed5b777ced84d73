// Making an access key, and showing its text: here, now and never again.
import { useEffect, useRef } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { get, post } from '../api/client';
import { giveKey } from '../api/key';
import type { AccessKey, Me, Role } from '../api/types';
import { store } from '../store';
import { command, Copy } from '../ui/cli';
import { openAction } from '../ui/dialog';
import { Card } from '../ui/page';
import { exact } from '../ui/time';
import { ROLES } from '../ui/who';

export type MadeKey = AccessKey & { key: string; access_key_id: string; secret_access_key: string };

const OTHER = 'other';
const LENGTHS: [string, string][] = [['', 'never'], ['1d', 'in a day'], ['30d', 'in 30 days'],
  ['90d', 'in 90 days'], ['365d', 'in a year'], [OTHER, 'at another time…']];

function Expires() {
  const chosen = useSignal('');
  return (
    <div class="key-expires">
      <label class="field">It expires
        <select name="length" value={chosen.value}
          onChange={(e) => { chosen.value = e.currentTarget.value; }}>
          {LENGTHS.map(([id, words]) => <option key={id} value={id}>{words}</option>)}
        </select></label>
      {chosen.value === OTHER && (
        <label class="field">After, or at
          <input name="expires" required placeholder="12h, or 2027-01-31T00:00:00Z"
            autocomplete="off" /></label>)}
    </div>
  );
}

function Fields({ isFirst }: { isFirst: boolean }) {
  const roles = isFirst ? ROLES.filter(([role]) => role === 'admin') : ROLES;
  const chosen: Role = isFirst ? 'admin' : 'worker';
  return (
    <>
      <fieldset class="key-roles">
        <legend>It may</legend>
        {roles.map(([role, words]) => (
          <label key={role}><input type="radio" name="role" value={role}
            defaultChecked={role === chosen} />
            <b>{role}</b><span class="quiet">{words}</span></label>
        ))}
      </fieldset>
      {!isFirst && <p class="quiet">Each may also do what those before it may.</p>}
      <label class="field">Name
        <input name="name" maxLength={80} autocomplete="off" autofocus pattern="[^\/]*"
          placeholder="kitchen" aria-describedby="key-name-hint" />
        <span id="key-name-hint" class="field-hint">What records call whoever uses it.</span>
      </label>
      <Expires />
    </>
  );
}

type Order = { role: string; name?: string; expires?: string };

function orderOf(form: FormData): Order {
  const of = (name: string) => String(form.get(name) ?? '').trim();
  const expires = of('length') === OTHER ? of('expires') : of('length');
  return { role: of('role'), ...(of('name') && { name: of('name') }), ...(expires && { expires }) };
}

export function makeKey(show: (made: MadeKey) => void): void {
  const isFirst = store.me.value?.keys === false;
  openAction({
    title: isFirst ? 'Make the first key' : 'Make a key',
    text: isFirst ? <p>From now on every request needs a key, workers' too. This page goes on with
      the new one.</p> : undefined,
    confirm: 'Make it', reason: 'none',
    body: <Fields isFirst={isFirst} />,
    cli: (form) => {
      const { role, name, expires } = orderOf(form);
      return command('key', 'create', '--role', role, ...(name ? ['--name', name] : []),
        ...(expires ? ['--expires', expires] : []));
    },
    send: async (form) => {
      const made = await post<MadeKey>('v1/keys', orderOf(form));
      show(made);
      if (isFirst) await goOn(made);
      return 'The key is made: keep it now.';
    },
  });
}

/** Without a key nothing is answered any more, so that this tab takes the first one. */
async function goOn(made: MadeKey): Promise<void> {
  giveKey(made.key);
  store.me.value = await get<Me>('v1');
}

export function Secret({ made, onDone }: { made: MadeKey; onDone: () => void }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => box.current?.focus(), []);
  const parts: [string, string, string][] = [
    ['SWM_TOKEN', made.key, 'for the command line, the page, and Authorization: Bearer'],
    ['AWS_ACCESS_KEY_ID', made.access_key_id, 'for workers with an AWS SDK'],
    ['AWS_SECRET_ACCESS_KEY', made.secret_access_key, ''],
  ];
  return (
    <div ref={box} tabIndex={-1} role="status" class="secret">
      <Card title={`Keep ${made.name ?? 'the key'} now: it is not shown again`}
        aside={<button type="button" class="primary" onClick={onDone}>I have kept it</button>}>
        <p class="quiet">Role {made.role}{made.expires_at
          && `, until ${exact(made.expires_at)}`}. The server keeps only a hash of it.</p>
        <dl class="secret-parts">
          {parts.map(([name, text, hint]) => (
            <div key={name}>
              <dt><code>{name}</code> <span class="quiet">{hint}</span></dt>
              <dd class="cli secret-text"><code tabIndex={0}>{text}</code>
                <Copy text={text} label={`Copy ${name}`} /></dd>
            </div>
          ))}
        </dl>
      </Card>
    </div>
  );
}
