// Asks for an access key. It cannot be closed: without one there is nothing to show.
import { useEffect, useRef } from 'preact/hooks';
import { giveKey } from '../api/key';

const WORDS = {
  none: (
    <>This server asks for a key. An administrator makes one with <code>swm key create</code>.</>
  ),
  refused: <>The server does not take this key: it is wrong, revoked or has expired.</>,
};

export function Login({ why }: { why: 'none' | 'refused' }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const submit = (event: Event) => {
    event.preventDefault();
    giveKey(String(new FormData(event.target as HTMLFormElement).get('key')));
  };
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="login-title"
      onCancel={(event) => event.preventDefault()}>
      <form onSubmit={submit}>
        <h2 id="login-title">Log in</h2>
        <p class="dialog-text">{WORDS[why]}</p>
        <label class="field">Access key
          <input name="key" type="password" required autofocus autocomplete="off" spellcheck={false}
            pattern="[!-~]+" maxLength={256} /></label>
        <div class="buttons"><button type="submit" class="primary">Log in</button></div>
      </form>
    </dialog>
  );
}
