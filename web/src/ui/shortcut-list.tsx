// The keys that do something everywhere, as a list.
import { shortcuts } from '../shortcuts';
import { closeDialog, openDialog } from './dialog';

export function ShortcutList() {
  return (
    <dl class="shortcuts">
      {shortcuts().map(({ keys, words }) => (
        <div key={words}>
          <dt>{keys.map((key) => <kbd key={key}>{key}</kbd>)}</dt>
          <dd>{words}</dd>
        </div>
      ))}
    </dl>
  );
}

export function showShortcuts(): void {
  openDialog(() => (
    <div>
      <h2 id="dialog-title">Keyboard</h2>
      <ShortcutList />
      <div class="buttons">
        <button type="button" autofocus onClick={closeDialog}>Close</button></div>
    </div>
  ));
}
