// Access keys: who may ask the server for what. A key's text is shown once, when it is made.
import { signal } from '@preact/signals';
import { del } from '../api/client';
import { currentKeyId } from '../api/key';
import { whyNot } from '../api/me';
import type { AccessKey, EventRecord } from '../api/types';
import { useData } from '../data';
import { setTerms, term } from '../route';
import { store } from '../store';
import { command } from '../ui/cli';
import { openAction } from '../ui/dialog';
import { Icon } from '../ui/icon';
import { Card, Page } from '../ui/page';
import { Empty, Shown } from '../ui/state';
import { exact, Moment } from '../ui/time';
import { makeKey, Secret, type MadeKey } from './keys-make';

/** The one that was just made, until the reader says that he has kept it. */
const made = signal<MadeKey | null>(null);

const isNews = (r: EventRecord): boolean => r.event === 'KeyCreated' || r.event === 'KeyRevoked';

export default function View() {
  const why = whyNot('admin');
  const add = () => makeKey((key) => { made.value = key; });
  const action = why === null && store.me.value?.keys && (
    <button type="button" class="primary" onClick={add}><Icon name="plus" />New key…</button>);
  return (
    <Page title="Keys" actions={action || undefined}>
      {made.value && <Secret key={made.value.id} made={made.value}
        onDone={() => { made.value = null; }} />}
      {why === null ? <Listed add={add} />
        : <Card><Empty title="Keys are for administrators" text={why} /></Card>}
    </Page>
  );
}

function Listed({ add }: { add: () => void }) {
  const data = useData<{ keys: AccessKey[] }>('v1/keys', isNews);
  return (
    <Shown data={data}>
      {({ keys }) => (keys.length === 0 && !store.me.value?.keys ? <Open add={add} />
        : <List keys={keys} />)}
    </Shown>
  );
}

/** The server has no keys yet. */
function Open({ add }: { add: () => void }) {
  return (
    <Card>
      <Empty title="This server asks for no keys" text={<>Whoever reaches it may do everything, so
        it answers on this machine only. From the first key on, which is an administrator's, every
        request needs one: give the workers theirs soon after.</>}
        action={<button type="button" class="primary" onClick={add}>Make the first key…</button>} />
    </Card>
  );
}

function List({ keys }: { keys: AccessKey[] }) {
  const isAll = term('all') !== '';
  const valid = keys.filter((k) => k.status === 'valid');
  const over = keys.length - valid.length;
  const shown = isAll ? keys : valid;
  const toggle = over > 0 && (
    <button type="button" class="link-button"
      onClick={() => setTerms({ all: isAll ? null : 1 }, true)}>
      {isAll ? 'Only the valid ones' : `And ${over} revoked or expired`}</button>);
  return (
    <Card title={valid.length === 1 ? '1 valid key' : `${valid.length} valid keys`} aside={toggle}
      isPlain>
      {shown.length === 0 ? <Empty title="No key is valid"
        text="You are here with the key that the server was started with." /> : (
        <table class="table keys">
          <thead><tr><th>Key</th><th>Role</th><th>Made</th><th>Expires</th><th>Last used</th>
            <th><span class="hidden">Revoke</span></th></tr></thead>
          <tbody>{shown.map((k) => <Row key={k.id} of={k} />)}</tbody>
        </table>)}
    </Card>
  );
}

function Row({ of: k }: { of: AccessKey }) {
  const isOurs = k.id === currentKeyId();
  const isValid = k.status === 'valid';
  return (
    <tr class={isValid ? '' : 'quiet'}>
      <td class="key-name"><div><b dir="auto">{k.name ?? 'without a name'}</b>
        {isOurs && <span class="pill">yours</span>}
        {!isValid && <span class="pill key-over">{k.status}</span>}
        <code>{k.id}</code></div></td>
      <td data-label="role">{k.role}</td>
      <td data-label="made"><Moment at={k.created_at} />{k.created_by
        && <span class="quiet" dir="auto"> by {k.created_by.replace(/^key:/, '')}</span>}</td>
      <td data-label="expires">{k.status === 'revoked'
        ? <>revoked <Moment at={k.revoked_at} /></>
        : k.expires_at ? <span title={exact(k.expires_at)}><Moment at={k.expires_at} /></span>
          : <span class="quiet">never</span>}</td>
      <td data-label="last used"><Moment at={k.used_at} /></td>
      <td class="key-act">{isValid && (
        <button type="button" onClick={() => revoke(k, isOurs)}
          aria-label={`Revoke ${k.name ?? k.id}`}>Revoke…</button>)}</td>
    </tr>
  );
}

function revoke(key: AccessKey, isOurs: boolean): void {
  openAction({
    title: `Revoke ${key.name ?? key.id}?`,
    text: (
      <>
        <p>It opens nothing any more, at every node within two seconds, and cannot come back: who
          uses it needs another one. Its name can be given again.</p>
        {isOurs && <p class="callout callout-bad">This is the key that you use: you are asked for
          another one.</p>}
      </>
    ),
    confirm: 'Revoke it', isDanger: true, reason: 'none',
    cli: () => command('key', 'revoke', key.id),
    send: async () => {
      await del(`v1/keys/${encodeURIComponent(key.id)}`);
      return `${key.name ?? key.id} opens nothing any more.`;
    },
  });
}
