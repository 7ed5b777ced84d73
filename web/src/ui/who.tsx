// Who the reader is: his key's name and role, and the name that he goes by in records.
import { setActor } from '../api/actor';
import { currentKey, forgetKey } from '../api/key';
import { keyName } from '../api/me';
import type { Role } from '../api/types';
import { store } from '../store';
import { closeDialog, openDialog } from './dialog';
import { Icon } from './icon';
import { useSignal } from '@preact/signals';
import { say } from './toast';

/** What each role may do beyond those before it. */
export const ROLES: [Role, string][] = [
  ['viewer', 'see instances, templates, events, queues\' numbers'],
  ['worker', 'take tasks of services and answer them, send messages'],
  ['operator', 'start, pause, resume, cancel and replay; answer for people; look into queues'],
  ['author', 'apply templates'],
  ['admin', 'make and revoke keys, back up, import'],
];

function YourRole() {
  const me = store.me.value;
  if (me === null) return null;
  if (!me.keys) {
    return (
      <div class="dialog-text"><p>This server asks for no keys: whoever reaches it may do
        everything. It answers on this machine only.</p></div>
    );
  }
  const rank = ROLES.findIndex(([role]) => role === me.role);
  return (
    <>
      <div class="dialog-text"><p>You use the key <b dir="auto">{keyName(me)}</b> with the
        role <b>{me.role}</b>. You may:</p></div>
      <ul class="who-roles">
        {ROLES.map(([role, words], k) => (
          <li key={role} class={k > rank ? 'quiet' : ''}>
            <Icon name={k > rank ? 'close' : 'check'} />
            <span><span class="hidden">{k > rank ? 'may not: ' : 'may: '}</span>{words}</span>
          </li>
        ))}
      </ul>
    </>
  );
}

function WhoForm() {
  const error = useSignal('');
  const submit = (event: Event) => {
    event.preventDefault();
    const name = String(new FormData(event.target as HTMLFormElement).get('actor')).trim();
    if (!setActor(name)) {
      error.value = 'Letters without accents, digits and signs only: it travels in a header.';
      return;
    }
    store.name.value = name;
    closeDialog();
    say(name ? `Your name in records: ${name}` : 'Records show no name of yours.');
  };
  return (
    <form onSubmit={submit}>
      <h2 id="dialog-title">You</h2>
      <YourRole />
      <label class="field">Your name
        <input name="actor" defaultValue={store.name.value} maxLength={128} autocomplete="name"
          autofocus dir="auto" aria-describedby="who-hint" />
        <span id="who-hint" class="field-hint">Recorded with what you do here, beside your key or
          your address; this browser keeps it. Nobody checks it.</span></label>
      {error.value !== '' && <p class="error" role="alert">{error.value}</p>}
      <div class="buttons">
        {currentKey() !== null && (
          <button type="button" onClick={forgetKey}><Icon name="leave" />Log out</button>)}
        <button type="button" onClick={closeDialog}>Leave it</button>
        <button type="submit" class="primary">Keep the name</button>
      </div>
    </form>
  );
}

/** The button in the foot of the navigation. */
export function Who() {
  const me = store.me.value;
  const name = store.name.value || keyName(me) || 'You';
  const rights = me === null ? '' : me.keys ? me.role : 'no keys needed';
  return (
    <button type="button" class="who" onClick={() => openDialog(() => <WhoForm />)}>
      <Icon name="person" />
      <span class="who-words"><span class="who-name" dir="auto">{name}</span>
        <span class="who-role">{rights}</span></span>
    </button>
  );
}
