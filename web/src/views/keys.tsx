// Access keys: who has which role, made and revoked here by an administrator.
import { useSignal } from '@preact/signals';
import { del, post } from '../api/client';
import { whyNot } from '../api/me';
import type { AccessKey, Role } from '../api/types';
import { useData } from '../data';
import { href } from '../route';
import { command, Copy } from '../ui/cli';
import { closeDialog, openAction, openDialog } from '../ui/dialog';
import { Icon } from '../ui/icon';
import { Page } from '../ui/page';
import { Empty, Shown } from '../ui/state';
import { Moment } from '../ui/time';

const ROLES: [Role, string][] = [['viewer', 'sees everything'],
  ['worker', 'takes and answers tasks'], ['operator', 'starts and controls instances'],
  ['author', 'applies templates'], ['admin', 'makes keys and backups']];

type Made = AccessKey & { key: string; access_key_id: string; secret_access_key: string };

function MadeKey({ made }: { made: Made }) {
  const secrets = [['Access key', made.key], ['For the Amazon SQS protocol: access key id',
    made.access_key_id], ['Secret access key', made.secret_access_key]] as const;
  return (
    <div class="made-key">
      <h2 id="dialog-title">The key is made</h2>
      <p class="callout">It is shown this once. Copy it now.</p>
      {secrets.map(([label, text]) => (
        <div key={label} class="field">{label}<div class="cli"><code tabIndex={0}>{text}</code>
          <Copy text={text} label={`Copy: ${label}`} /></div></div>))}
      <div class="buttons"><button type="button" class="primary" onClick={closeDialog}>
        I have it</button></div>
    </div>
  );
}

function make(reload: () => void): void {
  const read = (form: FormData, name: string) => String(form.get(name) ?? '').trim();
  openAction({
    title: 'Make a key', confirm: 'Make it', reason: 'none',
    text: <p>Each role may also do what those before it may.</p>,
    body: (
      <>
        <label class="field">Role<select name="role">{ROLES.map(([role, what]) => (
          <option key={role} value={role}>{role}: {what}</option>))}</select></label>
        <label class="field">Name<input name="name" maxLength={60} autocomplete="off"
          placeholder="What records call it, such as kitchen" /></label>
        <label class="field">Valid for<input name="expires" autocomplete="off"
          pattern="[0-9]+(ms|s|m|h|d)" placeholder="90d; nothing: until it is revoked" /></label>
      </>
    ),
    cli: (form) => command('key', 'create', '--role', read(form, 'role'), read(form, 'name')
      && '--name', read(form, 'name'), read(form, 'expires') && '--expires', read(form, 'expires')),
    send: async (form) => {
      const made = await post<Made>('v1/keys', { role: read(form, 'role'),
        name: read(form, 'name') || undefined, expires: read(form, 'expires') || undefined });
      reload();
      setTimeout(() => openDialog(() => <MadeKey made={made} />)); // after this dialog is closed
      return 'The key is made.';
    },
  });
}

function revoke(key: AccessKey, reload: () => void): void {
  openAction({
    title: `Revoke ${key.name ?? key.id}`, confirm: 'Revoke it', isDanger: true, reason: 'none',
    text: <p>Whoever uses it is refused from now on,
      on every node within a second or so. It cannot be
      taken back.</p>,
    cli: () => command('key', 'revoke', key.id),
    send: async () => {
      await del(`v1/keys/${encodeURIComponent(key.id)}`);
      reload();
      return 'The key is revoked.';
    },
  });
}

function Row({ item, reload }: { item: AccessKey; reload: () => void }) {
  const isValid = item.status === 'valid';
  return (
    <tr>
      <td dir="auto"><b>{item.name ?? item.id}</b>{item.name
        && <span class="quiet"> {item.id}</span>}</td>
      <td>{item.role}</td>
      <td><span class={`pill ${isValid ? 's-COMPLETED' : 's-CANCELLED'}`}>{item.status}</span></td>
      <td class="queue-workers"><Moment at={item.created_at} />
        {item.created_by && <span class="quiet" dir="auto"> by {item.created_by}</span>}</td>
      <td class="queue-delayed"><Moment at={item.expires_at} /></td>
      <td class="queue-delayed"><Moment at={item.used_at} /></td>
      <td>{isValid && <button type="button" onClick={() => revoke(item,
        reload)}>Revoke…</button>}</td>
    </tr>
  );
}

type Answer = { keys: AccessKey[] };

export default function View() {
  const why = whyNot('admin');
  const all = useSignal(false);
  const data = useData<Answer>(why === null ? 'v1/keys' : null,
    (r) => r.event === 'KeyCreated' || r.event === 'KeyRevoked');
  const shown = (keys: AccessKey[]) => keys.filter((k) => all.value || k.status === 'valid');
  return (
    <Page title="Access keys" trail={[['About', href(['about'])]]} actions={
      <button type="button" class="primary" disabled={why !== null} onClick={() => make(
        data.reload)}>
        <Icon name="plus" />Make a key</button>}>
      {why ? <Empty title="Keys are for administrators" text={why} /> : (
        <section class="card card-plain" aria-label="Access keys">
          <Shown data={data}>{({ keys }) => (keys.length === 0
            ? <Empty title="There are no keys"
              text={"Without keys everybody on this machine may do everything. "
                + "The first key has to be an admin's."} />
            : <><div class="queue-table" tabIndex={0} role="group" aria-label="Keys">
              <table class="table"><thead><tr><th>Key</th><th>Role</th>
                <th>State</th><th class="queue-workers">Made</th><th class="queue-delayed">Ends</th>
                <th class="queue-delayed">Last used here</th>
                <th><span class="hidden">Actions</span></th>
              </tr></thead><tbody>{shown(keys).map((k) => (
                <Row key={k.id} item={k} reload={data.reload} />))}</tbody></table></div>
            <label class="check list-foot"><input type="checkbox" checked={all.value}
              onChange={(e) => { all.value = e.currentTarget.checked; }} />
            Also revoked and expired ones</label></>)}</Shown>
        </section>
      )}
    </Page>
  );
}
